"""Recorder: records a training for the explorer, which shows it over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...diagnosis.finding import NAMELESS
from ...diagnosis.recording import layers_of
from ...engine import Value
from ...errors import received
from ...floats.expected import NUMBER, whole
from ...nn import Module
from ...optim.leaves import Leaves
from ...text.wording import counted
from ...train import TrainingState
from ...train.samples import Samples
from ..diagram.walk import Graph
from .boundary import boundary_of
from .packing import packed

_NUMBERS = 4_000_000
"""The most parameters that are kept over all records."""


@dataclass(frozen=True)
class _Record:
    step: int
    row: Mapping[str, float]
    norms: Any
    numbers: Any
    outputs: Any


class Recorder:
    """Records a model during a training: call it after backward(), or pass it to train.fit as a callback.

    data   (X, y) as for fit; if a sample is two numbers and its target one number, the model's outputs over the plane
           around the samples are recorded too
    every  records the first step, and then every so many steps
    limit  with more records than this (or over 4,000,000 parameters in all) every second one is dropped, and `every`
           doubles
    cells  points along each side of the plane
    `loss.explore(training=recorder)` shows it. Model, gradients, modes and random draws are not changed. With fit, the
    last epoch is recorded too, and gradients are those of each epoch's last batch. Raises TypeError for a model that is
    not a Module, a loss that is not a number, and data without numbers.

    >>> from tinygrad_lite import nn, optim
    >>> model = nn.MLP(1, [1]); recorder = Recorder(model); optimizer = optim.SGD(model.parameters(), lr=0.1)
    >>> for _ in range(3):
    ...     optimizer.zero_grad(); loss = (model([1.0]) - 2.0) ** 2; loss.backward()
    ...     recorder(loss)
    ...     optimizer.step()
    >>> recorder.steps, recorder.series["loss"][-1] == loss.data, list(recorder.norms)
    ([1, 2, 3], True, ['layers.0'])
    """

    def __init__(
        self,
        model: Module,
        data: tuple[Any, Any] | None = None,
        *,
        every: int = 1,
        limit: int = 200,
        cells: int = 48,
    ) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"Recorder(model) takes a Module, got {received(model)}")
        every = whole(1).checked("Recorder(every=...)", every)
        limit, cells = whole(2).checked("Recorder(limit=...)", limit), whole(2).checked("Recorder(cells=...)", cells)
        layers = {path: layer.parameters for path, layer in layers_of(model).items() if layer.parameters}
        if not layers:
            raise ValueError(f"Recorder(model): {type(model).__name__} has no parameters to record")
        self.model, self.every = model, every
        self._layers = {path or NAMELESS: list(own.values()) for path, own in layers.items()}
        self._leaves = Leaves("Recorder(model)", model.parameters())
        homes = {p: k for k, own in enumerate(self._layers.values()) for p in own}
        self._homes = np.array([homes[p] for p in self._leaves.leaves])
        self._limit = max(2, min(limit, _NUMBERS // len(homes)))
        self._boundary = None
        if data is not None:
            inputs, targets = Samples("Recorder(data)", data, True).columns
            self._boundary = boundary_of(model, inputs, targets, cells)
        self._records: list[_Record] = []
        self._seen, self._units = 0, set[str]()

    def __call__(self, loss: Value | float | TrainingState) -> None:
        """Records the present state of the model.

        loss  the loss of this step, or the TrainingState that fit passes after each epoch
        """
        last = False
        if isinstance(loss, TrainingState):
            if loss.model is not self.model:
                raise ValueError(
                    "Recorder: fit trains another model than the recorder's: make a Recorder of that model"
                )
            self._seen = max(self._seen + 1, loss.epoch)
            self._units.add("epoch")
            row, last = {name: x for name, x in loss.row.items() if name != "epoch"}, loss.epoch == loss.epochs
        else:
            number = (
                loss.data if isinstance(loss, Value) else NUMBER.checked("Recorder: recorder(loss)", loss, TypeError)
            )
            self._seen += 1
            self._units.add("step")
            row = {"loss": number}
        if self._records and self._seen % self.every and not last:
            return
        numbers, grads = self._leaves.numbers()
        outputs = None if self._boundary is None else self._boundary.outputs()
        self._records.append(_Record(self._seen, row, self._norms(grads), numbers.copy(), outputs))
        while len(self._records) > self._limit:
            self.every *= 2
            first, *others = self._records
            self._records = [first, *(r for r in others if r.step % self.every == 0 or (last and r.step == self._seen))]

    def _norms(self, grads: Any) -> Any:
        """The root mean square of each layer's gradients, nan if no gradient was computed."""
        norms = np.sqrt(np.bincount(self._homes, grads * grads) / np.bincount(self._homes))
        for k, own in enumerate(self._layers.values()):
            if norms[k] == 0.0 and all(p.grad_state == "not computed" for p in own):
                norms[k] = math.nan
        return norms

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        return f"<Recorder of {type(self.model).__name__}: {counted(len(self), 'record')}>"

    @property
    def steps(self) -> list[int]:
        """The steps (or epochs of fit) at which a record was made, counted from 1."""
        return [record.step for record in self._records]

    @property
    def series(self) -> dict[str, list[float]]:
        """The recorded losses, and with fit all columns of its history; nan if a record has none."""
        names = dict.fromkeys(name for record in self._records for name in record.row)
        return {name: [record.row.get(name, math.nan) for record in self._records] for name in names}

    @property
    def norms(self) -> dict[str, list[float]]:
        """The root mean square of the parameters' gradients, layer by layer; nan if they were not computed."""
        return {path: [float(record.norms[k]) for record in self._records] for k, path in enumerate(self._layers)}

    def payload(self, graph: Graph | None = None) -> dict[str, Any]:
        """The recording as data for JSON.

        graph  a graph whose parameters are included, with their positions in it and their numbers over time
        """
        positions = {p: k for k, p in enumerate(self._leaves.leaves)}
        held = [(node, positions[v]) for node, v in enumerate(graph.values if graph else ()) if v in positions]
        parameters = None
        if held and self._records:
            columns = [column for _, column in held]
            parameters = {
                "node": packed("i32", [node for node, _ in held]),
                "numbers": packed("f64", [record.numbers[columns] for record in self._records]),
            }
        boundary = None
        if self._boundary is not None and self._records:
            boundary = self._boundary.payload([record.outputs for record in self._records])
        return {
            "unit": "epoch" if self._units == {"epoch"} else "step",
            "steps": self.steps,
            "series": {name: _finite(column) for name, column in self.series.items()},
            "norms": {path: _finite(column) for path, column in self.norms.items()},
            "parameters": parameters,
            "boundary": boundary,
        }


def _finite(numbers: list[float]) -> list[float | None]:
    """Replaces nan and inf, which JSON lacks, by None."""
    return [x if math.isfinite(x) else None for x in numbers]
