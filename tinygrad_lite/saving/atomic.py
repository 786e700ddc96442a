"""Files written atomically: whole, or as they were before.

A writer writes beside the target and renames at the end. While it lives it holds a lock on its unfinished file, which
the kernel lifts however it ends, so that the next writer to that target can tell what a killed one left behind.
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

# So much of the target's name stands in that of an unfinished file, which must not become too long for a name.
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
    """A new file in the same folder, to be written to, which at the end takes the place of the old one.

    After a failure the old one is as it was. A link stays, and what it leads to is replaced; what killed writers to the
    same target left is removed. Raises what writable() does.
    """
    target = writable(path)
    file, unfinished = _begun(target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl is not None:  # closing it lifts the lock
                _put(unfinished, path, target)
        if fcntl is None:  # an open file cannot be renamed
            _put(unfinished, path, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.remove(unfinished)
        raise
    _remove_abandoned(target)


def writable(path: str | os.PathLike[str]) -> str:
    """The path without links, where a file can stand or stands.

    FileNotFoundError without its folder, IsADirectoryError for a folder, FileExistsError for a FIFO, a socket, a device
    and links that lead in a circle.
    """
    shown, target = f"cannot save {os.fspath(path)!r}", os.path.realpath(os.fsdecode(path))
    folder = os.path.dirname(target)
    if not os.fspath(path):
        raise FileNotFoundError(f"{shown}: name a file")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{shown}: create the folder {folder!r} first")
    found = status(path)
    if found is None:
        if os.path.islink(target):
            raise FileExistsError(f"{shown}: its links lead in a circle; remove them, or name another file")
        return target
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{shown}: that is a folder, name a file in it")
    # The names that /proc has for what is open and has no name are nowhere.
    if not stat.S_ISREG(found.st_mode) or not os.path.exists(target):
        raise FileExistsError(
            f"{shown}: there is {kind_of(found)}, which saving would replace by a file: name another path, or remove "
            "it first"
        )
    return target


def status(path: str | os.PathLike[str]) -> os.stat_result | None:
    """Of what a path leads to through all links; None where nothing is there."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
    except OSError:
        if os.path.islink(path):  # links that lead in a circle
            return None
        raise


def kind_of(found: os.stat_result) -> str:
    """What it is, in words."""
    return _KINDS.get(stat.S_IFMT(found.st_mode), "something that is no file with a name")


def _begun(target: str) -> tuple[BinaryIO, str]:
    """A new file beside the target, locked where that is possible, and its name."""
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
        file.close()  # another writer took it, before it was locked, for an abandoned one


def _lock(file: IO[bytes]) -> bool | None:
    """Locks a file until it is closed; False where another has locked it, None where there are no locks."""
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
    """Puts the new file into the target's place, with the permissions of the old one."""
    before = status(target)
    if before is not None:
        writable(path)  # it may have become something else meanwhile
        os.chmod(unfinished, stat.S_IMODE(before.st_mode))
    os.replace(unfinished, target)


def _remove_abandoned(target: str) -> None:
    """Removes the unfinished files of writers to this target that live no more; what cannot be removed stays."""
    folder, name = os.path.split(target)
    unfinished = re.compile(rf"\.{re.escape(name[:_SHOWN])}\.[0-9a-f]{{8}}\.unfinished")
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in [e for e in entries if unfinished.fullmatch(e.name) and e.is_file(follow_symlinks=False)]:
            with suppress(OSError):
                if os.name == "nt":  # which does not remove what is open
                    os.remove(entry.path)
                    continue
                with open(entry.path, "rb") as file:
                    if _lock(file):
                        os.remove(entry.path)
