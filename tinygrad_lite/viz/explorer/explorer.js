// The explorer: the graph with its player, the panel beside it, and the code that connects them.

import { DETACHED, Graph, counted, decoded, formatted } from "./graph_data.js";
import { Hierarchy } from "./open_frames.js";
import { Drawing, elementsOf, made } from "./drawing.js";
import { KernelEngine, PageEngine, decodedChecks, isWrong } from "./recomputing.js";
import { Player } from "./player.js";
import { Scene } from "./scene.js";
import { DetailView, StepView } from "./panel.js";
import { LeafView } from "./leaves.js";
import { PlayerBar, SearchBox, ToolBar, addLegend } from "./bars.js";
import { addKeys, pressed } from "./keys.js";
import { trainingView } from "./training.js";

const ELEMENTS = 2000;
const ALL_OPEN = 60;
const AT_FIRST = 40;
// The smallest scale at which the drawing's texts, of 12 px and more, can be read.
const READABLE = 0.75;

class Explorer {
  constructor(element, payload, remote, evaluator) {
    this.graph = new Graph(payload);
    this.hierarchy = new Hierarchy(this.graph, payload);
    this.recorded = this.graph.numbers;
    this.engine = remote ? new KernelEngine(remote, this.graph) : new PageEngine(this.graph, evaluator);
    this.changes = new Map();
    this.trained = new Map();
    this.selected = null;
    this.player = new Player((forth) => this.stepped(forth));
    this.#openAtFirst();
    this.scene = new Scene(this.graph, this.hierarchy);
    if (payload.checks) this.scene.checks = decodedChecks(payload.checks, this.graph);
    this.#build(element, payload);
    this.player.setSteps(this.scene.steps);
    // Findings are shown where all gradients are there.
    this.player.position = payload.checks ? this.player.end : 0;
    this.fit();
    this.drawing.focused(this.scene.items[0]);
    this.size = this.#measured();
    this.resizing = new ResizeObserver(() => this.#resized());
    this.resizing.observe(this.drawing.svg);
  }

  // Opens all frames of a small graph; of a large one those that fit on a page, outermost first.
  #openAtFirst() {
    const { hierarchy } = this;
    if (hierarchy.classes <= ALL_OPEN) {
      hierarchy.frames.forEach((_, f) => hierarchy.open.add(f));
      return;
    }
    hierarchy.frames.forEach((frame, f) => {
      if (!hierarchy.isVisible(frame.parent)) return;
      const alone = hierarchy.children.get(frame.parent).length < 6;
      hierarchy.open.add(f);
      if (!alone || hierarchy.visible().items.length > AT_FIRST) hierarchy.open.delete(f);
    });
  }

  #build(element, payload) {
    const root = made(element, "div", "tgl-explorer");
    this.root = root;
    root.tabIndex = -1;
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    root.setAttribute("role", "region");
    root.setAttribute("aria-label", `backprop explorer: ${payload.title}`);
    root.addEventListener("keydown", (event) => pressed(event, this));
    const bar = made(root, "div", "tgl-bar");
    this.playerBar = new PlayerBar(bar, this.player);
    this.search = new SearchBox(bar, this.hierarchy, {
      onFound: (item) => this.go(item),
      onEnd: () => this.drawing.focus(this.drawing.current),
    });
    const body = made(root, "div", "tgl-body");
    const main = made(body, "div", "tgl-main");
    const left = made(main, "div", "tgl-left");
    this.drawing = new Drawing(left, {
      onSelect: (item) => this.toggle(item),
      onOpen: (item) => this.open(item),
      onClose: (frame) => this.close(frame),
      onHover: (item) => this.details.show(item ?? this.selected, this.player),
    });
    const strip = made(left, "div", "tgl-strip");
    this.tools = new ToolBar(strip, this.drawing, { onCheck: () => this.check(), onSample: (k) => this.choose(k) });
    addLegend(strip);
    const panel = made(main, "div", "tgl-panel");
    this.stepView = new StepView(panel, this.scene);
    this.details = new DetailView(panel, this.scene, {
      onOpen: (item) => this.open(item),
      onSample: (k, item) => this.choose(k, item),
    });
    this.leaves = new LeafView(panel, this.scene, this.engine, {
      onChange: (i, x) => this.change(i, x),
      onReset: () => this.reset(),
    });
    addKeys(panel);
    this.status = made(root, "p", "tgl-status");
    this.status.setAttribute("role", "status");
    if (payload.training) this.#buildTraining(body, payload.training);
  }

  // Adds the view of the training; the graph's parameters follow its time.
  #buildTraining(body, training) {
    const nodes = training.parameters && decoded(training.parameters.node);
    const numbers = training.parameters && decoded(training.parameters.numbers);
    const view = trainingView(training, {
      onTime: (t) => {
        if (!nodes) return;
        this.trained = new Map(Array.from(nodes, (node, k) => [node, numbers[t * nodes.length + k]]));
        this.#setLeaves();
        this.recompute();
      },
    });
    body.append(view.element);
    view.show(training.steps.length - 1);
  }

  // Sets the leaves that the user has not moved to their numbers at the training's time, else to the recorded ones.
  #setLeaves() {
    for (const [i, { set }] of this.leaves.rows) if (!this.changes.has(i)) set(this.trained.get(i));
  }

  walk(by) {
    const { items } = this.scene;
    const at = items.indexOf(this.drawing.current);
    this.drawing.focus(items[(at + by + items.length) % items.length]);
  }

  enter(item) {
    if (this.hierarchy.isFrame(item)) this.open(item);
    else this.toggle(item);
  }

  say(text) {
    this.status.textContent = text;
  }

  select(item) {
    this.selected = item;
    const i = item === null || this.hierarchy.isFrame(item) ? -1 : this.hierarchy.chosen[item];
    if (i >= 0 && this.graph.isLeaf(i) && this.graph.kind[i] !== DETACHED) this.leaves.point(i);
    this.refresh();
  }

  toggle(item) {
    this.select(item === this.selected ? null : item);
  }

  go(item) {
    const { hierarchy } = this;
    const frame = hierarchy.frameOfItem(item);
    if (frame >= 0 && !hierarchy.isVisible(frame)) {
      hierarchy.reveal(frame);
      this.#rearrange(frame);
    }
    if (!this.scene.layout.boxes.has(item)) item = this.scene.itemOfNode(hierarchy.nodes(item)[0]);
    this.select(item);
    this.drawing.focus(item);
  }

  open(item) {
    if (!this.hierarchy.isFrame(item)) return;
    const f = item - this.hierarchy.classes;
    if (this.selected === item) this.selected = null;
    this.hierarchy.reveal(f);
    this.#rearrange(f);
    this.say(`${this.hierarchy.title(item)} is open: ${counted(this.hierarchy.children.get(f).length, "part")}`);
    this.drawing.focus(
      this.scene.items.find((other) => this.hierarchy.frameOfItem(other) === f) ?? this.scene.items.at(-1),
    );
  }

  close(f) {
    if (f < 0) return;
    this.hierarchy.close(f);
    this.#rearrange(f);
    const item = this.hierarchy.classes + f;
    this.say(`${this.hierarchy.title(item)} is closed`);
    this.drawing.focus(item);
  }

  // Computes the layout again; if there are too many elements, closes the frames that were opened first.
  #rearrange(opened) {
    const { hierarchy, scene } = this;
    for (;;) {
      scene.arrange();
      if (elementsOf(scene.items.length, scene.edges.length, scene.frames.length) <= ELEMENTS) break;
      const around = new Set();
      for (let f = opened; f >= 0; f = hierarchy.frames[f].parent) around.add(f);
      const oldest = [...hierarchy.open].find((f) => !around.has(f)) ?? opened;
      if (!hierarchy.open.has(oldest)) break;
      hierarchy.close(oldest);
    }
    this.player.setSteps(scene.steps);
    if (this.selected !== null && !scene.items.includes(this.selected)) this.selected = null;
    this.fit();
  }

  // Fits the drawing to the window; a graph that would be too small to read is shown at its present step.
  fit() {
    this.scene.turnFor(this.drawing.size, READABLE * this.drawing.text);
    this.refresh();
    this.drawing.fit(READABLE);
    this.#follow();
  }

  #follow() {
    const item = this.player.current ?? this.player.steps[0];
    if (item !== undefined) this.drawing.bringToView(this.scene.lit(item));
  }

  choose(k, item) {
    this.hierarchy.choose(k, item);
    this.refresh();
  }

  change(i, x) {
    this.changes.set(i, x);
    this.recompute();
  }

  reset() {
    this.changes.clear();
    this.#setLeaves();
    this.recompute();
  }

  // The leaves that differ from the recording, with their numbers.
  get moved() {
    return new Map([...this.trained, ...this.changes]);
  }

  // Runs one computation at a time; changes that come meanwhile are computed afterwards.
  async recompute() {
    this.stale = true;
    if (this.computing) return;
    this.computing = true;
    try {
      while (this.stale) {
        this.stale = false;
        const { moved } = this;
        this.graph.take(moved.size ? await this.engine.recompute(moved) : this.recorded);
        this.scene.checks = new Map();
        this.scene.measure();
        this.refresh();
      }
      this.say("");
    } catch (error) {
      this.say(`The numbers could not be computed: ${error.message}`);
    } finally {
      this.computing = false;
    }
  }

  async check() {
    const { graph, scene, hierarchy } = this;
    if (scene.checks.size) {
      scene.checks = new Map();
      this.refresh();
      return;
    }
    this.say("checking with finite differences …");
    const { data } = graph;
    try {
      const shown = scene.items.filter((item) => !hierarchy.isFrame(item)).map((item) => hierarchy.chosen[item]);
      const found = await this.engine.compare(shown, this.moved);
      if (graph.data !== data) return; // the checked numbers are no longer shown
      scene.checks = found;
      const checks = [...found.values()];
      const wrong = checks.filter(isWrong).length;
      const judged = wrong + checks.filter(({ verdict }) => verdict === "ok").length;
      this.say(
        wrong
          ? `${wrong} of ${judged} derivatives disagree with finite differences`
          : `${counted(judged, "derivative")} agree with finite differences`,
      );
      this.player.jump(this.player.end);
    } catch (error) {
      this.say(`The check could not be made: ${error.message}`);
    }
  }

  stepped(forth) {
    this.refresh();
    this.#follow();
    if (forth && this.player.pass === "backward") this.#travel(this.player.current);
  }

  #travel(item) {
    const tone = (value) => (value > 0 ? "positive" : value < 0 ? "negative" : "none");
    const contributions = this.lines
      .map(({ value }, edge) => ({ edge, text: formatted(value), tone: tone(value) }))
      .filter(({ edge }) => this.scene.edges[edge].target === item);
    this.drawing.travel(contributions, 0.7 / this.player.speed);
  }

  refresh() {
    const { player, scene, selected } = this;
    const focus = { selected, related: selected === null ? null : scene.related(selected) };
    this.lines = scene.lines(player, focus);
    this.drawing.show({
      layout: scene.layout,
      frames: scene.frames,
      boxes: scene.boxes(player, focus),
      edges: this.lines,
    });
    this.stepView.show(player);
    this.details.show(selected, player);
    this.leaves.show(player);
    this.playerBar.show();
    const { sample, samples } = this.hierarchy;
    this.tools.show({ checked: scene.checks.size > 0, sample, samples });
  }

  #measured() {
    const { width, height } = this.drawing.svg.getBoundingClientRect();
    return `${width} ${height}`;
  }

  #resized() {
    const size = this.#measured();
    if (size !== this.size && !size.startsWith("0 ")) this.fit();
    this.size = size;
  }

  // Takes the keys.
  focus() {
    this.root.focus({ preventScroll: true });
  }

  end() {
    this.player.pause();
    this.resizing.disconnect();
    this.root.remove();
  }
}

// Puts an explorer for a payload, a JSON text, into an element. Numbers come from the kernel through `remote`, else from
// the page's evaluator.
export function mount(element, payload, remote, evaluator) {
  return new Explorer(element, JSON.parse(payload), remote, evaluator);
}

function render({ model, el }) {
  const remote = {
    send: (message) => model.send(message),
    listen: (hear) => model.on("msg:custom", hear),
  };
  const explorer = mount(el, model.get("payload"), remote);
  return () => explorer.end();
}

export default { render };
