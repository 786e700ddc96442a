"""States as .npz files.

A model's file holds its arrays by name. All other states, which are nested dicts and lists of numbers, texts and
arrays, have one more member, named tinygrad_lite: JSON that says what the file holds, in which version, and all of it
but the arrays.
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
# What was compressed, as no save() does, may yet have so many bytes.
_MOST_UNPACKED = 1 << 24


def write_state(path: str | os.PathLike[str], kind: str, state: Mapping[str, Any]) -> None:
    """Writes the state of something of that kind; TypeError where it holds what neither JSON nor an array can."""
    import numpy as np

    arrays: dict[str, Any] = {}
    places: dict[str, Any] = {}
    tree = _without_arrays(state, (), arrays, places)
    header = {"format": _FORMAT, "version": VERSION, "kind": kind, "state": tree, "arrays": places}
    write_npz(path, {_HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays})


def read_state(path: str | os.PathLike[str], kind: str, check: Check | None = None) -> dict[str, Any]:
    """The state in a file that write_state() wrote; StateDictError where it is damaged, or holds another kind.

    check  called with the state before its arrays are read, when they have the right types and shapes and are zeros,
           to raise where they do not fit
    """
    with reading(path) as archive:
        if not _has_header(archive):
            raise unfit(path, "it holds arrays alone, as a model's file does", kind)
        header = _header(path, archive)
        found, state = _decoded(path, header, archive.outlines)
        if found != kind:
            raise StateDictError(f"{os.fspath(path)!r} holds the state of {found}, not of {kind}: nothing was loaded")
        _checked(path, archive, state, check)
        return _decoded(path, header, {name: archive.read(name) for name in archive.outlines if name != _HEADER})[1]


def read_model(path: str | os.PathLike[str], check: Check | None = None) -> Arrays:
    """A model's arrays by name, from its own file, or from that of a training; `check` as for read_state()."""
    with reading(path) as archive:
        if not _has_header(archive):
            _checked(path, archive, archive.outlines, check)
            return {name: archive.read(name) for name in archive.outlines}
        header = _header(path, archive)
        kind, state = _decoded(path, header, archive.outlines)
        if kind != TRAINING or not isinstance(state.get("model"), dict):
            raise StateDictError(f"{os.fspath(path)!r} holds the state of {kind}, not of a model: nothing was loaded")
        _checked(path, archive, state["model"], check)
        arrays = {name: archive.read(name) for name, way in header["arrays"].items() if way[0] == "model"}
        model: dict[str, Any] = _decoded(path, header, {**archive.outlines, **arrays})[1]["model"]
        return model


def _has_header(archive: Archive) -> bool:
    """A parameter of that name would be of float64."""
    return _HEADER in archive.outlines and archive.outlines[_HEADER].dtype == "uint8"


def _checked(path: str | os.PathLike[str], archive: Archive, state: Any, check: Check | None) -> None:
    """Raises where the arrays do not fit, or, where nothing is known of what fits, would be much larger unpacked."""
    if check is not None:
        check(state)
        return
    size = sum([array.nbytes for array in archive.outlines.values()])
    if size > max(archive.size, _MOST_UNPACKED):
        raise unfit(path, f"its arrays would have {size:,} bytes unpacked, and the file has {archive.size:,}")


def _header(path: str | os.PathLike[str], archive: Archive) -> Any:
    """The JSON of a file: not compressed it is no larger than the file."""
    size = archive.outlines[_HEADER].nbytes
    if size > max(archive.size, _MOST_UNPACKED):
        raise unfit(path, f"its header would have {size:,} bytes unpacked, and the file has {archive.size:,}")
    try:
        return json.loads(archive.read(_HEADER).tobytes())
    except (ValueError, RecursionError) as error:
        raise unfit(path, error) from error


def _without_arrays(tree: Any, place: Sequence[Any], arrays: dict[str, Any], places: dict[str, Any]) -> Any:
    """The tree as JSON has it, with None in the place of arrays, which are added to `arrays`, and where they stood."""
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
        f"cannot save state{where}: it is {received(tree)}; a state holds numbers, texts, arrays of numbers, None, and "
        "lists and dicts by text of them"
    )


def _decoded(path: str | os.PathLike[str], header: Any, arrays: Arrays) -> tuple[str, dict[str, Any]]:
    """What a file with this header and these arrays holds, and of which kind it is."""
    try:
        if header["format"] != _FORMAT or type(header["version"]) is not int:
            raise ValueError("its header is another")
        if header["version"] > VERSION:
            raise StateDictError(
                f"{os.fspath(path)!r} was written by a later tinygrad_lite, in version {header['version']} of the "
                f"format; this one reads {VERSION}: upgrade it. Nothing was loaded"
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
                raise ValueError("an array stands where a number is")
            node[last] = arrays[name]
    except StateDictError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise unfit(path, error) from error
    return kind, state
