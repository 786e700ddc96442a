"""The model of a picture: what is drawn, before anything is placed or coloured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...explanation.accumulation import Accumulated
from ...explanation.comparison import FROM_ABOVE, NodeRow
from ...transforms.check import WRONG, Row
from .gradient_states import GradientState

Kind = Literal["parameter", "input", "constant", "result", "derived", "product"]


@dataclass(frozen=True, slots=True)
class Node:
    """A box for one Value, or for a plain number that an operation keeps (`plain`).

    operation  how the Value was made, with plain arguments: "tanh", "* 0.5"; None for a leaf
    cluster    the position in Diagram.clusters of the innermost frame around it, or None
    check      the findings of compare() for it
    accumulated  the parts of a leaf's gradient, if other sweeps added to it
    changed    True, or False for perhaps, if a leaf has another number than in the sweep that gave its gradient
    """

    data: float
    kind: Kind
    label: str | None = None
    operation: str | None = None
    grad: float = 0.0
    state: GradientState = "not computed"
    root: bool = False
    detached: bool = False
    plain: bool = False
    cluster: int | None = None
    check: NodeRow | None = None
    accumulated: Accumulated | None = None
    changed: bool | None = None

    @property
    def wrong(self) -> bool:
        """Whether its rule is wrong."""
        return self.check is not None and any(rule.verdict == WRONG for rule in self.check.rules)

    @property
    def wrong_adjoint(self) -> Row | None:
        adjoint = self.check.adjoint if self.check else None
        return adjoint if adjoint and adjoint.verdict in (WRONG, FROM_ABOVE) else None


@dataclass(frozen=True, slots=True)
class Group:
    """A box that stands for many Values: those of a module (`module`), or similar ones.

    operations   how often each operation occurs
    data, grads  the smallest and the largest
    wrong        how many of them have a wrong rule, according to compare()
    accumulated  how many gradients hold those of other sweeps too
    changed      how many leaves have, or may have, other numbers than in the sweep that gave their gradients
    """

    title: str
    values: int
    parameters: int
    kind: Kind
    module: bool
    operations: Counter[str]
    states: Counter[GradientState]
    data: tuple[float, float]
    grads: tuple[float, float]
    root: bool = False
    cluster: int | None = None
    wrong: int = 0
    accumulated: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix that is drawn as a grid of cells; rows and columns of one lane."""

    name: str
    rows: int
    columns: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Step:
    """A box of a compiled program: one scalar operation, or with `rows` the operations that run at once.

    rows      pairs of a name and a text
    matrices  an equation in matrices, which are drawn as grids, and the signs between them
    """

    title: str
    kind: Kind
    operations: int = 1
    rows: tuple[tuple[str, str], ...] = ()
    matrices: tuple[Matrix | str, ...] = ()
    cluster: int | None = None
    root: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from an argument to its result, given by their positions in Diagram.nodes.

    derivative  the local derivative; None for plain numbers, and if an end is a group
    count       how many edges it stands for
    note        a text that is written on it instead
    blocked     whether a gradient arrives at the result and a flat operation stops it here
    check       the finding of compare() for the local derivative; for many edges, that of a wrong one
    """

    source: int
    target: int
    derivative: float | None = None
    count: int = 1
    note: str = ""
    blocked: bool = False
    plain: bool = False
    check: Row | None = None

    @property
    def wrong(self) -> bool:
        return self.check is not None and self.check.verdict == WRONG


@dataclass(frozen=True, slots=True)
class Cluster:
    """A frame around the nodes of a module, or around an expanded operation (`module` False)."""

    title: str
    parent: int | None
    module: bool = True


@dataclass(frozen=True, slots=True)
class Diagram:
    """A whole picture.

    values  how many Values it shows, one by one or in groups; for a compiled function, how many operations
    groups  for a compiled function, how many groups of operations run at once; None otherwise
    """

    nodes: Sequence[Node | Group | Step]
    edges: Sequence[Edge]
    clusters: Sequence[Cluster] = field(default=())
    values: int = 0
    groups: int | None = None

    @property
    def collapsed(self) -> bool:
        return any(isinstance(node, Group) for node in self.nodes)
