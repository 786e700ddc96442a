"""Ctrl-C at a chosen line of the package."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import tinygrad_lite as tl
from tinygrad_lite import engine

PACKAGE = str(Path(tl.__file__).parent)
# On the readable engine, Ctrl-C at the very beginning of __exit__ leaves the mode on: Python code cannot prevent that.
# Between the end of a `with` and its __exit__ only a trace can raise: it would leave the lock of a Draws locked.
LOCKING = tuple(getattr(tl.Draws, name).__code__ for name in ("uniform", "uniforms", "permutation", "__getstate__"))
LEAVING = LOCKING if engine.compiled else (*LOCKING, engine.Mode.__exit__.__code__)


def interrupted(work: Callable[[], object], line: int) -> bool:
    """Runs the work up to that line of the package, counted as they run; returns whether it got that far."""
    left = line

    def at_line(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return at_line

    def at_call(frame: FrameType, event: str, arg: Any) -> Any:
        ours = frame.f_code.co_filename.startswith(PACKAGE) and frame.f_code not in LEAVING
        return at_line if ours else None

    before = sys.gettrace()
    sys.settrace(at_call)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return left <= 0
