"""The floating-point flags of the processor, by which NumPy warns after a loop over objects.

Results of Values raise nothing: log(0) is -inf, and a derivative may be infinite where the value is not. So the flags
that came with them are cleared. The compiled engine does it in C (engine/from_c.pxd).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_one: Any = None


def clear_flags() -> None:
    """Clears them by an addition of NumPy's, which begins so; where NumPy is not there, nobody looks at them."""
    global _one
    if _one is not None:
        _one + _one
    elif "numpy" in sys.modules:
        _one = sys.modules["numpy"].float64(1.0)
        clear_flags()


def flags_cleared(found: bool) -> bool:
    """The same for a comparison, since one with nan raises a flag."""
    clear_flags()
    return found
