"""Reading a module's parameters into named arrays, and setting them from such arrays, all or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..engine import Value
from ..errors import StateDictError, received
from ..saving.state_dicts import as_numbers, refuse, unmatched
from .tree import Node, array_shape, each_once, leaves_of, walk

if TYPE_CHECKING:
    import numpy

Arrays = dict[str, "numpy.ndarray[Any, Any]"]


def parameter_arrays(module: Node) -> Iterator[tuple[str, Any]]:
    """Yields (name, leaf or nested list of leaves) for each array of state_dict()."""
    seen: set[int] = set()
    for prefix, key, thing in each_once(walk(module, whole_arrays=True)):
        if not isinstance(thing, Node):
            leaves = {id(v) for v in leaves_of(thing)}
            if not leaves <= seen:
                yield f"{prefix}{key}", thing
            seen |= leaves


def read(module: Node) -> Arrays:
    """The module's state_dict()."""
    import numpy as np

    state: Arrays = {}
    for name, leaves in parameter_arrays(module):
        if name in state:
            raise StateDictError(f"two parameters of {type(module).__name__} have the name {name!r}: rename one")
        state[name] = np.array(_numbers(leaves), dtype=np.float64)
    return state


def write(module: Node, state: Mapping[str, Any]) -> None:
    """Sets every parameter from state, or raises StateDictError and sets none."""
    numbers: list[tuple[Value, float]] = []
    for leaves, array in fitting(module, state):
        numbers += zip(leaves_of(leaves), array.ravel().tolist(), strict=True)
    for leaf, number in numbers:
        leaf.data = number


def fitting(module: Node, state: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Pairs (leaf or nested list of leaves, their new numbers) for each array, or raises StateDictError."""
    if not isinstance(state, Mapping):
        raise TypeError(f"load_state_dict(state) takes a dict from state_dict(), got {received(state)}")
    expected = dict(parameter_arrays(module))
    problems = unmatched(expected, state)
    found: list[tuple[Any, Any]] = []
    for name, leaves in expected.items():
        if name in state:
            try:
                found.append((leaves, as_numbers(state[name], array_shape(leaves) or ())))
            except (TypeError, ValueError) as error:
                problems.append(f"{name}: {error}")
    refuse(problems, f"load_state_dict() into {type(module).__name__}")
    return found


def _numbers(leaves: Any) -> Any:
    return leaves.data if type(leaves) is Value else [_numbers(item) for item in leaves]
