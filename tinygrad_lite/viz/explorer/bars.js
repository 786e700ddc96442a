// The bars around the drawing: player, search, tools and legend.

import { shortened } from "./graph_data.js";
import { made } from "./drawing.js";

const FOUND = 30;
const SPEEDS = [0.5, 1, 2, 4, 8];
const SIGNS = [
  ["tgl-positive", "positive"],
  ["tgl-negative", "negative"],
  ["tgl-thick", "thicker: larger gradient"],
  ["tgl-stopped", "⊘ stopped"],
];

function pushButton(parent, text, name, act) {
  const button = made(parent, "button", "", text);
  button.type = "button";
  button.title = name;
  button.setAttribute("aria-label", name);
  button.addEventListener("click", act);
  return button;
}

export class PlayerBar {
  constructor(bar, player) {
    this.player = player;
    const group = made(bar, "div", "tgl-player");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "player");
    pushButton(group, "⇤", "first (Home)", () => player.jump(0));
    pushButton(group, "←", "back (left arrow)", () => player.step(-1));
    this.button = pushButton(group, "▶", "play (Space)", () => player.toggle());
    pushButton(group, "→", "forward (right arrow)", () => player.step(1));
    pushButton(group, "⇥", "last (End)", () => player.jump(player.end));
    const speed = made(group, "select");
    speed.setAttribute("aria-label", "speed");
    for (const s of SPEEDS) made(speed, "option", "", `${s} ×`).value = s;
    speed.value = 1;
    speed.addEventListener("change", () => (player.speed = Number(speed.value)));
    const line = made(bar, "label", "tgl-timeline");
    this.pass = made(line, "span");
    this.timeline = made(line, "input");
    Object.assign(this.timeline, { type: "range", min: 0, step: 1 });
    this.timeline.setAttribute("aria-label", "step");
    this.timeline.addEventListener("input", () => player.jump(Number(this.timeline.value)));
  }

  show() {
    const { player } = this;
    this.button.textContent = player.playing ? "❚❚" : "▶";
    this.button.setAttribute("aria-label", player.playing ? "pause (Space)" : "play (Space)");
    this.timeline.max = player.end;
    this.timeline.value = player.position;
    this.timeline.setAttribute("aria-valuetext", player.words);
    this.pass.textContent = player.pass;
  }
}

// Search by label, module path or operation. act: onFound(item); onEnd(), when the search is cancelled.
export class SearchBox {
  constructor(bar, hierarchy, act) {
    Object.assign(this, { hierarchy, act });
    const box = made(bar, "div", "tgl-search");
    this.field = made(box, "input");
    Object.assign(this.field, { type: "search", placeholder: "search label or module (/)" });
    this.field.setAttribute("aria-label", "search by label, module or operation");
    this.list = made(box, "ul", "tgl-found");
    this.list.hidden = true;
    this.field.addEventListener("input", () => this.#find(this.field.value.trim().toLowerCase()));
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "ArrowDown") {
        this.list.querySelector("button")?.[event.key === "Enter" ? "click" : "focus"]();
        event.preventDefault();
      }
      if (event.key === "Escape") this.#end();
    });
  }

  focus() {
    this.field.focus();
  }

  #end() {
    this.field.value = "";
    this.list.hidden = true;
    this.act.onEnd();
  }

  #find(text) {
    this.list.replaceChildren();
    this.list.hidden = !text;
    if (!text) return;
    const found = [...this.#frames(text), ...this.#classes(text)];
    for (const { item, name, where } of found.slice(0, FOUND)) {
      const button = pushButton(made(this.list, "li"), shortened(name, 60), `go to ${shortened(name, 200)}`, () => {
        this.#end();
        this.act.onFound(item);
      });
      if (where && where !== name) made(button, "small", "", shortened(where, 40));
    }
    if (!found.length) made(this.list, "li", "tgl-note", "no label, module or operation matches");
    if (found.length > FOUND) made(this.list, "li", "tgl-note", `and ${found.length - FOUND} more`);
  }

  #frames(text) {
    const { classes, frames } = this.hierarchy;
    return frames
      .map(({ path, title }, f) => ({
        item: classes + f,
        name: path ?? title,
        where: "module",
        words: `${path ?? ""} ${title}`,
      }))
      .filter(({ words }) => words.toLowerCase().includes(text));
  }

  // A class is found by the label of any member, else by its shown member.
  #classes(text) {
    const { graph, classes, chosen } = this.hierarchy;
    const labelled = (i) => (graph.labels[i] ?? "").toLowerCase().includes(text);
    return Array.from({ length: classes }, (_, c) => {
      const i = this.hierarchy.members(c).find(labelled) ?? chosen[c];
      const label = graph.labels[i] ?? "";
      const operation = graph.isLeaf(i) ? "" : graph.variants[graph.op[i]].name;
      return {
        item: c,
        name: graph.called(i),
        where: graph.pathOf(i),
        words: `${label} ${graph.pathOf(i)}.${label} ${operation}`,
      };
    }).filter(({ words }) => words.toLowerCase().includes(text));
  }
}

// The tools: zoom, the check with finite differences, and the choice of the shown sample.
export class ToolBar {
  constructor(left, drawing, { onCheck, onSample }) {
    const bar = made(left, "div", "tgl-tools");
    pushButton(bar, "+", "zoom in", () => drawing.zoom(1.3));
    pushButton(bar, "−", "zoom out", () => drawing.zoom(1 / 1.3));
    pushButton(bar, "fit", "fit the graph to the window (0)", () => drawing.fit());
    this.check = pushButton(bar, "check", "check derivatives with finite differences", onCheck);
    this.sampler = made(bar, "label", "tgl-sampler", "sample ");
    this.field = made(this.sampler, "input");
    Object.assign(this.field, { type: "number", min: 1, value: 1 });
    this.field.addEventListener("change", () => onSample(Math.max(1, Math.round(Number(this.field.value)) || 1) - 1));
    this.count = made(this.sampler, "span");
  }

  show({ checked, sample, samples }) {
    this.check.setAttribute("aria-pressed", checked);
    this.sampler.hidden = samples < 2;
    this.field.max = samples;
    this.field.value = (sample % samples) + 1;
    this.count.textContent = ` of ${samples.toLocaleString("en")}`;
  }
}

export function addLegend(left) {
  const legend = made(left, "div", "tgl-legend");
  for (const [name, text] of SIGNS) {
    const item = made(legend, "span", name);
    made(item, "i");
    item.append(text);
  }
}
