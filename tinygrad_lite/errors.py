"""Exceptions that say what was done, to which argument, what came, and what to do instead."""

from __future__ import annotations


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
    "NoneType": "a function that was meant to return it may lack its return statement",
    "complex": "take its .real, its .imag or its abs()",
    "Value": "use it as it is, or take its .data or .detach()",
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
    try:
        text = repr(x)
    except TraceError:
        text = "traced"
    return f"{_article(kind)}, {text if len(text) <= 40 else text[:37] + '...'}"


def not_a_number(who: str, x: object) -> TypeError:
    """The error for an argument of `who` that is not a real number."""
    many = "take one element, or make a Value of each: [Value(x) for x in ...]"
    hint = _HINTS.get(type(x).__name__, many if hasattr(x, "__len__") else "pass an int or a float")
    return TypeError(f"{who} takes a real number, got {received(x)}: {hint}")


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
