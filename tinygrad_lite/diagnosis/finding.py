"""Finding, one problem, and Diagnosis, the report of all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..text.reports import Report, Table
from ..text.wording import count, counted, number
from .recording import Layer

NAMELESS = "the model"
"""The name of the outermost module, whose path is empty."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of a network or its training.

    what    its name, such as "vanishing gradients"
    where   the path of a layer or the name of a parameter; "loss", "history" or "optimizer"
    number  how bad it is; `words` say in which unit
    """

    what: str
    where: str
    number: float
    words: str
    cure: str

    def __str__(self) -> str:
        return f"{self.what} ({self.where})\n    do: {self.cure}\n    why: {self.words}"


@dataclass(frozen=True, repr=False)
class Diagnosis(Report):
    """The report of diagnose: `.findings`, and `.layers` with their numbers; it is true if nothing is wrong.

    looked  what was examined, in words
    """

    findings: list[Finding] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    looked: str = ""

    @property
    def ok(self) -> bool:
        """Whether there are no findings."""
        return not self.findings

    def __bool__(self) -> bool:
        return self.ok

    def named(self, what: str) -> list[Finding]:
        """The findings with this name.

        >>> Diagnosis().named("dead relus")
        []
        """
        return [finding for finding in self.findings if finding.what == what]

    def parts(self) -> list[str | Table]:
        found = counted(len(self.findings), "finding") if self.findings else "Nothing wrong was found"
        parts: list[str | Table] = [f"{found} in {self.looked}.", *map(str, self.findings)]
        if self.layers:
            headings = ["layer", "parameters", "their gradient", "gradient of outputs", "dead relus", "saturated"]
            parts.append(Table(headings, [_cells(layer) for layer in self.layers], "lrrrrr"))
            parts.append(
                "A gradient of many numbers is shown as its norm, the root of the sum of their squares. A relu is dead "
                "if it gives 0 for every sample; a tanh or sigmoid is saturated near its limits, where its slope is "
                "small."
            )
        return parts


def _cells(layer: Layer) -> list[str]:
    return [
        layer.path or NAMELESS,
        count(len(layer.parameters)),
        _shown(layer.parameter_gradient),
        _shown(layer.gradient),
        f"{layer.dead} of {layer.relus}" if layer.relus else "",
        f"{layer.saturated / layer.bounded:.0%}" if layer.bounded else "",
    ]


def _shown(x: float) -> str:
    return "" if math.isnan(x) else number(x, 3)
