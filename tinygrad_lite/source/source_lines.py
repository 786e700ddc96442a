"""Finds the line of the user's source that a message names, skipping this package and installed libraries."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType

_PACKAGE = __name__.partition(".")[0]
_STANDARD_LIBRARY = os.path.join(os.path.dirname(os.path.realpath(os.__file__)), "")
_INSTALLED = frozenset(("site-packages", "dist-packages"))
_GENERATED = ("<frozen ", "<__array_function__ ", "<attrs generated ")
_known: dict[str, bool] = {}


def calling_frame() -> FrameType:
    """The innermost running frame of the user's code."""
    frames = _running()
    return frames[_named(frames)]


def calling_line() -> str:
    """The innermost running line of the user's code, as file:line."""
    frame = calling_frame()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def stack_level() -> int:
    """The stacklevel with which warnings.warn, called from the same place, names that line."""
    return 1 + _named(_running())


def raising_line(traceback: TracebackType | None) -> str:
    """The innermost line of the user's code in an exception's traceback, as file:line."""
    frames: list[FrameType] = []
    lines: list[int] = []
    while traceback is not None:
        frames.insert(0, traceback.tb_frame)
        lines.insert(0, traceback.tb_lineno)
        traceback = traceback.tb_next
    place = _named(frames)
    return f"{frames[place].f_code.co_filename}:{lines[place]}" if frames else "an unknown line"


def _running() -> list[FrameType]:
    """The frames from the caller's caller outward, up to the first frame of the user's code."""
    frame: FrameType | None = sys._getframe(2)
    found = []
    while frame is not None:
        found.append(frame)
        if _is_users(frame):
            break
        frame = frame.f_back
    return found


def _named(frames: list[FrameType]) -> int:
    """The position of the first frame of the user's code, else of the first outside this package, else 0.

    frames  innermost first
    """
    for belongs in (_is_users, _is_others):
        for place, frame in enumerate(frames):
            if belongs(frame):
                return place
    return 0


def _is_others(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] != _PACKAGE


def _is_users(frame: FrameType) -> bool:
    """Whether a frame is the user's: not of this package, the standard library or an installed one, nor generated."""
    name = frame.f_code.co_filename
    if name == "<string>":  # the name of code that dataclasses and namedtuple generate, and of `python -c`
        return frame.f_globals.get("__name__") == "__main__"
    users = _known.get(name)
    if users is None:
        path = name if os.path.isabs(name) else str(frame.f_globals.get("__file__", name))  # for Cython modules
        users = _known[name] = not (name.startswith(_GENERATED) or _is_installed(path))
    return users and _is_others(frame)


def _is_installed(path: str) -> bool:
    parts = path.replace(os.sep, "/").split("/")
    return not _INSTALLED.isdisjoint(parts) or os.path.realpath(path).startswith(_STANDARD_LIBRARY)
