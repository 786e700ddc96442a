// The drawing: an SVG that is rebuilt when the layout changes, and updated in place otherwise.

import { BOX, curve } from "./frame_layout.js";
import { shortened } from "./graph_data.js";

const SVG = "http://www.w3.org/2000/svg";
const LEAST_ZOOM = 0.08;
const MOST_ZOOM = 4;
const LABELLED_EDGES = 60;
const TRAVELLERS = 12;
const LETTERS = 13;
const LINE = 16;
const EDGE_LINE = 9;
const EDGE_ROOM = 52;
const EDGE = 8;

export function made(parent, name, className, text) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
}

export function drawn(parent, name, attributes = {}, text) {
  const element = document.createElementNS(SVG, name);
  set(element, attributes);
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

// Squeezes a line of more letters than these to a width, so that it stays in its place.
function squeeze(line, letters, width) {
  if (Array.from(line.textContent).length > letters) set(line, { textLength: width, lengthAdjust: "spacingAndGlyphs" });
  else line.removeAttribute("textLength");
}

// The most elements that are drawn for so many items, edges and frames; it limits what is shown at a time.
export function elementsOf(items, edges, frames) {
  return 7 * items + 3 * frames + (edges > LABELLED_EDGES ? 1 : 2) * edges + 3 * TRAVELLERS + 20;
}

export class Drawing {
  // act: onSelect(item), onOpen(item), onClose(frame), onHover(item or null)
  constructor(parent, act) {
    this.act = act;
    this.view = { x: 0, y: 0, scale: 1 };
    this.wanted = 1;
    this.svg = drawn(parent, "svg", { class: "tgl-graph", role: "group", "aria-label": "the computation graph" });
    this.world = drawn(this.svg, "g");
    this.parts = new Map();
    this.#panAndZoom();
  }

  show(scene) {
    if (scene.layout !== this.layout) this.#rebuild(scene);
    for (const box of scene.boxes) this.#updateBox(box);
    scene.edges.forEach((edge, k) => this.#updateEdge(edge, this.edges[k]));
  }

  #rebuild(scene) {
    this.layout = scene.layout;
    const hadFocus = this.world.contains(this.svg.getRootNode().activeElement);
    this.world.replaceChildren();
    this.parts.clear();
    for (const frame of scene.frames) this.#buildFrame(frame);
    const lines = drawn(this.world, "g");
    const texts = drawn(this.world, "g");
    this.labelled = scene.edges.length <= LABELLED_EDGES;
    this.edges = scene.edges.map((_, k) => {
      const path = drawn(lines, "path", { d: curve(this.layout.ways[k], this.layout.down), class: "tgl-edge" });
      const way = this.layout.ways[k];
      const [[a, b], [c, d]] = [way.at(-2), way.at(-1)];
      const text =
        this.labelled && drawn(texts, "text", { x: (a + c) / 2, y: (b + d) / 2 - 3, class: "tgl-edge-text" });
      return { path, text };
    });
    for (const box of scene.boxes) this.#buildBox(box);
    this.travelling = drawn(this.world, "g", { class: "tgl-travelling" });
    const { group } = this.parts.get(this.current) ?? {};
    group?.setAttribute("tabindex", 0);
    if (hadFocus) group?.focus({ preventScroll: true });
  }

  #buildFrame({ frame, title, at }) {
    const group = drawn(this.world, "g", { class: "tgl-frame", "data-frame": frame });
    drawn(group, "rect", { ...at, rx: 8 });
    const text = drawn(group, "text", { x: at.x + 10, y: at.y + 17, tabindex: -1, role: "button" });
    text.textContent = `▾ ${shortened(title, Math.max(8, Math.floor(at.width / 8)))}`;
    text.setAttribute("aria-label", `close ${shortened(title, 200)}`);
    text.addEventListener("click", () => this.act.onClose(frame));
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.act.onClose(frame);
    });
  }

  #buildBox(box) {
    const at = this.layout.boxes.get(box.item);
    const group = drawn(this.world, "g", {
      transform: `translate(${at.x},${at.y})`,
      role: "button",
      tabindex: -1,
      "data-item": box.item,
    });
    const back =
      box.many && drawn(group, "rect", { x: 4, y: -4, width: at.width, height: at.height, rx: 6, class: "tgl-back" });
    const rect = drawn(group, "rect", { width: at.width, height: at.height, rx: 6 });
    const title = drawn(group, "text", { x: 9, y: 18, class: "tgl-title" });
    const tag = box.tag && drawn(group, "text", { x: at.width - 8, y: 18, class: "tgl-tag" });
    const value = drawn(group, "text", { x: 9, y: 34, class: "tgl-number" });
    const gradient = drawn(group, "text", { x: 9, y: 50, class: "tgl-number" });
    group.addEventListener("click", () => this.act.onSelect(box.item));
    group.addEventListener("dblclick", () => this.act.onOpen(box.item));
    group.addEventListener("pointerenter", () => this.act.onHover(box.item));
    group.addEventListener("pointerleave", () => this.act.onHover(null));
    group.addEventListener("focus", () => this.focused(box.item));
    this.parts.set(box.item, { group, rect, back, title, tag, value, gradient });
  }

  #updateBox(box) {
    const { group, rect, title, tag, value, gradient } = this.parts.get(box.item);
    const room = box.tag ? LETTERS - Array.from(box.tag).length : LETTERS;
    title.textContent = shortened(box.title, Math.max(4, room));
    if (tag) tag.textContent = shortened(box.tag, 10);
    value.textContent = box.value;
    gradient.textContent = box.gradient;
    for (const line of [value, gradient]) squeeze(line, LINE, BOX.width - 16);
    group.setAttribute(
      "class",
      `tgl-box tgl-${box.kind} tgl-${box.tone} tgl-${box.stage} ${box.marks.map((m) => `tgl-${m}`).join(" ")}`,
    );
    group.setAttribute("aria-label", box.description);
    group.setAttribute("aria-pressed", box.marks.includes("selected"));
    if (box.marks.includes("current")) group.setAttribute("aria-current", "step");
    else group.removeAttribute("aria-current");
    rect.style.strokeWidth = 1 + 3 * box.weight;
  }

  #updateEdge(edge, { path, text }) {
    path.setAttribute("class", `tgl-edge tgl-${edge.tone} ${edge.marks.map((m) => `tgl-${m}`).join(" ")}`);
    path.style.strokeWidth = 1 + 3 * edge.weight;
    if (!text) return;
    text.textContent = edge.text;
    squeeze(text, EDGE_LINE, EDGE_ROOM);
  }

  // Makes the box under the keyboard the one that Tab reaches.
  focused(item) {
    for (const { group } of this.parts.values()) group.setAttribute("tabindex", -1);
    this.parts.get(item)?.group.setAttribute("tabindex", 0);
    this.current = item;
  }

  focus(item) {
    this.focused(item);
    this.parts.get(item)?.group.focus({ preventScroll: true });
    if (this.parts.has(item)) this.bringToView(this.layout.boxes.get(item));
  }

  // Animates contributions that travel against their edges: [{edge, text, tone}].
  travel(contributions, seconds) {
    this.travelling?.replaceChildren();
    cancelAnimationFrame(this.frame);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const moving = contributions.slice(0, TRAVELLERS).map(({ edge, text, tone }) => {
      const group = drawn(this.travelling, "g", { class: `tgl-traveller tgl-${tone}` });
      drawn(group, "circle", { r: 5 });
      drawn(group, "text", { x: 8, y: -6 }, text);
      const { path } = this.edges[edge];
      return { group, path, length: path.getTotalLength() };
    });
    const start = performance.now();
    const step = (now) => {
      const share = Math.min(1, (now - start) / (1000 * seconds));
      for (const { group, path, length } of moving) {
        const { x, y } = path.getPointAtLength(length * (1 - share));
        group.setAttribute("transform", `translate(${x},${y})`);
      }
      if (share < 1) this.frame = requestAnimationFrame(step);
      else this.travelling.replaceChildren();
    };
    if (moving.length) step(start);
  }

  get size() {
    const { width, height } = this.svg.getBoundingClientRect();
    return { width: width || 800, height: height || 500 };
  }

  #place() {
    const { x, y, scale } = this.view;
    this.world.setAttribute("transform", `translate(${x},${y}) scale(${scale})`);
  }

  // The reader's text size, to which scales are relative.
  get text() {
    return parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  }

  // Shows the whole graph; if that needs a smaller scale than `least`, it shows the middle.
  fit(least = LEAST_ZOOM) {
    const { text, layout } = this;
    const { width, height } = this.size;
    const scale = Math.max(least * text, Math.min(1.3 * text, width / layout.width, height / layout.height));
    this.view = { x: (width - layout.width * scale) / 2, y: (height - layout.height * scale) / 2, scale };
    this.wanted = scale;
    this.#place();
  }

  zoom(factor, x, y) {
    const { size } = this;
    x ??= size.width / 2;
    y ??= size.height / 2;
    const scale = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, this.view.scale * factor));
    const moved = scale / this.view.scale;
    this.view = { x: x - (x - this.view.x) * moved, y: y - (y - this.view.y) * moved, scale };
    this.wanted = scale;
    this.#place();
  }

  // Moves the view just enough to show a whole rectangle of the layout; one that does not fit is shown smaller, until the
  // next one fits again.
  bringToView({ x, y, width, height }) {
    const { size, wanted } = this;
    const room = { width: size.width - 2 * EDGE, height: size.height - 2 * EDGE };
    this.zoom(Math.min(wanted, room.width / width, room.height / height) / this.view.scale);
    this.wanted = wanted;
    const { scale } = this.view;
    const moved = (low, long, most) => (low < EDGE ? EDGE - low : Math.min(0, EDGE + most - low - long));
    this.view.x += moved(this.view.x + x * scale, width * scale, room.width);
    this.view.y += moved(this.view.y + y * scale, height * scale, room.height);
    this.#place();
  }

  #panAndZoom() {
    let grip = null;
    this.svg.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        const { left, top } = this.svg.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY / 300), event.clientX - left, event.clientY - top);
      },
      { passive: false },
    );
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.target.closest(".tgl-box, [role=button]") || event.button) return;
      grip = { x: event.clientX - this.view.x, y: event.clientY - this.view.y };
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (!grip) return;
      this.view.x = event.clientX - grip.x;
      this.view.y = event.clientY - grip.y;
      this.#place();
    });
    for (const end of ["pointerup", "pointercancel"]) this.svg.addEventListener(end, () => (grip = null));
  }
}
