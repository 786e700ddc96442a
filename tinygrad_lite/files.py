"""What is saved: files written atomically; .npz files among them, read without unpickling.

A model's file holds its arrays by name. All other states, which are nested dicts and lists of numbers, texts and
arrays, have one more member, named tinygrad_lite: JSON that says what the file holds, in which version, and all of it
but the arrays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import StateDictError, received

if TYPE_CHECKING:
    import numpy

    Arrays = Mapping[str, numpy.ndarray[Any, Any]]

VERSION = 1
TRAINING = "training"
_HEADER, _FORMAT = "tinygrad_lite", "tinygrad_lite state"


def write_state(path: str | os.PathLike[str], kind: str, state: Mapping[str, Any]) -> None:
    """Writes the state of something of that kind; TypeError where it holds what neither JSON nor an array can."""
    import numpy as np

    arrays: dict[str, Any] = {}
    places: dict[str, Any] = {}
    tree = _without_arrays(state, (), arrays, places)
    header = {"format": _FORMAT, "version": VERSION, "kind": kind, "state": tree, "arrays": places}
    write_npz(path, {_HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays})


def read_state(path: str | os.PathLike[str], kind: str) -> dict[str, Any]:
    """The state in a file that write_state() wrote; StateDictError where it is damaged, or holds another kind."""
    arrays = read_npz(path)
    if not _has_header(arrays):
        raise _unfit(path, "it holds arrays alone, as a model's file does", kind)
    found, state = _decoded(path, arrays)
    if found != kind:
        raise StateDictError(f"{os.fspath(path)!r} holds the state of {found}, not of {kind}: nothing was loaded")
    return state


def read_model(path: str | os.PathLike[str]) -> Arrays:
    """A model's arrays by name, from its own file, or from that of a training."""
    arrays = read_npz(path)
    if not _has_header(arrays):
        return arrays
    kind, state = _decoded(path, arrays)
    if kind != TRAINING or not isinstance(state.get("model"), dict):
        raise StateDictError(f"{os.fspath(path)!r} holds the state of {kind}, not of a model: nothing was loaded")
    model: dict[str, Any] = state["model"]
    return model


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
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file in the same folder, to be written to, which at the end takes the place of the old one.

    After a failure the old one is as it was. FileNotFoundError, IsADirectoryError.
    """
    import secrets

    target = writable(path)
    folder, name = os.path.split(target)
    unfinished = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(unfinished, os.stat(target).st_mode & 0o7777)
        os.replace(unfinished, target)
    except BaseException:
        if os.path.exists(unfinished):
            os.remove(unfinished)
        raise


def writable(path: str | os.PathLike[str]) -> str:
    """The path without links, where a file can stand; FileNotFoundError, IsADirectoryError."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"cannot save {os.fspath(path)!r}: create the folder {folder!r} first")
    if os.path.isdir(target):
        raise IsADirectoryError(f"cannot save {os.fspath(path)!r}: that is a folder, name a file in it")
    return target


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
            raise _unfit(path, "it holds pickled objects" if "pickle" in str(error) else error) from error
    return arrays


def _has_header(arrays: Arrays) -> bool:
    """A parameter of that name would be of float64."""
    return _HEADER in arrays and arrays[_HEADER].dtype == "uint8"


def _without_arrays(tree: Any, place: Sequence[Any], arrays: dict[str, Any], places: dict[str, Any]) -> Any:
    """The tree as JSON has it, with None in the place of arrays, which are added to `arrays`, and where they stood."""
    import numpy as np

    if isinstance(tree, np.ndarray):
        name = ".".join(map(str, place))
        while name in arrays or name == _HEADER:
            name += "'"
        arrays[name], places[name] = tree, place
        return None
    if isinstance(tree, Mapping) and all(type(key) is str for key in tree):
        return {key: _without_arrays(item, (*place, key), arrays, places) for key, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_without_arrays(item, (*place, k), arrays, places) for k, item in enumerate(tree)]
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return tree
    where = "".join(f"[{key!r}]" for key in place)
    raise TypeError(
        f"cannot save state{where}: it is {received(tree)}; a state holds numbers, texts, arrays, None, and lists and "
        "dicts by text of them"
    )


def _decoded(path: str | os.PathLike[str], arrays: Arrays) -> tuple[str, dict[str, Any]]:
    """What a file with a header holds, and of which kind it is."""
    try:
        header = json.loads(arrays[_HEADER].tobytes())
        if header["format"] != _FORMAT or type(header["version"]) is not int:
            raise ValueError("its header is another")
        if header["version"] > VERSION:
            raise StateDictError(
                f"{os.fspath(path)!r} was written by a later tinygrad_lite, in version {header['version']} of the "
                f"format; this one reads {VERSION}: upgrade it. Nothing was loaded"
            )
        kind, state = header["kind"], header["state"]
        if not (isinstance(kind, str) and isinstance(state, dict)):
            raise TypeError("its header holds no state")
        for name, (*way, last) in header["arrays"].items():
            node = state
            for key in way:
                node = node[key]
            if node[last] is not None:
                raise ValueError("an array stands where a number is")
            node[last] = arrays[name]
    except StateDictError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise _unfit(path, error) from error
    return kind, state


def _unfit(path: str | os.PathLike[str], reason: object, kind: str = "") -> StateDictError:
    wrote = f"save() wrote of {kind}" if kind else "save() wrote"
    return StateDictError(
        f"{os.fspath(path)!r} is not a file that {wrote}, or is damaged ({reason}): nothing was loaded"
    )
