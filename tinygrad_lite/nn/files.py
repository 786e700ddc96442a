"""Arrays by name in .npz files, written atomically and read without unpickling."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import StateDictError

if TYPE_CHECKING:
    import numpy


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, numpy.ndarray[Any, Any]]) -> None:
    """Writes a file that numpy.load reads: a new one in the same folder, which then takes the place of the old one.

    The same arrays give the same bytes. FileNotFoundError where the folder does not exist.
    """
    import secrets
    import zipfile

    import numpy as np

    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"cannot save {os.fspath(path)!r}: create the folder {folder!r} first")
    if os.path.isdir(target):
        raise IsADirectoryError(f"cannot save {os.fspath(path)!r}: that is a folder, name a file in it")
    unfinished = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(unfinished, "xb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for key, array in arrays.items():
                    # savez would take an array named "file" for its own argument.
                    with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(unfinished, os.stat(target).st_mode & 0o7777)
        os.replace(unfinished, target)
    except BaseException:
        if os.path.exists(unfinished):
            os.remove(unfinished)
        raise


def read_npz(path: str | os.PathLike[str]) -> dict[str, numpy.ndarray[Any, Any]]:
    """The arrays of an .npz file; StateDictError where it is damaged, of another kind, or needs unpickling."""
    import zipfile
    import zlib

    import numpy as np

    damaged = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, NotImplementedError, RuntimeError)
    with open(path, "rb") as file:
        try:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            arrays = {name: archive[name] for name in archive.files}
            for name, array in arrays.items():
                if not isinstance(array, np.ndarray):
                    raise ValueError(f"its member {name!r} is no array")
        except (*damaged, OSError, MemoryError) as error:
            # NumPy's own words advise to allow pickles, which is the last thing to do with such a file.
            reason = "it holds pickled objects" if "pickle" in str(error) else error
            raise StateDictError(
                f"{os.fspath(path)!r} is not a file that save() wrote, or is damaged ({reason}): nothing was loaded"
            ) from error
    return arrays
