// Places the services of a graph: callers to the left of what they call, with few crossings. Nothing here knows the page.

const gap = { x: 150, y: 26 };

/**
 * Places boxes of one size. `names` are the services, `edges` have `parent` and `child`. Returns `places` by name (the box's
 * upper left corner), `lines` (for each edge its points, and its number among those that end at the box), `width` and `height`.
 */
export function layOut(names, edges, size) {
  const known = new Set(names);
  const between = edges.filter((edge) => known.has(edge.parent) && known.has(edge.child) && edge.parent !== edge.child);
  const forward = withoutCycles(names, between);
  const layers = layersOf(names, forward);
  // Long lines pass through thin boxes in the layers between.
  const columns = Array.from({ length: 1 + Math.max(0, ...layers.values()) }, () => []);
  for (const name of names) columns[layers.get(name)].push({ name, left: [], right: [], height: size.height });
  const items = new Map(columns.flat().map((item) => [item.name, item]));
  const chains = new Map();
  for (const { from, to, edge, isReversed } of forward) {
    const chain = [items.get(from)];
    for (let layer = layers.get(from) + 1; layer < layers.get(to); layer += 1) {
      const bend = { left: [], right: [], height: 8 };
      columns[layer].push(bend);
      chain.push(bend);
    }
    chain.push(items.get(to));
    for (let index = 1; index < chain.length; index += 1) {
      chain[index - 1].right.push(chain[index]);
      chain[index].left.push(chain[index - 1]);
    }
    chains.set(edge, isReversed ? chain.toReversed() : chain);
  }
  order(columns);
  const height = spread(columns);
  columns.forEach((column, layer) => {
    for (const item of column) item.x = layer * (size.width + gap.x);
  });
  const places = new Map([...items].map(([name, { x, y }]) => [name, { x, y }]));
  const ports = portsOf([...chains.values()]);
  const lines = between.map((edge) => {
    const ends = ports.get(chains.get(edge));
    return { edge, points: pointsOf(chains.get(edge), size, ends), end: ends[1] };
  });
  for (const edge of edges) {
    if (edge.parent !== edge.child || !places.has(edge.parent)) continue;
    const { x, y } = places.get(edge.parent);
    lines.push({ edge, isLoop: true, points: [[x + size.width * 0.35, y], [x + size.width * 0.65, y]] });
  }
  return { places, lines, height, width: columns.length * (size.width + gap.x) - gap.x };
}

/** Reverses edges that would close a cycle, starting from the services that nobody calls. */
function withoutCycles(names, edges) {
  const out = new Map(names.map((name) => [name, []]));
  const called = new Set(edges.map((edge) => edge.child));
  for (const edge of edges) out.get(edge.parent).push(edge);
  const marks = new Map();
  const result = [];
  for (const start of [...names.filter((name) => !called.has(name)), ...names]) {
    if (marks.has(start)) continue;
    marks.set(start, "open");
    const stack = [{ name: start, next: 0 }];
    while (stack.length) {
      const top = stack[stack.length - 1];
      const edge = out.get(top.name)[top.next];
      if (!edge) {
        marks.set(top.name, "done");
        stack.pop();
        continue;
      }
      top.next += 1;
      const isReversed = marks.get(edge.child) === "open";
      result.push(isReversed ? { from: edge.child, to: edge.parent, edge, isReversed }
        : { from: edge.parent, to: edge.child, edge, isReversed });
      if (!marks.has(edge.child)) {
        marks.set(edge.child, "open");
        stack.push({ name: edge.child, next: 0 });
      }
    }
  }
  return result;
}

/** The column of each service: one after the last of its callers. */
function layersOf(names, edges) {
  const layers = new Map(names.map((name) => [name, 0]));
  const missing = new Map(names.map((name) => [name, 0]));
  for (const { to } of edges) missing.set(to, missing.get(to) + 1);
  const ready = names.filter((name) => !missing.get(name));
  const out = new Map(names.map((name) => [name, []]));
  for (const edge of edges) out.get(edge.from).push(edge.to);
  for (let index = 0; index < ready.length; index += 1) {
    for (const to of out.get(ready[index])) {
      layers.set(to, Math.max(layers.get(to), layers.get(ready[index]) + 1));
      missing.set(to, missing.get(to) - 1);
      if (!missing.get(to)) ready.push(to);
    }
  }
  return layers;
}

/** Orders boxes by their neighbours, forwards and backwards, and keeps the order with the fewest crossings. */
function order(columns) {
  const number = () => columns.forEach((column) => column.forEach((item, index) => { item.index = index; }));
  number();
  let best = columns.map((column) => [...column]);
  let fewest = crossings(columns);
  for (let round = 0; round < 12 && fewest > 0; round += 1) {
    const isForward = round % 2 === 0;
    for (const column of isForward ? columns : columns.toReversed()) {
      const middle = (item) => {
        const near = isForward ? item.left : item.right;
        return near.length ? near.reduce((sum, other) => sum + other.index, 0) / near.length : item.index;
      };
      const wanted = new Map(column.map((item) => [item, middle(item)]));
      column.sort((a, b) => wanted.get(a) - wanted.get(b) || a.index - b.index);
      column.forEach((item, index) => { item.index = index; });
    }
    const found = crossings(columns);
    if (found < fewest) {
      fewest = found;
      best = columns.map((column) => [...column]);
    }
  }
  best.forEach((column, index) => { columns[index] = column; });
  number();
}

function crossings(columns) {
  let count = 0;
  for (const column of columns) {
    const lines = column.flatMap((item) => item.right.map((other) => [item.index, other.index]));
    // Such a dense graph has crossings anyway.
    if (lines.length > 400) continue;
    for (let one = 0; one < lines.length; one += 1) {
      for (let two = one + 1; two < lines.length; two += 1) {
        if ((lines[one][0] - lines[two][0]) * (lines[one][1] - lines[two][1]) < 0) count += 1;
      }
    }
  }
  return count;
}

/** Puts boxes near their neighbours, in order and without overlap. Returns the total height. */
function spread(columns) {
  for (const column of columns) {
    let y = 0;
    for (const item of column) {
      item.y = y;
      y += item.height + gap.y;
    }
  }
  const middle = (item) => item.y + item.height / 2;
  for (let round = 0; round < 24; round += 1) {
    for (const column of round % 2 ? columns.toReversed() : columns) {
      for (const item of column) {
        const near = round % 2 ? item.right : item.left.length ? item.left : item.right;
        item.wanted = near.length ? near.reduce((sum, other) => sum + middle(other), 0) / near.length - item.height / 2 : item.y;
      }
      place(column);
    }
  }
  const top = Math.min(0, ...columns.flat().map((item) => item.y));
  let bottom = 0;
  for (const item of columns.flat()) {
    item.y -= top;
    bottom = Math.max(bottom, item.y + item.height);
  }
  return bottom;
}

/** As near to the wanted places as the order allows: boxes that would overlap form a block around their mean. */
function place(column) {
  const blocks = [];
  for (const item of column) {
    blocks.push({ items: [item], sum: item.wanted, height: item.height + gap.y });
    while (blocks.length > 1) {
      const [above, below] = blocks.slice(-2);
      if (above.sum / above.items.length + above.height <= below.sum / below.items.length) break;
      blocks.splice(-2, 2, {
        items: [...above.items, ...below.items], height: above.height + below.height,
        sum: above.sum + below.sum - below.items.length * above.height,
      });
    }
  }
  for (const block of blocks) {
    let y = block.sum / block.items.length;
    for (const item of block.items) {
      item.y = y;
      y += item.height + gap.y;
    }
  }
}

/** Lines at one side of a box end at different heights, in the order of their origins. */
function portsOf(chains) {
  const meetings = new Map();
  const ports = new Map(chains.map((chain) => [chain, []]));
  for (const chain of chains) {
    const last = chain.length - 1;
    for (const [item, other, end] of [[chain[0], chain[1], 0], [chain[last], chain[last - 1], 1]]) {
      const sides = meetings.get(item) ?? [[], []];
      meetings.set(item, sides);
      sides[other.x > item.x ? 1 : 0].push({ chain, end, height: other.y + other.height / 2 });
    }
  }
  for (const [item, sides] of meetings) {
    for (const side of sides) {
      const step = Math.min(15, (item.height - 18) / Math.max(1, side.length - 1));
      side.sort((a, b) => a.height - b.height);
      side.forEach(({ chain, end }, index) => {
        ports.get(chain)[end] = { y: item.y + item.height / 2 + (index - (side.length - 1) / 2) * step, index, count: side.length };
      });
    }
  }
  return ports;
}

/** The points of a line, from the side of one box to the side of the other. */
function pointsOf(chain, size, ports) {
  const points = [];
  chain.forEach((item, index) => {
    const middle = item.y + item.height / 2;
    if (item.name === undefined) {
      const isBack = chain[0].x > item.x;
      points.push(isBack ? [item.x + size.width, middle] : [item.x, middle], isBack ? [item.x, middle] : [item.x + size.width, middle]);
      return;
    }
    const other = chain[index === 0 ? 1 : index - 1];
    points.push([item.x + (other.x > item.x ? size.width : 0), ports[index === 0 ? 0 : 1].y]);
  });
  return points;
}
