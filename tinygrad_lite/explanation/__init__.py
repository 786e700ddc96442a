"""Explains a gradient (explain), an inf or nan (explain_nan), and checks every rule of a graph (compare)."""

from .anomaly import NanExplanation, explain_nan
from .comparison import Comparison, compare
from .contributions import Explanation, Path, Use, explain

__all__ = ["Comparison", "Explanation", "NanExplanation", "Path", "Use", "compare", "explain", "explain_nan"]
