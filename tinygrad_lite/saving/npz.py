"""Reads and writes .npz files, which hold arrays by name, without unpickling.

The names, types, shapes and sizes of all arrays are in the archive's directory and in short headers. The arrays are
read only after these agree with each other and with what the reader expects, so nothing unexpected is unpacked.
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

# The kinds of NumPy dtypes that are numbers.
NUMBERS = "biufc"
# The first bytes of other kinds of files, and what to say about these.
_BEGINNINGS = {
    b"\x93NUMPY": "it holds a single array, as numpy.save() writes it",
    b"\x1f\x8b": "it is compressed by gzip: unpack it first",
    b"\x89HDF": "it is an HDF5 file",
    **{bytes((0x80, k)): "it is a pickle, which is never loaded, since that could run any code" for k in range(2, 6)},
}


def write_npz(path: str | os.PathLike[str], arrays: Arrays) -> None:
    """Writes a file that numpy.load reads, whole or not at all; the same arrays give the same bytes.

    Raises FileNotFoundError if the folder does not exist.
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
    """Opens an .npz file and reads only the types and shapes of its arrays.

    Raises IsADirectoryError for a folder, and StateDictError, which says what the file is, if it is damaged or of
    another kind.
    """
    found = os.stat(path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"cannot load {os.fspath(path)!r}: that is a folder, name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise unfit(path, f"it is {kind_of(found)}")
    with open(path, "rb") as file:
        yield Archive(path, file)


class Archive:
    """An open .npz file.

    outlines  by name, arrays of zeros with the types and shapes of those in the file, each in the memory of one number
    size      size of the file in bytes
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
                    raise ValueError(f"its member {info.filename!r} is there twice")
                self._members[name] = member = _member(self._zip, info)
                self.outlines[name] = _outline(member)

    def read(self, name: str) -> Array:
        """Reads an array."""
        import numpy as np

        member = self._members[name]
        with _damages(self._path), self._zip.open(member.info) as file:
            file.read(member.start)
            content = file.read(member.length)
            if len(content) != member.length:
                raise EOFError
            return np.ndarray(member.shape, member.dtype, bytearray(content), order="F" if member.is_fortran else "C")


class _Member(NamedTuple):
    """An array in an archive: `length` bytes from `start` on."""

    info: zipfile.ZipInfo
    dtype: Any
    shape: tuple[int, ...]
    is_fortran: bool
    start: int
    length: int


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    """Reads a member's header; ValueError if it is not an array of numbers, or if the sizes do not agree."""
    import zipfile

    import numpy as np

    name = info.filename
    if name.endswith("/data.pkl"):
        raise ValueError("it was written by torch.save(): save the arrays with numpy.savez() instead, and load that")
    if not name.endswith(".npy"):
        raise ValueError(f"its member {name!r} is not an array")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"its member {name!r} is not compressed the way numpy.savez_compressed() does it")
    form = np.lib.format
    with archive.open(info) as file:
        try:
            version = form.read_magic(file)
            read = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}[version]
            shape, is_fortran, dtype = read(file)
            start = file.tell()
        except (ValueError, KeyError, SyntaxError, TokenError) as error:  # NumPy's own message suggests allow_pickle
            raise ValueError(f"its member {name!r} is not an array") from error
    if dtype.hasobject:
        raise ValueError(f"its array {name!r} is a pickle, which is never loaded, since that could run any code")
    if dtype.kind not in NUMBERS:
        raise ValueError(f"its array {name!r} is of dtype {dtype}, not of numbers")
    length = dtype.itemsize * math.prod(shape)
    if start + length != info.file_size:
        raise ValueError(f"its array {name!r} of shape {shape} does not have the size of that shape")
    return _Member(info, dtype, shape, is_fortran, start, length)


def _outline(member: _Member) -> Array:
    import numpy as np

    return np.broadcast_to(np.zeros((), member.dtype), member.shape)


@contextmanager
def _damages(path: str | os.PathLike[str], file: BinaryIO | None = None) -> Iterator[None]:
    """Turns the errors of a damaged or foreign file into a StateDictError, which says what the file is, if given."""
    import zipfile
    import zlib

    kinds = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, LookupError, ArithmeticError, RuntimeError)
    try:
        yield
    except (*kinds, OSError, MemoryError) as error:
        # seek() to a position computed from damaged numbers fails with "invalid argument".
        is_short = isinstance(error, EOFError) or (isinstance(error, OSError) and error.errno == errno.EINVAL)
        said = "some of its bytes are missing" if is_short else str(error) or type(error).__name__
        raise unfit(path, (file and _what_it_is(file)) or said) from error


def _what_it_is(file: BinaryIO) -> str:
    """Says what a file that is not an .npz file is, as far as can be told; "" for a damaged .npz file."""
    import zipfile

    file.seek(0)
    beginning = file.read(4096)
    if not beginning:
        return "it is empty"
    if beginning.startswith(b"PK"):
        return "" if zipfile.is_zipfile(file) else "its end is missing, so it was not written or copied completely"
    for start, meaning in _BEGINNINGS.items():
        if beginning.startswith(start):
            return meaning
    text = beginning.decode("utf-8", "ignore")
    if len(text.encode()) > len(beginning) - 4 and all(c.isprintable() or c.isspace() for c in text):
        return f"it is text, beginning with {text[:24]!r}"
    return "it does not begin like an .npz file"


def unfit(path: str | os.PathLike[str], reason: object, kind: str = "") -> StateDictError:
    """The error for a file that cannot be read, or is not of this kind."""
    wrote = f"save() wrote for {kind}" if kind else "save() wrote"
    return StateDictError(
        f"{os.fspath(path)!r} is not a file that {wrote}, or is damaged ({reason}): nothing was loaded"
    )
