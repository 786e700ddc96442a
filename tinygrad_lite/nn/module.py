"""Module: the base class of everything that has parameters and computes with them."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from ..engine import (
    Origin,
    Value,
    clear_grads,
    current_origin,
    current_trace,
    hooks,
    label_row,
    within_origin,
)
from ..floats.expected import FLAG
from .tree import Leaves, Node, each_once, walk

if TYPE_CHECKING:
    import os

    import numpy

_FOUND = frozenset(("_leaves", "_place"))  # attributes that a module finds itself


class Module(Node):
    """The base of layers and networks: write `forward`, store parameters as plain attributes, call the instance.

    Parameters are the leaves found in attributes, in lists, tuples and dicts of them, and in modules among them. They
    need no registration and no super().__init__(). A Value made during a call knows the path of its module, such as
    "layers.0.neurons.3" ("" for the outermost).

    >>> class Line(Module):
    ...     def __init__(self): self.slope, self.offset = Value(2.0), Value(1.0)
    ...     def forward(self, x): return self.slope * x + self.offset
    >>> line = Line()
    >>> line(3.0).data, [name for name, _ in line.named_parameters()]
    (7.0, ['slope', 'offset'])
    """

    _training: bool = True
    _place: _Place | None = None
    _leaves: Leaves | None = None
    _apart = _FOUND | {"_training"}  # not compared by a trace, which notes the mode when it is asked for

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Lets a subclass write __call__ itself, as in micrograd; its Values know their path all the same."""
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("__slots__"):
            raise TypeError(
                f"class {cls.__name__}(Module) has __slots__, where parameters would not be found: remove __slots__"
            )
        if "__call__" in cls.__dict__:
            cls.__call__ = _in_place(cls.__dict__["__call__"])  # type: ignore[method-assign]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return within_origin(self._place or _find_place(self), self.forward, args, kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the result of a call; a subclass writes it."""
        kind = type(self).__name__
        raise NotImplementedError(f"{kind} does not say what to compute: give it a method forward(self, x)")

    @property
    def training(self) -> bool:
        """True after train(), False after eval(), for modules that behave differently in the two modes."""
        trace = current_trace()
        if trace is not None:  # a compiled function that depends on the mode needs one program per mode
            trace.choices[id(self), "training"] = self, self._training
        return self._training

    @training.setter
    def training(self, mode: bool) -> None:
        _set(self, "_training", mode)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out what copies find themselves; reads the mode, since a trace that copies depends on it."""
        _ = self.training
        return {name: thing for name, thing in vars(self).items() if name not in _FOUND}

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yields (path, module) for this module, whose path is "", and for all modules below it.

        >>> from tinygrad_lite.nn import Layer
        >>> [path for path, _ in Layer(2, 2).named_modules()]
        ['', 'neurons.0', 'neurons.1']
        """
        yield "", self
        for prefix, key, thing in each_once(walk(self)):
            if isinstance(thing, Module):
                yield f"{prefix}{key}", thing

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yields (name, leaf) for every parameter, in the order of parameters(); a shared one once, by its first name.

        >>> from tinygrad_lite.nn import Layer
        >>> [name for name, _ in Layer(2, 1).named_parameters()]
        ['neurons.0.w.0', 'neurons.0.w.1', 'neurons.0.b']
        """
        for prefix, key, thing in each_once(walk(self)):
            if type(thing) is Value:
                yield f"{prefix}{key}", thing

    def parameters(self) -> list[Value]:
        """All parameters, each once, in the order of the attributes; this binds them to two shared arrays (`bind`)."""
        return list(self._found().leaves)

    def _found(self) -> Leaves:
        found = self._leaves
        if found is None or not found.are_those_of(self):
            found = Leaves(self)
            _set(self, "_leaves", found)
        return found

    def zero_grad(self) -> None:
        """Sets the gradients of all parameters to 0, in the state "not computed"."""
        found = self._found()
        if len(found.leaves) == len(found.storage) and not hooks:
            found.storage.clear_grads()
        else:
            clear_grads(found.leaves)

    def train(self, mode: bool = True) -> Self:
        """Sets `.training` of this module and of all modules below it; returns the module.

        >>> Module().train(False).training
        False
        """
        mode = FLAG.checked("train(mode)", mode, TypeError)
        for _, module in list(self.named_modules()):
            _set(module, "_training", mode)
        return self

    def eval(self) -> Self:
        """Sets `.training` to False, as train(False) does."""
        return self.train(False)

    def state_dict(self) -> dict[str, numpy.ndarray[Any, Any]]:
        """Copies all parameters into float64 arrays, by name; a list of leaves, such as a neuron's "w", is one array.

        >>> from tinygrad_lite.nn import Layer
        >>> {name: array.shape for name, array in Layer(2, 1).state_dict().items()}
        {'neurons.0.w': (2,), 'neurons.0.b': ()}
        """
        from .state import read

        return read(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Sets all parameters in place, or none: StateDictError lists what is missing, extra, misshapen or no number.

        >>> line = Module(); line.slope = Value(2.0)
        >>> line.load_state_dict({"slope": 3}); line.slope.data
        3.0
        """
        from .state import write

        write(self, state)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes state_dict() to an .npz file, atomically: a failure half-way leaves the old file as it was.

        Raises FileExistsError if the path is a FIFO, a socket or a device, which a file would replace.
        """
        from ..saving.npz import write_npz

        write_npz(path, self.state_dict())

    def load(self, path: str | os.PathLike[str]) -> Self:
        """Loads the parameters from a file of save() or of a training; nothing is unpickled, so no code in it can run.

        Raises StateDictError for a file that is damaged, is of another kind, or belongs to another module; it reads
        only the list of arrays to find that out.
        """
        from ..saving.files import read_model

        own = type(self).load_state_dict is not Module.load_state_dict  # a subclass's may take other names and shapes
        self.load_state_dict(read_model(path, None if own else self._fitting))
        return self

    def _fitting(self, state: Mapping[str, Any]) -> Any:
        from .state import fitting

        return fitting(self, state)


class _Place(Origin):
    """The origin, with the module's path, that all nodes made in the module's calls share."""

    __slots__ = ("module",)

    def __init__(self, path: str, module: Module) -> None:
        super().__init__(path=path)
        self.module = weakref.ref(module)


def _find_place(module: Module) -> Origin | None:
    """Finds the place of a module that has none yet, from the module that calls it."""
    caller = current_origin()
    if not isinstance(caller, _Place):
        return _settle(module, "")
    owner = caller.module()
    for prefix, key, thing in each_once(walk(owner, into_modules=False)) if owner is not None else ():
        if thing is module:
            return _settle(module, f"{caller.path}.{prefix}{key}".lstrip("."))
    return caller  # not found in an attribute, such as a Tanh() made in forward: its Values belong to the caller


def _set(module: Module, name: str, thing: Any) -> None:
    object.__setattr__(module, name, thing)  # works for a frozen dataclass too


@contextmanager
def kept_modes(model: Module) -> Iterator[None]:
    """Restores the modes (training or not) of the model and of all modules below it on exit."""
    modes = [(module, module._training) for _, module in model.named_modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            _set(module, "_training", mode)


def _settle(root: Module, path: str) -> _Place:
    """Gives a module and all modules below it their places, labels their parameters and binds them to shared arrays.

    Pictures tell bound parameters from inputs, and show their labels.
    """
    place = _Place(path, root)
    _set(root, "_place", place)
    owners = [""]
    for prefix, keys, things in root._found().found:
        while not prefix.startswith(owners[-1]):
            owners.pop()
        if isinstance(things[0], Module):
            name = f"{prefix}{keys[0]}"
            _set(things[0], "_place", _Place(f"{path}.{name}".lstrip("."), things[0]))
            owners.append(f"{name}.")
            continue
        within = prefix.removeprefix(owners[-1])
        if isinstance(keys, range):
            label_row(things, within, f"{path}.{owners[-1]}".strip(".") or None)
        elif things[0].label is None:
            things[0].label = f"{within}{keys[0]}"
    return place


def _in_place(call: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a __call__ so that its Values know their module's path."""

    @functools.wraps(call)
    def __call__(self: Module, *args: Any, **kwargs: Any) -> Any:  # noqa: N807  it becomes the class's __call__
        return within_origin(self._place or _find_place(self), call, (self, *args), kwargs)

    return __call__
