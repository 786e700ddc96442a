"""Compiles C with the C compiler that is there and loads the result, which is kept in a folder for the next time.

The folder is tinygrad_lite in the user's folder for caches (on Linux ~/.cache or XDG_CACHE_HOME); the environment
variable TINYGRAD_LITE_CACHE names another. A library's name is a hash of what it was made of: it may be removed at any
time. Where the folder cannot be written, every process compiles for itself.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...ops import Op
from ...saving.atomic import replacing
from ..native.bytecode_functions import address_of

# A fused multiply-add would round otherwise than the native sweep does.
_FLAGS = ("-O1", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
_LOADED: dict[str, ctypes.CDLL] = {}


def compiler() -> list[str]:
    """The command of the C compiler: the environment variable CC, else cc, gcc or clang.

    Raises RuntimeError if there is none.
    """
    named = os.environ.get("CC", "").strip()
    command = shlex.split(named) if named else [next(filter(shutil.which, ("cc", "gcc", "clang")), "cc")]
    found = shutil.which(command[0])
    if found is None:
        where = f"CC names {command[0]!r}, which was not found" if named else "cc, gcc and clang were not found"
        raise RuntimeError(
            f'compile(f, executor="c") needs a C compiler, but {where}: install one (Debian and Ubuntu: apt install '
            "gcc; macOS: xcode-select --install; conda: conda install c-compiler), or let the environment variable CC "
            'name it, or leave executor="auto", which needs none'
        )
    return [found, *command[1:]]


def folder() -> Path:
    """Where compiled libraries are kept."""
    named = os.environ.get("TINYGRAD_LITE_CACHE")
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "tinygrad_lite"


def function(name: str, source: str, calls: Sequence[Op]) -> Any:
    """A function of a C source, as ctypes gives it, once connect() there has the functions of these operations."""
    command = [*compiler(), *_FLAGS]
    state = os.stat(command[0])
    made_of = repr((source, command, state.st_size, state.st_mtime_ns, sys.platform, platform.machine()))
    key = hashlib.sha256(made_of.encode()).hexdigest()[:32]
    library = _LOADED.get(key)
    if library is None:
        library = _library(source, command, folder() / f"{key}.{'dll' if os.name == 'nt' else 'so'}")
        addresses = array("q", map(address_of, calls))
        library.connect(ctypes.c_void_p(addresses.buffer_info()[0]))
        _LOADED[key] = library
    return getattr(library, name)


def _library(source: str, command: Sequence[str], kept: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(kept))
    except OSError:  # not there, or not whole
        pass
    with tempfile.TemporaryDirectory(prefix="tinygrad_lite_", ignore_cleanup_errors=True) as at:
        made = Path(at, kept.name)
        whole = [*command, "-x", "c", "-", "-o", str(made), "-lm"]
        done = subprocess.run(whole, input=source, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(
                f'compile(f, executor="c"): the C compiler failed, {shlex.join(command)}: {done.stderr[-1000:].strip()}'
            )
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with replacing(kept) as file:
                file.write(made.read_bytes())
            return ctypes.CDLL(str(kept))
        except OSError:  # a folder that cannot be written, or from which nothing may be loaded
            return ctypes.CDLL(str(made))
