"""Lists of leaves in consecutive cells of a storage are read, and their gradients added to, as arrays: nobody can tell.

Only the compiled engine does so. These tests hold it to what happens with leaves that are bound to nothing.
"""

from __future__ import annotations

import gc
import random
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import tinygrad_lite as tl
from tinygrad_lite import Value, engine, nn, ops, register_hook
from tinygrad_lite.engine import Origin, bind, dot, dots, sweep_number, topological_order

only_compiled = pytest.mark.skipif(not engine.compiled, reason="the readable engine goes leaf by leaf")


def leaves(count: int, seed: int = 0) -> list[Value]:
    draw = random.Random(seed)
    return [Value(draw.uniform(-1, 1), f"w{k}") for k in range(count)]


def layer_of(ws: Sequence[Value], xs: Sequence[Any], function: Any = None) -> list[Any]:
    """Dots of all whole rows of ws with xs; each has the leaf after its row as start."""
    step = len(xs) + 1
    rows = [(list(ws[k : k + len(xs)]), ws[k + len(xs)], None) for k in range(0, len(ws) - step + 1, step)]
    return dots(rows, xs, function)


def two_layers(ws: Sequence[Value]) -> Value:
    hidden = layer_of(ws[:28], (0.5, Value(-1.5), 2.0), Value.tanh)
    out = layer_of(ws[28:], hidden)
    return tl.sum(out) + hidden[2] * out[0] + dot(ws[3:7], hidden[:4])


PROGRAMS: dict[str, Callable[[Sequence[Value]], Value]] = {
    "two layers": two_layers,
    "plain inputs": lambda ws: tl.mean(layer_of(ws, (0.5, -1.5, 2.0, 1.0))),
    "no inputs": lambda ws: tl.sum(layer_of(ws[:3], ())),
    "sum": lambda ws: ops.sum(ws[2:9]) * ops.sum(ws),
    "mean": lambda ws: ops.mean(tuple(ws)) ** 2,
    "logsumexp": lambda ws: ops.logsumexp(ws[1:]),
    "squares": lambda ws: dot(ws, ws, ws[0]),
    "one is twice in a list": lambda ws: dot([ws[0], ws[1], ws[1]], ws[:3]),
    "backwards": lambda ws: dot(ws[::-1], ws),
    "up to the last": lambda ws: dot(ws[-4:], ws[:4]) + tl.sum(ws[-1:]),
    "weights as inputs": lambda ws: tl.sum(layer_of(ws[:20], ws[20:24], Value.relu)),
    "infinities": lambda ws: tl.sum([y.log() for y in layer_of(ws[:12], [0.0 * ws[0], 0.0 * ws[1]])]),
}
LEAVES = 68


def outcome(program: Callable[[Sequence[Value]], Value], ws: list[Value]) -> list[Any]:
    y = program(ws)
    y.backward()
    found: list[Any] = [y.data.hex(), *[(w.grad.hex(), w.grad_state) for w in ws]]
    found += [(v.op.name, len(v.args), v.local_derivatives) for v in topological_order(y) if v.op is not None]
    return [repr(x) for x in found]


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_bound_leaves_get_the_same_bits(program: Any) -> None:
    free, bound = leaves(LEAVES), leaves(LEAVES)
    bind(bound)
    assert outcome(program, free) == outcome(program, bound)
    places = {w: k for k, w in enumerate(bound)}
    known = [[places.get(x) for x in v.parents] for v in topological_order(program(bound))]
    places = {w: k for k, w in enumerate(free)}
    assert known == [[places.get(x) for x in v.parents] for v in topological_order(program(free))]
    by_graph = [tl.gradients(program(ws), ws) for ws in (free, bound)]
    assert repr(by_graph[0]) == repr(by_graph[1])


@only_compiled
def test_recording_and_sweeping_touch_no_leaf_but_the_first() -> None:
    ws = leaves(LEAVES)
    bind(ws)
    before = [sys.getrefcount(w) for w in ws]
    y = tl.sum(layer_of(ws[:60], (1.0, 2.0, 3.0), Value.exp)) * ops.mean(ws) * dot(ws[:9], (1.0,) * 9)
    held = [sys.getrefcount(w) for w in ws]
    assert held == [before[k] + (k < 60 and k % 4 == 3) for k in range(LEAVES)]  # the starts
    y.backward()
    assert held == [sys.getrefcount(w) for w in ws]


def test_a_change_of_the_list_between_calls_is_seen() -> None:
    ws, other = leaves(4), Value(10.0)
    bind([*ws, other])
    row, ones = list(ws), (1.0,) * 4
    seen = [dot(row, ones)]
    row[2] = other
    seen.append(dot(row, ones))
    row[1], row[3] = row[3], row[1]
    seen.append(dots([(row, 0.0, None)], ones)[0])
    row.pop()
    seen.append(tl.sum(row))
    lists = [ws, [ws[0], ws[1], other, ws[3]], [ws[0], ws[3], other, ws[1]], [ws[0], ws[3], other]]
    for y, expected in zip(seen, lists, strict=True):
        assert list(y.args[0]) == expected and all(a is b for a, b in zip(y.args[0], expected, strict=True))
        assert y.data == pytest.approx(sum(w.data for w in expected))


def test_a_step_between_recording_and_sweep_changes_no_gradient() -> None:
    gradients = []
    for stepped in (False, True):
        ws = leaves(LEAVES)
        storage, _ = bind(ws)
        y = two_layers(ws)
        if stepped:
            for k in range(LEAVES):
                storage.values[k] += 1.0 + k
        y.backward()
        gradients.append([w.grad for w in ws])
    assert gradients[0] == gradients[1]


@pytest.mark.parametrize("which", ["all", "some"])
def test_leaves_that_die_before_the_sweep_still_get_their_gradients(which: str) -> None:
    """Leaves that only a graph needs may be made anew; label, number and gradient are those of the old ones."""
    kept, ws = leaves(LEAVES), leaves(LEAVES)
    bind(ws)
    y = two_layers(kept)
    y.backward()
    expected = {w.label: (w.data, w.grad, w.grad_state) for w in kept}
    z = two_layers(ws)
    del ws[:: 1 if which == "all" else 2]
    gc.collect()
    z.backward()
    found = {v.label: v for v in topological_order(z) if v.kind == "parameter"}
    assert {label: (w.data, w.grad, w.grad_state) for label, w in found.items()} == expected
    assert all(found[w.label] is w for w in ws)
    again = {v.label: v for v in topological_order(z) if v.kind == "parameter"}
    assert all(again[label] is w for label, w in found.items())


@only_compiled
def test_nothing_is_kept_of_leaves_that_no_graph_needs() -> None:
    ws = leaves(6)
    storage, _ = bind(ws)
    y = tl.sum(ws)
    died = weakref.ref(ws[3])
    del ws[3:]
    assert died() is None and y.parents[3].data == storage.values[3]
    died, gone = weakref.ref(y.parents[3]), weakref.ref(ws[0])
    del ws, y
    assert died() is None and gone() is None


def test_leaves_that_move_while_a_graph_needs_them() -> None:
    expected = leaves(LEAVES)
    two_layers(expected).backward()
    for moved in (slice(0, 1), slice(5, 31), slice(None)):
        ws = leaves(LEAVES)
        bind(ws)
        y = two_layers(ws)
        bind([Value(1.0), *ws[moved]])
        kept = [w.label for w in ws]
        z = two_layers(ws)
        del ws[moved]
        y.backward()
        z.backward()
        found = {v.label: v.grad for v in topological_order(y, z) if v.kind == "parameter"}
        assert [found[label] for label in kept] == [2 * w.grad for w in expected]


def test_states_of_gradients_are_those_of_each_leaf() -> None:
    ws = leaves(10)
    storage, _ = bind(ws)

    def states() -> str:
        return "".join("c" if w.grad_state == "computed" else "-" for w in ws)

    (0.0 * tl.sum(ws[2:5])).backward()
    assert states() == "--ccc-----" and [sweep_number(w) > 0 for w in ws] == [2 <= k < 5 for k in range(10)]
    ws[3].grad = 0.0
    dot(ws[6:], (0.0,) * 4).backward()
    assert states() == "--c-c-cccc"
    engine.clear_grads([ws[2], ws[9]])
    assert states() == "----c-ccc-"
    storage.clear_grads()
    assert states() == "-" * 10
    tl.sum(layer_of(ws[:8], (0.0, 0.0, 0.0))).backward()
    assert states() == "cccccccc--"
    bind([*ws[5:], Value(1.0)])
    assert states() == "cccccccc--"


def test_hooks_of_leaves_and_of_what_lies_above() -> None:
    """With hooks a sweep goes leaf by leaf, whether they are there before or after recording."""
    expected = leaves(LEAVES)
    two_layers(expected).backward()
    for late in (False, True):
        ws = leaves(LEAVES)
        bind(ws)
        y = two_layers(ws) if late else None
        seen: list[float] = []
        handles = [register_hook(ws[k], seen.append) for k in (0, 5, 67)]
        y = two_layers(ws) if y is None else y
        y.backward()
        assert sorted(seen) == sorted(expected[k].grad for k in (0, 5, 67))
        assert [w.grad for w in ws] == [w.grad for w in expected]
        for handle in handles:
            handle.remove()


def test_a_sweep_inside_a_sweep_through_the_same_layer() -> None:
    """A hook sweeps the same layers while the outer sweep has gathered only some of their adjoints."""
    ws = leaves(28 + 16)
    bind(ws)
    hidden = layer_of(ws[:28], (0.5, -1.5, 2.0), Value.tanh)
    outs = layer_of(ws[28:], hidden[:3])
    terms = [out * (k + 1.0) for k, out in enumerate(outs)]
    y, z = tl.sum(terms), outs[0] + outs[2] * 3.0
    z.backward()
    inner = [w.grad for w in ws]
    engine.clear_grads(ws)
    y.backward()
    outer = [w.grad for w in ws]
    engine.clear_grads(ws)
    handles = [register_hook(term, lambda g: z.backward()) for term in terms]
    y.backward()
    assert [w.grad for w in ws] == pytest.approx([o + len(terms) * i for o, i in zip(outer, inner, strict=True)])
    for handle in handles:
        handle.remove()
    engine.clear_grads(ws)
    y.backward()
    assert [w.grad for w in ws] == outer


def test_a_layer_in_two_graphs_and_a_part_of_a_layer() -> None:
    ws = leaves(28)
    bind(ws)
    hidden = layer_of(ws, (0.5, -1.5, 2.0))
    outs = layer_of(ws, hidden[:3])
    gradients = []
    for k in (0, 2, 0):
        engine.clear_grads(ws)
        outs[k].backward()
        gradients.append([w.grad for w in ws])
    assert gradients[0] == gradients[2] != gradients[1]
    free = leaves(28)
    layer_of(free, layer_of(free, (0.5, -1.5, 2.0))[:3])[2].backward()
    assert gradients[1] == [w.grad for w in free]


def test_lengths_that_differ_and_what_is_no_number() -> None:
    ws = leaves(6)
    bind(ws)
    with pytest.raises(tl.errors.ShapeError, match="the lengths must agree, got 2 and 3"):
        dots([(ws[:3], 0.0, None), (ws[3:5], 0.0, None)], (1.0, 2.0, 3.0))
    with pytest.raises(tl.errors.ShapeError, match="the lengths must agree, got 4 and 3"):
        dot(ws[:4], (1.0, 2.0, 3.0))
    for start in (None, "1", 1j):
        with pytest.raises(TypeError, match="start"):
            dots([(ws[:3], start, None)], (1.0, 2.0, 3.0))
    for rows in ([ws], [(ws[:3], 0.0)], [5]):
        with pytest.raises((TypeError, ValueError)):
            dots(rows, (1.0, 2.0, 3.0))
    assert dots([], (1.0, 2.0)) == [] and dots(iter([(ws[:1], 1, None)]), [0]) == [1.0]
    origin = Origin(label="here")
    assert [y.label for y in dots([(ws[:1], 1.0, origin)], [2.0], lambda y: y * 2.0)] == ["here"]
    assert engine.current_origin() is None


def test_without_recording() -> None:
    ws = leaves(LEAVES)
    bind(ws)
    with tl.no_grad():
        y = two_layers(ws)
    assert y.kind == "detached" and y.args == () and y.data == two_layers(ws).data


def test_models_are_copied_saved_and_trained_as_before() -> None:
    import copy
    import pickle

    random.seed(1)
    model = nn.MLP(3, [4, 2], activation="tanh")
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    model.parameters()
    x = [0.5, -1.0, 2.0]
    tl.sum(model(x)).backward()
    grads = [p.grad for p in model.parameters()]
    for twin in [*twins, copy.deepcopy(model)]:
        twin.zero_grad()
        tl.sum(twin(x)).backward()
        assert [p.grad for p in twin.parameters()] == grads
