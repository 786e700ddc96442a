"""The legend of a picture: the meanings of the colours and marks that occur in it."""

from __future__ import annotations

from dataclasses import dataclass

from ..drawing.text_width import width
from .elements import Diagram, Group, Node, Step

_SIZE = 11.0


_TIMES = "\N{MULTIPLICATION SIGN}"
_OF_COMPILED = (
    "thick border: output",
    f"{_TIMES}n: n scalar operations at once",
    "#n: result of array operation n",
    "lanes: rows of a batch",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the legend; swatch is a key of theme.BOXES, "edge", "zero", "blocked", or "" for text alone."""

    swatch: str
    text: str

    @property
    def width(self) -> float:
        return (
            width(self.text, _SIZE) + {"": 0.0, "edge": 30.0, "zero": 14.0, "blocked": 14.0}.get(self.swatch, 24.0) + 18
        )


def legend(diagram: Diagram) -> list[Entry]:
    kinds = {_colours(node) for node in diagram.nodes}
    states = {state for node in diagram.nodes for state in _shown_states(node)}
    names = {"parameter": "parameter", "input": "input", "constant": "constant", "module": "module, closed"}
    names |= {"product": "matrix product", "result": "result", "derived": "result of differentiation"}
    names |= {"root": "root", "wrong": "wrong rule"}
    entries = [Entry(kind, name) for kind, name in names.items() if kind in kinds]
    if any(edge.derivative is not None for edge in diagram.edges):
        entries.append(Entry("edge", "local derivative"))
    if diagram.groups:
        entries += [Entry("", text) for text in _OF_COMPILED]
    if any(edge.count > 1 for edge in diagram.edges):
        entries.append(Entry("edge", f"{_TIMES}n: n edges"))
    if "zero" in states:
        entries.append(Entry("zero", "gradient is 0"))
    if "blocked" in states:
        entries.append(Entry("blocked", "gradient is stopped on its way"))
    told = [node for node in diagram.nodes if not isinstance(node, Step)]
    if any(node.accumulated for node in told):
        entries.append(Entry("", "sweep: one backward(), which adds to grad until zero_grad()"))
    if any(node.changed is not None if isinstance(node, Node) else node.changed for node in told):
        entries.append(Entry("", "earlier value: a leaf has changed since backward()"))
    if any(
        (not isinstance(node, Step) and node.wrong) or (isinstance(node, Node) and node.wrong_adjoint)
        for node in diagram.nodes
    ):
        entries.append(Entry("", "a \N{NOT EQUAL TO} b: a from the rules, b measured"))
    return entries


def _colours(node: Node | Group | Step) -> str:
    if isinstance(node, Step):
        return node.kind
    if node.wrong or node.root:
        return "wrong" if node.wrong else "root"
    return "module" if isinstance(node, Group) and node.module else node.kind


def _shown_states(node: Node | Group | Step) -> set[str]:
    """The gradient states that a box shows; a group shows a common state, and whether a gradient is blocked in it."""
    if isinstance(node, Group):
        return set(node.states) if len(node.states) == 1 else {"blocked"} & set(node.states)
    return set() if isinstance(node, Step) or node.plain else {node.state}
