"""Draws a small graph as a diagram with a box for each Value."""

from __future__ import annotations

from dataclasses import replace

from ...engine import Value, is_derived
from ...text.wording import INFIX, count, number
from ...transforms.check import Row
from .checks import Checks, edge_checks
from .elements import Diagram, Edge, Kind, Node
from .gradient_states import GradientState, gradient_states, stopped_edges
from .module_frames import UNTITLED, Place, frames, places, separate_calls
from .walk import Graph

_BOXED_NUMBERS = 8
"""Up to this many plain numbers in a sequence get a box each; for more, only the count is shown."""

_KINDS: dict[str, Kind] = {"parameter": "parameter", "leaf": "input", "detached": "constant", "result": "result"}


def kind_of(v: Value) -> Kind:
    """The kind of a Value in pictures; results that a transform made to differentiate are told apart."""
    return "derived" if v.kind == "result" and is_derived(v) else _KINDS[v.kind]


def value_node(
    graph: Graph,
    v: Value,
    state: GradientState,
    checks: Checks,
    *,
    root: bool,
    operation: str | None,
    cluster: int | None = None,
) -> Node:
    return Node(
        data=v.data,
        kind=kind_of(v),
        label=v.label,
        operation=operation,
        grad=v.grad if state != "not computed" else 0.0,
        state=state,
        root=root,
        detached=v.kind == "detached",
        cluster=cluster,
        check=checks.get(v),
        accumulated=graph.accumulated.get(v),
        changed=graph.changed.get(v),
    )


def operation_text(v: Value) -> str | None:
    """The operation with its plain number arguments, and a dot for each argument that is a Value.

    x - 1 gives "- 1", 1 - x gives "1 - ·", clip(x, -1, 1) gives "clip(·, -1, 1)".
    """
    op = v.op
    if op is None:
        return None
    args = list(v.args)
    for default in reversed(op.defaults):
        if type(args[-1]) is not float or args[-1] != default:
            break
        args.pop()
    if op.sequences:
        extra = [number(a) for a in args if type(a) is float]
        numbers = len(_plain_numbers(v))
        if numbers > _BOXED_NUMBERS:
            extra.insert(0, f"{count(numbers)} numbers")
        return f"{op.symbol}(…, {', '.join(extra)})" if extra else op.symbol
    if not any(type(a) is float for a in args):
        return op.name if op.name == "neg" else op.symbol
    if op.name in INFIX:
        left, right = args
        return f"{op.symbol} {number(right)}" if type(right) is float else f"{number(left)} {op.symbol} ·"
    return f"{op.name}({', '.join(number(a) if type(a) is float else '·' for a in args)})"


def detailed(graph: Graph, checks: Checks, *, expand: bool = False, limit: int) -> Diagram | None:
    """A diagram with a box for every Value, inside its modules' frames; None if that makes more than `limit` boxes.

    expand  True: each dot is drawn as its products and their sum
    """
    if len(graph) > limit:
        return None
    drawing = _Drawing(graph, checks, expand, limit)
    return drawing.diagram() if len(drawing.nodes) <= limit else None


def _plain_numbers(v: Value) -> list[float]:
    """The plain numbers in the arguments that are sequences."""
    return [x for a in v.args if type(a) is tuple for x in a if type(x) is float]


class _Drawing:
    def __init__(self, graph: Graph, checks: Checks, expand: bool, limit: int) -> None:
        self._graph, self._checks = graph, checks
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []
        self._places: list[Place] = []
        self._box: list[int] = []
        self._values = len(graph)
        module_places = places(graph)
        for v, parents, place, state in zip(
            graph.values, graph.parents, module_places, gradient_states(graph), strict=True
        ):
            if len(self.nodes) > limit:
                return
            sources = [self._box[p] for p in parents]
            root = len(self._box) == len(graph) - 1
            if expand and v.op is not None and v.op.name == "dot" and len(parents) > 1:
                self._expanded_dot(v, sources, place, state, root)
            else:
                self._plain(v, sources, place, state, root)

    def _add(self, node: Node, place: Place) -> int:
        self.nodes.append(node)
        self._places.append(place)
        return len(self.nodes) - 1

    def _plain(self, v: Value, sources: list[int], place: Place, state: GradientState, root: bool) -> None:
        numbers = _plain_numbers(v)
        boxed = [] if len(numbers) > _BOXED_NUMBERS else numbers
        constants = [self._add(Node(data=x, kind="constant", plain=True), place) for x in boxed]
        box = self._add(value_node(self._graph, v, state, self._checks, root=root, operation=operation_text(v)), place)
        told = zip(sources, v.local_derivatives, stopped_edges(v, state), edge_checks(self._checks, v), strict=True)
        self.edges += [Edge(source, box, d, blocked=stopped, check=check) for source, d, stopped, check in told]
        self.edges += [Edge(constant, box, plain=True) for constant in constants]
        self._box.append(box)

    def _expanded_dot(self, v: Value, sources: list[int], place: Place, state: GradientState, root: bool) -> None:
        """Draws the products and their sum, with the dot's own number and order of terms."""
        xs, ys, start = v.args
        told = zip(sources, v.local_derivatives, stopped_edges(v, state), edge_checks(self._checks, v), strict=True)
        factors = [[next(told) if isinstance(x, Value) else None for x in side] for side in (xs, ys)]
        grad = v.grad if state != "not computed" else 0.0
        inside = (*place, f"{v.op.symbol if v.op else ''}{UNTITLED}{len(self.nodes)}")
        terms: list[tuple[int, float | None, bool, Row | None]] = []
        for x, y, left, right in zip(xs, ys, *factors, strict=True):
            a, b = (z.data if isinstance(z, Value) else z for z in (x, y))
            if left is None and right is None:
                terms.append((self._add(Node(data=a * b, kind="constant", plain=True), inside), None, False, None))
                continue
            text = "*" if left and right else f"* {number(b)}" if left else f"{number(a)} * ·"
            product = Node(data=a * b, kind="result", operation=text, grad=grad, state=state)
            box = self._add(product, inside)
            for source, d, stopped, check in [factor for factor in (left, right) if factor]:
                self.edges.append(Edge(source, box, d, blocked=stopped, check=check))
            terms.append((box, 1.0, False, None))
        text = f"sum(…, {number(start)})" if type(start) is float and start != 0.0 else "sum"
        total = self._add(value_node(self._graph, v, state, self._checks, root=root, operation=text), inside)
        for source, d, stopped, check in [*terms, *told]:
            self.edges.append(Edge(source, total, d, plain=d is None, blocked=stopped, check=check))
        self._box.append(total)

    def diagram(self) -> Diagram:
        arrows = [(e.source, e.target) for e in self.edges]
        clusters, homes = frames(separate_calls(self._places, arrows))
        nodes = [replace(node, cluster=home) for node, home in zip(self.nodes, homes, strict=True)]
        return Diagram(nodes, self.edges, clusters, self._values)
