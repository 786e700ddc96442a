"""The .npz format: arrays by name. What a file holds is known before any of it is unpacked; nothing is unpickled.

The names, types, shapes and sizes of all arrays stand in the archive's directory and in short headers. A file is read
only once these agree with each other, and with what its reader wants, so that no more is unpacked than is wanted.
"""

from __future__ import annotations

import errno
import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from ..errors import StateDictError
from .atomic import kind_of, replacing

if TYPE_CHECKING:
    import zipfile

    import numpy

    Array = numpy.ndarray[Any, Any]
    Arrays = Mapping[str, Array]

# The kinds of types that arrays of numbers have.
NUMBERS = "biufc"
# What other files begin with.
_BEGINNINGS = {
    b"\x93NUMPY": "it holds a single array, as numpy.save() writes it",
    b"\x1f\x8b": "it is compressed by gzip: unpack it first",
    b"\x89HDF": "it is an HDF5 file",
    **{bytes((0x80, k)): "it is a pickle, which is never loaded, since that could run any code" for k in range(2, 6)},
}


def write_npz(path: str | os.PathLike[str], arrays: Arrays) -> None:
    """Writes a file that numpy.load reads, whole or not at all; the same arrays give the same bytes.

    FileNotFoundError where the folder does not exist.
    """
    import zipfile

    import numpy as np

    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            # savez would take an array named "file" for its own argument.
            with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """An .npz file, of which nothing is unpacked yet but what its arrays are.

    StateDictError, which says what the file is instead, where it is damaged or of another kind; IsADirectoryError.
    """
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"cannot load {os.fspath(path)!r}: that is a folder, name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise unfit(path, f"it is {kind_of(found)}")
    with open(path, "rb") as file:
        yield Archive(path, file)


class Archive:
    """What reading() gives.

    outlines  by name, arrays of the types and shapes of those in the file, all zeros in the memory of one number
    size      of the file in bytes
    """

    def __init__(self, path: str | os.PathLike[str], file: BinaryIO) -> None:
        import zipfile

        self._path, self.size = path, os.fstat(file.fileno()).st_size
        self._members: dict[str, _Member] = {}
        self.outlines: dict[str, Array] = {}
        with _damages(path, file):
            self._zip = zipfile.ZipFile(file)
            infos = self._zip.infolist()
            if sum([info.compress_size for info in infos]) > self.size:
                raise ValueError("its members overlap")
            for info in infos:
                name = info.filename.removesuffix(".npy")
                if name in self._members:
                    raise ValueError(f"its member {info.filename!r} stands there twice")
                self._members[name] = member = _member(self._zip, info)
                self.outlines[name] = _outline(member)

    def read(self, name: str) -> Array:
        """An array."""
        import numpy as np

        member = self._members[name]
        with _damages(self._path), self._zip.open(member.info) as file:
            file.read(member.start)
            content = file.read(member.length)
            if len(content) != member.length:
                raise EOFError
            return np.ndarray(member.shape, member.dtype, bytearray(content), order="F" if member.is_fortran else "C")


class _Member(NamedTuple):
    """An array within an archive, of `length` bytes from `start` on."""

    info: zipfile.ZipInfo
    dtype: Any
    shape: tuple[int, ...]
    is_fortran: bool
    start: int
    length: int


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    """What a member's header says; ValueError where it is no array of numbers, or the sizes do not agree."""
    import zipfile

    import numpy as np

    name = info.filename
    if name.endswith("/data.pkl"):
        raise ValueError("it is a file of torch.save(): give numpy.savez() the arrays, and load that")
    if not name.endswith(".npy"):
        raise ValueError(f"its member {name!r} is no array")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its member {name!r} is compressed otherwise than numpy.savez_compressed() does")
    form = np.lib.format
    with archive.open(info) as file:
        try:
            version = form.read_magic(file)
            read = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}[version]
            shape, is_fortran, dtype = read(file)
            start = file.tell()
        except (ValueError, KeyError, SyntaxError, TokenError) as error:  # NumPy's own words advise to allow pickles
            raise ValueError(f"its member {name!r} is no array") from error
    if dtype.hasobject:
        raise ValueError(f"its array {name!r} is a pickle, which is never loaded, since that could run any code")
    if dtype.kind not in NUMBERS:
        raise ValueError(f"its array {name!r} is of {dtype}, not of numbers")
    length = dtype.itemsize * math.prod(shape)
    if start + length != info.file_size:
        raise ValueError(f"its array {name!r} of shape {shape} does not have the size that belongs to it")
    return _Member(info, dtype, shape, is_fortran, start, length)


def _outline(member: _Member) -> Array:
    import numpy as np

    return np.broadcast_to(np.zeros((), member.dtype), member.shape)


@contextmanager
def _damages(path: str | os.PathLike[str], file: BinaryIO | None = None) -> Iterator[None]:
    """Inside, what a damaged or foreign file raises becomes a StateDictError; given the file, it says what it is."""
    import zipfile
    import zlib

    kinds = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, ArithmeticError, RuntimeError)
    try:
        yield
    except (*kinds, OSError, MemoryError) as error:
        # A place that was computed from damaged numbers is an invalid argument of seek().
        is_short = isinstance(error, EOFError) or (isinstance(error, OSError) and error.errno == errno.EINVAL)
        said = "bytes of it are missing" if is_short else str(error) or type(error).__name__
        raise unfit(path, (file and _what_it_is(file)) or said) from error


def _what_it_is(file: BinaryIO) -> str:
    """What a file is that is no .npz file, as far as can be told; "" for one that is, but damaged."""
    import zipfile

    file.seek(0)
    beginning = file.read(4096)
    if not beginning:
        return "it is empty"
    if beginning.startswith(b"PK"):
        return "" if zipfile.is_zipfile(file) else "its end is missing, so that it was not written or copied whole"
    for start, meaning in _BEGINNINGS.items():
        if beginning.startswith(start):
            return meaning
    text = beginning.decode("utf-8", "ignore")
    if len(text.encode()) > len(beginning) - 4 and all(c.isprintable() or c.isspace() for c in text):
        return f"it is text, beginning with {text[:24]!r}"
    return "it does not begin as an .npz file does"


def unfit(path: str | os.PathLike[str], reason: object, kind: str = "") -> StateDictError:
    """The error for a file that cannot be read, or is not of that kind."""
    wrote = f"save() wrote of {kind}" if kind else "save() wrote"
    return StateDictError(
        f"{os.fspath(path)!r} is not a file that {wrote}, or is damaged ({reason}): nothing was loaded"
    )
