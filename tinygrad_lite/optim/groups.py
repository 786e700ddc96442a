"""Parameter groups: parameters with the settings that an optimizer uses for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from ..engine import Value
from ..errors import received
from ..text.wording import or_the_closest
from .leaves import checked_leaves

if TYPE_CHECKING:
    from .leaves import Array

Kind = type[Any]  # of an Optimizer
_OWN = frozenset({"kind", "params", "span", "buffers", "since"})


class Group(MutableMapping[str, Any]):
    """One of an optimizer's `.param_groups`: a mapping of "params" and the settings' names.

    A setting is read and written as group["lr"] or group.lr, and checked when it is set. A group may have a "name", any
    text. Once there is a schedule, it has "initial_lr", its lr before the first schedule.
    span     the positions of its parameters among the optimizer's
    buffers  what the optimizer remembers about its parameters
    since    how many steps the optimizer had taken when the group was added
    """

    __slots__ = ("__dict__", *_OWN)
    if TYPE_CHECKING:
        kind: Kind
        params: list[Value]
        span: slice
        buffers: dict[str, Array]
        since: int

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, kind: Kind, params: list[Value], start: int, since: int, settings: Mapping[str, Any]) -> None:
        self.kind, self.params, self.since = kind, params, since
        self.span, self.buffers = slice(start, start + len(params)), {}
        vars(self).update(settings)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            vars(self).update(own_settings(self.kind, self.kind.__name__, {name: value}, AttributeError))

    def __getitem__(self, name: str) -> Any:
        if name == "params":
            return self.params
        if name in vars(self):
            return vars(self)[name]
        raise KeyError(name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "params":
            raise TypeError(
                f"{self.kind.__name__}: a group's parameters cannot be set: call add_param_group() to add some"
            )
        vars(self).update(own_settings(self.kind, self.kind.__name__, {name: value}, KeyError))

    def update(self, *given: Any, **settings: Any) -> None:
        """Sets several settings, all or none."""
        new = dict(*given, **settings)
        if "params" in new:
            self["params"] = new["params"]
        vars(self).update(own_settings(self.kind, self.kind.__name__, new, KeyError))

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{self.kind.__name__}: a group's setting cannot be deleted, got {name!r}: set it instead")

    def __iter__(self) -> Iterator[str]:
        return iter(["params", *vars(self)])

    def __len__(self) -> int:
        return 1 + len(vars(self))

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in vars(self).items())
        return f"Group({len(self.params)} parameters{settings})"


Part = tuple[list[Value], dict[str, Any]]


def taken_apart(kind: Kind, params: Any) -> list[Part]:
    """Splits `params` into groups of (leaves, settings). A plain list of leaves is one group, not yet checked."""
    who = kind.__name__
    if isinstance(params, Mapping) and "params" in params:
        raise TypeError(f"{who} takes a list of parameter groups, got a single one: pass [{{'params': ...}}]")
    params = _listed(params)
    if not (isinstance(params, list) and params and isinstance(params[0], Mapping)):
        return [(params if isinstance(params, list) else checked_leaves(who, params), {})]
    parts = [part(kind, k, given) for k, given in enumerate(params)]
    refuse_shared(who, [leaves for leaves, _ in parts])
    return parts


def _listed(params: Any) -> Any:
    """Turns an ordered iterable into a list; anything else stays as it is, for checked_leaves to refuse."""
    ordered = isinstance(params, Iterable) and not isinstance(params, (str, Mapping, set, frozenset))
    return list(params) if ordered else params


def part(kind: Kind, k: int, given: Any) -> Part:
    """The leaves and settings of the k-th group, from the dict that was given."""
    who = f"param_groups[{k}] of {kind.__name__}"
    if not isinstance(given, Mapping) or "params" not in given:
        raise TypeError(f"{who} must be a dict with 'params' and its own settings, got {received(given)}")
    params = given["params"]
    listed = [params] if type(params) is Value else _listed(params)
    leaves = [] if listed == [] else checked_leaves(who, listed)
    return leaves, own_settings(kind, who, {name: value for name, value in given.items() if name != "params"})


def own_settings(
    kind: Kind, who: str, given: Mapping[str, Any], unknown: type[Exception] = TypeError
) -> dict[str, Any]:
    """Checks a group's settings and returns them; raises `unknown` for a name that is not a setting."""
    checked = {}
    for name, value in given.items():
        if name == "name":
            if not isinstance(value, str):
                raise TypeError(f"{who}: the name must be a str, got {received(value)}")
            checked[name] = value
        elif name == "initial_lr" or name in kind._setting_names:
            checked[name] = getattr(kind, name).checked(who, value)
        else:
            known = kind._setting_names
            raise unknown(
                f"{who} has no setting {name!r}{or_the_closest(name, known)} Settings are: {', '.join(known)}"
            )
    return checked


def refuse_shared(who: str, groups: list[list[Value]]) -> None:
    """Raises ValueError if two groups share a parameter."""
    home: dict[Value, int] = {}
    for k, leaves in enumerate(groups):
        for position, leaf in enumerate(leaves):
            if home.setdefault(leaf, k) != k:
                raise ValueError(
                    f"{who}: parameter {position} of group {k} is in group {home[leaf]} too: put each parameter into "
                    "one group only"
                )
