"""Clears the processor's floating-point flags, which make NumPy warn after a loop over objects.

Operations on Values raise nothing: log(0) is -inf, and a derivative may be infinite although the value is not. So the
flags that they set are cleared. The compiled engine does this in C (engine/from_c.pxd).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_one: Any = None


def clear_flags() -> None:
    """Clears the flags with a NumPy addition, which starts by clearing them; without NumPy nobody reads them."""
    global _one
    if _one is not None:
        _one + _one
    elif "numpy" in sys.modules:
        _one = sys.modules["numpy"].float64(1.0)
        clear_flags()


def flags_cleared(found: bool) -> bool:
    """Clears the flags and returns a comparison's result, since a comparison with nan sets a flag."""
    clear_flags()
    return found
