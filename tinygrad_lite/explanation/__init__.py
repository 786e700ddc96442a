"""Answers to "why is this gradient what it is?": explain, explain_nan and compare."""

from .anomaly import NanExplanation, explain_nan
from .comparison import Comparison, compare
from .contributions import Explanation, Path, Use, explain

__all__ = ["Comparison", "Explanation", "NanExplanation", "Path", "Use", "compare", "explain", "explain_nan"]
