"""Saves a training to a file, from which it continues with exactly the same numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

from ..errors import StateDictError, received
from ..nn import Module
from ..optim.leaves import Leaves
from ..recording.random_source import Draws
from ..saving.files import TRAINING, read_state, write_state
from ..saving.state_dicts import Checks, Stateful, as_numbers, refuse, unmatched


class Part(Protocol):
    """A part of a training that has a state."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...

    def _fitting(self, state: Mapping[str, Any]) -> Any: ...


class Sources(Stateful):
    """The random numbers of a training: the order of the samples, and the Draws in the model's attributes.

    With a seed, all of them are seeded anew; without one, the model's draws continue from their present state.
    are_drawn  whether the model draws random numbers
    """

    def __init__(self, model: Module, seed: int | None) -> None:
        self.order = Draws(seed)
        self._sources = {"order": self.order, **dict(_draws(model))}
        self.are_drawn = len(self._sources) > 1
        if seed is not None:
            for k, source in enumerate(self._sources.values()):
                if source is not self.order:
                    begun = Draws(int(np.random.SeedSequence([seed, k]).generate_state(1)[0]))
                    source.__setstate__(begun.__getstate__())

    def state_dict(self) -> dict[str, Any]:
        return {name: source.__getstate__()["state"] for name, source in self._sources.items()}

    def _checks(self) -> Checks:
        return dict.fromkeys(self._sources, _generator_state)

    def _take(self, loaded: dict[str, Any]) -> None:
        for name, state in loaded.items():
            self._sources[name].__setstate__({"state": state})


def _generator_state(given: Any) -> Any:
    try:
        Draws().__setstate__({"state": given})
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise ValueError(f"is not a state of random numbers: {error}") from None
    return given


def _draws(model: Module) -> Iterator[tuple[str, Draws]]:
    """Yields (name, Draws) for all Draws in the attributes of all modules, also in lists, tuples and dicts."""
    seen: set[int] = set()
    for path, module in model.named_modules():
        stack = [(f"{path}.{name}".lstrip("."), thing) for name, thing in module._attributes()]
        for name, thing in stack:  # the list grows meanwhile
            if id(thing) in seen:
                continue
            if isinstance(thing, Draws):
                seen.add(id(thing))
                yield name, thing
            elif isinstance(thing, (list, tuple, dict)):
                seen.add(id(thing))
                items = thing.items() if isinstance(thing, dict) else enumerate(thing)
                stack += [(f"{name}.{key}", item) for key, item in items]


class Others(Stateful):
    """The leaves that an optimizer moves besides the model's parameters, in the optimizer's order."""

    def __init__(self, leaves: Leaves) -> None:
        self._leaves = leaves

    def state_dict(self) -> dict[str, Any]:
        return {"values": self._leaves.numbers()[0].copy()}

    def _checks(self) -> Checks:
        return {"values": partial(as_numbers, shape=(len(self._leaves),))}

    def _take(self, loaded: dict[str, Any]) -> None:
        self._leaves.set_values(loaded["values"])


class Checkpoint:
    """The file of a training, which holds the states of its parts.

    settings  what must be the same for a resumed training to give exactly the same numbers
    """

    def __init__(self, path: str | os.PathLike[str], settings: Mapping[str, Any], parts: Mapping[str, Part]) -> None:
        self._path, self._settings, self._parts = path, settings, parts
        self._where = f"fit(checkpoint={os.fspath(path)!r}, resume=True)"

    def write(self) -> None:
        states = {name: part.state_dict() for name, part in self._parts.items()}
        write_state(self._path, TRAINING, {"settings": dict(self._settings), **states})

    def read(self) -> None:
        """Loads all of the file or nothing; StateDictError if it belongs to another training or is damaged."""
        state = read_state(self._path, TRAINING, self._check)
        taken: list[tuple[Part, dict[str, Any]]] = []
        for name, part in self._parts.items():
            before = part.state_dict()
            try:
                part.load_state_dict(state[name])
            except (StateDictError, TypeError) as error:
                for other, its in taken:
                    other.load_state_dict(its)
                raise StateDictError(f"{self._where}: {name}: {error}") from None
            taken.append((part, before))

    def _check(self, state: Mapping[str, Any]) -> None:
        """Raises StateDictError for a state that does not belong to this training."""
        begun = state.get("settings")
        if not isinstance(begun, dict):
            raise StateDictError(f"{self._where}: the file has no settings, got {received(begun)}")
        refuse(
            [f"it was started with {name}={begun.get(name)!r}, but now {name}={now!r}: pass the same, or another file"
             for name, now in self._settings.items() if begun.get(name) != now]
            + unmatched(["settings", *self._parts], state), self._where,
        )  # fmt: skip
        for name, part in self._parts.items():
            if isinstance(part, Module) and type(part).load_state_dict is not Module.load_state_dict:
                continue  # it may take other names and shapes
            try:
                part._fitting(state[name])
            except (StateDictError, TypeError) as error:
                raise StateDictError(f"{self._where}: {name}: {error}") from None
