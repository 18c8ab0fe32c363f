extension PageFiles {
  /// How one trace looks.
  static let traceStyle = ##"""
    /* One trace */
    .one-trace { padding: 14px 24px 64px; }
    .crumbs { display: flex; align-items: center; gap: 8px; color: var(--ink-faint); }
    .crumbs a:first-child { color: var(--accent); font-weight: 500; }
    .crumbs code { color: var(--ink-soft); }
    .crumbs code { overflow-wrap: anywhere; }
    .title h1 {
      display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; margin-top: 8px;
      font-size: 20px; font-weight: 650; letter-spacing: -0.015em; overflow-wrap: anywhere;
    }
    .title h1 .operation { margin-left: 10px; font-size: 17px; letter-spacing: -0.01em; }
    .overview { display: flex; flex-wrap: wrap; gap: 12px 32px; align-items: center; margin: 12px 0 16px; }
    .facts { display: flex; flex-wrap: wrap; gap: 8px 28px; }
    .fact dt { font-size: 11.5px; color: var(--ink-faint); }
    .fact dd { font-weight: 600; }
    .fact small { margin-left: 8px; font-size: 12px; font-weight: 400; color: var(--ink-faint); }
    .fact.errors dd { color: var(--error); }
    .fact.warning dd { color: var(--warning); }
    .overview > .chips { margin-left: auto; justify-content: flex-end; }
    .stage { display: flex; gap: 16px; align-items: flex-start; }
    .frame {
      flex: 1; min-width: 0; background: var(--surface);
      border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow);
    }
    .ruler, .row { display: grid; grid-template-columns: minmax(260px, 38%) minmax(0, 1fr); }
    .ruler {
      position: sticky; top: 52px; z-index: 2; height: 34px; color: var(--ink-faint);
      font-size: 11.5px; background: var(--surface); border-bottom: 1px solid var(--line); border-radius: 10px 10px 0 0;
    }
    .ruler-left {
      display: flex; justify-content: space-between; align-items: center; gap: 8px; padding: 0 10px 0 16px;
      white-space: nowrap; border-right: 1px solid var(--line);
    }
    .ruler-name { overflow: hidden; text-overflow: ellipsis; }
    .folds { display: flex; gap: 6px; }
    .ticks { position: relative; margin-right: 20px; overflow: hidden; cursor: col-resize; touch-action: pan-y; }
    .tick {
      position: absolute; top: 0; height: 100%; padding-left: 6px; line-height: 33px; white-space: nowrap;
      border-left: 1px solid var(--line); pointer-events: none; user-select: none;
    }
    .tick.first { border-left-color: transparent; }
    .mark {
      position: absolute; inset: 0 auto 0 0; background: color-mix(in srgb, var(--accent) 22%, transparent);
      border: solid var(--accent); border-width: 0 1px; pointer-events: none;
    }
    .rows { position: relative; overflow: hidden; border-radius: 0 0 10px 10px; }
    .rows:focus-visible { outline-offset: -2px; border-radius: 0 0 10px 10px; }
    .row { position: absolute; left: 0; right: 0; height: 28px; cursor: pointer; }
    .row:hover { background: var(--hover); }
    .row.selected { background: var(--chosen); box-shadow: inset 3px 0 0 var(--accent); }
    .row .name {
      display: flex; align-items: center; gap: 6px; min-width: 0; padding: 0 10px 0 10px; white-space: nowrap;
      border-right: 1px solid var(--line);
    }
    .indent {
      flex: none; align-self: stretch; margin-right: -6px;
      background: repeating-linear-gradient(90deg, transparent 0 6px, var(--line) 6px 7px, transparent 7px 14px);
    }
    .fold { flex: none; width: 14px; color: var(--ink-faint); font-size: 11px; text-align: center; }
    .fold[data-fold]:hover { color: var(--ink); }
    .strip { flex: none; width: 3px; height: 16px; border-radius: 2px; background: var(--service); }
    .label { overflow: hidden; text-overflow: ellipsis; flex: 0 1 auto; }
    .label b { margin-right: 7px; }
    .row.failed .label .operation { color: var(--error); }
    .alarm {
      flex: none; width: 15px; height: 15px; font-size: 11px; font-weight: 700; line-height: 15px; text-align: center;
      color: var(--surface); background: var(--error); border-radius: 50%;
    }
    .kind { flex: none; margin-left: auto; padding-left: 6px; color: var(--ink-faint); font-size: 11px; }
    .lane {
      position: relative; margin-right: 20px; overflow: hidden;
      background: linear-gradient(90deg, var(--line-soft) 1px, transparent 1px) var(--offset, 0) 0 / var(--step, 25%) 100%;
    }
    /* The calling side is hollow, the answering side full, work within a service thin. */
    .lane .bar {
      position: absolute; top: 7px; height: 14px; min-width: 3px; border-radius: 3px; background: var(--service);
    }
    .lane .bar.client, .lane .bar.producer {
      background: color-mix(in srgb, var(--service) 20%, var(--surface)); box-shadow: inset 0 0 0 1.5px var(--service);
    }
    .lane .bar.local { top: 10px; height: 8px; }
    .row.failed .lane .bar { border-bottom: 3px solid var(--error); }
    .row.failed .lane .bar.client, .row.failed .lane .bar.producer {
      box-shadow: inset 1.5px 0 0 var(--service), inset -1.5px 0 0 var(--service), inset 0 1.5px 0 var(--service);
    }
    .lane .length { position: absolute; top: 5px; font-size: 11.5px; color: var(--ink-soft); white-space: nowrap; }
    .row.failed .lane .length { color: var(--error); font-weight: 600; }
    .lane .length.inside, .row.failed .lane .length.inside { color: var(--surface); font-weight: 500; }
    .lane .length.inside.client, .lane .length.inside.producer,
    .row.failed .lane .length.inside.client, .row.failed .lane .length.inside.producer { color: var(--ink); }
    .lane .beyond { position: absolute; top: 5px; color: var(--ink-faint); }
    .lane .beyond.after { right: 2px; }
    .event {
      position: absolute; top: 10px; width: 8px; height: 8px; margin-left: -4px;
      background: var(--surface); border: 1.5px solid var(--ink); border-radius: 50%;
    }
    /* Where it is narrow the bar stands below the name. */
    .stacked .ruler, .stacked .row { grid-template-columns: minmax(0, 1fr); }
    .stacked .ruler { height: 62px; grid-template-rows: 36px 26px; }
    .stacked .ruler-left { border-right: 0; border-bottom: 1px solid var(--line-soft); }
    .stacked .ticks, .stacked .lane { margin: 0 12px; }
    .stacked .tick { line-height: 25px; }
    .stacked .row { height: 46px; grid-template-rows: 25px 20px; border-bottom: 1px solid var(--line-soft); }
    .stacked .row .name { border-right: 0; padding-left: 4px; }
    .stacked .indent {
      background: repeating-linear-gradient(90deg, transparent 0 4px, var(--line) 4px 5px, transparent 5px 8px);
    }
    .stacked .lane .bar { top: 3px; height: 12px; }
    .stacked .lane .bar.local { top: 5px; height: 8px; }
    .stacked .lane .length, .stacked .lane .beyond { top: 0; }
    .stacked .event { top: 5px; }

    /* One span */
    .details {
      position: sticky; top: 68px; flex: none; width: 420px; max-height: calc(100vh - 84px); overflow: auto;
      background: var(--surface); border: 1px solid var(--line); border-top: 3px solid var(--service);
      border-radius: 10px; box-shadow: var(--shadow);
    }
    .details:focus { outline: none; }
    .details header { display: flex; justify-content: space-between; gap: 12px; padding: 12px 16px 0; }
    .details header div { min-width: 0; }
    .details header .operation { max-height: 96px; overflow: auto; }
    .details h2 { font-size: 15px; overflow-wrap: anywhere; }
    .details .close {
      align-self: flex-start; padding: 0 7px; font-size: 17px; line-height: 22px; border: 0; background: none;
    }
    .details .close:hover { background: var(--sunken); }
    .quick { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 8px 14px; padding: 10px 16px 14px; }
    .quick div { display: grid; }
    .quick b { font-size: 14px; }
    .quick span { font-size: 11.5px; color: var(--ink-faint); }
    .note {
      margin: 0 16px 12px; padding: 8px 10px; border-radius: 7px; overflow-wrap: anywhere;
      color: var(--warning); background: var(--warning-soft);
    }
    .note.failed { color: var(--error); background: var(--error-soft); }
    .details section { padding: 10px 16px 12px; border-top: 1px solid var(--line-soft); }
    .details h3 { margin-bottom: 5px; font-size: 11.5px; font-weight: 600; color: var(--ink-soft); }
    .details table { width: 100%; border-collapse: collapse; table-layout: fixed; }
    .details th, .details td {
      padding: 3px 0; font-weight: 400; text-align: left; vertical-align: baseline; overflow-wrap: anywhere;
    }
    .details th { width: 38%; padding-right: 12px; color: var(--ink-soft); }
    .details td { position: relative; font-family: var(--mono); font-size: 12px; white-space: pre-wrap; }
    .details tr.errors td { color: var(--error); font-weight: 600; }
    .value { display: block; max-height: 240px; overflow: auto; }
    .find {
      position: absolute; top: 2px; right: 0; padding: 0 6px; font: 11px/18px var(--sans); opacity: 0;
      color: var(--accent); background: var(--surface); border: 1px solid var(--line); border-radius: 5px;
    }
    tr:hover .find, .find:focus-visible { opacity: 1; }
    .find:hover { border-color: var(--accent); }
    .events { list-style: none; }
    .events li { display: grid; grid-template-columns: 84px 1fr; gap: 8px; padding: 3px 0; overflow-wrap: anywhere; }
    .events .mono { color: var(--ink-soft); }
    .actions { display: flex; gap: 8px; padding: 4px 16px 16px; }

    @media (max-width: 1080px) {
      .stage { flex-direction: column; align-items: stretch; }
      .details { position: static; width: auto; max-height: none; }
      .find { opacity: 1; }
    }
    @media (max-width: 720px) {
      .one-trace { padding-left: 12px; padding-right: 12px; }
      .overview > .chips { margin-left: 0; justify-content: flex-start; }
      .facts { gap: 8px 22px; }
    }
    """##
}
