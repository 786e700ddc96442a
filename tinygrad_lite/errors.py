"""Exceptions that say what was done, to which argument, what came, and what to do instead."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ShapeError(ValueError):
    """A size or a number of elements that does not fit."""


class StateDictError(ValueError):
    """Saved parameters that do not fit a module: nothing of them was loaded."""


class HistoryError(TypeError):
    """A request that would lose how a Value was computed, or that needs a history where there is none."""


class AnomalyError(ArithmeticError):
    """The first non-finite value or derivative, found under detect_anomaly()."""


class TrainingError(ArithmeticError):
    """A loss, a gradient or a parameter that became inf or nan while training: the bad step was not taken.

    epoch, step  where it was, both from 1 on; steps are counted within the epoch
    sample       the position in the data of the first sample that has such a loss or gradient, if one has it alone
    explanation  what explain_nan says of that sample's loss
    history      the epochs that were finished
    """

    epoch: int
    step: int
    sample: int | None = None
    explanation: object = None
    history: object = None


class GradcheckError(AssertionError):
    """Derivatives that disagree with finite differences; the message is the report's table."""


class TraceError(TypeError):
    """Something in a compiled function that would freeze one call's choice or number into the program."""


class ConvergenceError(ArithmeticError):
    """A fixed point that was not reached.

    kind       "divergence", "slow convergence" or "not finite"
    residuals  how far each step was from a fixed point
    """

    def __init__(self, message: str, kind: str = "", residuals: tuple[float, ...] = ()) -> None:
        super().__init__(message)
        self.kind, self.residuals = kind, residuals


class CutOffWarning(UserWarning):
    """Numbers were given for what depends on a leaf that gradients were to enter: none will reach it."""


class MissingProgramError(RuntimeError):
    """A program or package that is needed for this and is not installed."""


_HINTS = {
    "str": "turn it into a number first, with float(...)",
    "Decimal": "turn it into a float first, with float(...)",
    "NoneType": "a function that was meant to return it may lack its return statement",
    "complex": "take its .real, its .imag or its abs()",
    "Value": "use it as it is, or take its .data or .detach()",
    "MaskedConstant": "a masked element has no number: fill it in or leave it out",
    "MaskedArray": "masked elements have no number: fill them in, .filled(0.0), or leave them out, .compressed()",
}


def received(x: object) -> str:
    """What came, short enough for a message.

    >>> received([1, 2, 3])
    'a list of 3'
    """
    kind = type(x).__name__
    shape = getattr(x, "shape", None)
    if shape is not None:
        return f"{_article(kind)} of shape {tuple(shape)}"
    if isinstance(x, (list, tuple, dict, set)):
        return f"{_article(kind)} of {len(x)}"
    if x is None:
        return "None"
    if isinstance(x, int) and x.bit_length() > 1024:
        return f"an int of {x.bit_length()} bits"
    try:
        text = repr(x)
    except TraceError:
        text = "traced"
    except ValueError:  # of more digits than Python writes
        return _article(kind)
    return f"{_article(kind)}, {text if len(text) <= 40 else text[:37] + '...'}"


def not_a_number(who: str, x: object, many: str = "") -> TypeError:
    """The error for an argument of `who` that is not a real number; `many` is what to do with several."""
    many = many or "take one element, or make a Value of each: [Value(x) for x in ...]"
    return TypeError(f"{who} takes a real number, got {received(x)}: {_hint(x, many)}")


def _hint(x: Any, many: str) -> str:
    kind = "complex" if type(x).__name__.startswith("complex") else type(x).__name__
    if kind in _HINTS and (kind != "MaskedArray" or x.mask.any()):
        return _HINTS[kind]
    if hasattr(x, "__len__") and getattr(x, "size", None) != 1:
        return many
    return "take its .item()" if hasattr(x, "item") else "pass an int or a float"


_WHOLE = (
    "{} of a Value is a whole number, without a derivative: write tinygrad_lite.{}(v) for a Value whose derivative is "
    "0, or {} where the number alone is meant"
)
_JUMPS = "{} of a Value jumps between whole numbers, and has no derivative there: {}"
NUMBER_ALONE = {
    "float()": "float() takes the number out of a Value, and its gradient would be lost: write v.exp() or "
    "tinygrad_lite.exp(v) for math.exp(v), f'{v:.2f}' for '%.2f' % v, and v.data for the number alone",
    "complex()": "complex() takes the number out of a Value, and its gradient would be lost: write v.data for it alone",
    "int()": _WHOLE.format("int()", "trunc", "int(v.data)"),
    "round()": _WHOLE.format("round()", "round", "round(v.data)") + ", or f'{v:.2f}' to print it",
    "math.floor()": _WHOLE.format("math.floor()", "floor", "math.floor(v.data)"),
    "math.ceil()": _WHOLE.format("math.ceil()", "ceil", "math.ceil(v.data)"),
    "math.trunc()": _WHOLE.format("math.trunc()", "trunc", "math.trunc(v.data)"),
    "//": _JUMPS.format(
        "//",
        "write v / n, or tinygrad_lite.floor(v / n), a Value whose derivative is 0, or "
        "v.data // n for the number alone",
    ),
    "divmod()": _JUMPS.format(
        "divmod()",
        "write tinygrad_lite.floor(v / n), a Value whose derivative is 0, and v % n, "
        "or divmod(v.data, n) for the numbers alone",
    ),
    "pow() with a modulus": _JUMPS.format("pow() with a modulus", "write pow(v, n)"),
    "use as an index": "a Value is not an index: take(xs, v) chooses an element by it; write xs[int(v.data)] or "
    "range(int(v.data)) where the number that it has now is meant",
    "as_integer_ratio()": "statistics and fractions take the numbers out of Values, and their gradients would be lost: "
    "write tinygrad_lite.mean(values) for statistics.mean(values), and v.data for a number alone",
    "@": "a Value is one number, and @ multiplies matrices: write v * w, or dot(xs, ys) of two lists of numbers",
}
"""What would make a plain number of a Value, and the message that refuses it."""


NOT_OPERATIONS = {
    "arccosh": "write (v + (v * v - 1).sqrt()).log()",
    "arcsinh": "write (v + (v * v + 1).sqrt()).log()",
    "arctanh": "write 0.5 * ((1 + v) / (1 - v)).log()",
    "cbrt": "write v ** (1 / 3), for v from 0 on",
    "deg2rad": "write v * (math.pi / 180)",
    "degrees": "write v * (180 / math.pi)",
    "exp2": "write 2.0 ** v",
    "hypot": "write tinygrad_lite.norm([v, w])",
    "log10": "write v.log() / math.log(10)",
    "log2": "write v.log() / math.log(2)",
    "rad2deg": "write v * (180 / math.pi)",
    "radians": "write v * (math.pi / 180)",
}
"""What NumPy's functions of these names ask Values for in vain, and what to write instead."""


def made_already(made: object) -> TypeError:
    """For a second __init__, which would take away what others hold addresses of."""
    return TypeError(f"{type(made).__name__}.__init__() was called on one that is made: make another")


def not_made(thing: object) -> TypeError:
    """For what __new__ alone made."""
    name = type(thing).__name__
    return TypeError(f"this {name} was made by __new__ alone and holds nothing: call {name}(...)")


def not_copied(thing: object, instead: str) -> TypeError:
    """For a copy or a pickle of what holds addresses, or programs that read certain leaves."""
    name = _article(type(thing).__name__)
    return TypeError(f"{name} is not copied or pickled: it is bound to what it was made of; {instead}")


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' or noun.startswith('nd') else 'a'} {noun}"
