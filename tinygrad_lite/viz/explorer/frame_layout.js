// A layered drawing with nested frames (Sugiyama, Tagawa and Toda 1981): each open frame is laid out by itself, innermost
// first, and is one box in the frame around it. Leaves are on the left and the root is on the right, or, in a layout that
// goes down, leaves are on top.

export const BOX = { width: 116, height: 58 };
const MARGIN = 8;
const BORDER = 12;
const TITLE = 32;
const RIGHT = { gap: 16, layerGap: 60 };
const DOWN = { gap: 10, layerGap: 42 };
const SWEEPS = 6;

// Takes items in order with the edges between them, and whether the layout goes down; returns a rectangle for each item
// and open frame, and the points of each edge.
export function laidOut(hierarchy, { items, edges }, down) {
  const open = new Map([[-1, []]]);
  const placed = new Set();
  const place = (item) => {
    if (placed.has(item)) return;
    placed.add(item);
    const frame = hierarchy.frameOfItem(item);
    if (frame >= 0) place(hierarchy.classes + frame);
    if (!open.has(frame)) open.set(frame, []);
    open.get(frame).push(item);
  };
  items.forEach(place);
  const links = new Map([...open.keys()].map((frame) => [frame, []]));
  const routes = edges.map((edge) => {
    const [frame, s, t] = meeting(hierarchy, edge.source, edge.target);
    links.get(frame).push({ source: s, target: t });
    return { frame, link: links.get(frame).length - 1 };
  });
  const levels = new Map();
  const arrange = (frame) => {
    const sizes = open.get(frame).map((item) => {
      const inner = item - hierarchy.classes;
      if (!open.has(inner) || item < hierarchy.classes) return BOX;
      arrange(inner);
      return levels.get(inner);
    });
    levels.set(frame, arrangedLevel(open.get(frame), sizes, links.get(frame), frame >= 0, down));
  };
  arrange(-1);
  const boxes = new Map();
  const frames = new Map();
  const corners = new Map();
  const put = (frame, x, y) => {
    corners.set(frame, [x, y]);
    const level = levels.get(frame);
    open.get(frame).forEach((item, k) => {
      const place = level.places[k];
      const at = { ...place, x: x + place.x, y: y + place.y };
      const inner = item - hierarchy.classes;
      if (item >= hierarchy.classes && open.has(inner)) {
        frames.set(inner, at);
        put(inner, at.x, at.y);
      } else boxes.set(item, at);
    });
  };
  put(-1, 0, 0);
  const ways = routes.map(({ frame, link }, e) => {
    const [x, y] = corners.get(frame);
    const [from, to] = [boxes.get(edges[e].source), boxes.get(edges[e].target)];
    const between = levels.get(frame).ways[link].map(([a, b]) => [x + a, y + b]);
    const [begin, end] = down
      ? [
          [from.x + from.width / 2, from.y + from.height],
          [to.x + to.width / 2, to.y],
        ]
      : [
          [from.x + from.width, from.y + from.height / 2],
          [to.x, to.y + to.height / 2],
        ];
    return [begin, ...between, end];
  });
  const { width, height } = levels.get(-1);
  return { boxes, frames, ways, down, width, height };
}

// The innermost frame that holds both ends, and the items in that frame that contain them.
function meeting(hierarchy, source, target) {
  const chain = (item) => {
    const found = [item];
    for (let f = hierarchy.frameOfItem(item); f >= 0; f = hierarchy.frames[f].parent) found.push(hierarchy.classes + f);
    return found;
  };
  const [up, down] = [chain(source), chain(target)];
  while (up.length > 1 && down.length > 1 && up.at(-1) === down.at(-1)) {
    up.pop();
    down.pop();
  }
  return [hierarchy.frameOfItem(up.at(-1)), up.at(-1), down.at(-1)];
}

// One frame's boxes. The layers are columns; a layout that goes down is computed with width and height exchanged.
function arrangedLevel(items, boxes, links, framed, down) {
  const turned = ({ width, height, x, y }) =>
    down ? { width: height, height: width, x: y, y: x } : { width, height, x, y };
  const sizes = boxes.map(turned);
  const { gap, layerGap } = down ? DOWN : RIGHT;
  const index = new Map(items.map((item, k) => [item, k]));
  const pairs = links.map(({ source, target }) => [index.get(source), index.get(target)]);
  const layer = layersOf(items.length, pairs);
  const cells = items.map((_, k) => ({ layer: layer[k], height: sizes[k].height, width: sizes[k].width, item: k }));
  const neighbours = [];
  const join = (a, b) => neighbours.push([a, b]);
  const chains = pairs.map(([s, t]) => {
    const chain = [];
    let previous = cells[s];
    for (let l = layer[s] + 1; l < layer[t]; l++) {
      const cell = { layer: l, height: 4, width: 0, item: -1 };
      chain.push(cell);
      cells.push(cell);
      join(previous, cell);
      previous = cell;
    }
    if (layer[s] < layer[t]) join(previous, cells[t]);
    return chain;
  });
  const columns = ordered(cells, neighbours);
  setHeights(columns, gap);
  const end = framed ? BORDER : MARGIN;
  const margins = turned({ x: end, y: framed ? TITLE : MARGIN });
  let x = margins.x;
  for (const column of columns) {
    const wide = Math.max(0, ...column.map((cell) => cell.width));
    for (const cell of column) cell.x = x + (wide - cell.width) / 2;
    x += wide + layerGap;
  }
  const top = Math.min(...cells.map((cell) => cell.y - cell.height / 2));
  for (const cell of cells) cell.y += margins.y - top;
  const own = cells.slice(0, items.length);
  const whole = { width: x - layerGap + end, height: Math.max(...cells.map((cell) => cell.y + cell.height / 2)) + end };
  const { width, height } = turned(whole);
  const places = own.map((cell) => turned({ ...cell, y: cell.y - cell.height / 2 }));
  const way = (chain) => chain.map(turned).map(({ x, y }) => [x, y]);
  return { width, height, places, ways: chains.map(way) };
}

// Layers by the longest path from the left; an item without a source moves next to its first user. Edges that close a
// cycle are ignored.
function layersOf(size, pairs) {
  const layer = new Array(size).fill(0);
  const into = Array.from({ length: size }, () => []);
  const out = Array.from({ length: size }, () => []);
  for (const [s, t] of pairs) {
    into[t].push(s);
    out[s].push(t);
  }
  const order = sourcesFirst(into);
  const place = new Map(order.map((k, at) => [k, at]));
  for (const k of order) {
    into[k] = into[k].filter((s) => place.get(s) < place.get(k));
    for (const s of into[k]) layer[k] = Math.max(layer[k], layer[s] + 1);
  }
  for (const k of order) {
    const later = out[k].filter((t) => place.get(t) > place.get(k));
    if (!into[k].length && later.length) layer[k] = Math.min(...later.map((t) => layer[t])) - 1;
  }
  return layer;
}

// An order in which each item comes after its sources, otherwise as given; a cycle starts with its first given item.
function sourcesFirst(into) {
  const left = new Set(into.keys());
  const order = [];
  while (left.size) {
    const rest = [...left];
    const next = rest.find((k) => into[k].every((s) => s === k || !left.has(s))) ?? rest[0];
    left.delete(next);
    order.push(next);
  }
  return order;
}

// Columns of cells, ordered by the mean position of their neighbours, in sweeps to the right and to the left.
function ordered(cells, neighbours) {
  const columns = Array.from({ length: Math.max(...cells.map((cell) => cell.layer)) + 1 }, () => []);
  for (const cell of cells) {
    Object.assign(cell, { before: [], after: [] });
    columns[cell.layer].push(cell);
  }
  for (const [a, b] of neighbours) {
    a.after.push(b);
    b.before.push(a);
  }
  const number = (column) => column.forEach((cell, k) => (cell.rank = k));
  columns.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const side = sweep % 2 ? "after" : "before";
    for (const column of sweep % 2 ? columns.toReversed() : columns) {
      for (const cell of column) cell.wish = cell[side].length ? mean(cell[side], (c) => c.rank) : cell.rank;
      column.sort((a, b) => a.wish - b.wish || a.rank - b.rank);
      number(column);
    }
  }
  return columns;
}

// Sets heights near the mean of the neighbours' heights, in order and without overlap. It pools cells that would be too
// close (isotonic regression), which gives the nearest such heights.
function setHeights(columns, gap) {
  for (const column of columns) {
    let y = 0;
    for (const cell of column) {
      cell.y = y + cell.height / 2;
      y += cell.height + gap;
    }
    for (const cell of column) cell.y -= y / 2;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const side = sweep % 2 ? "after" : "before";
    for (const column of sweep % 2 ? columns.toReversed() : columns) {
      let offset = 0;
      const pools = [];
      for (const cell of column) {
        const around = sweep >= SWEEPS - 2 ? [...cell.before, ...cell.after] : cell[side];
        cell.offset = offset + cell.height / 2;
        offset += cell.height + (cell.item < 0 ? gap / 2 : gap);
        const wish = (around.length ? mean(around, (c) => c.y) : cell.y) - cell.offset;
        pools.push({ cells: [cell], sum: wish, count: 1 });
        while (pools.length > 1 && pools.at(-2).sum / pools.at(-2).count > pools.at(-1).sum / pools.at(-1).count) {
          const { cells, sum, count } = pools.pop();
          pools.at(-1).cells.push(...cells);
          pools.at(-1).sum += sum;
          pools.at(-1).count += count;
        }
      }
      for (const { cells, sum, count } of pools) for (const cell of cells) cell.y = sum / count + cell.offset;
    }
  }
}

function mean(list, value) {
  return list.reduce((sum, x) => sum + value(x), 0) / list.length;
}

// A smooth path through the points of a way, along the layout's direction at each of them.
export function curve(points, down) {
  let path = `M${points[0].map(rounded).join(",")}`;
  for (let k = 1; k < points.length; k++) {
    const [[a, b], [c, d]] = [points[k - 1], points[k]].map((point) => point.map(rounded));
    const [x, y] = [rounded((a + c) / 2), rounded((b + d) / 2)];
    path += down ? `C${a},${y} ${c},${y} ${c},${d}` : `C${x},${b} ${x},${d} ${c},${d}`;
  }
  return path;
}

function rounded(x) {
  return Math.round(x * 10) / 10;
}
