"""matrix_form: a compiled function's array operations as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..compiler import Compiled
from ..text.reports import Report, Table
from ..text.wording import count, counted
from .diagram.elements import Step
from .diagram.matrix_form import array_steps

_WORDS = (
    "n: how many scalar operations, of your code or of its derivatives, one row stands for. #1: what row #1 gives. @: "
    "the product of two matrices; .T: a matrix turned over, rows for columns; [w, b] with [x, 1]: side by side, so "
    "that b is added. A lane is one row of a batch: what has lanes in its shape runs for the whole batch at once."
)


@dataclass(frozen=True, repr=False)
class MatrixForm(Report):
    """The report of Compiled.matrix_form: which array operations the scalar operations became.

    scalars  how many scalar operations ran
    steps    a box of the picture for each array operation, in order
    """

    name: str
    scalars: int
    steps: Sequence[Step]

    def parts(self) -> list[str | Table]:
        products = sum(step.kind == "product" for step in self.steps)
        head = f"{self.name}: {counted(self.scalars, 'scalar operation')} run as "
        head += f"{counted(len(self.steps), 'array operation')}, {count(products)} of them matrix products"
        return [head, Table(["", "n", "array operation", "of", "shape", "gives"], self._rows(), "lrllll"), _WORDS]

    def _rows(self) -> list[list[str]]:
        rows = []
        for k, step in enumerate(self.steps, 1):
            told = dict(step.rows)
            gives = [f"{name} {told[name]}" for name in ("output", "gradient") if name in told] or [""]
            rows.append([f"#{k}", count(step.operations), step.title, told[f"#{k} ="], _short(told["shape"]), *gives])
        return rows


def _short(shape: str) -> str:
    """A shape without brackets.

    >>> _short("(8 x 3) @ (3 x lanes)") == "8\N{MULTIPLICATION SIGN}3 @ 3\N{MULTIPLICATION SIGN}lanes"
    True
    """
    return shape.replace("(", "").replace(")", "").replace(" x ", "\N{MULTIPLICATION SIGN}")


def matrix_form(compiled: Compiled) -> MatrixForm:
    """The array operations of what a compiled function ran last."""
    return MatrixForm(getattr(compiled, "__name__", "compiled"), *array_steps(compiled))
