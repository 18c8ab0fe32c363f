// What a trace means: when its spans ran, which of them form one call, what its end waited for. Nothing here knows the page.
// Times are microseconds after the trace's start.

/** The smallest clock difference that is reported, in microseconds. */
const leastSkew = 10;

/** The answer of `/api/trees/{id}`, interpreted. */
export class Trace {
  /** `adjusts` moves spans to where they must have run; `joins` puts both sides of a call into one row. */
  constructor(answer, { adjusts = true, joins = true } = {}) {
    this.answer = answer;
    this.pieces = answer.pieces ?? [];
    this.nodes = answer.nodes.map((node) => nodeOf(node, -1, node.parent));
    this.pieces.forEach((piece, number) => {
      const offset = this.nodes.length;
      const under = piece.under >= 0 && piece.under < answer.nodes.length ? piece.under : -1;
      for (const node of piece.nodes ?? []) {
        this.nodes.push(nodeOf(node, number, node.parent >= 0 ? node.parent + offset : under));
      }
    });
    // A call without a recorded parent knows its probable one, and the other way round.
    for (const { node, under, reason } of answer.detached ?? []) {
      if (!this.nodes[node] || !this.nodes[under]) continue;
      this.nodes[node].probable = { index: under, reason };
      (this.nodes[under].probables ??= []).push(node);
    }
    this.children = this.nodes.map(() => []);
    this.roots = [];
    this.nodes.forEach((node, index) => {
      node.index = index;
      (node.parent >= 0 ? this.children[node.parent] : this.roots).push(index);
    });
    this.skews = [];
    this.findSkews(adjusts);
    this.placeInTime();
    this.findOverruns();
    this.joinSides(joins);
    this.layOutRows();
    this.measure();
  }

  /**
   * A server span that starts before its client span shows that the clocks differ, and is moved to where it must have run.
   * One that ends later proves nothing: the caller timed out, or did not wait for the end of a stream. It is not moved.
   */
  findSkews(adjusts) {
    const shifts = new Float64Array(this.nodes.length);
    this.nodes.forEach((node, index) => {
      const caller = this.nodes[node.parent];
      if (!caller) return;
      shifts[index] = shifts[node.parent];
      if (!isAnswerOf(node, caller) || isSameHost(node.span, caller.span)) return;
      const own = node.recorded + shifts[index];
      const calling = caller.recorded + shifts[node.parent];
      if (calling - own < leastSkew) return;
      const shift = calling + Math.max(0, caller.length - node.length) / 2 - own;
      this.skews.push({ index, caller: node.parent, shift });
      shifts[index] += shift;
    });
    this.nodes.forEach((node, index) => {
      node.shift = shifts[index];
      node.start = node.recorded + (adjusts ? node.shift : 0);
    });
  }

  /** Finds server spans that went on after their client span had ended, and for how long. */
  findOverruns() {
    this.overruns = [];
    for (const node of this.nodes) {
      const caller = this.nodes[node.parent];
      const isCalled = caller && isAnswerOf(node, caller) && caller.length > 0;
      const overrun = isCalled ? node.end - Math.max(caller.end, node.start) : 0;
      node.overrun = overrun < leastSkew ? 0 : overrun;
      if (node.overrun) this.overruns.push(node.index);
    }
  }

  placeInTime() {
    let first = Infinity;
    let last = -Infinity;
    for (const node of this.nodes) {
      if (!node.isTimed) continue;
      first = Math.min(first, node.start);
      last = Math.max(last, node.start + node.length);
    }
    this.start = first === Infinity ? 0 : first;
    this.length = Math.max(1, last - first || 0);
    for (const node of this.nodes) {
      node.start -= this.start;
      node.end = node.start + node.length;
    }
  }

  /** A client span with exactly one server span below it is one call. */
  joinSides(joins) {
    for (const node of this.nodes) {
      if (node.kind !== "client") continue;
      const answering = this.children[node.index].filter((child) => this.nodes[child].kind === "server"
        && this.nodes[child].piece === node.piece);
      if (answering.length !== 1) continue;
      node.answer = answering[0];
      this.nodes[node.answer].caller = node.index;
    }
    this.joins = joins;
  }

  /** The rows, each before its descendants: spans, or calls with both of their sides. */
  layOutRows() {
    this.rows = [];
    this.rowOf = new Int32Array(this.nodes.length);
    const byStart = (a, b) => orderOf(this.nodes[a]) - orderOf(this.nodes[b]) || a - b;
    const stack = this.roots.toReversed().map((node) => ({ node, parent: -1, depth: 0 }));
    while (stack.length) {
      const { node, parent, depth } = stack.pop();
      const index = this.rows.length;
      const answer = this.joins ? this.nodes[node].answer : -1;
      this.rows.push({ index, node, answer, parent, depth, descendants: 0 });
      this.rowOf[node] = index;
      let below = this.children[node];
      if (answer >= 0) {
        this.rowOf[answer] = index;
        below = below.filter((child) => child !== answer).concat(this.children[answer]);
      }
      for (const child of [...below].sort(byStart).reverse()) stack.push({ node: child, parent: index, depth: depth + 1 });
    }
    for (let index = this.rows.length - 1; index > 0; index -= 1) {
      const { parent, descendants } = this.rows[index];
      if (parent >= 0) this.rows[parent].descendants += descendants + 1;
    }
  }

  measure() {
    this.critical = criticalPath(this.nodes, this.children, this.roots[0] ?? -1);
    for (const node of this.nodes) node.own = ownTime(node, this.children[node.index].map((child) => this.nodes[child]));
  }

  /** The node that names the row: the server side of a call. */
  subject(row) { return this.nodes[row.answer >= 0 ? row.answer : row.node]; }

  isFailed(row) { return this.nodes[row.node].isError || (row.answer >= 0 && this.nodes[row.answer].isError); }

  /** What each service did; the one with the most time of its own comes first. */
  statistics() {
    const services = new Map();
    for (const node of this.nodes) {
      if (node.piece >= 0) continue;
      let sum = services.get(node.service);
      if (!sum) {
        sum = { service: node.service, spans: 0, errors: 0, own: 0, calls: 0, critical: 0 };
        services.set(node.service, sum);
      }
      sum.spans += 1;
      if (node.isError) sum.errors += 1;
      if (node.isTimed) sum[node.kind === "client" || node.kind === "producer" ? "calls" : "own"] += node.own;
      for (const [from, to] of this.critical[node.index]) sum.critical += to - from;
    }
    return [...services.values()].sort((a, b) => b.own - a.own || a.service.localeCompare(b.service));
  }
}

function nodeOf({ span, isError, isDetached }, piece, parent) {
  return {
    span, isError, isDetached, piece, parent, answer: -1, caller: -1,
    service: span.localEndpoint?.serviceName ?? "",
    kind: (span.kind ?? "local").toLowerCase(),
    isTimed: span.timestamp > 0, recorded: span.timestamp ?? 0, length: span.duration ?? 0,
  };
}

/** Whether a node is the server side of its parent, with comparable times. */
function isAnswerOf(node, caller) {
  return node.kind === "server" && caller.kind === "client" && node.piece === caller.piece && node.isTimed && caller.isTimed;
}

function orderOf(node) { return node.isTimed ? node.start : Infinity; }

function isSameHost(span, other) {
  const [one, two] = [span.localEndpoint ?? {}, other.localEndpoint ?? {}];
  const [first, second] = [one.ipv4 ?? one.ipv6, two.ipv4 ?? two.ipv6];
  return first && second ? first === second : (one.serviceName ?? "") === (two.serviceName ?? "");
}

/** The time of a span during which none of its children ran. */
export function ownTime(node, below) {
  if (!node.isTimed) return 0;
  let covered = 0;
  let reached = node.start;
  for (const child of below.filter((child) => child.isTimed).sort((a, b) => a.start - b.start)) {
    const from = Math.max(reached, child.start);
    const to = Math.min(node.end, child.end);
    if (to > from) covered += to - from;
    reached = Math.max(reached, to);
  }
  return node.length - covered;
}

/**
 * What the root's end waited for, as stretches of time for each node. It goes backwards from the end: the parent waited for
 * the child that finished last, before that for the child that finished last before that one started, and so on. The time
 * between is the parent's own. A child counts only as far as it lies within its parent.
 */
export function criticalPath(nodes, children, root) {
  const stretches = nodes.map(() => []);
  if (!nodes[root]?.isTimed) return stretches;
  const stack = [{ index: root, from: nodes[root].start, until: nodes[root].end }];
  while (stack.length) {
    const { index, from, until } = stack.pop();
    let reached = until;
    const below = children[index].filter((child) => nodes[child].isTimed && nodes[child].piece === nodes[index].piece)
      .map((child) => ({
        index: child, from: Math.max(from, nodes[child].start), until: Math.min(until, nodes[child].end),
      }))
      .filter((child) => child.until > child.from)
      .sort((a, b) => b.until - a.until || a.from - b.from);
    for (const child of below) {
      if (child.until > reached) continue;
      if (reached > child.until) stretches[index].push([child.until, reached]);
      stack.push(child);
      reached = child.from;
    }
    if (reached > from) stretches[index].push([from, reached]);
  }
  return stretches;
}

/** The rows whose names, ids, tags or events contain a text; only spans of `service`, if one is given. */
export function findRows(trace, text, service) {
  const wanted = text.trim().toLowerCase();
  const found = new Set();
  for (const node of trace.nodes) {
    if (service !== "" && node.service !== service) continue;
    if (wanted && !holds(node, wanted)) continue;
    found.add(trace.rowOf[node.index]);
  }
  return found;
}

function holds({ span, service }, wanted) {
  const has = (text) => text !== undefined && text.toLowerCase().includes(wanted);
  if (has(service) || has(span.name) || has(span.id) || has(span.remoteEndpoint?.serviceName)) return true;
  for (const key in span.tags) if (has(key) || has(span.tags[key]) || has(`${key}=${span.tags[key]}`)) return true;
  return (span.annotations ?? []).some((annotation) => has(annotation.value));
}

/** Merges two traces into one tree of services and operations. */
export function compareTraces(a, b) {
  const root = { children: new Map() };
  [a, b].forEach((trace, side) => {
    const places = [];
    for (const row of trace.rows) {
      const subject = trace.subject(row);
      if (subject.piece >= 0) continue;
      const name = subject.span.name || trace.nodes[row.node].span.name || "";
      const parent = places[row.parent] ?? root;
      const key = JSON.stringify([subject.service, name]);
      let place = parent.children.get(key);
      if (!place) {
        place = { service: subject.service, name, sides: [none(), none()], children: new Map() };
        parent.children.set(key, place);
      }
      const sum = place.sides[side];
      sum.count += 1;
      sum.length += trace.nodes[row.node].length;
      if (trace.isFailed(row)) sum.errors += 1;
      places[row.index] = place;
    }
  });
  const lines = [];
  const stack = [...root.children.values()].reverse().map((place) => ({ place, depth: 0 }));
  while (stack.length) {
    const { place: { service, name, sides: [first, second], children }, depth } = stack.pop();
    const only = !second.count ? "a" : !first.count ? "b" : "";
    lines.push({ service, name, depth, a: first, b: second, only, difference: only ? 0 : second.length - first.length });
    for (const child of [...children.values()].reverse()) stack.push({ place: child, depth: depth + 1 });
  }
  return lines;
}

function none() { return { count: 0, length: 0, errors: 0 }; }
