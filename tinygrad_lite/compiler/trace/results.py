"""What a traced function returns: a structure that holds the constants, and the results that a program computes."""

from __future__ import annotations

import functools
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...engine import Value
from ...transforms.pytree import Structure, filler, is_flat, is_nested, items_of, with_items


class Results:
    """The numbers that a traced function returned, such as the entries of a Hessian, of which most may be 0.

    count      how many there are
    outputs    those that a program computes: Values, in order
    constants  the others: {position: number or Value}
    """

    def __init__(self, returned: Any, made: set[Value], error: Callable[[Any], Exception]) -> None:
        """
        made  the leaves that the function made itself
        """
        self._returned, self._fill = returned, filler(returned)
        numbers = Structure(returned, error).numbers
        self.count = len(numbers)
        self.constants = {k: x for k, x in enumerate(numbers) if type(x) is not Value or x in made}
        if self.count == 1:  # a single number stays, so that there is always one to reduce
            self.constants = {}
        self._at = [k for k in range(self.count) if k not in self.constants] if self.constants else range(self.count)
        self.outputs = self.chosen(numbers)

    def chosen(self, numbers: Sequence[Any]) -> list[Any]:
        """Of all numbers those that a program computes."""
        return [numbers[k] for k in self._at] if self.constants else list(numbers)

    def of_floats(self, outputs: list[float]) -> Any:
        """What the function returns, with these outputs."""
        return self._fill(self._with_constants(outputs, self._template))

    def of_values(self, outputs: list[Any]) -> Any:
        """The same for Values: constants that the function returned as Values are Values, each a new one."""
        if not self.constants:
            return self._fill(outputs)
        constants = [Value(x.data) if type(x) is Value else x for x in self.constants.values()]
        numbers: list[Any] = [None] * self.count
        for k, x in zip(self.constants, constants, strict=True):
            numbers[k] = x
        return self._fill(self._with_constants(outputs, numbers))

    def of_lanes(self, outputs: Any) -> Any:
        """The same for many lanes, (outputs, lanes): an array with a number for each lane in place of each number."""
        if self.constants:
            numbers = np.repeat(np.array(self._template)[:, None], outputs.shape[1], 1)
            numbers[self._at] = outputs
            outputs = numbers
        return self._fill(list(outputs))

    @functools.cached_property
    def layout(self) -> Any:
        """The structure as plain_call.Call fills it in.

        It is the position of an output; or a constant; or (a kind, structures), where kind(list of items) makes it; or,
        for a list or tuple of outputs alone, (kind, the first output, how many); or, for others and for arrays, (kind,
        the first output, a template with the constants, an array.array of the places of outputs in it).
        """
        return self._laid_out(self._returned, 0)[0]

    @functools.cached_property
    def _template(self) -> list[float]:
        """The constants, and 0.0 for each output."""
        numbers = [0.0] * self.count
        for k, x in self.constants.items():
            numbers[k] = x.data if type(x) is Value else float(x)
        return numbers

    def _with_constants(self, outputs: list[Any], template: list[Any]) -> list[Any]:
        if not self.constants:
            return outputs
        numbers = template[:]
        for k, x in zip(self._at, outputs, strict=False):  # numbers that are only watched may follow
            numbers[k] = x
        return numbers

    def _laid_out(self, tree: Any, at: int) -> tuple[Any, int]:
        """The layout of a part, whose first number is at a position, and the position after it."""
        is_array = isinstance(tree, np.ndarray)
        kind: Any = type(tree)
        if is_array or (is_flat(tree) and (kind is list or kind is tuple)):
            end = at + (tree.size if is_array else len(tree))
            first, last = bisect_left(self._at, at), bisect_left(self._at, end)
            if not is_array and last - first == end - at:
                return (kind, first, end - at), end
            template = kind(self._template[at:end]) if not is_array else np.array(self._template[at:end], float)
            places = array("i", [k - at for k in self._at[first:last]])
            if is_array:
                return (np.ndarray, first, template.reshape(tree.shape), places), end
            return (kind, first, list(template), places), end
        if is_nested(tree):
            inner = []
            for item in items_of(tree):
                found, at = self._laid_out(item, at)
                inner.append(found)
            make = kind if kind is list or kind is tuple else functools.partial(with_items, tree)
            return (make, tuple(inner)), at
        if tree is None:
            return None, at
        if at in self.constants:
            return self._template[at], at + 1
        return bisect_left(self._at, at), at + 1
