"""Parameter groups: parameters, and the settings that they are moved with."""

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
    """One of an optimizer's `.param_groups`: group["params"], and the settings by their names.

    A setting is read and written as group["lr"] or group.lr, and checked when it is set. A group may have a "name", a
    text of one's own, and has "initial_lr", what its lr was before the first schedule, once there is one.
    span     where its parameters stand among the optimizer's
    buffers  what the optimizer remembers of them
    since    how many steps the optimizer had taken when the group came
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
            raise TypeError(f"{self.kind.__name__}: a group keeps its parameters; add_param_group() adds others")
        vars(self).update(own_settings(self.kind, self.kind.__name__, {name: value}, KeyError))

    def update(self, *given: Any, **settings: Any) -> None:
        """Sets all or none."""
        new = dict(*given, **settings)
        if "params" in new:
            self["params"] = new["params"]
        vars(self).update(own_settings(self.kind, self.kind.__name__, new, KeyError))

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{self.kind.__name__}: a group keeps its settings, {name!r} too: set it instead")

    def __iter__(self) -> Iterator[str]:
        return iter(["params", *vars(self)])

    def __len__(self) -> int:
        return 1 + len(vars(self))

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in vars(self).items())
        return f"Group({len(self.params)} parameters{settings})"


Part = tuple[list[Value], dict[str, Any]]


def taken_apart(kind: Kind, params: Any) -> list[Part]:
    """Leaves, and settings of its own, of each group; of a list of leaves, which is one, the leaves are not checked."""
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
    """What has an order as a list; all else, which checked_leaves refuses, as it is."""
    ordered = isinstance(params, Iterable) and not isinstance(params, (str, Mapping, set, frozenset))
    return list(params) if ordered else params


def part(kind: Kind, k: int, given: Any) -> Part:
    """Leaves and settings of the k-th group, as it was given."""
    who = f"param_groups[{k}] of {kind.__name__}"
    if not isinstance(given, Mapping) or "params" not in given:
        raise TypeError(f"{who} is a dict with 'params' and the settings of its own, got {received(given)}")
    params = given["params"]
    listed = [params] if type(params) is Value else _listed(params)
    leaves = [] if listed == [] else checked_leaves(who, listed)
    return leaves, own_settings(kind, who, {name: value for name, value in given.items() if name != "params"})


def own_settings(
    kind: Kind, who: str, given: Mapping[str, Any], unknown: type[Exception] = TypeError
) -> dict[str, Any]:
    """Settings of a group, checked; the error `unknown` for a name that is none."""
    checked = {}
    for name, value in given.items():
        if name == "name":
            if not isinstance(value, str):
                raise TypeError(f"{who} has a text as its name, got {received(value)}")
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
    """ValueError where two groups have a parameter in common."""
    home: dict[Value, int] = {}
    for k, leaves in enumerate(groups):
        for position, leaf in enumerate(leaves):
            if home.setdefault(leaf, k) != k:
                raise ValueError(
                    f"{who}: parameter {position} of group {k} stands in group {home[leaf]} too: give each parameter "
                    "to one group"
                )
