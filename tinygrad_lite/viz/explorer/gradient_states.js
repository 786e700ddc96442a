// The state of each gradient, by the rule of gradient_states.py: a test compares the two.

import { DETACHED } from "./graph_data.js";

// "computed", "zero" or "blocked" for each node.
export function gradientStates({ count, root, kind, args, offsets, adjoint, partials, blocks }) {
  const stopped = new Uint8Array(count);
  const reached = new Uint8Array(count);
  const states = new Array(count);
  for (let i = root; i >= 0; i--) {
    states[i] = adjoint[i] !== 0 ? "computed" : stopped[i] > reached[i] || kind[i] === DETACHED ? "blocked" : "zero";
    if (states[i] === "zero") continue;
    for (let slot = offsets[i]; slot < offsets[i + 1]; slot++) {
      if (args[slot] < 0) continue;
      if (blocks[slot] || (states[i] === "blocked" && partials[slot] !== 0)) stopped[args[slot]] = 1;
      else if (adjoint[i] * partials[slot] !== 0) reached[args[slot]] = 1;
    }
  }
  return states;
}

// Whether a gradient arrives at a slot's node, but not at this argument.
export function isStopped(slot, states, { owner, blocks }) {
  return states[owner[slot]] !== "zero" && blocks[slot] === 1;
}
