"""micrograd's Neuron, Layer and MLP, with one node for a neuron's sum and any activation; Sequential and Residual."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from typing import Any

from ..engine import Origin, Value, dot, dots, label_row, new_leaves, within
from ..errors import ShapeError, received
from .activations import DISPLAYED, LINEAR, Function, on_values
from .activations import activation as activation_named
from .init import Initialisation, drawn, initialisation, uniform
from .inputs import as_list, as_row, called, explained, positive
from .module import Module

_changes = [0]
"""How often an attribute of any neuron was set. What a layer stores about its neurons is valid while this stays."""

_FEW = 8
"""Up to so many neurons or layers are named one by one, as micrograd does."""


class Neuron(Module):
    """activation(w[0] * x[0] + w[1] * x[1] + ... + b); the sum is one node.

    nin         number of inputs
    nonlin      False: no activation
    activation  a name (see `activation`) or a function of one Value; None is relu
    init        a name (see `initialisation`) or a function (fan_in, fan_out) -> weight; fan_out is the layer's width
    Raises ShapeError if a size is not positive, or if a call's input does not have nin numbers.

    >>> n = Neuron(2, activation="tanh")
    >>> n, n([1.0, -2.0]).op.name
    (TanhNeuron(2), 'tanh')
    """

    _written = _changes
    w: list[Value]
    b: Value

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        activation: str | Function | None = None,
        init: str | Initialisation = uniform,
        fan_out: int = 1,
    ) -> None:
        _make_leaves([self], [self._draw(nin, nonlin, activation, init, fan_out)])

    def _draw(
        self, nin: int, nonlin: bool, activation: str | Function | None, init: str | Initialisation, fan_out: int
    ) -> list[float]:
        """Does everything but make the leaves, whose numbers it returns."""
        size = positive(f"{type(self).__name__}(nin)", nin)
        width = positive(f"{type(self).__name__}(fan_out)", fan_out)
        self.activation = _checked(activation, nonlin)
        return [*drawn(initialisation(init), size, size, width), 0.0]

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        _changes[0] += 1

    def _attributes(self) -> Iterable[tuple[str, Any]]:
        # Reading vars(self) would turn CPython's compact attributes into a dict forever, which slows every call.
        if type(self) is Neuron:
            return ("w", self.w), ("b", self.b), ("activation", self.activation)
        return super()._attributes()

    @property
    def nonlin(self) -> bool:
        """Whether the neuron has an activation; can be set, as in micrograd."""
        return self.activation != LINEAR

    @nonlin.setter
    def nonlin(self, nonlin: bool) -> None:
        self.activation = _checked(None if self.activation == LINEAR else self.activation, nonlin)

    def forward(self, x: Any) -> Any:
        row = as_row(x)
        try:
            act = dot(self.w, row, self.b)
        except (ShapeError, TypeError) as error:
            raise explained(called(self), row, len(self.w)) or error from None
        return on_values(self.activation)(act)

    def __repr__(self) -> str:
        name = self.activation
        if not isinstance(name, str):
            shown = getattr(name, "__name__", type(name).__name__)
        else:
            shown = DISPLAYED.get(name) or "".join(part.capitalize() for part in name.split("_"))
        return f"{shown}Neuron({len(self.w)})"


class Layer(Module):
    """nout neurons on the same nin inputs. A call returns a list of Values, or one Value if nout is 1.

    nonlin, activation, init  as of Neuron

    >>> Layer(2, 3, nonlin=False), Layer(784, 512)
    (Layer of [LinearNeuron(2), LinearNeuron(2), LinearNeuron(2)], Layer of 512 ReLUNeuron(784))
    """

    _known: _Known | None = None
    _apart = Module._apart | {"_known"}

    def __init__(
        self,
        nin: int,
        nout: int,
        *,
        nonlin: bool = True,
        activation: str | Function | None = None,
        init: str | Initialisation = uniform,
    ) -> None:
        numbers = self._draw(nin, nout, nonlin, activation, init)
        _make_leaves(self.neurons, numbers)

    def _draw(
        self, nin: int, nout: int, nonlin: bool, activation: str | Function | None, init: str | Initialisation
    ) -> list[list[float]]:
        width = positive("Layer(nout)", nout)
        self.neurons = [Neuron.__new__(Neuron) for _ in range(width)]
        return [n._draw(nin, nonlin, activation, init, width) for n in self.neurons]

    def forward(self, x: Any) -> Any:
        row = as_row(x)
        known = self._known
        if known is None or known.changes != _changes[0] or known.neurons != self.neurons:
            known = self._known = _Known(self.neurons)
        try:
            # dots does the same as n(row) for each neuron, without the cost of the calls.
            out = [n(row) for n in self.neurons] if known.rows is None else dots(known.rows, row, known.function)
        except (ShapeError, TypeError) as error:
            wrong = (explained(called(n), row, len(getattr(n, "w", row))) for n in self.neurons)
            raise next(filter(None, wrong), error) from None
        return out[0] if len(out) == 1 else out

    def __repr__(self) -> str:
        names = _listed(self.neurons, "")
        return f"Layer of {names[0]}" if len(names) == 1 < len(self.neurons) else f"Layer of [{', '.join(names)}]"


class _Known:
    """A layer's neurons as `dots` takes them, valid until a neuron's attribute or the list of neurons changes.

    rows is None unless all are plain Neurons with the same activation that already have their paths.
    """

    __slots__ = ("changes", "function", "neurons", "rows")

    def __init__(self, neurons: Sequence[Any] = ()) -> None:
        self.changes, self.neurons = _changes[0], list(neurons)
        self.rows: list[tuple[list[Value], Value, Origin]] | None = []
        self.function: Function | None = None
        for n in neurons:
            if type(n) is not Neuron or n._place is None or n.activation != neurons[0].activation:
                self.rows = None
                return
            self.rows.append((n.w, n.b, n._place))
            self.function = None if n.activation == LINEAR else on_values(n.activation)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Known, ()


class MLP(Module):
    """A multi-layer perceptron: hidden layers with an activation, and a linear last layer.

    nin           number of inputs
    nouts         widths of the layers; the last is the number of outputs
    activation    of the hidden layers
    nonlin, init  as of Neuron

    >>> MLP(2, [2, 1])
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(2)]]
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: str | Function | None = "relu",
        *,
        nonlin: bool = True,
        init: str | Initialisation = uniform,
    ) -> None:
        if not isinstance(nouts, Iterable) or isinstance(nouts, str):
            raise TypeError(
                f"MLP(nin, nouts) takes the widths of its layers as a list, such as [16, 1], got {received(nouts)}"
            )
        sizes = [nin, *nouts]
        if len(sizes) == 1:
            raise ShapeError("MLP(nin, nouts) needs at least one layer, got no widths: [16, 1] makes one hidden layer")
        hidden = LINEAR if activation is None else activation
        last = len(sizes) - 2
        self.layers = [Layer.__new__(Layer) for _ in sizes[1:]]
        numbers = [
            layer._draw(sizes[i], sizes[i + 1], nonlin, LINEAR if i == last else hidden, init)
            for i, layer in enumerate(self.layers)
        ]
        _make_leaves([n for layer in self.layers for n in layer.neurons], list(chain.from_iterable(numbers)))

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(_listed(self.layers))}]"


class Sequential(Module):
    """Calls modules, or any functions, one after the other.

    >>> net = Sequential(Layer(2, 3, nonlin=False), abs_of := lambda xs: [abs(x) for x in xs])
    >>> len(net), len(net([1.0, 2.0]))
    (2, 3)
    """

    def __init__(self, *modules: Any) -> None:
        for position, module in enumerate(modules):
            if not callable(module):
                raise TypeError(f"Sequential(...) takes modules, got {received(module)} at position {position}")
        self.layers = list(modules)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def __repr__(self) -> str:
        return f"Sequential({', '.join(_listed(self.layers))})"


class Residual(Module):
    """x + module(x), for a number, a list, or nested lists (He et al. 2016, "Deep residual learning").

    module  a module or any function; its result must have the same nesting and lengths as its input, else ShapeError

    >>> Residual(lambda xs: [10 * x for x in xs])([1.0, 2.0])
    [11.0, 22.0]
    """

    def __init__(self, module: Any) -> None:
        if not callable(module):
            raise TypeError(f"Residual(module) takes a module, got {received(module)}")
        self.module = module

    def forward(self, x: Any) -> Any:
        return _added(self, x, self.module(x))

    def __repr__(self) -> str:
        return f"Residual({self.module})"


def _added(module: Module, x: Any, y: Any) -> Any:
    """x + y, item by item."""
    x, y = as_list(x), as_list(y)
    nested = isinstance(x, list), isinstance(y, list)
    if nested == (False, False):
        return x + y
    if nested != (True, True) or len(x) != len(y):
        raise ShapeError(
            f"{called(module)} adds its module's result to the input, so both need the same shape: "
            f"got {received(x)} as input and {received(y)} as result"
        )
    return [_added(module, a, b) for a, b in zip(x, y, strict=True)]


def _listed(things: Sequence[Any], times: str = " times") -> list[str]:
    """Each thing's name; of more than a few, how often each name comes in a row."""
    names = [str(thing) for thing in things]
    if len(names) <= _FEW:
        return names
    runs = [(name, len(list(run))) for name, run in groupby(names)]
    return [name if n == 1 else f"{n}{times} {name}" for name, n in runs]


def _make_leaves(neurons: Sequence[Neuron], numbers: Sequence[list[float]]) -> None:
    """Makes the leaves of neurons, in one storage, with the labels w.0, w.1, ..., b."""
    leaves = iter(within(lambda: new_leaves(chain.from_iterable(numbers)), origin=None))
    for n, its in zip(neurons, numbers, strict=True):
        *n.w, n.b = islice(leaves, len(its))
        label_row(n.w, "w.")
        n.b.label = "b"


def _checked(activation: str | Function | None, nonlin: bool) -> str | Function:
    """The activation that a neuron stores: a name that exists, or a function."""
    if not nonlin:
        return LINEAR
    if activation is None:
        return "relu"
    if isinstance(activation, str) or not callable(activation):
        activation_named(activation)
    return activation
