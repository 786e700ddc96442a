"""compile: traces a function of scalars, rolls it into matrix products, and runs it on arrays or natively."""

from .compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
