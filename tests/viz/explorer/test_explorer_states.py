"""The page and the pictures agree on the states of gradients, as recorded and after leaves have moved."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from test_explorer import decoded

import tinygrad_lite as tl
from tinygrad_lite import Value, ops
from tinygrad_lite.ops import Op
from tinygrad_lite.viz import explore
from tinygrad_lite.viz.diagram.gradient_states import gradient_states
from tinygrad_lite.viz.diagram.walk import Graph
from tinygrad_lite.viz.explorer import page
from tinygrad_lite.viz.explorer.javascript import evaluator
from tinygrad_lite.viz.explorer.payload import numbers

pytestmark = pytest.mark.browser
RUN = """async (cases) => {
  MODULE
  const evaluators = [EVALUATORS];
  const found = [];
  for (const [k, [payload, moves]] of cases.entries()) {
    const graph = new Graph(JSON.parse(payload));
    const engine = new PageEngine(graph, evaluators[k]);
    const told = () => [gradientStates(graph), Array.from(graph.blocks)];
    found.push([told()]);
    for (const changes of moves) {
      graph.take(await engine.recompute(new Map(changes)));
      found.at(-1).push(told());
    }
  }
  return found;
}"""
# Numbers and steps whose sums and products are exact, in whatever order they are taken.
NUMBERS = (-2.0, -1.0, 0.0, 0.5, 1.0, 2.0)
STEPS: dict[str, tuple[int, Callable[..., Any]]] = {
    "add": (2, lambda a, b: a + b),
    "sub": (2, lambda a, b: a - b),
    "mul": (2, lambda a, b: a * b),
    "half": (1, lambda a: 0.5 * a),
    "nothing": (1, lambda a: a * 0.0),
    "square": (1, lambda a: a**2),
    "to the power 0": (1, lambda a: a**0),
    "relu": (1, lambda a: a.relu()),
    "clip": (1, lambda a: a.clip(-1.0, 1.0)),
    "leaky": (1, lambda a: a.leaky_relu(0.0)),
    "leaky by a Value": (2, lambda a, b: a.leaky_relu(b)),
    "maximum": (2, lambda a, b: ops.maximum(a, b)),
    "stop": (1, lambda a: a.stop_gradient()),
    "where": (3, lambda a, b, c: ops.where(a, b, c)),
    "take": (3, lambda a, b, c: ops.take([a, b, 1.0, c], 1.0)),
    "dot": (3, lambda a, b, c: ops.dot([a, b, 0.0], [b, 0.0, c], a)),
    "sum": (3, lambda a, b, c: ops.sum([a, b, 2.0, a, -c])),
}
EDGES = (0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7e308, 1.0, -1.0, 0.5, 2.0)
SINGLE = [row for row in ops.TABLE.values() if row.flat is None and not row.sequences]
Told = tuple[list[str], list[int]]
"""The state of each gradient of a graph, and for each argument whether it is blocked."""


def built(seed: int, at: Sequence[float]) -> Value:
    """A random graph of two detached leaves and of leaves with these numbers. Its form depends on the seed only."""
    draw = random.Random(seed)
    known = [Value(draw.choice(NUMBERS)).detach() for _ in range(2)] + [Value(x) for x in at]
    leaves = list(known)
    for _ in range(draw.randint(2, 12)):
        count, step = STEPS[draw.choice(list(STEPS))]
        known.append(step(*[draw.choice(known[-6:]) for _ in range(count)]))
    return tl.dot(known[-3:], [2.0, *known[-3:-1]]) + tl.sum([0.5 * leaf for leaf in leaves if draw.random() < 0.2])


def pictured(root: Value) -> Told:
    root.backward()
    graph = Graph(root)
    return list(gradient_states(graph)), decoded(numbers(graph, graph.values)["blocks"])


def shown(browser: Any, cases: Sequence[tuple[Value, list[list[tuple[int, float]]]]]) -> list[list[Told]]:
    """What the page says of each graph, as recorded and after each change of leaves."""
    explorers = [explore(root) for root, _ in cases]
    evaluators = ",\n".join(evaluator(explorer._operations.variants) for explorer in explorers)
    source = page.module().replace("export default { render };", "")
    opened = browser.new_page()
    given = [[explorer._json, moves] for explorer, (_, moves) in zip(explorers, cases, strict=True)]
    answers = opened.evaluate(RUN.replace("MODULE", source).replace("EVALUATORS", evaluators), given)
    opened.close()
    return [[(states, blocks) for states, blocks in told] for told in answers]


def test_the_pages_states_are_the_pictures(browser: Any) -> None:
    wanted, cases = [], []
    for seed in range(120):
        draw = random.Random(f"numbers of {seed}")
        roots = [built(seed, [draw.choice(NUMBERS) for _ in range(4)]) for _ in range(4)]
        nodes = [i for i, v in enumerate(Graph(roots[0]).values) if v.kind == "leaf"]
        moved = [[x.data for x in Graph(root).values] for root in roots[1:]]
        cases.append((roots[0], [[(i, at[i]) for i in nodes] for at in moved]))
        wanted.append([pictured(root) for root in roots])
    found = shown(browser, cases)
    assert found == wanted
    seen = Counter(state for told in wanted for states, _ in told for state in states)
    assert seen.keys() == {"computed", "zero", "blocked"} and min(seen.values()) > 300
    assert sum(told[1:] != told[:1] * 3 for told in wanted) > 60


@pytest.mark.parametrize("row", SINGLE, ids=[row.name for row in SINGLE])
def test_a_row_that_is_flat_in_places_is_flat_there_on_the_page(browser: Any, row: Op) -> None:
    wanted, cases = [], []
    for plain in ((), (0,), (1,)):
        for fixed in EDGES if plain else (0.0,):
            points = list(itertools.product(EDGES, repeat=2 - len(plain)))

            def of(point: Sequence[float], plain: Sequence[int] = plain, fixed: float = fixed) -> Value:
                rest: Iterator[float] = iter(point)
                node: Value = row(*[fixed if k in plain else Value(next(rest)) for k in range(2)])
                return node

            cases.append((of(points[0]), [list(enumerate(point)) for point in points]))
            wanted.append([pictured(of(point))[1] for point in points[:1] + points])
    found = [[blocks for _, blocks in told] for told in shown(browser, cases)]
    assert found == wanted
    assert {1, 0} <= {block for told in wanted for blocks in told for block in blocks}
