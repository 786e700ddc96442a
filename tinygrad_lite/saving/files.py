"""Saves states to .npz files.

A model's file holds its arrays by name. Other states are nested dicts and lists of numbers, texts and arrays. Their
files have one more member, named tinygrad_lite: JSON with the kind of state, the version of the format, and everything
except the arrays.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import StateDictError, received
from .npz import NUMBERS, Archive, reading, unfit, write_npz

if TYPE_CHECKING:
    from .npz import Arrays

Check = Callable[[Any], Any]

VERSION = 1
TRAINING = "training"
_HEADER, _FORMAT = "tinygrad_lite", "tinygrad_lite state"
# Compressed content, which save() does not write, may unpack to this many bytes.
_MOST_UNPACKED = 1 << 24


def write_state(path: str | os.PathLike[str], kind: str, state: Mapping[str, Any]) -> None:
    """Writes a state of this kind; TypeError if it holds something that is neither JSON nor an array."""
    import numpy as np

    arrays: dict[str, Any] = {}
    places: dict[str, Any] = {}
    tree = _without_arrays(state, (), arrays, places)
    header = {"format": _FORMAT, "version": VERSION, "kind": kind, "state": tree, "arrays": places}
    write_npz(path, {_HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays})


def read_state(path: str | os.PathLike[str], kind: str, check: Check | None = None) -> dict[str, Any]:
    """Reads a state from a file of write_state(); StateDictError if it is damaged or holds another kind.

    check  a function that raises if the state does not fit; it is called before the arrays are read, with zeros of the
           right types and shapes in their places
    """
    with reading(path) as archive:
        if not _has_header(archive):
            raise unfit(path, "it holds only arrays, like a model's file", kind)
        header = _header(path, archive)
        found, state = _decoded(path, header, archive.outlines)
        if found != kind:
            raise StateDictError(f"{os.fspath(path)!r} holds a state of {found}, not of {kind}: nothing was loaded")
        _checked(path, archive, state, check)
        return _decoded(path, header, {name: archive.read(name) for name in archive.outlines if name != _HEADER})[1]


def read_model(path: str | os.PathLike[str], check: Check | None = None) -> Arrays:
    """Reads a model's arrays by name, from a model's file or a training's; `check` is as in read_state()."""
    with reading(path) as archive:
        if not _has_header(archive):
            _checked(path, archive, archive.outlines, check)
            return {name: archive.read(name) for name in archive.outlines}
        header = _header(path, archive)
        kind, state = _decoded(path, header, archive.outlines)
        if kind != TRAINING or not isinstance(state.get("model"), dict):
            raise StateDictError(f"{os.fspath(path)!r} holds a state of {kind}, not of a model: nothing was loaded")
        _checked(path, archive, state["model"], check)
        arrays = {name: archive.read(name) for name, way in header["arrays"].items() if way[0] == "model"}
        model: dict[str, Any] = _decoded(path, header, {**archive.outlines, **arrays})[1]["model"]
        return model


def _has_header(archive: Archive) -> bool:
    """Whether the file has a header; a parameter of the same name would be float64."""
    return _HEADER in archive.outlines and archive.outlines[_HEADER].dtype == "uint8"


def _checked(path: str | os.PathLike[str], archive: Archive, state: Any, check: Check | None) -> None:
    """Raises if the arrays do not fit; without a check, if they would be much larger unpacked than the file."""
    if check is not None:
        check(state)
        return
    size = sum([array.nbytes for array in archive.outlines.values()])
    if size > max(archive.size, _MOST_UNPACKED):
        raise unfit(path, f"its arrays would have {size:,} bytes unpacked, but the file has {archive.size:,}")


def _header(path: str | os.PathLike[str], archive: Archive) -> Any:
    """Reads the JSON header of a file; uncompressed, it cannot be larger than the file."""
    size = archive.outlines[_HEADER].nbytes
    if size > max(archive.size, _MOST_UNPACKED):
        raise unfit(path, f"its header would have {size:,} bytes unpacked, but the file has {archive.size:,}")
    try:
        return json.loads(archive.read(_HEADER).tobytes())
    except (ValueError, RecursionError) as error:
        raise unfit(path, error) from error


def _without_arrays(tree: Any, place: Sequence[Any], arrays: dict[str, Any], places: dict[str, Any]) -> Any:
    """The tree for JSON, with None in place of arrays; these go to `arrays`, and their positions to `places`."""
    import numpy as np

    if isinstance(tree, np.ndarray) and tree.dtype.kind in NUMBERS:
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
        f"cannot save state{where}: it is {received(tree)}; a state holds numbers, strings, arrays of numbers, None, "
        "and lists of these and dicts with string keys"
    )


def _decoded(path: str | os.PathLike[str], header: Any, arrays: Arrays) -> tuple[str, dict[str, Any]]:
    """The kind and the state of a file with this header and these arrays."""
    try:
        if header["format"] != _FORMAT or type(header["version"]) is not int:
            raise ValueError("its header has another format")
        if header["version"] > VERSION:
            raise StateDictError(
                f"{os.fspath(path)!r} was written by a later tinygrad_lite, in version {header['version']} of the "
                f"format; this one reads version {VERSION}: upgrade it. Nothing was loaded"
            )
        kind, state = header["kind"], copy.deepcopy(header["state"])
        if not (isinstance(kind, str) and isinstance(state, dict)):
            raise TypeError("its header holds no state")
        extra = [name for name in arrays if name not in header["arrays"] and name != _HEADER]
        if extra:
            raise ValueError(f"its array {extra[0]!r} has no place in its state")
        for name, (*way, last) in header["arrays"].items():
            node = state
            for key in way:
                node = node[key]
            if node[last] is not None:
                raise ValueError("an array and a number have the same place in its state")
            node[last] = arrays[name]
    except StateDictError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise unfit(path, error) from error
    return kind, state
