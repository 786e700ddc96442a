// A chart of numbers over the records of a training, as an SVG in its real size, so that text is not scaled.

import { drawn, made } from "./drawing.js";
import { formatted } from "./graph_data.js";

const DASHES = ["", "7 4", "2 3", "10 3 2 3", "14 4", "5 2 1 2"];
const RAMP = ["var(--positive)", "var(--between)", "var(--negative)"];
const LINE_HEIGHT = 1.35;
const NARROW = 20; // letters; names stand there without their numbers
const pen = document.createElement("canvas").getContext("2d");

export class TimeChart {
  // lines: [{name, values}], a missing value is null; time: {unit, steps}; onTime(t) is called when a record is chosen
  constructor(parent, title, lines, time, { logarithmic, onTime }) {
    Object.assign(this, { title, time, onTime, t: 0 });
    this.lines = lines.map((line, k) => ({ ...line, dash: DASHES[k % DASHES.length], color: along(k, lines.length) }));
    this.figure = made(parent, "figure", "tgl-run-chart");
    const caption = made(this.figure, "figcaption");
    made(caption, "strong", "", title);
    this.moment = made(caption, "span", "tgl-run-moment");
    this.moment.setAttribute("aria-hidden", "true");
    this.svg = drawn(this.figure, "svg", {
      role: "slider",
      tabindex: 0,
      "aria-label": `${title}; arrow keys move through time`,
    });
    this.#setRange(logarithmic);
    this.#listen();
  }

  #setRange(logarithmic) {
    const all = this.lines.flatMap((line) => line.values.filter((x) => x !== null));
    const positive = all.filter((x) => x > 0);
    const low = least(all),
      high = most(all);
    this.isLog = positive.length > 0 && (logarithmic === true || (low > 0 && logarithmic !== false && high > 8 * low));
    if (this.isLog) {
      // A zero, which has no logarithm, is drawn at the bottom.
      const bottom = least(positive);
      this.range = [Math.log10(bottom), Math.log10(Math.max(high, bottom))];
      if (low <= 0) this.range[0] -= 0.5;
    } else this.range = [low, high];
    const margin = 0.04 * (this.range[1] - this.range[0]) || 0.05 * Math.abs(high) || 0.5;
    this.range = [this.range[0] - margin, this.range[1] + margin];
  }

  #listen() {
    const last = this.time.steps.length - 1;
    const go = (t) => this.onTime(Math.min(last, Math.max(0, t)));
    const jump = Math.max(1, Math.round(last / 10));
    const keys = {
      ArrowLeft: () => go(this.t - 1),
      ArrowDown: () => go(this.t - 1),
      ArrowRight: () => go(this.t + 1),
      ArrowUp: () => go(this.t + 1),
      PageDown: () => go(this.t - jump),
      PageUp: () => go(this.t + jump),
      Home: () => go(0),
      End: () => go(last),
    };
    this.svg.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || !(event.key in keys)) return;
      event.preventDefault();
      keys[event.key]();
    });
    this.svg.addEventListener("pointermove", (event) => {
      const t = this.#nearest(event);
      if (event.buttons & 1) go(t);
      else this.#mark(t, true);
    });
    this.svg.addEventListener("pointerdown", (event) => go(this.#nearest(event)));
    this.svg.addEventListener("pointerleave", () => this.show(this.t));
  }

  #nearest(event) {
    const x = event.clientX - this.svg.getBoundingClientRect().left;
    let best = 0;
    this.time.steps.forEach((_, t) => {
      if (Math.abs(this.x(t) - x) < Math.abs(this.x(best) - x)) best = t;
    });
    return best;
  }

  x(t) {
    const { steps } = this.time;
    const span = steps.at(-1) - steps[0];
    return this.left + (span ? (steps[t] - steps[0]) / span : 0.5) * this.width;
  }

  y(value) {
    const at = this.isLog ? (value > 0 ? Math.log10(value) : -Infinity) : value;
    const share = (Math.max(at, this.range[0]) - this.range[0]) / (this.range[1] - this.range[0]);
    return this.top + (1 - share) * this.height;
  }

  draw() {
    const style = getComputedStyle(this.figure);
    this.em = parseFloat(style.fontSize) * 0.8;
    pen.font = `600 ${this.em}px ${style.fontFamily}`;
    const { em } = this;
    const { width: full, height } = this.svg.getBoundingClientRect();
    this.top = 0.6 * em;
    this.height = Math.max(3 * em, height - this.top - 2.8 * em);
    this.isNarrow = full < NARROW * em;
    const named = this.#labelled();
    const room = Math.max(2, Math.min(8, Math.floor(this.height / (1.4 * em))));
    const found = this.isLog ? decades(...this.range) : evenly(...this.range, Math.min(5, room));
    const ticks = found.filter((_, k) => k % Math.ceil(found.length / room) === 0);
    const number = this.isNarrow ? "" : ` ${formatted(-1.234e-3, 3)}`;
    const labelWidth = named.length ? most(named.map((line) => wide(line.short + number))) + 2.2 * em : 0;
    this.left = most([0, ...ticks.map((tick) => wide(formatted(tick)))]) + 0.8 * em;
    this.width = Math.max(60, full - this.left - labelWidth - 0.8 * em);
    this.svg.replaceChildren();
    this.#axes(ticks);
    for (const line of this.lines) this.#path(line);
    this.#labels(named);
    this.#marker();
    this.show(this.t);
  }

  // The lines that get a label: all, or, if there is no room for that, an even selection. One alone needs none, since its
  // number is in the caption.
  #labelled() {
    const n = this.lines.length;
    if (n === 1) return [];
    const fitting = Math.max(2, Math.floor(this.height / (LINE_HEIGHT * this.em)));
    const every = n > fitting ? (n - 1) / (fitting - 1) : 1;
    const some = Array.from({ length: Math.min(n, fitting) }, (_, k) => this.lines[Math.round(k * every)]);
    const room = this.figure.clientWidth < 26 * this.em * 1.25 ? 9 : 16;
    for (const line of some) line.short = ending(line.name, room);
    return some;
  }

  #axes(ticks) {
    const { em, left, width, top, height } = this;
    const bottom = top + height;
    const axes = drawn(this.svg, "g", { class: "tgl-run-axes", "aria-hidden": "true" });
    for (const tick of ticks) {
      const y = this.y(tick);
      drawn(axes, "line", { x1: left, x2: left + width, y1: y, y2: y });
      drawn(axes, "text", { x: left - 0.5 * em, y: y + 0.35 * em, "text-anchor": "end" }, formatted(tick));
    }
    const { steps, unit } = this.time;
    const wanted = Math.max(3, Math.floor(width / (3.6 * em)));
    const places = evenly(steps[0], steps.at(-1), wanted).filter((step) => Number.isInteger(step) && step > 0);
    for (const step of steps.length > 1 && places.length ? places : [steps[0]]) {
      const span = steps.at(-1) - steps[0];
      const x = left + (span ? (step - steps[0]) / span : 0.5) * width;
      drawn(axes, "line", { class: "tgl-run-tick", x1: x, x2: x, y1: bottom, y2: bottom + 0.35 * em });
      drawn(axes, "text", { x, y: bottom + 1.35 * em, "text-anchor": "middle" }, step.toLocaleString("en"));
    }
    drawn(axes, "text", { x: left + width, y: bottom + 2.5 * em, "text-anchor": "end", class: "tgl-run-axis" }, unit);
    if (this.isLog && width > 8 * em)
      drawn(axes, "text", { x: left, y: bottom + 2.5 * em, class: "tgl-run-axis" }, "log scale");
    drawn(axes, "line", { class: "tgl-run-tick", x1: left, x2: left + width, y1: bottom, y2: bottom });
  }

  #path(line) {
    let text = "",
      isOpen = false;
    line.values.forEach((value, t) => {
      const isAlone = !isOpen && (line.values[t + 1] ?? null) === null;
      if (value !== null) {
        text += `${isOpen ? "L" : "M"}${(this.x(t) - (isAlone ? 2 : 0)).toFixed(1)} ${this.y(value).toFixed(1)}${isAlone ? "h4" : ""}`;
      }
      isOpen = value !== null;
    });
    const path = drawn(this.svg, "path", {
      d: text,
      class: "tgl-run-line",
      style: line.color,
      "stroke-dasharray": line.dash,
    });
    drawn(path, "title", {}, line.name);
  }

  // Draws the labels beside the ends of the lines, moved apart where these are close.
  #labels(named) {
    const { em } = this;
    const x = this.left + this.width;
    const ends = named.map((line) => ({ line, y: this.y(line.values.findLast((value) => value !== null) ?? 0) }));
    ends.sort((a, b) => a.y - b.y);
    const places = apart(
      ends.map((end) => end.y),
      1.3 * em,
      this.top + 0.5 * em,
      this.top + this.height,
    );
    const group = drawn(this.svg, "g", { "aria-hidden": "true" });
    for (const line of this.lines) line.label = undefined;
    ends.forEach(({ line, y }, k) => {
      const to = places[k];
      drawn(group, "path", {
        d: `M${x + 0.2 * em} ${y}L${x + 1.1 * em} ${to}h${0.5 * em}`,
        class: "tgl-run-leader",
        style: line.color,
      });
      const place = { x: x + 2 * em, y: to + 0.35 * em };
      const text = drawn(group, "text", { ...place, class: "tgl-run-label", style: line.color });
      drawn(text, "title", {}, line.name);
      drawn(text, "tspan", { class: "tgl-run-name" }, line.short);
      if (!this.isNarrow) line.label = drawn(text, "tspan", { dx: 0.4 * em });
    });
  }

  #marker() {
    this.marker = drawn(this.svg, "line", { class: "tgl-run-marker", y1: this.top, y2: this.top + this.height });
    for (const line of this.lines) {
      line.dot = drawn(this.svg, "circle", { r: 0.32 * this.em, style: line.color, class: "tgl-run-dot" });
    }
  }

  show(t) {
    this.t = t;
    if (this.marker) this.#mark(t, false);
    const { steps, unit } = this.time;
    const known = this.lines.slice(0, 6).map((line) => `${line.name} ${told(line.values[t])}`);
    const values = {
      valuemin: 0,
      valuemax: steps.length - 1,
      valuenow: t,
      valuetext: `${unit} ${steps[t]}: ${known.join(", ")}`,
    };
    for (const [name, value] of Object.entries(values)) this.svg.setAttribute(`aria-${name}`, value);
  }

  // Marks record t: the present one, or (isLook) the one under the pointer.
  #mark(t, isLook) {
    const x = this.x(t);
    this.marker.setAttribute("x1", x);
    this.marker.setAttribute("x2", x);
    this.marker.classList.toggle("tgl-run-look", isLook);
    const words = this.lines.length === 1 ? [told(this.lines[0].values[t])] : [];
    if (isLook) words.push(`at ${this.time.unit} ${this.time.steps[t].toLocaleString("en")}`);
    this.moment.textContent = words.join(" ");
    for (const { values, dot, label } of this.lines) {
      const value = values[t];
      dot.setAttribute("visibility", value === null ? "hidden" : "visible");
      dot.setAttribute("cx", x);
      if (value !== null) dot.setAttribute("cy", this.y(value));
      if (label) label.textContent = told(value);
    }
  }
}

function told(value) {
  return value === null || value === undefined ? "–" : formatted(value, 3);
}

function wide(text) {
  return pen.measureText(text).width;
}

function least(numbers) {
  return numbers.reduce((a, b) => Math.min(a, b), Infinity);
}

function most(numbers) {
  return numbers.reduce((a, b) => Math.max(a, b), -Infinity);
}

// Shortens a name; a path keeps its end, which says more.
function ending(name, length) {
  const letters = Array.from(name);
  return letters.length > length ? `…${letters.slice(1 - length).join("")}` : name;
}

// The style with the colour of line k of many: from blue through purple to orange.
function along(k, many) {
  const at = many > 1 ? (2 * k) / (many - 1) : 0;
  const [from, to] = at < 1 ? RAMP : RAMP.slice(1);
  return `--line-color: color-mix(in srgb, ${to} ${Math.round(100 * (at < 1 ? at : at - 1))}%, ${from})`;
}

// About `many` round numbers between low and high.
export function evenly(low, high, many) {
  const rough = (high - low) / many || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough);
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

// Powers of ten between two logarithms; for few decades, 1, 2 and 5 times each.
function decades(low, high) {
  const every = Math.ceil((high - low) / 6);
  const found = [];
  for (let e = Math.floor(low); e <= high; e++) {
    for (const factor of high - low < 2.2 ? [1, 2, 5] : [1]) {
      const at = e + Math.log10(factor);
      if (at >= low && at <= high && e % every === 0) found.push(Number(`${factor}e${e}`));
    }
  }
  return found;
}

// Ascending places, moved just enough to be `gap` apart, within the bounds if there is room.
function apart(wanted, gap, low, high) {
  const places = [...wanted];
  for (let k = 0; k < places.length; k++) places[k] = Math.max(places[k], k ? places[k - 1] + gap : low);
  for (let k = places.length - 1, limit = high; k >= 0; k--, limit = places[k + 1] - gap)
    places[k] = Math.min(places[k], limit);
  return places;
}
