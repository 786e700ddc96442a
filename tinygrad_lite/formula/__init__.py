"""Recorded graphs and their derivatives as readable formulas: valid Python text, and LaTeX."""

from .formula import NOT_BY_RULES as NOT_BY_RULES
from .formula import Formula as Formula
from .formula import local_derivative_texts as local_derivative_texts
from .formula import rule_texts as rule_texts

__all__ = ["NOT_BY_RULES", "Formula", "local_derivative_texts", "rule_texts"]
