// The graph of the payload: its numbers as typed arrays, and the names of its nodes.

const ARRAYS = { f64: Float64Array, i32: Int32Array, u8: Uint8Array };

export function decoded(array) {
  const [[kind, text]] = Object.entries(array);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = letters.charCodeAt(k);
  return new ARRAYS[kind](bytes.buffer);
}

const SHORT = 44;
export const KINDS = ["parameter", "input", "constant", "result"];
export const PARAMETER = 0;
export const INPUT = 1;
export const DETACHED = 2;
// The arrays that change with the leaves; for each slot `blocks` has 1 if nothing passes to it.
export const NUMBERS = ["data", "adjoint", "partials", "blocks"];

export class Graph {
  // Nodes are in topological order, the root last. A slot is one argument of one node.
  constructor(payload) {
    this.count = payload.count;
    this.root = payload.count - 1;
    this.swept = payload.swept;
    this.variants = payload.variants;
    this.labels = payload.labels;
    this.paths = payload.paths;
    this.lines = payload.lines;
    for (const name of [
      "op",
      "kind",
      "offsets",
      "args",
      "constants",
      "grad",
      "graded",
      ...NUMBERS,
    ]) {
      this[name] = decoded(payload[name]);
    }
    this.accumulated = wordsOf(payload.accumulated);
    this.changed = wordsOf(payload.changed);
    this.path = decoded(payload.path);
    this.line = decoded(payload.line);
    this.hooked = new Set(decoded(payload.hooked));
    this.owner = new Int32Array(this.args.length);
    for (let i = 0; i < this.count; i++) this.owner.fill(i, this.offsets[i], this.offsets[i + 1]);
    this.#findUses();
    const counts = new Map();
    for (const label of Object.values(this.labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
    this.alone = (label) => counts.get(label) === 1;
  }

  #findUses() {
    const begin = new Int32Array(this.count + 1);
    for (const a of this.args) if (a >= 0) begin[a + 1]++;
    for (let i = 0; i < this.count; i++) begin[i + 1] += begin[i];
    const next = begin.slice();
    const slots = new Int32Array(begin[this.count]);
    this.args.forEach((a, slot) => {
      if (a >= 0) slots[next[a]++] = slot;
    });
    this.useOffsets = begin;
    this.useSlots = slots;
  }

  isLeaf(i) {
    return this.op[i] < 0;
  }

  // The slots in which node i is an argument.
  uses(i) {
    return this.useSlots.subarray(this.useOffsets[i], this.useOffsets[i + 1]);
  }

  slots(i) {
    return Array.from({ length: this.offsets[i + 1] - this.offsets[i] }, (_, k) => this.offsets[i] + k);
  }

  // The number in a slot, given the numbers of all nodes.
  argument(slot, data = this.data) {
    const a = this.args[slot];
    return a >= 0 ? data[a] : this.constants[-1 - a];
  }

  contribution(slot) {
    return contributionOf(this.adjoint[this.owner[slot]], this.partials[slot], this.blocks[slot]);
  }

  // How a leaf's .grad is made up, if other sweeps added to it: texts and numbers that follow it.
  gradientParts(i) {
    const { words, kind, given } = this.accumulated;
    if (!kind[i]) return [];
    const numbers = { grad: this.grad[i], others: this.grad[i] - given[i], given: given[i] };
    const parts = words[kind[i] - 1].split(/\{(\w+)\}/).flatMap((part, k) => {
      if (k % 2 === 0) return [part];
      return part === "given" && given[i] < 0 ? ["(", given[i], ")"] : [numbers[part]];
    });
    return parts.slice(2);
  }

  // What is to be said of a leaf that has changed since its gradient was computed, or "".
  changeOf(i) {
    const { words, kind } = this.changed;
    return kind[i] ? words[kind[i] - 1] : "";
  }

  get numbers() {
    return Object.fromEntries(NUMBERS.map((name) => [name, this[name]]));
  }

  take(numbers) {
    Object.assign(this, numbers);
  }

  operation(i) {
    return this.isLeaf(i) ? "" : this.variants[this.op[i]].symbol;
  }

  // The title of a node's box.
  title(i) {
    return this.labels[i] || this.operation(i) || KINDS[this.kind[i]];
  }

  // The name of a node by itself: its label (with its module's path, if others have the label too), else its formula if
  // that is short, else its operation and module. Where several have the same name, it tells which of them it is.
  called(i) {
    const label = this.labels[i];
    const path = this.pathOf(i);
    if (label) return path && !this.alone(label) ? `${path}.${label}` : label;
    if (!this.isLeaf(i)) {
      const formula = this.#short(i, SHORT);
      if (formula !== undefined) return formula;
    }
    const { which, among } = this.#twins(i);
    return this.#plain(i) + (among > 1 ? ` (${which.toLocaleString("en")} of ${among.toLocaleString("en")})` : "");
  }

  // What a node without a label is, and in which module.
  #plain(i) {
    const what = this.isLeaf(i) ? KINDS[this.kind[i]] : this.operation(i);
    const path = this.pathOf(i);
    return path ? `${what} in ${path}` : what;
  }

  // Which of the unlabelled nodes with the same plain name a node is, in the order in which they were recorded.
  #twins(i) {
    if (!this.twins) {
      const found = new Map();
      for (let k = 0; k < this.count; k++) {
        if (this.labels[k]) continue;
        const name = this.#plain(k);
        if (!found.has(name)) found.set(name, []);
        found.get(name).push(k);
      }
      this.twins = new Map();
      for (const nodes of found.values())
        nodes.forEach((k, at) => this.twins.set(k, { which: at + 1, among: nodes.length }));
    }
    return this.twins.get(i);
  }

  // The name of the root in derivatives.
  get rootName() {
    return shortened(this.labels[this.root] ?? "root", 16);
  }

  // The formula of a node, down to labels; undefined if it is longer than `room`.
  #short(i, room) {
    if (this.labels[i] || this.isLeaf(i)) return this.called(i);
    const names = [];
    for (const slot of this.slots(i)) {
      const name = this.args[slot] < 0 ? formatted(this.argument(slot)) : this.#short(this.args[slot], room);
      if (name === undefined || (room -= name.length + 3) < 0) return undefined;
      names.push(name);
    }
    return this.written(i, names);
  }

  pathOf(i) {
    return this.path[i] < 0 ? "" : this.paths[this.path[i]];
  }

  lineOf(i) {
    return this.line[i] < 0 ? "" : this.lines[this.line[i]];
  }

  // The names of a node's arguments (plain numbers are written out), and the row's names for them: x, xs[0], ...
  argumentNames(i) {
    const variant = this.variants[this.op[i]];
    const rows = variant.args.flatMap((name, k) =>
      variant.lengths[k] === null ? [name] : Array.from({ length: variant.lengths[k] }, (_, j) => `${name}[${j}]`),
    );
    return this.slots(i).map((slot, k) => ({
      slot,
      row: rows[k],
      name: this.args[slot] >= 0 ? this.called(this.args[slot]) : formatted(this.argument(slot)),
    }));
  }

  // The formula of the operation: w * x, tanh(h).
  written(i, names = this.argumentNames(i).map((a) => a.name)) {
    const variant = this.variants[this.op[i]];
    const infix = /^[-+*/%<]|^[=!]=/.test(variant.symbol) && names.length === 2;
    if (infix) return joined(names[0], variant.symbol, names[1]);
    if (variant.name === "neg") return `-${bracketed(names[0], ATOM)}`;
    let k = 0;
    const parts = variant.lengths.map((length) =>
      length === null ? names[k++] : `[${shortList(names.slice(k, (k += length)))}]`,
    );
    return `${variant.name}(${parts.join(", ")})`;
  }

  // The local derivative by a slot as a formula in the arguments' names.
  localFormula(slot) {
    const i = this.owner[slot];
    const text = this.variants[this.op[i]].local[slot - this.offsets[i]] ?? "";
    const names = new Map(this.argumentNames(i).map((a) => [a.row, a.name]));
    return text.replace(/[A-Za-z_]\w*(\[\d+\])?/g, (word, _, at) => {
      const alone = text[at - 1] === "(" && text[at + word.length] === ")";
      return names.has(word) ? bracketed(names.get(word), alone ? 0 : ATOM) : word;
    });
  }
}

// What passes to a slot: 0 of an adjoint of 0, even if the derivative is infinite, and 0 if the slot is blocked, even if
// the adjoint is infinite.
export function contributionOf(adjoint, partial, blocked) {
  return adjoint === 0 || blocked ? 0 : adjoint * partial;
}

// Words for some nodes: which of them, counted from 1, and numbers; nothing is told of any node if there are none.
function wordsOf(payload) {
  const { words = [], kind, given } = payload ?? {};
  return { words, kind: kind ? decoded(kind) : [], given: given ? decoded(given) : [] };
}

export function formatted(x, digits = 4) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e6 || size < 1e-4)
    return x
      .toExponential(digits - 2)
      .replace(/\.?0+e/, "e")
      .replace("e+", "e");
  return String(Number(x.toPrecision(digits)));
}

export function counted(n, noun) {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

// Letters and marks that change the direction of the text around them unless they are isolated.
const RIGHT_TO_LEFT = /[\u0590-\u08ff\u200f\u202a-\u202e\u2066\u2067\ufb1d-\ufdff\ufe70-\ufefc]/;

// Shortens a text; long labels keep their beginning.
export function shortened(text, length) {
  const letters = Array.from(text.replace(/\s+/g, " "));
  const short = letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : letters.join("");
  return RIGHT_TO_LEFT.test(short) ? `\u2068${short}\u2069` : short;
}

const PRECEDENCE = { "+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "**": 3 };
const ATOM = 4;

// How tightly a written expression binds: as tightly as its weakest operator outside of brackets, or as an atom, which is
// a name, a number or a call; 0 for anything else, such as a label of several words.
function precedence(text) {
  if (/^-?[\d.]+(e-?\d+)?$/.test(text)) return ATOM;
  let [depth, weakest] = [0, ATOM];
  for (const [sign] of text.matchAll(/[([]|[)\]]| (?:\*\*|[-+*/%<]=?|[=!]=) |^-/g)) {
    if ("([".includes(sign)) depth++;
    else if (")]".includes(sign)) depth--;
    else if (!depth) weakest = Math.min(weakest, PRECEDENCE[sign.trim()] ?? 0);
  }
  return weakest < ATOM || /^[\p{L}\p{M}\p{N}_.…[\]]+(\(.*\))?$/u.test(text) ? weakest : 0;
}

function bracketed(text, least) {
  const short = shortened(text, 40);
  return precedence(text) < least ? `(${short})` : short;
}

function joined(left, symbol, right) {
  const own = PRECEDENCE[symbol] ?? 0;
  const either = symbol === "+" || symbol === "*";
  return `${bracketed(left, symbol === "**" ? ATOM : own)} ${symbol} ${bracketed(right, either ? own : own + 1)}`;
}

function shortList(names) {
  return names.length > 6
    ? [...names.slice(0, 3), `… ${names.length - 4} more`, names.at(-1)].join(", ")
    : names.join(", ");
}
