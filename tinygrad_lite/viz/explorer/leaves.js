// Sliders and number fields for the leaves, by module.

import { INPUT, PARAMETER, counted, formatted, shortened } from "./graph_data.js";
import { made } from "./drawing.js";

const SLIDERS = 24;

// The leaves of a module, and the modules in it, which are listed when it is opened.
class Branch {
  constructor(title) {
    Object.assign(this, { title, leaves: [], inside: new Map(), count: 0 });
  }

  add(i, levels) {
    this.count++;
    if (!levels.length) {
      this.leaves.push(i);
      return;
    }
    const [first, ...rest] = levels;
    if (!this.inside.has(first)) this.inside.set(first, new Branch(first));
    this.inside.get(first).add(i, rest);
  }
}

// The levels of a module's path; an index stays with its list.
function modulesOf(path) {
  return path ? path.split(/\.(?!\d)/) : [];
}

export class LeafView {
  constructor(parent, scene, engine, act) {
    Object.assign(this, { scene, engine, act, rows: new Map(), lists: new Map(), recorded: scene.graph.data });
    this.element = made(parent, "section", "tgl-leaves");
    this.element.setAttribute("aria-label", "leaves");
    const head = made(this.element, "div", "tgl-head");
    made(head, "h3", "", "Leaves");
    const reset = made(head, "button", "tgl-reset", "reset");
    reset.title = "set all leaves to their recorded numbers";
    reset.addEventListener("click", () => act.onReset());
    this.list = made(this.element, "div");
    this.arrange();
  }

  // A few leaves are all shown; more are listed by module, where each module opens.
  arrange() {
    const { graph } = this.scene;
    const leaves = [];
    for (let i = 0; i < graph.count; i++)
      if (graph.isLeaf(i) && (graph.kind[i] === INPUT || graph.kind[i] === PARAMETER)) leaves.push(i);
    const named = leaves.filter((i) => graph.labels[i]);
    const rest = leaves.filter((i) => !graph.labels[i]);
    this.byModule = leaves.length > SLIDERS;
    this.root = new Branch("");
    for (const i of [...named, ...rest]) this.root.add(i, this.byModule ? modulesOf(graph.pathOf(i)) : []);
    this.#fill(this.root, this.list);
  }

  // Lists the leaves and modules of a branch; many leaves come in parts.
  #fill(branch, list) {
    const rows = made(list, "div");
    this.lists.set(branch, rows);
    const inOrder = (a, b) => a.title.localeCompare(b.title, "en", { numeric: true });
    for (const inner of [...branch.inside.values()].sort(inOrder)) {
      const details = made(list, "details", "tgl-module");
      const noun = inner.count === 1 ? "leaf" : "leaves";
      made(details, "summary", "", `${inner.title}: ${inner.count.toLocaleString("en")} ${noun}`);
      inner.details = details;
      details.addEventListener("toggle", () => {
        this.#open(inner);
        this.show(this.player);
      });
    }
    const left = [...branch.leaves];
    const more = made(null, "button");
    const show = () => {
      for (const i of left.splice(0, SLIDERS)) this.pin(i);
      more.textContent = `${left.length.toLocaleString("en")} more`;
      if (!left.length) more.remove();
    };
    rows.after(more);
    more.addEventListener("click", () => {
      show();
      this.show(this.player);
    });
    show();
  }

  #open(branch) {
    if (!this.lists.has(branch) && branch.details.open) this.#fill(branch, branch.details);
  }

  // The list in which a leaf stands; modules around it are opened.
  #listOf(i) {
    let branch = this.root;
    for (const level of this.byModule ? modulesOf(this.scene.graph.pathOf(i)) : []) {
      branch = branch.inside.get(level);
      branch.details.open = true;
      this.#open(branch);
    }
    return this.lists.get(branch);
  }

  // The name of a leaf in its list: its label, which its module completes.
  #nameOf(i) {
    const { graph } = this.scene;
    return shortened((this.byModule && graph.labels[i]) || graph.called(i), 80);
  }

  pin(i) {
    if (this.rows.has(i)) return;
    const { graph } = this.scene;
    const recorded = this.recorded[i];
    const reach = Math.max(1, 2 * Math.abs(recorded)) || 1;
    const row = made(this.#listOf(i), "div", "tgl-leaf");
    const name = made(row, "label");
    name.append(made(null, "bdi", "", this.#nameOf(i)));
    name.title = graph.called(i);
    const [slider, field] = ["range", "number"].map((type) => Object.assign(made(row, "input"), { type, step: "any" }));
    Object.assign(slider, { min: recorded - reach, max: recorded + reach, step: reach / 500 });
    slider.setAttribute("aria-label", `value of ${graph.called(i)}`);
    field.setAttribute("aria-label", `value of ${graph.called(i)}, as a number`);
    row.dataset.node = i;
    const gradient = made(row, "output");
    const set = (x = recorded) => {
      slider.value = x;
      field.value = Number(x.toPrecision(6));
    };
    set(graph.data[i]);
    slider.addEventListener("input", () => {
      field.value = Number(Number(slider.value).toPrecision(6));
      this.act.onChange(i, Number(slider.value));
    });
    field.addEventListener("input", () => {
      if (field.value === "" || !Number.isFinite(Number(field.value))) return;
      slider.value = field.value;
      this.act.onChange(i, Number(field.value));
    });
    const refusal = this.engine.refusal(i);
    if (refusal) {
      slider.disabled = field.disabled = true;
      made(row, "p", "tgl-note", `cannot be moved on this page: ${refusal}`);
    }
    this.rows.set(i, { row, set, gradient });
  }

  point(i) {
    this.pin(i);
    for (const [other, { row }] of this.rows) row.classList.toggle("tgl-selected", other === i);
  }

  show(player) {
    this.player = player;
    for (const [i, { gradient }] of this.rows) {
      const { known, value } = this.scene.gradient(i, player);
      gradient.textContent = known === "none" ? "grad –" : `grad ${formatted(value)}${known === "part" ? " …" : ""}`;
    }
  }
}
