extension PageFiles {
  /// How the page looks, in light and in dark.
  static let style = ##"""
    :root {
      color-scheme: light dark;
      --ground: #f6f7f9;
      --surface: #ffffff;
      --sunken: #eef0f4;
      --hover: #f3f5fb;
      --chosen: #e9ecff;
      --line: #e2e5eb;
      --line-soft: #eceef2;
      --ink: #1a2130;
      --ink-soft: #596377;
      --ink-faint: #6a7386;
      --accent: #4655d4;
      --on-accent: #ffffff;
      --error: #c8322f;
      --error-soft: #fdeceb;
      --warning: #9a5b00;
      --warning-soft: #fdf2dd;
      --shadow: 0 1px 2px rgb(20 28 46 / 5%), 0 4px 16px rgb(20 28 46 / 5%);
      --sans: Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
      --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
      --c0: #4f63d9; --c1: #0f8f8c; --c2: #c2662d; --c3: #8a4fc7; --c4: #3a8d3f; --c5: #c43d7b; --c6: #2079b8;
      --c7: #a07a12; --c8: #6d6af0; --c9: #178a63; --c10: #7d8b1c; --c11: #5a7391; --c12: #9b5b9e; --c13: #0b7fa0;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ground: #0f1218;
        --surface: #161b23;
        --sunken: #1d232d;
        --hover: #1b212b;
        --chosen: #232b45;
        --line: #29303c;
        --line-soft: #202732;
        --ink: #e5e9f0;
        --ink-soft: #a3adbd;
        --ink-faint: #8a95a6;
        --accent: #8f9dff;
        --on-accent: #10141d;
        --error: #ff7b72;
        --error-soft: #38191b;
        --warning: #eeb04e;
        --warning-soft: #33260f;
        --shadow: 0 1px 2px rgb(0 0 0 / 30%), 0 6px 20px rgb(0 0 0 / 22%);
        --c0: #8494ff; --c1: #3fc2bd; --c2: #ef9a5f; --c3: #bd8cf2; --c4: #74c277; --c5: #f080b1; --c6: #5fb2ee;
        --c7: #d8b350; --c8: #a3a1ff; --c9: #4cc79a; --c10: #c5cf5a; --c11: #98b0cd; --c12: #d39bd6; --c13: #55c3dd;
      }
    }
    .colour-0 { --service: var(--c0); }
    .colour-1 { --service: var(--c1); }
    .colour-2 { --service: var(--c2); }
    .colour-3 { --service: var(--c3); }
    .colour-4 { --service: var(--c4); }
    .colour-5 { --service: var(--c5); }
    .colour-6 { --service: var(--c6); }
    .colour-7 { --service: var(--c7); }
    .colour-8 { --service: var(--c8); }
    .colour-9 { --service: var(--c9); }
    .colour-10 { --service: var(--c10); }
    .colour-11 { --service: var(--c11); }
    .colour-12 { --service: var(--c12); }
    .colour-13 { --service: var(--c13); }
    .colour-none { --service: var(--ink-faint); }

    *, ::before, ::after { box-sizing: border-box; }
    [hidden] { display: none !important; }
    html { overflow-y: scroll; background: var(--ground); }
    body {
      margin: 0;
      min-height: 100vh;
      background: var(--ground);
      color: var(--ink);
      font: 13px/1.45 var(--sans);
      font-feature-settings: "tnum", "cv05";
      font-variant-numeric: tabular-nums;
      -webkit-font-smoothing: antialiased;
    }
    h1, h2, h3, p, dl, dd, pre, ol { margin: 0; padding: 0; }
    a { color: inherit; text-decoration: none; }
    b { font-weight: 600; }
    code, pre, .mono { font-family: var(--mono); font-size: 12px; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; border-radius: 4px; }
    main:focus { outline: none; }
    .errors { color: var(--error); }
    .hidden-text { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    noscript, .loading { display: block; padding: 48px 24px; text-align: center; color: var(--ink-soft); }

    button, .button, input, select { font: inherit; color: inherit; }
    button, .button {
      display: inline-block; padding: 5px 12px; cursor: pointer;
      background: var(--surface); border: 1px solid var(--line); border-radius: 7px;
    }
    button:hover, .button:hover { border-color: var(--ink-faint); }
    .quiet {
      padding: 1px 7px; font-size: 11.5px; color: var(--ink-soft); background: none;
      border: 1px solid var(--line); border-radius: 6px;
    }
    .quiet:hover { color: var(--ink); border-color: var(--ink-faint); }
    input[type="text"], input[type="search"], select {
      height: 32px; padding: 0 10px; min-width: 0;
      background: var(--surface); border: 1px solid var(--line); border-radius: 7px;
    }
    select {
      appearance: none; padding-right: 26px; text-overflow: ellipsis;
      background-image: linear-gradient(45deg, transparent 50%, var(--ink-faint) 50%),
        linear-gradient(-45deg, transparent 50%, var(--ink-faint) 50%);
      background-position: right 14px center, right 10px center;
      background-size: 4px 4px;
      background-repeat: no-repeat;
    }
    input:hover, select:hover:enabled { border-color: var(--ink-faint); }
    input:invalid { border-color: var(--error); }
    select:disabled { color: var(--ink-faint); background-color: var(--sunken); opacity: 1; }
    ::placeholder { color: var(--ink-faint); opacity: 1; }
    kbd {
      display: inline-block; min-width: 18px; padding: 0 5px; margin-right: 3px; text-align: center;
      font: 11px/17px var(--sans); color: var(--ink-soft);
      background: var(--surface); border: 1px solid var(--line); border-bottom-width: 2px;
      border-radius: 4px;
    }

    /* The top */
    .top {
      position: sticky; top: 0; z-index: 5; display: flex; align-items: center; gap: 20px;
      height: 52px; padding: 0 24px;
      background: var(--surface); border-bottom: 1px solid var(--line);
    }
    .brand { display: flex; align-items: center; gap: 9px; font-size: 15px; letter-spacing: -0.01em; }
    .jump { flex: 0 1 330px; }
    .jump input { width: 100%; background: var(--ground); border-color: transparent; }
    .hints {
      display: flex; gap: 16px; margin-left: auto; color: var(--ink-faint); font-size: 12px; white-space: nowrap;
    }
    .hints kbd + kbd { margin-left: -1px; }

    /* Services */
    .chips { display: flex; flex-wrap: wrap; gap: 4px 6px; align-items: center; min-width: 0; }
    .chip {
      display: inline-flex; align-items: center; gap: 5px; max-width: 220px; height: 20px; padding: 0 7px 0 6px;
      font-size: 11.5px; color: var(--ink-soft); white-space: nowrap;
      background: color-mix(in srgb, var(--service) 11%, transparent); border-radius: 5px;
    }
    .chip-name { overflow: hidden; text-overflow: ellipsis; color: color-mix(in srgb, var(--service) 55%, var(--ink)); }
    .chip-count { color: var(--ink-faint); }
    .chip-errors {
      min-width: 14px; padding: 0 4px; margin-right: -3px; font-size: 10.5px; font-weight: 600; line-height: 14px;
      text-align: center; color: var(--surface); background: var(--error); border-radius: 7px;
    }
    .dot { flex: none; width: 7px; height: 7px; border-radius: 50%; background: var(--service); }
    .badge {
      flex: none; padding: 0 6px; font-size: 11px; line-height: 16px; color: var(--ink-soft);
      background: var(--sunken); border-radius: 8px;
    }
    .badge.warning { color: var(--warning); background: var(--warning-soft); }
    .operation { color: var(--ink-soft); font-weight: 400; overflow-wrap: anywhere; }
    /* Text from spans keeps its direction to itself. */
    .operation, .chip-name, .value, .label b, .root b, h1 span, h2 { unicode-bidi: isolate; }

    /* The list */
    .search { max-width: 1480px; margin: 0 auto; padding: 18px 24px 48px; }
    .filters {
      display: grid; grid-template-columns: 1.2fr 1.2fr 1.5fr 0.7fr 0.9fr 0.5fr auto; gap: 12px; align-items: end;
    }
    .field { display: grid; gap: 4px; min-width: 0; }
    .field > span { font-size: 11.5px; color: var(--ink-soft); }
    .field > * { width: 100%; }
    .toggles { display: flex; gap: 8px; }
    .toggle {
      display: flex; align-items: center; gap: 7px; height: 32px; padding: 0 11px; cursor: pointer; white-space: nowrap;
      background: var(--surface); border: 1px solid var(--line); border-radius: 7px;
    }
    .toggle:hover { border-color: var(--ink-faint); }
    .toggle input { position: absolute; opacity: 0; }
    .toggle::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--line); }
    .toggle:has(:checked) { border-color: color-mix(in srgb, var(--toggle) 55%, var(--line)); }
    .toggle:has(:checked)::before { background: var(--toggle); }
    .toggle:has(:focus-visible) { outline: 2px solid var(--accent); outline-offset: 1px; }
    .toggle.errors { --toggle: var(--error); color: inherit; }
    .toggle.live { --toggle: #2da36a; }
    .plot {
      margin-top: 16px; overflow: hidden;
      background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
    }
    .plot svg { display: block; width: 100%; height: auto; }
    .plot text { font-size: 11px; fill: var(--ink-faint); }
    .plot .grid { stroke: var(--line-soft); }
    .point { fill: var(--accent); fill-opacity: 0.5; stroke: var(--surface); }
    .point.error { fill: var(--error); fill-opacity: 0.85; }
    .plot a:hover .point { fill-opacity: 1; stroke: var(--ink); }
    .search > .bar { display: flex; justify-content: space-between; align-items: center; margin: 16px 2px 8px; }
    .summary { color: var(--ink-soft); }
    .summary b { color: var(--ink); }
    .sort { display: flex; align-items: center; gap: 8px; color: var(--ink-soft); }
    .sort select { height: 28px; }
    .traces {
      background: var(--surface); border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow);
    }
    .trace {
      display: grid; grid-template-columns: minmax(0, 1fr) 250px 76px 100px; gap: 24px; align-items: center;
      padding: 9px 18px 10px 16px; border-bottom: 1px solid var(--line-soft); border-left: 3px solid transparent;
    }
    .trace:first-child { border-radius: 10px 10px 0 0; }
    .trace:last-child { border-bottom: 0; border-radius: 0 0 10px 10px; }
    .trace:hover, .trace:focus-visible { background: var(--hover); }
    .trace:focus-visible { outline-offset: -2px; }
    .trace.failed { border-left-color: var(--error); }
    .trace .what { display: grid; gap: 5px; min-width: 0; }
    .root { display: flex; gap: 8px; align-items: baseline; min-width: 0; font-size: 13.5px; white-space: nowrap; }
    .root b, .root .operation { overflow: hidden; text-overflow: ellipsis; }
    .trace .length, .trace .size, .trace .when { display: grid; gap: 4px; }
    .trace .length b { font-size: 13.5px; }
    .trace .size, .trace .when { align-self: center; text-align: right; font-size: 12px; color: var(--ink-faint); }
    .trace .size b, .trace .when b { font-weight: 500; color: var(--ink); }
    .trace .size .errors { color: var(--error); }
    .meter { display: block; height: 6px; background: var(--sunken); border-radius: 3px; overflow: hidden; }
    .meter i { display: block; height: 100%; background: var(--accent); border-radius: 3px; }
    .meter.error i { background: var(--error); }
    .more { color: var(--ink-faint); font-size: 11.5px; }

    /* When there is nothing to list */
    .notice { max-width: 640px; margin: 0 auto; padding: 64px 24px; text-align: center; color: var(--ink-soft); }
    .notice h2 { color: var(--ink); font-size: 17px; letter-spacing: -0.01em; }
    .notice h2::before {
      content: "?"; display: block; width: 40px; height: 40px; margin: 0 auto 16px; border-radius: 50%;
      font-weight: 500; line-height: 40px; color: var(--accent); background: var(--chosen);
    }
    .notice.failed h2::before { content: "!"; color: var(--error); background: var(--error-soft); }
    .notice p { margin-top: 10px; overflow-wrap: anywhere; }
    .notice p::first-letter { text-transform: uppercase; }
    .notice .mono::first-letter { text-transform: none; }
    .notice .actions { justify-content: center; padding: 8px 0 0; }
    .notice .actions > * { color: var(--ink); }
    .skeleton { padding: 2px 18px 10px; }
    .skeleton i { display: block; height: 14px; margin: 18px 0; background: var(--sunken); border-radius: 5px; }
    .skeleton i:nth-child(3n + 1) { width: 46%; }
    .skeleton i:nth-child(3n + 2) { width: 72%; }
    .skeleton i:nth-child(3n) { width: 34%; }
    .start { padding: 40px 32px 32px; }
    .start .lead { text-align: center; color: var(--ink-soft); }
    .start h2 { font-size: 19px; letter-spacing: -0.01em; color: var(--ink); margin-bottom: 4px; }
    .ways { display: grid; grid-template-columns: repeat(auto-fit, minmax(380px, 1fr)); gap: 20px; margin-top: 28px; }
    .ways section { min-width: 0; }
    .ways header { display: flex; justify-content: space-between; align-items: center; }
    .ways h3 { font-size: 13.5px; }
    .ways p { margin: 2px 0 10px; color: var(--ink-soft); }
    .ways pre {
      padding: 14px 16px; overflow-x: auto; line-height: 1.55;
      background: var(--ground); border: 1px solid var(--line); border-radius: 8px;
    }

    @media (max-width: 1080px) {
      .hints { display: none; }
      .filters { grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); }
    }
    @media (max-width: 720px) {
      .top, .search { padding-left: 12px; padding-right: 12px; }
      .brand b { display: none; }
      .jump { flex: 1; }
      .filters { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; }
      .trace { grid-template-columns: minmax(0, 1fr) auto; gap: 8px 12px; padding: 10px 14px 12px 12px; }
      .trace .what { grid-column: 1 / -1; }
      .trace .size { display: none; }
      .trace .length { grid-template-columns: 64px minmax(0, 1fr); align-items: center; }
      .trace .when span { display: none; }
      .ways { grid-template-columns: minmax(0, 1fr); }
      .start { padding: 28px 14px 18px; }
    }
    @media (prefers-reduced-motion: no-preference) {
      .trace, .toggle, button, input, select { transition: background-color 80ms, border-color 80ms; }
      .skeleton i { animation: breathe 1.4s ease-in-out infinite; }
      @keyframes breathe { 50% { opacity: 0.45; } }
    }
    """##
}
