"""Checks, saves and loads states, as state_dict() returns them; a state is loaded whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from ..errors import StateDictError, received
from ..floats.expected import NUMBER, Expected, whole
from ..floats.reals import has_masked
from .files import read_state, write_state

if TYPE_CHECKING:
    import os

    import numpy

_SHOWN = 8
_STEPS = Expected("a number of steps, 0 or larger", whole(0).convert)

Checks = Mapping[str, Callable[[Any], Any]]


class Stateful:
    """A base for objects with a state that is loaded whole or not at all.

    A subclass writes state_dict(), _checks() and _take().
    """

    def state_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Loads what state_dict() returned, or nothing: StateDictError lists what is missing, extra or does not fit."""
        self._take(self._fitting(state))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes state_dict() to an .npz file, atomically: a failure half-way leaves the old file as it was.

        Raises FileExistsError if the path is a FIFO, a socket or a device, which a file would replace.
        """
        write_state(path, type(self).__name__, self.state_dict())

    def load(self, path: str | os.PathLike[str]) -> Self:
        """Loads the state from a file of save(); nothing is unpickled, so no code in it can run.

        Raises StateDictError for a file that is damaged or of another kind; it reads only the list of arrays to find
        that out.
        """
        self.load_state_dict(read_state(path, type(self).__name__, self._fitting))
        return self

    def _checks(self) -> Checks:
        """For each name in the state, a function that returns the value to load, or raises TypeError or ValueError."""
        raise NotImplementedError

    def _take(self, loaded: dict[str, Any]) -> None:
        raise NotImplementedError

    def _fitting(self, state: Any) -> dict[str, Any]:
        return fitting(f"load_state_dict() into {type(self).__name__}", state, self._checks())


def fitting(what: str, state: Any, checks: Checks) -> dict[str, Any]:
    """Checks every value of a state and returns the values to load; StateDictError lists all that is wrong."""
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict(state) takes a dict from state_dict(), got {received(state)}")
    problems: list[str] = []
    loaded: dict[str, Any] = {}
    for name, check in checks.items():
        if name in state:
            try:
                loaded[name] = check(state[name])
            except (TypeError, ValueError) as error:
                problems.append(f"{name}: {error}")
    refuse(problems + unmatched(checks, state), what)
    return loaded


def same(expected: str) -> Callable[[Any], Any]:
    """A check that the state has this name."""

    def check(given: Any) -> Any:
        if given != expected:
            raise ValueError(f"is {given}, not {expected}")
        return given

    return check


def count(given: Any) -> int:
    """A check for a number of steps or epochs."""
    return int(_STEPS.checked("", given))


def kept_number(given: Any) -> float:
    """A check for a number."""
    return float(NUMBER.checked("", given, TypeError))


def as_numbers(given: Any, shape: tuple[int, ...]) -> numpy.ndarray[Any, Any]:
    """A float64 copy of an array; TypeError if it does not hold real numbers, ValueError for another shape."""
    import numpy as np

    if has_masked(given):
        raise TypeError(f"has a masked element, which is not a number, got {received(given)}")
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise TypeError(f"must be an array of numbers, got {received(given)}") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(f"must hold real numbers, got {received(given)} of dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"has the shape {array.shape}, expected {shape}")
    return array.astype(np.float64)


def unmatched(expected: Iterable[str], given: Iterable[str]) -> list[str]:
    """Describes the names that are missing, and those that are not expected, in one line each.

    >>> unmatched(["w", "b"], ["w", "v"])
    ['missing: b', 'unexpected: v']
    """
    wanted, present = dict.fromkeys(expected), dict.fromkeys(given)
    missing = [name for name in wanted if name not in present]
    extra = [str(name) for name in present if name not in wanted]
    return [f"{what}: {_listed(names)}" for what, names in (("missing", missing), ("unexpected", extra)) if names]


def refuse(problems: list[str], what: str) -> None:
    """Raises StateDictError with the problems, if there are any."""
    if problems:
        lines = problems[:_SHOWN] + [f"... and {len(problems) - _SHOWN} more"] * (len(problems) > _SHOWN)
        raise StateDictError("\n  ".join([f"{what}: nothing was loaded, because of these problems:", *lines]))


def _listed(names: list[str]) -> str:
    more = [f"... and {len(names) - _SHOWN} more"] * (len(names) > _SHOWN)
    return ", ".join(names[:_SHOWN] + more)
