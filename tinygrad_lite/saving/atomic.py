"""Writes files atomically: a file is written whole, or stays as it was.

A writer writes to a new file beside the target and renames it at the end. It holds a lock on its unfinished file, which
the kernel releases however the writer ends. So the next writer to the same target recognizes what a killed one left.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# How much of the target's name goes into the name of an unfinished file, which must not become too long.
_SHOWN = 50
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO (a named pipe)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a new file in the same folder for writing, which replaces the old file at the end.

    After a failure the old file is as it was. A link stays, and the file that it points to is replaced. Unfinished
    files of killed writers to the same target are removed. Raises what writable() raises.
    """
    target = writable(path)
    file, unfinished = _begun(target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:  # before the file is closed, which releases the lock
                _put(unfinished, path, target)
        if fcntl is None:  # an open file cannot be renamed
            _put(unfinished, path, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(unfinished)
        raise
    _remove_abandoned(target)


def writable(path: str | os.PathLike[str]) -> str:
    """Checks that a file can be written at a path, and returns the path with links resolved.

    Raises FileNotFoundError if its folder is missing, IsADirectoryError for a folder, FileExistsError for a FIFO, a
    socket, a device and circular links.
    """
    shown, target = f"cannot save {os.fspath(path)!r}", os.path.realpath(os.fsdecode(path))
    folder = os.path.dirname(target)
    if not os.fspath(path):
        raise FileNotFoundError(f"{shown}: give the name of a file")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{shown}: create the folder {folder!r} first")
    found = status(path)
    if found is None:
        if os.path.islink(target):
            raise FileExistsError(f"{shown}: its links form a circle; remove them, or name another file")
        return target
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{shown}: that is a folder, name a file in it")
    # /proc names open files that have no path: these names do not exist.
    if not stat.S_ISREG(found.st_mode) or not os.path.exists(target):
        raise FileExistsError(
            f"{shown}: that is {kind_of(found)}, which saving would replace by a file: name another path, or remove "
            "it first"
        )
    return target


def status(path: str | os.PathLike[str]) -> os.stat_result | None:
    """The status of what a path points to through all links; None if nothing is there."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except OSError:
        if os.path.islink(path):  # circular links
            return None
        raise


def kind_of(found: os.stat_result) -> str:
    """The kind of a file, in words."""
    return _KINDS.get(stat.S_IFMT(found.st_mode), "something that is not a named file")


def _begun(target: str) -> tuple[BinaryIO, str]:
    """Opens a new file beside the target, locked if possible; returns it and its name."""
    folder, name = os.path.split(target)
    while True:
        unfinished = os.path.join(folder, f".{name[:_SHOWN]}.{secrets.token_hex(4)}.unfinished")
        file = open(unfinished, "xb")  # noqa: SIM115  the caller closes it
        try:
            if _lock(file) is not False and os.path.exists(unfinished):
                return file, unfinished
        except BaseException:
            file.close()
            with suppress(FileNotFoundError):
                os.remove(unfinished)
            raise
        file.close()  # before it was locked, another writer took it for an abandoned one


def _lock(file: IO[bytes]) -> bool | None:
    """Locks a file until it is closed. Returns False if another process has locked it, None if there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _put(unfinished: str, path: str | os.PathLike[str], target: str) -> None:
    """Replaces the target by the new file, which keeps the target's permissions."""
    before = status(target)
    if before is not None:
        writable(path)  # it may have become something else meanwhile
        os.chmod(unfinished, stat.S_IMODE(before.st_mode))
    os.replace(unfinished, target)


def _remove_abandoned(target: str) -> None:
    """Removes unfinished files that dead writers to this target left; files that cannot be removed stay."""
    folder, name = os.path.split(target)
    unfinished = re.compile(rf"\.{re.escape(name[:_SHOWN])}\.[0-9a-f]{{8}}\.unfinished")
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [e for e in entries if unfinished.fullmatch(e.name) and e.is_file(follow_symlinks=False)]:
            with suppress(OSError):
                if os.name == "nt":  # Windows does not remove open files
                    os.remove(entry.path)
                    continue
                with open(entry.path, "rb") as file:
                    if _lock(file):
                        os.remove(entry.path)
