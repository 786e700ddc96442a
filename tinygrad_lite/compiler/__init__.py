"""compile: a function of scalars, traced, rolled into matrix products, and run on arrays or natively."""

from .compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
