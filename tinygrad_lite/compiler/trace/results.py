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

    count     how many there are
    outputs   those that a program computes: Values, in order
    at        their positions among all
    template  the others, which are constants, and 0.0 for each output
    """

    def __init__(self, returned: Any, made: set[Value], error: Callable[[Any], Exception]) -> None:
        """
        made  the leaves that the function made itself
        """
        structure = Structure(returned, error)
        numbers = structure.numbers
        self.count = len(numbers)
        self.at: Sequence[int] = [k for k, x in enumerate(numbers) if type(x) is Value and x not in made]
        if len(self.at) == self.count or self.count == 1:  # a single number stays, so that there is one to reduce
            self.at = range(self.count)
        self.outputs = self.chosen(numbers)
        self.template = [0.0] * self.count
        # The positions of constants that were returned as Values.
        self._values: list[int] = []
        if type(self.at) is list:
            self._take_constants(numbers)
        self._structure = structure.filled(np.zeros(self.count).tolist())
        self._fill = filler(self._structure)

    def _take_constants(self, numbers: Sequence[Any]) -> None:
        outputs, template = set(self.at), self.template
        for k, x in enumerate(numbers):
            if k not in outputs:
                if type(x) is Value:
                    self._values.append(k)
                    x = x.data
                if x != 0.0 or str(x) != "0.0":
                    template[k] = float(x)

    def chosen(self, numbers: Sequence[Any]) -> list[Any]:
        """Of all numbers those that a program computes."""
        return [numbers[k] for k in self.at]

    def of_floats(self, outputs: list[float]) -> Any:
        """What the function returns, with these outputs."""
        return self._fill(self._with_constants(outputs, self.template))

    def of_values(self, outputs: list[Any]) -> Any:
        """The same for Values: constants that the function returned as Values are Values, each a new one."""
        template: list[Any] = self.template[:]
        for k in self._values:
            template[k] = Value(template[k])
        return self._fill(self._with_constants(outputs, template))

    def of_lanes(self, outputs: Any) -> Any:
        """The same for many lanes, (outputs, lanes): an array with a number for each lane in place of each number."""
        if type(self.at) is list:
            numbers = np.repeat(np.array(self.template)[:, None], outputs.shape[1], 1)
            numbers[self.at] = outputs
            outputs = numbers
        return self._fill(list(outputs))

    def _with_constants(self, outputs: list[Any], template: list[Any]) -> list[Any]:
        if type(self.at) is range:
            return outputs
        numbers = template[:]
        for k, x in zip(self.at, outputs, strict=False):  # numbers that are only watched may follow
            numbers[k] = x
        return numbers

    @functools.cached_property
    def layout(self) -> Any:
        """The structure as plain_call.Call fills it in.

        It is the position of an output; or a constant; or (a kind, structures), where kind(list of items) makes it; or,
        for a list or tuple of outputs alone, (kind, the first output, how many); or, for others and for arrays, (kind,
        the first output, a template with the constants, an array.array of the places of outputs in it).
        """
        return self._laid_out(self._structure, 0)[0]

    def _laid_out(self, tree: Any, at: int) -> tuple[Any, int]:
        """The layout of a part, whose first number is at a position, and the position after it."""
        is_array = isinstance(tree, np.ndarray)
        kind: Any = type(tree)
        if is_array or (is_flat(tree) and (kind is list or kind is tuple)):
            end = at + (tree.size if is_array else len(tree))
            first, last = bisect_left(self.at, at), bisect_left(self.at, end)
            if not is_array and last - first == end - at:
                return (kind, first, end - at), end
            places = array("i", [k - at for k in self.at[first:last]])
            template = self.template[at:end]
            if is_array:
                return (np.ndarray, first, np.array(template, float).reshape(tree.shape), places), end
            return (kind, first, template, places), end
        if is_nested(tree):
            inner = []
            for item in items_of(tree):
                found, at = self._laid_out(item, at)
                inner.append(found)
            make = kind if kind is list or kind is tuple else functools.partial(with_items, tree)
            return (make, tuple(inner)), at
        if tree is None:
            return None, at
        position = bisect_left(self.at, at)
        is_output = position < len(self.at) and self.at[position] == at
        return (position if is_output else self.template[at]), at + 1
