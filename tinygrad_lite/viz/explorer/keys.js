// The explorer's keys.

import { made } from "./drawing.js";

// Each row: the keys as the page lists them, what they do in words, and what each does with the explorer.
const KEYS = [
  ["→ ←", "step forward, back", { ArrowRight: (e) => e.player.step(1), ArrowLeft: (e) => e.player.step(-1) }],
  ["Home End", "first, last step", { Home: (e) => e.player.jump(0), End: (e) => e.player.jump(e.player.end) }],
  ["Space", "play or pause", { " ": (e) => e.player.toggle() }],
  ["↑ ↓", "previous, next box", { ArrowUp: (e) => e.walk(-1), ArrowDown: (e) => e.walk(1) }],
  ["Enter", "select; open a closed module", { Enter: (e) => e.enter(e.drawing.current) }],
  [
    "o c",
    "open, close the module",
    {
      o: (e) => e.open(e.drawing.current),
      c: (e) => e.close(e.hierarchy.frameOfItem(e.drawing.current)),
    },
  ],
  [
    "+ - 0",
    "zoom in, out, fit",
    {
      "+": (e) => e.drawing.zoom(1.3),
      "=": (e) => e.drawing.zoom(1.3),
      "-": (e) => e.drawing.zoom(1 / 1.3),
      0: (e) => e.drawing.fit(),
    },
  ],
  ["/", "search", { "/": (e) => e.search.focus() }],
  ["Escape", "clear the selection", { Escape: (e) => e.select(null) }],
];
const ACTS = new Map(KEYS.flatMap(([, , acts]) => Object.entries(acts)));

// Does what a pressed key asks for; fields and buttons keep the keys that are theirs.
export function pressed(event, explorer) {
  event.stopPropagation();
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const { target, key } = event;
  if (target.matches("input, select, textarea") || (target.closest(".tgl-run") && key !== "Escape")) return;
  if (target.matches("button, summary") && (key === " " || key === "Enter")) return;
  if (!ACTS.has(key)) return;
  event.preventDefault();
  ACTS.get(key)(explorer);
}

export function addKeys(panel) {
  const details = made(panel, "details", "tgl-keys");
  made(details, "summary", "", "keys");
  const list = made(details, "dl");
  for (const [keys, what] of KEYS) {
    made(list, "dt", "", keys);
    made(list, "dd", "", what);
  }
}
