"""Runs programs on arrays of lanes."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .array_source import Source
from .program import PARAMETER, Program
from .rolling import grouped
from .sums import as_sums_of_products

_KEPT = 4


class ArrayExecutor:
    """A program rolled into array operations.

    source       the NumPy source that runs it
    products     how many matrix products it has
    summed       positions of the outputs that are summed over the lanes
    """

    def __init__(self, program: Program, varies: Sequence[bool], summed: Sequence[int] = ()) -> None:
        self.program, lanes = as_sums_of_products(program, varies)
        self._varies = lanes
        summed_places = [self.program.outputs[k] for k in summed]
        self.groups = grouped(self.program, lanes, summed_places)
        written = Source(self.program, self.groups, lanes, summed_places)
        self.source, self.products, self.operations = written.text, written.products, len(written.body)
        self._written = written
        names: dict[str, Any] = dict(written.indices)
        exec(compile(self.source, "<compiled program>", "exec"), names)
        self._bind: Callable[..., Callable[[], None]] = names["bind"]
        self._parameters = sum(kind == PARAMETER for kind in self.program.kinds)
        in_sums = {place for group in self.groups if group.summed for place in group.members}
        self._summed = [_Summed(self.program.outputs[k], in_sums, lanes, written.row) for k in summed]
        chosen = set(summed)
        self._kept = [k for k in range(len(self.program.outputs)) if k not in chosen]
        self._gather = self._gathered()
        self._workspaces: OrderedDict[int, _Workspace] = OrderedDict()
        self._lock = threading.Lock()

    def _gathered(self) -> Any:
        """Rows of the sums, in three kinds: in G, to be summed over lanes of V, shared ones of S."""
        by_kind: list[tuple[list[int], list[int]]] = [([], []), ([], []), ([], [])]
        for position, one in enumerate(self._summed):
            where, rows = by_kind[one.kind]
            where.append(position)
            rows.append(one.row)
        return [(np.array(where, dtype=int), np.array(rows, dtype=int)) for where, rows in by_kind]

    def run(self, parameters: Any, inputs: Any) -> tuple[list[Any], Any]:
        """(outputs by lane, sums over the lanes as an array.array): inputs of shape (inputs, lanes)."""
        with self._lock:
            lanes = inputs.shape[1]
            space = self._workspaces.get(lanes)
            if space is None:
                space = self._workspaces[lanes] = _Workspace(self, lanes)
                if len(self._workspaces) > _KEPT:
                    self._workspaces.popitem(last=False)
            space.S[: self._parameters] = parameters
            space.V[: len(inputs)] = inputs
            with np.errstate(all="ignore"):
                space.run()
            outputs = []
            for k in self._kept:
                place = self.program.outputs[k]
                row = self._written.row[place]
                outputs.append(space.V[row].copy() if self._varies[place] else np.full(lanes, space.S[row]))
            sums = array("d", bytes(8 * len(self._summed)))
            if self._summed:
                view = np.frombuffer(sums)
                (in_g, g), (in_v, v), (in_s, s) = self._gather
                if len(in_g):
                    view[in_g] = space.G[g]
                if len(in_v):
                    view[in_v] = space.V[v].sum(axis=1)
                if len(in_s):
                    view[in_s] = space.S[s] * lanes
            return outputs, sums


class _Summed:
    __slots__ = ("kind", "row")

    def __init__(self, place: int, in_sums: set[int], varies: Sequence[bool], row: dict[int, int]) -> None:
        self.row = row[place]
        self.kind = 0 if place in in_sums else 1 if varies[place] else 2


class _Workspace:
    """The arrays of a program for a number of lanes, and the calls bound to them."""

    def __init__(self, executor: ArrayExecutor, lanes: int) -> None:
        written = executor._written
        self.S, self.V, self.G = np.zeros(written.shared), np.zeros((written.lanes, lanes)), np.zeros(written.sums)
        first = executor._parameters
        self.S[first : first + len(written.constants)] = written.constants
        self.run = executor._bind(_namespace(), _grid, self.S, self.V, self.G, np.ones(lanes), lanes)


def _grid(numbers: Any, start: int, shape: tuple[int, int], strides: tuple[int, int]) -> Any:
    """Rows start + i * strides[0] + j * strides[1], as a view."""
    step = numbers.strides[0]
    return np.lib.stride_tricks.as_strided(
        numbers[start:], shape + numbers.shape[1:], (strides[0] * step, strides[1] * step, *numbers.strides[1:])
    )


def _namespace() -> Any:
    return _Namespace()


class _Namespace:
    """NumPy, and element by element what it lacks."""

    def __getattr__(self, name: str) -> Any:
        from .. import ieee, ops

        function = getattr(np, name, None)
        if function is None:
            scalar = {"gammaln": ieee.lgamma}.get(name) or ops.TABLE[name].value
            function = np.vectorize(scalar, otypes=[float])
        setattr(self, name, function)
        return function
