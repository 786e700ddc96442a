// What is visible: open and closed frames, classes of similar nodes, and the edges between them.

import { DETACHED, PARAMETER, decoded } from "./graph_data.js";

export class Hierarchy {
  // An item is a class (its number) or a frame (its number plus the number of classes).
  constructor(graph, payload) {
    this.graph = graph;
    this.frames = payload.frames;
    this.classOf = decoded(payload.class);
    this.frameOf = decoded(payload.frame);
    this.classes = this.frameOf.length;
    this.open = new Set();
    this.sample = 0;
    this.#findMembers();
    this.#findEdges();
    this.#findChildren();
    this.choose(0);
    this.samples = this.#countSamples();
  }

  #findMembers() {
    const begin = new Int32Array(this.classes + 1);
    for (const c of this.classOf) begin[c + 1]++;
    for (let c = 0; c < this.classes; c++) begin[c + 1] += begin[c];
    const next = begin.slice();
    this.memberList = new Int32Array(this.classOf.length);
    this.classOf.forEach((c, i) => {
      this.memberList[next[c]++] = i;
    });
    this.memberOffsets = begin;
  }

  // Finds the edges between classes; each stands for all slots between the two.
  #findEdges() {
    const { args, owner } = this.graph;
    const known = new Map();
    this.edges = [];
    this.edgeOfSlot = new Int32Array(args.length).fill(-1);
    for (let slot = 0; slot < args.length; slot++) {
      if (args[slot] < 0) continue;
      const source = this.classOf[args[slot]];
      const target = this.classOf[owner[slot]];
      if (source === target) continue;
      const key = source * this.classes + target;
      let edge = known.get(key);
      if (edge === undefined) {
        known.set(key, (edge = this.edges.length));
        this.edges.push({ source, target, count: 0 });
      }
      this.edges[edge].count++;
      this.edgeOfSlot[slot] = edge;
    }
  }

  #findChildren() {
    this.children = new Map([[-1, []]]);
    this.frames.forEach((frame, f) => {
      this.children.set(f, []);
      this.children.get(frame.parent).push(this.classes + f);
    });
    this.frameOf.forEach((f, c) => this.children.get(f).push(c));
    this.classesIn = this.frames.map(() => []);
    this.frameOf.forEach((frame, c) => {
      for (let f = frame; f >= 0; f = this.frames[f].parent) this.classesIn[f].push(c);
    });
  }

  isFrame(item) {
    return item >= this.classes;
  }

  frameOfItem(item) {
    return this.isFrame(item) ? this.frames[item - this.classes].parent : this.frameOf[item];
  }

  members(c) {
    return this.memberList.subarray(this.memberOffsets[c], this.memberOffsets[c + 1]);
  }

  // All nodes that an item stands for.
  nodes(item) {
    if (!this.isFrame(item)) return Array.from(this.members(item));
    return this.classesIn[item - this.classes].flatMap((c) => Array.from(this.members(c)));
  }

  title(item) {
    return this.isFrame(item) ? this.frames[item - this.classes].title : this.graph.title(this.chosen[item]);
  }

  // Chooses the member of each class that is shown: the k-th, with the members that it was computed from. If the k-th
  // member of one class is asked for, the members that were computed from it are shown too.
  choose(k, asked) {
    const { graph } = this;
    this.sample = k;
    this.chosen = new Int32Array(this.classes).fill(-1);
    const waiting = asked === undefined ? [] : [this.members(asked)[k]];
    for (const i of waiting) {
      if (this.chosen[this.classOf[i]] >= 0) continue;
      this.chosen[this.classOf[i]] = i;
      for (const slot of graph.uses(i)) waiting.push(graph.owner[slot]);
    }
    const candidates = Array.from({ length: this.classes }, () => []);
    const last = (c) => this.memberList[this.memberOffsets[c + 1] - 1];
    const order = Array.from({ length: this.classes }, (_, c) => c).sort((a, b) => last(b) - last(a));
    for (const c of order) {
      if (this.chosen[c] < 0) {
        const met = candidates[c].length ? this.#withThoseBefore(candidates[c]) : this.members(c);
        this.chosen[c] = met[k % met.length];
      }
      for (const slot of graph.slots(this.chosen[c])) {
        const a = graph.args[slot];
        if (a < 0) continue;
        const list = candidates[this.classOf[a]];
        if (list.at(-1) !== a) list.push(a);
      }
    }
  }

  // Members of one class with the other members that they were computed from, as in a sum that is added term by term.
  #withThoseBefore(members) {
    const { graph } = this;
    const c = this.classOf[members[0]];
    const found = new Set(members);
    for (const i of found) {
      for (const slot of graph.slots(i)) if (this.classOf[graph.args[slot]] === c) found.add(graph.args[slot]);
    }
    return found.size === members.length ? members : Int32Array.from(found).sort();
  }

  // The number of samples: the most common size of the classes with several members.
  #countSamples() {
    const counts = new Map();
    for (let c = 0; c < this.classes; c++) {
      const size = this.members(c).length;
      if (size > 1 && !this.graph.isLeaf(this.chosen[c])) counts.set(size, (counts.get(size) ?? 0) + 1);
    }
    return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [1, 0])[0];
  }

  isVisible(f) {
    for (; f >= 0; f = this.frames[f].parent) if (!this.open.has(f)) return false;
    return true;
  }

  // The box that shows a class: its own, or the outermost closed frame around it.
  itemOf(c) {
    let item = c;
    for (let f = this.frameOf[c]; f >= 0; f = this.frames[f].parent) if (!this.open.has(f)) item = this.classes + f;
    return item;
  }

  // The items and edges that are visible now, in topological order if there is one.
  visible() {
    const where = Int32Array.from({ length: this.classes }, (_, c) => this.itemOf(c));
    const first = new Map();
    const last = new Map();
    where.forEach((item, c) => {
      first.set(item, Math.min(first.get(item) ?? Infinity, this.memberList[this.memberOffsets[c]]));
      last.set(item, Math.max(last.get(item) ?? -1, this.memberList[this.memberOffsets[c + 1] - 1]));
    });
    const known = new Map();
    const edges = [];
    this.edges.forEach(({ source, target, count }, e) => {
      const [s, t] = [where[source], where[target]];
      if (s === t) return;
      const key = `${s} ${t}`;
      if (!known.has(key)) {
        known.set(key, { source: s, target: t, count: 0, parts: [] });
        edges.push(known.get(key));
      }
      known.get(key).count += count;
      known.get(key).parts.push(e);
    });
    return { items: inOrder([...first.keys()], edges, first, last), edges, where };
  }

  // Opens a frame and those around it.
  reveal(f) {
    for (; f >= 0; f = this.frames[f].parent) {
      this.open.delete(f);
      this.open.add(f);
    }
  }

  close(f) {
    this.open.delete(f);
    for (const g of [...this.open]) if (!this.isVisible(g)) this.open.delete(g);
  }

  // The summary of a closed frame: the norm of its parameters' gradient; without parameters, that of incoming gradients.
  summary(f, squares) {
    const { graph } = this;
    let [nodes, parameters, square, units, dead] = [0, 0, 0, 0, 0];
    for (const c of this.classesIn[f]) {
      const members = this.members(c);
      nodes += members.length;
      const op = graph.op[members[0]];
      let passes = false;
      for (const i of members) {
        if (op < 0 && graph.kind[i] === PARAMETER) {
          parameters++;
          square += graph.adjoint[i] ** 2;
        }
        for (let slot = graph.offsets[i]; !passes && slot < graph.offsets[i + 1]; slot++)
          passes = graph.partials[slot] !== 0;
      }
      if (op >= 0 && graph.variants[op].flat) {
        units++;
        if (!passes) dead++;
      }
    }
    if (!parameters) {
      const inside = new Set(this.classesIn[f]);
      this.edges.forEach(({ source, target }, e) => {
        if (inside.has(source) && !inside.has(target)) square += squares[e];
      });
    }
    return { nodes, parameters, norm: Math.sqrt(square), units, dead };
  }
}

// Kahn's order, earliest recorded first; in a cycle, the item whose last node was recorded earliest goes first.
function inOrder(items, edges, first, last) {
  const waits = new Map(items.map((item) => [item, 0]));
  const following = new Map(items.map((item) => [item, []]));
  for (const { source, target } of edges) {
    waits.set(target, waits.get(target) + 1);
    following.get(source).push(target);
  }
  const left = new Set(items);
  const found = [];
  while (left.size) {
    let best = -1;
    for (const item of left) {
      if (waits.get(item) === 0 && (best < 0 || first.get(item) < first.get(best))) best = item;
    }
    if (best < 0) for (const item of left) if (best < 0 || last.get(item) < last.get(best)) best = item;
    left.delete(best);
    found.push(best);
    for (const t of following.get(best)) waits.set(t, waits.get(t) - 1);
  }
  return found;
}
