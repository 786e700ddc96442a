"""The numbers and gradients of parameters as two arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..engine import Value, are_parameters, clear_grads, current_trace, distinct, storage_of
from ..errors import HistoryError, received
from ..transforms.bound_leaves import BoundLeaves, runs_of

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[numpy.float64]]


class Leaves(BoundLeaves):
    """Parameters as two arrays of one storage, wherever they are bound, and wherever they move."""

    def __init__(self, who: str, params: Iterable[Value]) -> None:
        self._who, self.leaves = who, checked_leaves(who, params)
        super().__init__(runs_of(self.bound))

    @property
    def bound(self) -> list[Value]:
        storage_of(self.leaves)  # leaves in several storages move together
        return self.leaves

    def _locate(self) -> None:
        import numpy as np

        storage = self._storage = self.runs[0].storage
        runs = [(run.start, run.start + len(run)) for run in self.runs]
        self._where: Any = slice(*runs[0]) if len(runs) == 1 else np.concatenate([np.arange(*run) for run in runs])
        self._values, self._grads = np.frombuffer(storage.values), np.frombuffer(storage.settled())

    def __len__(self) -> int:
        return len(self.leaves)

    def __reduce__(self) -> tuple[Any, ...]:
        return Leaves, (self._who, self.leaves)

    def numbers(self) -> tuple[Array, Array]:
        """Numbers and gradients: views if the leaves' cells are consecutive, else copies that write() puts back."""
        trace = current_trace()
        if trace is not None:
            trace.refuse(f"{self._who}, which reads gradients and moves numbers,", self.leaves[0])
        self.locate()
        self._storage.settled()
        return self._values[self._where], self._grads[self._where]

    def write(self, values: Array, grads: Array) -> None:
        if not isinstance(self._where, slice):
            self._values[self._where], self._grads[self._where] = values, grads

    def set_values(self, values: Array) -> None:
        """Sets the numbers and leaves the gradients unchanged."""
        now, grads = self.numbers()
        now[:] = values
        self.write(now, grads)

    def clear_grads(self) -> None:
        if len(self.leaves) == len(self._storage) and self._storage.moved == self._moved[self._storage]:
            self._storage.clear_grads()
        else:
            clear_grads(self.leaves)


def checked_leaves(who: str, params: Iterable[Value]) -> list[Value]:
    """The parameters as a list of distinct leaves; raises an error that names the first that is not one."""
    if isinstance(params, (Value, str, Mapping, set, frozenset)) or not isinstance(params, Iterable):
        raise TypeError(f"{who} takes a list of parameters, got {received(params)}: pass model.parameters()")
    leaves = list(params)
    if not leaves:
        raise ValueError(f"{who} got an empty list of parameters: there is nothing to optimize")
    for position, leaf in enumerate(() if are_parameters(leaves) else leaves):
        if type(leaf) is not Value:
            raise TypeError(f"{who}: parameter {position} is {received(leaf)}, not a Value")
        kind = leaf.kind
        if kind == "result" or kind == "detached":
            raise HistoryError(
                f"{who}: parameter {position} is of kind {kind!r}, but only leaves with a gradient move: {leaf!r}"
            )
    if len(distinct(leaves)) < len(leaves):
        raise ValueError(f"{who}: one of the {len(leaves)} parameters is listed twice: pass each once")
    return leaves
