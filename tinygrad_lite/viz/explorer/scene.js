// What the drawing shows at a position of the player: the texts and marks of each box, and the weight of each edge.

import { KINDS, counted, formatted, shortened } from "./graph_data.js";
import { gradientStates, isStopped } from "./gradient_states.js";
import { laidOut } from "./frame_layout.js";
import { isWrong } from "./recomputing.js";

const DECADES = 3;

export class Scene {
  constructor(graph, hierarchy) {
    this.graph = graph;
    this.hierarchy = hierarchy;
    this.checks = new Map();
    this.arrange();
  }

  // Updates everything after frames were opened or closed.
  arrange() {
    const { graph, hierarchy } = this;
    Object.assign(this, hierarchy.visible());
    this.#lay(laidOut(hierarchy, this, false));
    this.steps = this.items.filter((item) => hierarchy.nodes(item).some((i) => !graph.isLeaf(i)));
    this.stepOf = new Map(this.steps.map((item, k) => [item, k]));
    this.measure();
  }

  #lay(layout) {
    this.layout = layout;
    this.frames = [...layout.frames].map(([frame, at]) => ({ frame, at, title: this.hierarchy.frames[frame].title }));
  }

  // Chooses the direction of the layout for a drawing of this size: to the right if all of it is readable then, at a scale
  // of `least`, else the direction in which more of it fits.
  turnFor({ width, height }, least) {
    const scale = (layout) => Math.min(width / layout.width, height / layout.height);
    const right = laidOut(this.hierarchy, this, false);
    const down = laidOut(this.hierarchy, this, true);
    const best = scale(right) >= least || scale(right) >= scale(down) ? right : down;
    if (best.down !== this.layout.down) this.#lay(best);
  }

  // Everything that is lit when it is the turn of an item: its box, those of its arguments, and the arrows between them.
  lit(item) {
    const into = this.edges.flatMap((edge, k) => (edge.target === item ? [{ ...edge, way: this.layout.ways[k] }] : []));
    const boxes = [item, ...into.map(({ source }) => source)].map((one) => this.layout.boxes.get(one));
    const points = into.flatMap(({ way }) => way);
    const sides = boxes.flatMap(({ x, y, width, height }) => [
      [x, y],
      [x + width, y + height],
    ]);
    const [xs, ys] = [0, 1].map((axis) => [...points, ...sides].map((point) => point[axis]));
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    return { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y };
  }

  // Updates the summaries after the numbers changed.
  measure() {
    const { graph, hierarchy } = this;
    this.states = gradientStates(graph);
    const squares = new Float64Array(hierarchy.edges.length);
    hierarchy.edgeOfSlot.forEach((e, slot) => {
      if (e >= 0) squares[e] += graph.contribution(slot) ** 2;
    });
    this.norms = this.edges.map(({ parts }) => Math.sqrt(parts.reduce((sum, e) => sum + squares[e], 0)));
    this.summaries = new Map(
      this.items
        .filter((item) => hierarchy.isFrame(item))
        .map((item) => [item, hierarchy.summary(item - hierarchy.classes, squares)]),
    );
  }

  itemOfNode(i) {
    return this.where[this.hierarchy.classOf[i]];
  }

  // The slots that an edge stands for in the shown sample; none if an end is a closed frame.
  slotsOf(edge) {
    const { graph, hierarchy } = this;
    if (hierarchy.isFrame(edge.source) || hierarchy.isFrame(edge.target)) return [];
    const { edgeOfSlot, chosen } = hierarchy;
    return graph.slots(chosen[edge.target]).filter((slot) => edgeOfSlot[slot] === edge.parts[0]);
  }

  // The slots whose contributions to node i have arrived, in order of arrival, and the number of all its uses.
  arrived(i, player) {
    const { graph } = this;
    const uses = Array.from(graph.uses(i)).reverse();
    const come = uses.filter((slot) => {
      const item = this.itemOfNode(graph.owner[slot]);
      return player.stage(this.stepOf.get(item)).handedOn;
    });
    return { come, uses: uses.length };
  }

  gradient(i, player) {
    const { graph } = this;
    if (player.pass !== "backward") return { known: "none" };
    const { come, uses } = this.arrived(i, player);
    if (come.length === uses) return { known: "all", value: graph.adjoint[i] };
    if (!come.length) return { known: "none" };
    return {
      known: "part",
      value: come.reduce((sum, slot) => sum + graph.contribution(slot), 0),
      come: come.length,
      uses,
    };
  }

  boxes(player, { selected, related }) {
    const most = Math.max(...this.items.map((item) => this.#size(item)), 0);
    return this.items.map((item) => {
      const step = this.stepOf.get(item);
      const { computed, handedOn } = step === undefined ? { computed: true } : player.stage(step);
      const marks = [];
      if (item === player.current) marks.push("current");
      if (item === selected) marks.push("selected");
      if (related && !related.has(item)) marks.push("dim");
      const done = handedOn || player.position === player.end;
      const stage = done ? "done" : computed ? "computed" : "waiting";
      const texts = this.hierarchy.isFrame(item)
        ? this.#frameTexts(item, player, handedOn)
        : this.#texts(item, player, computed);
      const weight = texts.shown ? relative(this.#size(item), most) : 0;
      return { item, stage, weight, ...texts, marks: [...marks, ...texts.marks] };
    });
  }

  #size(item) {
    if (this.hierarchy.isFrame(item)) return this.summaries.get(item).norm;
    const size = Math.abs(this.graph.adjoint[this.hierarchy.chosen[item]]);
    return Number.isFinite(size) ? size : 0;
  }

  #texts(c, player, computed) {
    const { graph, hierarchy } = this;
    const i = hierarchy.chosen[c];
    const count = hierarchy.members(c).length;
    const gradient = this.gradient(i, player);
    const state = gradient.known === "all" ? this.states[i] : gradient.known === "part" ? "part" : "not computed";
    const check = gradient.known === "all" ? this.checks.get(i) : undefined;
    const text = {
      computed: () => `grad ${formatted(gradient.value)}`,
      zero: () => "grad 0",
      blocked: () => "grad 0 ⊘ blocked",
      part: () => `grad ${formatted(gradient.value)} + … ${gradient.come}/${gradient.uses}`,
      "not computed": () => "grad –",
    }[state]();
    const mark = check ? this.#checkMark(check) : "";
    const title = graph.title(i);
    const value = computed ? `value ${formatted(graph.data[i])}` : "value …";
    return {
      title,
      tag: count > 1 ? `× ${count}` : graph.labels[i] ? graph.operation(i) : "",
      many: count > 1,
      kind: i === graph.root ? "root" : KINDS[graph.kind[i]],
      value,
      gradient: text + mark,
      shown: gradient.known !== "none",
      tone: gradient.known === "none" || !gradient.value ? "none" : gradient.value > 0 ? "positive" : "negative",
      marks: [
        state.replace(" ", "-"),
        ...(check ? [`check-${isWrong(check) ? "wrong" : check.verdict.replaceAll(" ", "-")}`] : []),
      ],
      description: `${shortened(title, 200)}${count > 1 ? `, one of ${count}` : ""}, ${value}, ${text}${mark}`,
    };
  }

  #checkMark(check) {
    if (check.rules?.size) return " ≠ wrong rule";
    if (isWrong(check)) return ` ≠ ${formatted(check.measured)}`;
    return check.verdict === "ok" ? " ✓" : ` (${check.verdict})`;
  }

  #frameTexts(item, player, handedOn) {
    const { nodes, parameters, norm, units, dead } = this.summaries.get(item);
    const done = handedOn || player.position === player.end;
    const shown = done && player.pass === "backward";
    const parts = [`‖grad‖ ${formatted(norm, 3)}`];
    if (units) parts.push(`${Math.round((100 * dead) / units)}% dead`);
    const value = `${nodes.toLocaleString("en")} nodes${parameters ? `, ${parameters.toLocaleString("en")} par.` : ""}`;
    const gradient = shown ? parts.join(", ") : "‖grad‖ –";
    const title = this.hierarchy.title(item);
    return {
      title,
      tag: "▸",
      many: true,
      kind: "module",
      value,
      gradient,
      shown,
      tone: "none",
      marks: [],
      description: `${shortened(title, 200)}, closed, ${counted(nodes, "node")}, ${counted(parameters, "parameter")}, ${gradient}; Enter opens it`,
    };
  }

  lines(player, { related }) {
    const sizes = this.edges.map((edge, k) => this.#contribution(edge, k));
    const most = Math.max(0, ...sizes.map(({ value }) => Math.abs(value)).filter(Number.isFinite));
    return this.edges.map((edge, k) => {
      const { value, slots } = sizes[k];
      const step = this.stepOf.get(edge.target);
      const { computed, handedOn: passed } = player.stage(step);
      const marks = passed ? ["passed"] : [];
      if (edge.target === player.current) marks.push("lit");
      if (related && !(related.has(edge.source) && related.has(edge.target))) marks.push("dim");
      if (passed && slots.length && slots.every((slot) => isStopped(slot, this.states, this.graph)))
        marks.push("stopped");
      const tone = !passed || value === 0 ? "none" : slots.length ? (value > 0 ? "positive" : "negative") : "many";
      const local = () => (computed ? `× ${formatted(this.graph.partials[slots[0]], 3)}` : "");
      const text = slots.length === 1 ? local() : edge.count > 1 ? `${edge.count.toLocaleString("en")} edges` : "";
      return { tone, weight: passed ? relative(Math.abs(value), most) : 0, marks, text, value };
    });
  }

  #contribution(edge, k) {
    const slots = this.slotsOf(edge);
    const value = slots.length ? slots.reduce((sum, slot) => sum + this.graph.contribution(slot), 0) : this.norms[k];
    return { slots, value };
  }

  // An item, everything that it was computed from, and everything that was computed from it.
  related(item) {
    const found = new Set([item]);
    for (const [from, to] of [
      ["target", "source"],
      ["source", "target"],
    ]) {
      const next = new Map();
      for (const edge of this.edges) next.set(edge[from], [...(next.get(edge[from]) ?? []), edge[to]]);
      const waiting = [item];
      const met = new Set(waiting);
      while (waiting.length) {
        for (const other of next.get(waiting.pop()) ?? []) {
          if (met.has(other)) continue;
          met.add(other);
          found.add(other);
          waiting.push(other);
        }
      }
    }
    return found;
  }
}

// The size on a log scale: 1 for the largest, 0 for a size that is DECADES powers of ten smaller.
function relative(size, most) {
  if (!(size > 0) || !(most > 0)) return size === Infinity ? 1 : 0;
  return Math.max(0, Math.min(1, 1 + Math.log10(size / most) / DECADES));
}
