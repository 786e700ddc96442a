"""Applies NumPy functions to Values, also together with arrays: np.arctan2(3.0, v), np.float64(2.0) * v."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Value, current_trace
from ..ops import ALIASES, TABLE

_OPERATORS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "power": operator.pow,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}
"""The operators that NumPy itself applies to the objects in arrays."""


def applied(ufunc: Any, method: str, inputs: Sequence[Any], named: dict[str, Any]) -> Any:
    """The result of a ufunc with a Value among its inputs, by the table's row of that name, if there is one.

    Raises TypeError for a ufunc that has no meaning for Values.
    """
    import numpy as np

    if method == "__call__" and not named:
        alone = not any(isinstance(x, np.ndarray) for x in inputs)
        function: Callable[..., Any] | None = _OPERATORS.get(ufunc.__name__) if alone else None
        if function is None and ufunc.nin == 2 and ufunc.__name__ not in _OPERATORS:  # for one input NumPy uses methods
            function = TABLE.get(ufunc.__name__) or ALIASES.get(ufunc.__name__)
        if function is not None:
            given = [x.item() if isinstance(x, np.generic) else x for x in inputs]
            return function(*given) if alone else np.frompyfunc(function, ufunc.nin, 1)(*given)
    try:
        return getattr(ufunc, method)(*[_boxed(x) if type(x) is Value else x for x in inputs], **named)
    except TypeError as error:
        if "not supported for the input types" not in str(error):
            raise
        name, trace = f"np.{ufunc.__name__}", current_trace()
        if trace is not None:
            trace.refuse(name, next(x for x in inputs if type(x) is Value))
        raise TypeError(f"{name} is not an operation on Values: write {name}(v.data) for the number alone") from None


def _boxed(v: Value) -> Any:
    """An array that holds this one object."""
    import numpy as np

    box = np.empty((), dtype=object)
    box[()] = v
    return box
