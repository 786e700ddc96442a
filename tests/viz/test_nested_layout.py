"""The built-in layout: nothing overlaps, frames hold only their own boxes, edges end at their boxes."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import up_to

from tinygrad_lite.viz.diagram.module_frames import frames, separate_calls
from tinygrad_lite.viz.layout.coordinates import spaced
from tinygrad_lite.viz.layout.crossings import reduce_crossings
from tinygrad_lite.viz.layout.nested_layout import Layout, RankDir, Rectangle, Shape, own_layout
from tinygrad_lite.viz.layout.ranks import ranks
from tinygrad_lite.viz.layout.vertices import Segment, Vertex


def overlap(a: Rectangle, b: Rectangle, slack: float = 0.01) -> bool:
    return (
        a.x + slack < b.x + b.width
        and b.x + slack < a.x + a.width
        and a.y + slack < b.y + b.height
        and b.y + slack < a.y + a.height
    )


def inside(a: Rectangle, b: Rectangle) -> bool:
    return b.x <= a.x and b.y <= a.y and a.x + a.width <= b.x + b.width and a.y + a.height <= b.y + b.height


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    size = draw(st.integers(1, 25))
    edges = []
    for t in range(1, size):
        edges += [(s, t) for s in draw(st.lists(st.integers(0, t - 1), max_size=4))]
    places = draw(
        st.lists(
            st.sampled_from([(), ("a",), ("b",), ("a", "c"), ("a", "d"), ("b", "e", "f")]), min_size=size, max_size=size
        )
    )
    clusters, homes = frames(separate_calls(places, edges))
    return Shape(
        boxes=[(draw(st.floats(10, 200)), draw(st.floats(10, 90))) for _ in range(size)],
        edges=edges,
        apart=[draw(st.booleans()) for _ in edges],
        texts=[draw(st.sampled_from([(0.0, 0.0), (40.0, 15.0), (8.0, 15.0)])) for _ in edges],
        frames=[(c.parent, 60.0, 16.0) for c in clusters],
        homes=homes,
    )


def around(shape: Shape, frame: int | None) -> list[int]:
    found = []
    while frame is not None:
        found.append(frame)
        frame = shape.frames[frame][0]
    return found


@settings(max_examples=up_to(70), deadline=None)
@given(shapes(), st.sampled_from(["LR", "TB"]))
def test_nothing_overlaps(shape: Shape, rankdir: RankDir) -> None:
    layout = own_layout(shape, rankdir)
    for a, b in combinations(layout.boxes, 2):
        assert not overlap(a, b)
    for (f, a), (g, b) in combinations(enumerate(layout.frames), 2):
        if f in around(shape, g):
            assert inside(b, a)
        else:
            assert not overlap(a, b)
    for box, home in zip(layout.boxes, shape.homes, strict=True):
        for f, frame in enumerate(layout.frames):
            assert inside(box, frame) if f in around(shape, home) else not overlap(box, frame)
    whole = Rectangle(-0.01, -0.01, layout.width + 0.02, layout.height + 0.02)
    assert all(inside(r, whole) for r in [*layout.boxes, *layout.frames])


@settings(max_examples=up_to(70), deadline=None)
@given(shapes(), st.sampled_from(["LR", "TB"]))
def test_edges_join_their_boxes_and_cross_no_other(shape: Shape, rankdir: RankDir) -> None:
    layout = own_layout(shape, rankdir)
    for (s, t), curve in zip(shape.edges, layout.curves, strict=True):
        source, target = layout.boxes[s], layout.boxes[t]
        (x0, y0), (x1, y1) = curve.points[0], curve.points[-1]
        if rankdir == "LR":
            assert x0 == pytest.approx(source.x + source.width)
            assert source.y <= y0 <= source.y + source.height
            assert x1 == pytest.approx(target.x)
            assert target.y <= y1 <= target.y + target.height
        else:
            assert y0 == pytest.approx(source.y + source.height)
            assert source.x <= x0 <= source.x + source.width
            assert y1 == pytest.approx(target.y)
            assert target.x <= x1 <= target.x + target.width
        turned = 0 if rankdir == "LR" else 1
        for before, after in pairwise(curve.points[::3]):
            step = [after[k] - before[k] for k in (turned, 1 - turned)]
            assert step[0] > -0.01, "an edge turns back"
            assert abs(step[1]) < 0.01 or step[0] > 5, "an edge jumps"
        for x, y in along(curve.points):
            point = Rectangle(x, y, 0.0, 0.0)
            assert not any(overlap(point, box, 0.5) for box in layout.boxes)


@settings(max_examples=up_to(60), deadline=None)
@given(shapes(), st.sampled_from(["LR", "TB"]))
def test_labels_have_room(shape: Shape, rankdir: RankDir) -> None:
    layout = own_layout(shape, rankdir)
    rooms = []
    for (wide, high), curve in zip(shape.texts, layout.curves, strict=True):
        assert (curve.label is not None) == (wide > 0)
        if curve.label:
            rooms.append(Rectangle(curve.label[0] - wide / 2, curve.label[1] - high / 2, wide, high))
    for a, b in combinations(rooms, 2):
        assert not overlap(a, b)
    for room in rooms:
        assert not any(overlap(room, box) for box in layout.boxes)


def along(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points on a chain of cubic Bezier curves."""
    found = []
    for k in range(0, len(points) - 1, 3):
        p = points[k : k + 4]
        for step in range(11):
            t = step / 10
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            found.append(
                (
                    sum(w * x for w, (x, _) in zip(weights, p, strict=True)),
                    sum(w * y for w, (_, y) in zip(weights, p, strict=True)),
                )
            )
    return found


def simple(edges: list[tuple[int, int]], size: int) -> Layout:
    return own_layout(Shape([(80.0, 50.0)] * size, edges, [False] * len(edges), [(0.0, 0.0)] * len(edges)))


def test_a_chain_is_a_straight_line() -> None:
    layout = simple([(0, 1), (1, 2), (2, 3)], 4)
    assert len({box.y for box in layout.boxes}) == 1
    assert all(a.x + a.width < b.x for a, b in pairwise(layout.boxes))
    assert len({y for curve in layout.curves for _, y in curve.points}) == 1


def test_a_long_edge_is_straight_where_there_is_room() -> None:
    layout = simple([(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)], 5)
    heights = [round(y, 3) for _, y in layout.curves[-1].points]
    assert max(heights.count(y) for y in heights) >= 4
    tangled = simple([(0, 1), (0, 3), (0, 4), (1, 2), (1, 5), (2, 3), (3, 4), (3, 5)], 6)
    bends = sum(abs(a[1] - b[1]) > 0.01 for c in tangled.curves for a, b in pairwise(c.points[::3]))
    assert bends <= 6


def test_edges_from_one_box_share_their_way_unless_they_are_to_be_apart() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (0, 3)]
    for apart in (False, True):
        shape = Shape([(80.0, 50.0)] * 5, edges, [False] * 5 + [apart], [(0.0, 0.0)] * 6)
        layout = own_layout(shape)
        passing = layout.boxes[1].x
        heights = [round(y) for curve in layout.curves[4:] for x, y in along(curve.points) if abs(x - passing) < 40]
        assert (len(set(heights)) == 1) != apart


def test_leaves_stand_beside_their_readers() -> None:
    assert ranks(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_a_circle_has_no_ranks() -> None:
    with pytest.raises(ValueError, match="cycle"):
        ranks(2, [(0, 1), (1, 0)])


def test_an_edge_against_the_order_goes_around() -> None:
    shape = Shape([(80.0, 50.0)] * 2, [(0, 1), (1, 0)], [False] * 2, [(0.0, 0.0)] * 2)
    layout = own_layout(shape)
    bottom = max(box.y + box.height for box in layout.boxes)
    assert max(y for _, y in layout.curves[1].points) > bottom
    assert layout.height >= bottom


def test_nothing_to_place() -> None:
    assert own_layout(Shape([], [], [], [])).boxes == []


def test_crossings_that_need_not_be_are_undone() -> None:
    size = 40
    vertices = [Vertex(layer, 10, 10) for layer in (0, 1) for _ in range(size)]
    order = list(range(size, 2 * size))
    random.Random(1).shuffle(order)
    layers = [list(range(size)), order]
    reduce_crossings(layers, vertices, [Segment(k, k + size) for k in range(size)])
    assert [v - size for v in layers[1]] == layers[0]


def test_order_stays_where_crossings_do_not_tell() -> None:
    vertices = [Vertex(0, 10, 10) for _ in range(5)] + [Vertex(1, 10, 10)]
    layers = [[0, 1, 2, 3, 4], [5]]
    reduce_crossings(layers, vertices, [Segment(k, 5) for k in range(5)])
    assert layers[0] == [0, 1, 2, 3, 4]


@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 10), st.floats(0, 30)), min_size=1, max_size=8))
def test_spaced_keeps_distances_and_is_optimal(parts: list[tuple[float, float, float]]) -> None:
    wanted, weights, distances = ([part[k] for part in parts] for k in range(3))
    found = spaced(wanted, weights, distances[1:])
    for (a, b), least in zip(pairwise(found), distances[1:], strict=True):
        assert b - a >= least - 1e-9
    cost = sum(w * (x - at) ** 2 for w, x, at in zip(weights, wanted, found, strict=True))
    draw = random.Random(0)
    for _ in range(20):
        other = [x + draw.uniform(-5, 5) for x in found]
        if all(b - a >= least for (a, b), least in zip(pairwise(other), distances[1:], strict=True)):
            assert cost <= sum(w * (x - at) ** 2 for w, x, at in zip(weights, wanted, other, strict=True)) + 1e-6
