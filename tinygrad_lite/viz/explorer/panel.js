// The panel beside the drawing: the player's step in numbers and as a formula, and the selected node.

import { DETACHED, counted, formatted, shortened } from "./graph_data.js";
import { made } from "./drawing.js";

const ROWS = 12;

// A number with few digits; its title has all of them.
function numeral(parent, x, className = "") {
  const span = made(parent, "span", `tgl-numeral ${className}`, formatted(x));
  span.title = String(x);
  return span;
}

function sentence(parent, ...parts) {
  const line = made(parent, "p", "tgl-line");
  for (const part of parts) typeof part === "number" ? numeral(line, part) : line.append(part);
  return line;
}

function code(text) {
  return made(null, "code", "", shortened(text, 120));
}

// The current step: what is computed, or the chain rule with its numbers.
export class StepView {
  constructor(parent, scene) {
    this.scene = scene;
    this.element = made(parent, "section", "tgl-step");
    this.element.setAttribute("aria-live", "polite");
    this.element.setAttribute("aria-label", "this step");
  }

  show(player) {
    const { element, scene } = this;
    element.replaceChildren();
    const heading = made(element, "h3");
    const item = player.current;
    const name =
      item === undefined
        ? ""
        : scene.hierarchy.isFrame(item)
          ? scene.hierarchy.title(item)
          : scene.graph.called(scene.hierarchy.chosen[item]);
    if (player.pass === "start") {
      heading.textContent = "Start";
      sentence(element, "Only the leaves have numbers. → computes the next one, Space plays.");
      return;
    }
    const back = player.pass === "backward";
    heading.textContent = `${player.words}: `;
    heading.append(made(null, "bdi", "", shortened(name, 60)));
    if (scene.hierarchy.isFrame(item)) this.#frame(item, back, player);
    else if (back) this.#backward(scene.hierarchy.chosen[item], player);
    else this.#forward(scene.hierarchy.chosen[item]);
  }

  #forward(i) {
    const { graph } = this.scene;
    const numbers = graph.slots(i).map((slot) => formatted(graph.argument(slot)));
    sentence(this.element, code(graph.written(i)));
    sentence(this.element, code(graph.written(i, numbers)), " = ", graph.data[i]);
  }

  #backward(i, player) {
    const { graph } = this.scene;
    const upstream = made(this.element, "p", "tgl-line");
    upstream.append("upstream: d ", code(graph.rootName), " / d ", code(graph.called(i)), " = ");
    numeral(upstream, graph.adjoint[i], "tgl-upstream");
    const uses = graph.uses(i).length;
    if (i === graph.root) upstream.append(", where the pass starts");
    else if (uses > 1) upstream.append(`, complete only now that all ${uses} uses have reported`);
    sentence(this.element, "for ", code(graph.written(i)), ", upstream × local = contribution:");
    const slots = graph.slots(i).filter((slot) => graph.args[slot] >= 0);
    const list = made(this.element, "ol", "tgl-chain");
    const shown = slots.length > ROWS + 2 ? slots.slice(0, ROWS) : slots;
    for (const slot of shown) this.#link(list, slot, slots, player);
    if (shown.length < slots.length) {
      const more = made(this.element, "button", "", `${slots.length - shown.length} more`);
      more.addEventListener("click", () => {
        more.remove();
        for (const slot of slots.slice(ROWS)) this.#link(list, slot, slots, player);
      });
    }
  }

  #link(list, slot, siblings, player) {
    const { graph } = this.scene;
    const a = graph.args[slot];
    const item = made(list, "li");
    item.append("to ", code(graph.called(a)), ": ");
    const sum = made(item, "span", "tgl-product");
    numeral(sum, graph.adjoint[graph.owner[slot]]);
    sum.append(" × ");
    numeral(sum, graph.partials[slot], "tgl-local");
    sum.append(graph.kind[a] === DETACHED ? " → " : " = ");
    numeral(sum, graph.contribution(slot), "tgl-contribution");
    const formula = graph.localFormula(slot);
    if (formula) made(item, "div", "tgl-formula").append("local = ", code(formula));
    if (graph.kind[a] === DETACHED) made(item, "div", "tgl-note", "⊘ detached: gets no gradient");
    const { come, uses } = this.scene.arrived(a, player);
    if (uses < 2) return;
    const before = come.filter(
      (other) =>
        graph.owner[other] > graph.owner[slot] ||
        (graph.owner[other] === graph.owner[slot] && siblings.includes(other) && other < slot),
    );
    const sumBefore = before.reduce((total, other) => total + graph.contribution(other), 0);
    const running = made(item, "div", "tgl-running", "running sum: ");
    numeral(running, sumBefore);
    running.append(" + ");
    numeral(running, graph.contribution(slot));
    running.append(" = ");
    numeral(running, sumBefore + graph.contribution(slot), "tgl-sum");
    running.append(` (use ${before.length + 1} of ${uses})`);
  }

  #frame(item, back, player) {
    const { scene } = this;
    const { nodes, parameters, norm } = scene.summaries.get(item);
    sentence(
      this.element,
      `${counted(nodes, "node")} and ${counted(parameters, "parameter")}, taken in one step. Open it to see each step.`,
    );
    if (!back) return;
    sentence(this.element, parameters ? "norm of its parameters' gradient: " : "norm of its incoming gradient: ", norm);
    const list = made(this.element, "ul", "tgl-chain");
    scene.edges.forEach((edge, k) => {
      if (edge.target !== item) return;
      const line = made(list, "li");
      line.append("to ", code(scene.hierarchy.title(edge.source)), `, ${counted(edge.count, "edge")}, norm `);
      numeral(line, scene.norms[k], "tgl-contribution");
    });
  }
}

// The node that is selected, or under the pointer.
export class DetailView {
  constructor(parent, scene, act) {
    this.scene = scene;
    this.act = act;
    this.element = made(parent, "section", "tgl-detail");
    this.element.setAttribute("aria-label", "the selected node");
  }

  show(item, player) {
    const { element, scene } = this;
    element.replaceChildren();
    if (item === null || item === undefined) {
      made(element, "h3", "", "Nothing selected");
      sentence(
        element,
        "Click a box, or move to it with ↑ ↓ and press Enter: its sources and its results are highlighted.",
      );
      return;
    }
    const heading = made(element, "h3");
    heading.append(made(null, "bdi", "", shortened(scene.hierarchy.title(item), 80)));
    if (scene.hierarchy.isFrame(item)) this.#frame(item);
    else this.#node(scene.hierarchy.chosen[item], item, player);
  }

  #rows() {
    const list = made(this.element, "dl");
    return (name, ...parts) => {
      made(list, "dt", "", name);
      const cell = made(list, "dd");
      for (const part of parts) typeof part === "number" ? numeral(cell, part) : cell.append(part);
    };
  }

  #frame(item) {
    const { nodes, parameters, norm, units, dead } = this.scene.summaries.get(item);
    const row = this.#rows();
    row("nodes", nodes);
    row("parameters", parameters);
    row(parameters ? "‖gradient‖ of its parameters" : "‖gradient‖ coming in", norm);
    if (units) row("dead units", `${dead} of ${units}: flat for every sample`);
    const open = made(this.element, "button", "", "open");
    open.addEventListener("click", () => this.act.onOpen(item));
  }

  #node(i, item, player) {
    const { graph, hierarchy } = this.scene;
    const own = i === graph.root ? graph.rootName : shortened(graph.called(i), 16);
    const row = this.#rows();
    row("value", graph.data[i]);
    const gradient = this.scene.gradient(i, player);
    const state = gradient.known === "all" ? this.scene.states[i] : gradient.known;
    const told = {
      computed: "",
      zero: " (zero)",
      blocked: " (⊘ blocked: a flat operation or a detach passes nothing on)",
      part: ` so far: ${gradient.come} of ${gradient.uses} uses have reported`,
      none: "not computed at this step",
    }[state];
    row(`d ${graph.rootName} / d ${own}`, ...(gradient.known === "none" ? [told] : [gradient.value, told]));
    const check = this.scene.checks.get(i);
    if (check)
      row(
        "measured",
        ...(check.measured === undefined
          ? [check.verdict]
          : [check.measured, ` (${check.rules?.size ? "its own rule is wrong" : check.verdict})`]),
        check.note ? `: ${check.note}` : "",
      );
    row(".grad", ...(graph.graded[i] ? [graph.grad[i], ...graph.gradientParts(i)] : ["not computed: call backward()"]));
    if (graph.changeOf(i)) row("changed", graph.changeOf(i));
    if (graph.kind[i] === DETACHED) row("kind", "detached");
    if (graph.hooked.has(i)) row("hook", "changes the gradient");
    if (!graph.isLeaf(i)) {
      row("operation", code(graph.written(i)));
      for (const { slot, name } of graph
        .argumentNames(i)
        .filter((a) => graph.args[a.slot] >= 0)
        .slice(0, ROWS)) {
        row(
          `d ${own} / d ${shortened(name, 16)}`,
          graph.partials[slot],
          " = ",
          code(graph.localFormula(slot)),
          ...(check?.rules?.has(slot) ? [" ≠ measured ", check.rules.get(slot)] : []),
        );
      }
    }
    row("used", counted(graph.uses(i).length, "time"));
    if (graph.pathOf(i)) row("module", code(graph.pathOf(i)));
    if (graph.lineOf(i)) row("line", code(graph.lineOf(i)));
    const members = hierarchy.members(item);
    if (members.length > 1) this.#selector(item, members, i);
  }

  #selector(item, members, i) {
    const label = made(this.element, "label", "tgl-selector", "shown: ");
    const field = made(label, "input");
    Object.assign(field, { type: "number", min: 1, max: members.length, value: members.indexOf(i) + 1 });
    label.append(` of ${members.length} similar nodes`);
    field.addEventListener("change", () => {
      const k = Math.min(members.length, Math.max(1, Math.round(Number(field.value)) || 1));
      this.act.onSample(k - 1, item);
    });
  }
}
