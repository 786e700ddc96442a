// A training over time: loss, gradients by layer and decision boundary, with a slider that moves through the records.

import { made } from "./drawing.js";
import { counted, formatted } from "./graph_data.js";
import { TimeChart } from "./chart.js";
import { PlaneView } from "./heat_map.js";

const WHOLE_PLAY = 8000;
const CALM_FRAMES = 16;

// training: from the payload; onTime(t) is called when the viewer moves to record t. show(t) moves there without a call.
export function trainingView(training, { onTime = () => {} } = {}) {
  const element = made(null, "section", "tgl-run");
  element.setAttribute("aria-label", "training");
  if (!training.steps.length) {
    made(element, "p", "", "The recorder has no records: it was never called.");
    return { element, show() {} };
  }
  const view = new TrainingView(element, training, onTime);
  return { element, show: (t) => view.show(t) };
}

class TrainingView {
  constructor(element, training, onTime) {
    Object.assign(this, { element, training, onTime });
    this.last = training.steps.length - 1;
    // The controls keep their keys from the page around them.
    element.addEventListener("keydown", (event) => event.stopPropagation());
    this.#buildControls();
    const charts = made(element, "div", "tgl-run-charts");
    this.views = this.#charts(charts);
    this.show(this.last);
    // Draws in the next frame: drawing may change a size, which is an error while sizes are observed.
    const draw = () => element.clientWidth && this.views.forEach((view) => view.draw());
    new ResizeObserver(() => requestAnimationFrame(draw)).observe(element);
    onTheme(draw);
  }

  #charts(parent) {
    const { training } = this;
    const act = { onTime: (t) => this.#choose(t) };
    const time = { unit: training.unit ?? "step", steps: training.steps };
    const hasNumbers = ({ values }) => values.some((x) => x !== null);
    const series = Object.entries(training.series)
      .map(([name, values]) => ({ name, values }))
      .filter(hasNumbers);
    const losses = series.filter(({ name }) => /loss$/.test(name));
    const views = [];
    if (losses.length) views.push(new TimeChart(parent, "Loss", losses, time, act));
    if (training.boundary) views.push(new PlaneView(parent, training.boundary, time));
    const norms = Object.entries(training.norms)
      .map(([name, values]) => ({ name, values }))
      .filter(hasNumbers);
    if (norms.length) {
      const title = "Gradient by layer (RMS)";
      views.push(new TimeChart(parent, title, norms, time, { ...act, logarithmic: true }));
    } else {
      const words =
        "There were no gradients when this was recorded: call the recorder between backward() and zero_grad().";
      made(made(parent, "figure", "tgl-run-chart"), "p", "tgl-run-note", words);
    }
    for (const [name, lines] of measured(series)) {
      views.push(
        new TimeChart(parent, name.charAt(0).toUpperCase() + name.slice(1), lines, time, {
          ...act,
          logarithmic: false,
        }),
      );
    }
    return views;
  }

  #buildControls() {
    const {
      training: { steps, unit = "step" },
      last,
    } = this;
    const bar = made(this.element, "div", "tgl-run-time");
    this.button = made(bar, "button", "tgl-run-play");
    this.button.type = "button";
    this.button.addEventListener("click", () => (this.timer ? this.#pause() : this.#play()));
    this.slider = made(bar, "input");
    Object.assign(this.slider, { type: "range", min: 0, max: last, step: 1 });
    this.slider.setAttribute("aria-label", `time: ${unit} of the training`);
    this.slider.addEventListener("input", () => this.#choose(this.slider.valueAsNumber));
    const label = made(bar, "label", "tgl-run-number");
    label.append(document.createTextNode(`${unit} `));
    this.field = made(label, "input");
    Object.assign(this.field, { type: "number", min: steps[0], max: steps[last], step: "any" });
    this.field.addEventListener("change", () => this.#choose(nearestTo(steps, this.field.valueAsNumber) ?? this.t));
    label.append(document.createTextNode(` of ${steps[last].toLocaleString("en")}`));
    this.readout = made(bar, "span", "tgl-run-readout");
    this.note = steps.length < steps[last] ? [`${steps.length} of ${counted(steps[last], unit)} recorded`] : [];
    this.#showPlaying();
  }

  #showPlaying() {
    this.button.textContent = this.timer ? "❚❚ Pause" : "▶\ufe0e Play";
    this.button.disabled = this.last === 0;
  }

  #choose(t) {
    this.#pause();
    this.#move(t);
  }

  #move(t) {
    this.show(t);
    this.onTime(t);
  }

  #play() {
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const frames = isCalm ? CALM_FRAMES : Math.min(this.last, WHOLE_PLAY / 50);
    const begin = this.t === this.last ? 0 : this.t;
    const by = Math.max(1, Math.round(this.last / frames));
    const wait = Math.min(500, WHOLE_PLAY / (this.last / by));
    const tick = (t) => {
      if (!this.element.isConnected) return this.#pause();
      this.#move(Math.min(t, this.last));
      if (t >= this.last) return this.#pause();
      this.timer = setTimeout(tick, wait, t + by);
    };
    this.timer = setTimeout(tick, 0, begin);
    this.#showPlaying();
  }

  #pause() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.#showPlaying();
  }

  show(t) {
    this.t = t;
    const { steps, series, unit = "step" } = this.training;
    this.slider.value = t;
    const known = Object.entries(series).filter(([, values]) => values[t] !== null);
    const words = known.map(([name, values]) => `${name} ${formatted(values[t], 3)}`);
    const rate = series.lr?.[t] ?? null;
    this.slider.setAttribute("aria-valuetext", [`${unit} ${steps[t]}`, ...words].join(", "));
    this.field.value = steps[t];
    this.readout.textContent = [...(rate === null ? [] : [`learning rate ${formatted(rate)}`]), ...this.note].join(
      " · ",
    );
    for (const view of this.views) view.show(t);
  }
}

// Calls act when the theme may have changed: the reader's preference, or what a notebook names in its page.
function onTheme(act) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", act);
  const observer = new MutationObserver(act);
  for (const element of [document.documentElement, document.body]) observer.observe(element, { attributes: true });
}

// The columns that are neither a loss nor the learning rate; validation and training share a chart.
function measured(series) {
  const charts = new Map();
  for (const line of series) {
    if (/loss$/.test(line.name) || line.name === "lr") continue;
    const name = line.name.replace(/^val_/, "");
    charts.set(name, [...(charts.get(name) ?? []), line]);
  }
  return charts;
}

function nearestTo(steps, wanted) {
  if (Number.isNaN(wanted)) return undefined;
  return steps.reduce((best, step, t) => (Math.abs(step - wanted) < Math.abs(steps[best] - wanted) ? t : best), 0);
}
