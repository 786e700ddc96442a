// Recomputes the numbers when a leaf is changed, in the notebook's kernel or with the page's evaluator.

import { DETACHED, NUMBERS, contributionOf, decoded } from "./graph_data.js";

const STEP = 6e-6;
const CLOSE = 1e-4;

// Computes in the page. Nodes without a JavaScript function keep their recorded numbers, so the leaves that they depend on
// cannot be changed.
export class PageEngine {
  constructor(graph, evaluator) {
    this.graph = graph;
    this.evaluator = evaluator;
    this.recorded = graph.data;
    this.fixed = this.#fixedLeaves();
  }

  #fixedLeaves() {
    const { graph } = this;
    const fixed = new Map();
    for (let i = graph.root; i >= 0; i--) {
      if (graph.hooked.size) fixed.set(i, "Python hooks change its gradients");
      if (graph.isLeaf(i)) continue;
      const why = this.evaluator[graph.op[i]]
        ? fixed.get(i)
        : graph.variants[graph.op[i]].unsupported || "not computed here";
      if (why === undefined) continue;
      for (const slot of graph.slots(i)) if (graph.args[slot] >= 0) fixed.set(graph.args[slot], why);
    }
    return fixed;
  }

  // Why the page cannot change this node; undefined if it can.
  refusal(i) {
    return this.fixed.get(i);
  }

  // All numbers when the leaves have the numbers in `changes`, a Map, or else the recorded ones.
  async recompute(changes) {
    const { graph } = this;
    const data = this.forward(changes, 0, this.recorded);
    const [partials, blocks] = [graph.partials.slice(), graph.blocks.slice()];
    const infinite = new Float64Array(partials.length);
    const args = this.#arguments(data);
    const adjoint = new Float64Array(graph.count);
    adjoint[graph.root] = 1;
    for (let i = graph.root; i >= 0; i--) {
      if (graph.isLeaf(i)) continue;
      const begin = graph.offsets[i];
      const functions = this.evaluator[graph.op[i]];
      const { flat } = graph.variants[graph.op[i]];
      functions?.partials(args, begin, data[i], partials);
      functions?.infinite?.(args, begin, data[i], infinite);
      for (let slot = begin; slot < graph.offsets[i + 1]; slot++) {
        const a = graph.args[slot];
        if (a < 0) {
          partials[slot] = 0;
          continue;
        }
        const isFlat = partials[slot] === 0 && (flat ?? infinite[slot] === 0);
        if (functions) blocks[slot] = isFlat || graph.kind[a] === DETACHED;
        adjoint[a] += contributionOf(adjoint[i], partials[slot], blocks[slot]);
      }
    }
    return { data, adjoint, partials, blocks };
  }

  #arguments(data) {
    return Float64Array.from(this.graph.args, (_, slot) => this.graph.argument(slot, data));
  }

  // All values; numbers in `changes` replace those of the nodes, whether they are leaves or not.
  forward(changes, from, start) {
    const { graph } = this;
    const data = start.slice();
    const args = new Float64Array(graph.args.length);
    for (let i = from; i < graph.count; i++) {
      if (changes.has(i)) {
        data[i] = changes.get(i);
        continue;
      }
      if (graph.isLeaf(i) || !this.evaluator[graph.op[i]]) continue;
      for (let slot = graph.offsets[i]; slot < graph.offsets[i + 1]; slot++) args[slot] = graph.argument(slot, data);
      data[i] = this.evaluator[graph.op[i]].value(args, graph.offsets[i]);
    }
    return data;
  }

  // Central differences of the root by each of these nodes; a kink, where the two sides differ, is not judged wrong.
  async compare(nodes) {
    const { graph } = this;
    const checks = new Map();
    for (const i of nodes) {
      if (this.refusal(i)) {
        checks.set(i, { verdict: "not checked", note: this.refusal(i) });
        continue;
      }
      const x = graph.data[i];
      const h = STEP * Math.max(1, Math.abs(x));
      const at = (moved) => this.forward(new Map([[i, moved]]), i, graph.data)[graph.root];
      const [low, middle, high] = [at(x - h), graph.data[graph.root], at(x + h)];
      const measured = i === graph.root ? 1 : (high - low) / (2 * h);
      const sides = Math.abs((high - middle) / h - (middle - low) / h);
      const adjoint = graph.kind[i] === DETACHED ? measured : graph.adjoint[i];
      const close = CLOSE * Math.max(1, Math.abs(adjoint), Math.abs(measured));
      const finite = Number.isFinite(measured) && Number.isFinite(adjoint);
      const judged = Math.abs(measured - adjoint) <= close ? "ok" : sides > 10 * close ? "kink" : "wrong";
      checks.set(i, { verdict: finite ? judged : "not finite", measured });
      if (checks.size % 8 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    return checks;
  }
}

// Asks the notebook's kernel.
export class KernelEngine {
  constructor(remote, graph) {
    this.remote = remote;
    this.graph = graph;
    this.waiting = new Map();
    this.number = 0;
    remote.listen((answer) => {
      const settle = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if (answer.error) settle?.reject(new Error(answer.error));
      else settle?.resolve(answer);
    });
  }

  refusal() {
    return undefined;
  }

  #ask(message) {
    const id = ++this.number;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.remote.send({ id, ...message });
    });
  }

  async recompute(changes) {
    const answer = await this.#ask({ ask: "recompute", leaves: [...changes] });
    return Object.fromEntries(NUMBERS.map((name) => [name, decoded(answer[name])]));
  }

  async compare(nodes, changes) {
    return decodedChecks((await this.#ask({ ask: "compare", leaves: [...changes] })).checks, this.graph);
  }
}

// The findings of compare() for each node: the verdict, the measured derivative of the root by it (if measured), and the
// measured local derivatives of the slots whose rule is wrong.
export function decodedChecks(checks, graph) {
  const [adjoint, rule, local] = [checks.adjoint, checks.rule, checks.measured].map(decoded);
  return new Map(
    Array.from(decoded(checks.verdict), (v, node) => {
      const verdict = checks.verdicts[v];
      const measured = Number.isNaN(adjoint[node]) ? undefined : adjoint[node];
      const wrong = graph.slots(node).filter((slot) => checks.verdicts[rule[slot]] === "WRONG");
      return [
        node,
        { verdict, measured, note: checks.meanings[v], rules: new Map(wrong.map((slot) => [slot, local[slot]])) },
      ];
    }),
  );
}

// Whether a verdict is "wrong", or compare's "WRONG" (the operation's own rule) or "wrong from above".
export function isWrong({ verdict }) {
  return /^wrong/i.test(verdict);
}
