// A heat map of a model's outputs over the plane at a record of its training, with the samples; for two inputs.

import { drawn, made } from "./drawing.js";
import { decoded, formatted } from "./graph_data.js";
import { evenly } from "./chart.js";

const CLASS_COLORS = 8;
const NO_NUMBER = [150, 150, 150];
const NAN_LEVEL = 255;
const LEVELS = 254;
const PALE = 0.42;
const STRENGTH = 0.62;
const WIDEST = 1.5; // how far the plane is stretched at most

// Outlines around the origin, of size 1. Each class has a shape as well as a colour.
const SHAPES = [
  Array.from({ length: 24 }, (_, k) => [Math.cos((k * Math.PI) / 12), Math.sin((k * Math.PI) / 12)]),
  [
    [-0.85, -0.85],
    [0.85, -0.85],
    [0.85, 0.85],
    [-0.85, 0.85],
  ],
  [
    [0, -1.15],
    [1.1, 0.8],
    [-1.1, 0.8],
  ],
  [
    [0, -1.25],
    [1.1, 0],
    [0, 1.25],
    [-1.1, 0],
  ],
  [
    [0, 1.15],
    [1.1, -0.8],
    [-1.1, -0.8],
  ],
  [
    [-0.4, -1.2],
    [0.4, -1.2],
    [0.4, -0.4],
    [1.2, -0.4],
    [1.2, 0.4],
    [0.4, 0.4],
    [0.4, 1.2],
    [-0.4, 1.2],
    [-0.4, 0.4],
    [-1.2, 0.4],
    [-1.2, -0.4],
    [-0.4, -0.4],
  ],
];

export class PlaneView {
  constructor(parent, boundary, time) {
    Object.assign(this, { boundary, time, t: 0, grids: decoded(boundary.values) });
    this.figure = made(parent, "figure", "tgl-run-chart tgl-run-plane");
    const caption = made(this.figure, "figcaption");
    made(caption, "strong", "", boundary.kind === "value" ? "Prediction" : "Decision boundary");
    this.moment = made(caption, "span", "tgl-run-moment");
    this.moment.setAttribute("aria-hidden", "true");
    this.canvas = made(this.figure, "canvas");
    this.canvas.setAttribute("role", "img");
    this.cells = document.createElement("canvas");
    this.cells.width = this.cells.height = boundary.size;
    this.#legend();
    this.canvas.addEventListener("pointermove", (event) => this.#look(event));
    this.canvas.addEventListener("pointerleave", () => this.show(this.t));
  }

  #legend() {
    const { kind, classes, range } = this.boundary;
    const legend = made(this.figure, "div", "tgl-run-legend");
    (classes ?? []).forEach((name, k) => {
      const item = made(legend, "span");
      const svg = drawn(item, "svg", { viewBox: "-1.5 -1.5 3 3", "aria-hidden": "true" });
      const points = SHAPES[k % SHAPES.length].map((point) => point.join(",")).join(" ");
      drawn(svg, "polygon", { points, style: `fill: var(${className(k)})` });
      item.append(document.createTextNode(kind === "class" ? `class ${name}` : `target ${name}`));
    });
    if (kind === "class") return;
    if (kind === "value") made(legend, "span", "", "samples are coloured by their targets");
    const bar = made(legend, "span", "tgl-run-scale");
    made(bar, "span", "", formatted(range[0], 3));
    this.ramp = made(bar, "span", "tgl-run-ramp");
    made(
      bar,
      "span",
      "",
      kind === "probability"
        ? classes[0] === "-1"
          ? "1 sigmoid of the output"
          : `1 probability of ${classes[1]}`
        : formatted(range[1], 3),
    );
  }

  // Takes the colours of the present theme, of which a canvas knows nothing.
  #mix() {
    const probe = made(this.figure, "i");
    const resolved = (name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe)
        .color.match(/[\d.]+/g)
        .map(Number);
    };
    this.ground = resolved("--field");
    this.ink = colored(resolved("--ink"));
    this.colors = Array.from({ length: CLASS_COLORS }, (_, k) => resolved(className(k)));
    probe.remove();
    this.palette = Array.from({ length: 256 }, (_, level) => this.#shade(level));
    if (!this.ramp) return;
    const stops = Array.from({ length: 9 }, (_, k) => colored(this.palette[Math.round((k * LEVELS) / 8)]));
    this.ramp.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
  }

  // The colour of a level.
  #shade(level) {
    const {
      kind,
      range: [low, high],
    } = this.boundary;
    if (level === NAN_LEVEL) return NO_NUMBER;
    if (kind === "class") return mixed(this.ground, this.colors[level % CLASS_COLORS], PALE);
    const number = this.#number(level);
    return this.#scaled(kind === "value" ? number : 2 * number - 1, kind === "value" ? low : -high, high);
  }

  // A colour from that of class 0 (low) through the ground to that of class 1 (high); the ground is at zero if there are
  // values on both sides of it.
  #scaled(number, low, high) {
    let at = high > low ? (2 * (number - low)) / (high - low) - 1 : 0;
    if (low < 0 && high > 0) at = number / Math.max(-low, high);
    return mixed(this.ground, this.colors[at < 0 ? 0 : 1], STRENGTH * Math.min(1, Math.abs(at)));
  }

  #number(level) {
    const [low, high] = this.boundary.range;
    return low + ((high - low) * level) / LEVELS;
  }

  #level(t, i, j) {
    const { size } = this.boundary;
    return this.grids[(t * size + j) * size + i];
  }

  draw() {
    const style = getComputedStyle(this.figure);
    const em = parseFloat(style.fontSize) * 0.8;
    const ratio = window.devicePixelRatio || 1;
    const { x, y } = this.boundary;
    const { width: full, height: high } = this.canvas.getBoundingClientRect();
    this.#mix();
    const context = this.canvas.getContext("2d");
    context.font = `${em}px ${style.fontFamily}`;
    const height = Math.max(3 * em, high - 2.6 * em);
    this.ticks = { y: evenly(...y, 5) };
    const left = Math.max(...this.ticks.y.map((tick) => context.measureText(formatted(tick)).width)) + 0.8 * em;
    const width = Math.min(full - left - 2, (WIDEST * height * (x[1] - x[0])) / (y[1] - y[0]));
    this.ticks.x = evenly(...x, Math.max(2, Math.floor(width / (6 * em))));
    Object.assign(this, { em, ratio, font: context.font, area: { left, top: 0.6 * em, width, height } });
    this.canvas.width = Math.round(full * ratio);
    this.canvas.height = Math.round(high * ratio);
    this.show(this.t);
  }

  show(t) {
    this.t = t;
    this.moment.textContent = "";
    this.canvas.setAttribute("aria-label", this.#said());
    if (!this.area) return;
    const context = this.canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#paintCells(context);
    context.save();
    context.beginPath();
    context.rect(this.area.left, this.area.top, this.area.width, this.area.height);
    context.clip();
    this.#paintBorders(context);
    this.#paintPoints(context);
    context.restore();
    this.#paintAxes(context);
  }

  #said() {
    const { kind, classes, size, points } = this.boundary;
    const { unit, steps } = this.time;
    const shares = (classes ?? []).map((name, k) => {
      let count = 0;
      for (let p = 0; p < size * size; p++) count += this.#decided(this.grids[this.t * size * size + p]) === k;
      return `${Math.round((100 * count) / (size * size))} % of the plane for ${name}`;
    });
    const what = kind === "value" ? "prediction over the plane" : "decision boundary";
    return [`${what} at ${unit} ${steps[this.t]}`, ...shares, `${points.length} samples`].join(", ");
  }

  #decided(level) {
    if (level === NAN_LEVEL) return -1;
    return this.boundary.kind === "class" ? level : Number(level > LEVELS / 2);
  }

  #paintCells(context) {
    const { size } = this.boundary;
    const { left, top, width, height } = this.area;
    const cells = this.cells.getContext("2d");
    const image = cells.createImageData(size, size);
    for (let j = 0; j < size; j++) {
      for (let i = 0; i < size; i++)
        image.data.set([...this.palette[this.#level(this.t, i, j)], 255], 4 * ((size - 1 - j) * size + i));
    }
    cells.putImageData(image, 0, 0);
    // The outer grid points lie on the border of the area, so half of each outer pixel is cut off.
    const inner = size - 1;
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.cells, 0.5, 0.5, inner, inner, left, top, width, height);
  }

  // Paints the borders between classes, or lines of equal values, by marching squares.
  #paintBorders(context) {
    const { kind, size } = this.boundary;
    context.beginPath();
    for (const field of this.#fields()) {
      for (let j = 0; j + 1 < size; j++) {
        for (let i = 0; i + 1 < size; i++) this.#crossing(context, field, i, j);
      }
    }
    context.strokeStyle = this.ink;
    context.lineWidth = kind === "value" ? 0.7 : 1.6;
    context.lineCap = "round";
    context.stroke();
  }

  // Fields that are zero along the lines to draw. Fields of classes would make stairs, so they are smoothed.
  #fields() {
    const {
      kind,
      classes,
      size,
      range: [low, high],
    } = this.boundary;
    const levels = this.grids.subarray(this.t * size * size, (this.t + 1) * size * size);
    if (kind === "class") {
      const fields = classes.map((_, k) => Float64Array.from(levels, (level) => Number(level === k) - 0.5));
      return fields.map((field) => smoothed(smoothed(smoothed(field, size), size), size));
    }
    const middle = (LEVELS + 1) / 2;
    const heights =
      kind === "value" ? evenly(low, high, 6).map((x) => (LEVELS * (x - low)) / (high - low || 1)) : [middle];
    return heights.map((height) => Float64Array.from(levels, (level) => level - height));
  }

  #crossing(context, field, i, j) {
    const corners = [
      [i, j],
      [i + 1, j],
      [i + 1, j + 1],
      [i, j + 1],
    ];
    const heights = corners.map(([a, b]) => field[b * this.boundary.size + a]);
    const cuts = [];
    for (let k = 0; k < 4; k++) {
      const next = (k + 1) % 4;
      if (heights[k] > 0 === heights[next] > 0) continue;
      const share = heights[k] / (heights[k] - heights[next]);
      cuts.push(corners[k].map((at, axis) => at + share * (corners[next][axis] - at)));
    }
    for (let k = 0; k + 1 < cuts.length; k += 2) {
      context.moveTo(...this.#place(cuts[k]));
      context.lineTo(...this.#place(cuts[k + 1]));
    }
  }

  // The position of a grid point on the canvas.
  #place([i, j]) {
    const { left, top, width, height } = this.area;
    const inner = this.boundary.size - 1;
    return [left + (i / inner) * width, top + (1 - j / inner) * height];
  }

  #paintPoints(context) {
    const { x, y, points, classes, range } = this.boundary;
    const inner = this.boundary.size - 1;
    const radius = this.em * (points.length > 300 ? 0.28 : 0.38);
    context.strokeStyle = this.ink;
    context.lineWidth = 0.9;
    for (const [a, b, mark] of points) {
      const [px, py] = this.#place([((a - x[0]) / (x[1] - x[0])) * inner, ((b - y[0]) / (y[1] - y[0])) * inner]);
      const outline = SHAPES[(classes ? mark : 0) % SHAPES.length];
      context.beginPath();
      outline.forEach(([dx, dy], k) => context[k ? "lineTo" : "moveTo"](px + radius * dx, py + radius * dy));
      context.closePath();
      context.fillStyle = colored(classes ? this.colors[mark % CLASS_COLORS] : this.#scaled(mark, ...range));
      context.fill();
      context.stroke();
    }
  }

  #paintAxes(context) {
    const { x, y } = this.boundary;
    const { left, top, width, height } = this.area;
    context.strokeStyle = context.fillStyle = this.ink;
    context.lineWidth = 1;
    context.strokeRect(left, top, width, height);
    context.font = this.font;
    context.textBaseline = "middle";
    for (const tick of this.ticks.x) {
      const px = left + ((tick - x[0]) / (x[1] - x[0])) * width;
      context.textAlign = "center";
      context.fillText(formatted(tick), px, top + height + 1.2 * this.em);
      context.fillRect(px - 0.5, top + height, 1, 0.35 * this.em);
    }
    for (const tick of this.ticks.y) {
      const py = top + (1 - (tick - y[0]) / (y[1] - y[0])) * height;
      context.textAlign = "right";
      context.fillText(formatted(tick), left - 0.5 * this.em, py);
    }
  }

  #look(event) {
    const { size, x, y, kind, classes } = this.boundary;
    const { left, top, width, height } = this.area;
    const box = this.canvas.getBoundingClientRect();
    const across = (event.clientX - box.left - left) / width,
      up = 1 - (event.clientY - box.top - top) / height;
    if (across < 0 || across > 1 || up < 0 || up > 1) return this.show(this.t);
    const level = this.#level(this.t, Math.round(across * (size - 1)), Math.round(up * (size - 1)));
    const at = [x[0] + across * (x[1] - x[0]), y[0] + up * (y[1] - y[0])].map((z) => formatted(z, 3)).join(", ");
    const number =
      level === NAN_LEVEL ? "nan" : kind === "class" ? `class ${classes[level]}` : formatted(this.#number(level), 2);
    this.moment.textContent = `at (${at}): ${number}`;
  }
}

function className(k) {
  return `--class-${k % CLASS_COLORS}`;
}

function colored(color) {
  return `rgb(${color.join(" ")})`;
}

function mixed(a, b, share) {
  return a.map((part, k) => Math.round(part + share * (b[k] - part)));
}

// Replaces each number by the mean of its neighbours and itself, along rows and then along columns.
function smoothed(field, size) {
  let from = field;
  for (const step of [1, size]) {
    const to = new Float64Array(from.length);
    from.forEach((x, p) => {
      const at = step === 1 ? p % size : Math.floor(p / size);
      to[p] = (x + from[at > 0 ? p - step : p] + from[at < size - 1 ? p + step : p]) / 3;
    });
    from = to;
  }
  return from;
}
