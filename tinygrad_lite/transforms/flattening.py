"""ravel: turns the numbers of a structure into one array, which optimizers of other libraries take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine import Value, is_inside
from ..errors import HistoryError, ShapeError, not_a_number, received
from ..floats.reals import as_float, as_sequence, is_choice, listed
from .pytree import Holder, Structure, filler, sketch
from .runs import as_value


def ravel(tree: Any) -> tuple[np.ndarray[Any, Any], Callable[[Any], Any]]:
    """Returns (flat, restore): all numbers of a structure in a float64 array, and the function that reverses this.

    tree     a number, or nested lists, tuples, dicts, dataclasses and arrays of numbers; None holds none. Leaves give
             plain numbers, without a gradient. Inside a function that is differentiated or compiled, all Values stay
             Values, in an object array
    restore  restore(flat) builds the structure again from as many new numbers: an array, a list of Values, a traced
             row. Arrays come back as float64, or as object arrays if they hold a Value; integers come back as floats
    For a model, use model.parameters(), or model.state_dict() with model.load_state_dict(restore(flat)).
    Raises TypeError for anything but numbers, including bools and members of an enum, and, outside of transforms,
    HistoryError for a result of other Values. restore raises ShapeError for another number of elements. It is like
    jax.flatten_util.ravel_pytree, except that dicts keep their order.

    >>> flat, restore = ravel({"w": [[1.0, 2.0], [3.0, 4.0]], "b": 0.5})
    >>> flat, restore(2 * flat)
    (array([1. , 2. , 3. , 4. , 0.5]), {'w': [[2.0, 4.0], [6.0, 8.0]], 'b': 1.0})
    """
    structure = Structure(tree, _refusal)
    structure.refuse_choices(_refusal)
    given, count = structure.numbers, len(structure.numbers)
    if structure.has_values and is_inside():
        flat = np.empty(count, object)
        flat[:] = [as_value(x) for x in given]
    else:
        flat = np.array([_number(x) for x in given], float)
    # A copy with its own numbers, so that later changes to the tree have no effect.
    empty = structure.filled(np.zeros(count).tolist())
    fill = filler(empty)

    def restore(flat: Any) -> Any:
        """The structure, filled with these numbers."""
        who = "restore(flat) of ravel: flat"
        numbers = listed(flat) if getattr(flat, "ndim", None) == 1 else as_sequence(who, flat)
        if len(numbers) != count:
            raise ShapeError(f"{who} holds {count} numbers, as many as {sketch(empty)}, got {received(flat)}")
        return fill([x if type(x) in (float, Value) else as_float(who, x) for x in numbers])

    return flat, restore


def _number(x: Any) -> float:
    if type(x) is not Value:
        return x if type(x) is float else as_float("ravel(tree)", x)
    if x.kind == "result":
        raise HistoryError(
            f"ravel(tree) gives numbers, and how {received(x)} was computed would be lost: ravel what .detach() gives, "
            "or inside a function that is differentiated or compiled, where Values stay Values"
        )
    return x.data


def _refusal(x: Any) -> TypeError:
    if isinstance(x, Holder):
        return TypeError(
            f"ravel(tree) takes numbers in lists, dicts and arrays, got {received(x)}: ravel(model.parameters()) takes "
            "a model's, and ravel(model.state_dict()) those that model.load_state_dict(restore(flat)) sets"
        )
    if is_choice(x):
        return TypeError(
            f"ravel(tree): {x!r} in it is a choice, which restore would replace by some number: keep it apart from "
            "the numbers, or write float(...) if it is meant as one"
        )
    return not_a_number("ravel(tree)", x)
