# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""The derivatives of Values by others as a linear map that is quick to apply many times."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors
from .walks import dependents

if not cython.compiled:
    from .graph import _all_checked, _has_none, _laid_flat, _partial
    from .storage import _integers, _pointer, _refuse_again
    from .sweep import _blocks
    from .values import _JOINT, _MANY, Value

compiled: bool = cython.compiled
source_hash = "35402440"


@cython.final
@cython.cclass
class Linearization:
    """The recorded derivatives of ys by xs, as a linear map that is quick to apply many times.

    It does not look below xs. Raises ValueError if there is a joint result below ys: that has no local derivatives.

    pull(adjoints)  takes the adjoints of ys, returns those of xs
    """

    # The first nodes are xs. Node k has the edges starts[k] up to starts[k + 1], each with a parent and a derivative.
    __slots__ = ("_adjoints", "_arrays", "_first", "_nodes", "_parents", "_partials", "_places", "_roots", "_starts")

    _arrays: tuple
    _roots: list
    _places: list
    _adjoints: cython.p_double
    _partials: cython.p_double
    _parents: cython.p_longlong
    _starts: cython.p_longlong
    _nodes: cython.Py_ssize_t
    _first: cython.Py_ssize_t

    def __init__(self, ys, xs):
        _refuse_again(self, self._arrays if cython.compiled else getattr(self, "_arrays", None))
        ys, xs = list(ys), _all_checked("Linearization(..., xs)", xs)
        order: list = dependents([y for y in ys if type(y) is Value], xs, False)
        places: dict = {v: k for k, v in enumerate(order)}
        self._first, self._nodes = len(set(xs)), len(order)
        self._roots = [places.get(y, -1) if type(y) is Value else -1 for y in ys]
        self._places = [places[x] for x in xs]
        self._read(order, places)

    @cython.cfunc
    def _read(self, order: list, places: dict):
        import array

        k: cython.Py_ssize_t
        edge: cython.Py_ssize_t = 0
        position: cython.Py_ssize_t
        laid_flat: list = []
        items: list
        v: Value
        count: cython.Py_ssize_t = 0
        for v in order:
            if v._code >= _JOINT or _has_none(v):
                raise ValueError("a result of many has no local derivatives")
            laid_flat.append(_laid_flat(v) if v._code >= _MANY else None)
            count += 2 if v._code < _MANY else len(laid_flat[len(laid_flat) - 1])
        doubles = array.array("d", bytes(8 * self._nodes)), array.array("d", bytes(8 * count))
        integers = array.array("q", bytes(8 * (self._nodes + 1))), array.array("q", bytes(8 * count))
        self._arrays = doubles, integers
        self._adjoints, self._partials = _pointer(doubles[0]), _pointer(doubles[1])
        self._starts, self._parents = _integers(integers[0]), _integers(integers[1])
        for k in range(self._first, self._nodes):
            v = order[k]
            self._starts[k] = edge
            if v._code < _MANY:
                edge += self._add(places, edge, v, 0, v._left)
                edge += self._add(places, edge, v, 1, v._right)
                continue
            items = laid_flat[k]
            for position in range(len(items)):
                edge += self._add(places, edge, v, position, items[position])
        self._starts[self._nodes] = edge

    @cython.cfunc
    @cython.inline
    def _add(self, places: dict, edge: cython.Py_ssize_t, v: Value, k: cython.Py_ssize_t, x) -> cython.Py_ssize_t:
        if type(x) is not Value or x not in places:
            return 0
        derivative: cython.double = _partial(v, k)
        if derivative == 0.0 and _blocks(v, k):
            return 0
        self._parents[edge], self._partials[edge] = places[x], derivative
        return 1

    def __reduce__(self):
        raise errors.not_copied(self, "copy the leaves instead")

    def pull(self, adjoints):
        k: cython.Py_ssize_t
        edge: cython.Py_ssize_t
        adjoint: cython.double
        w: cython.p_double = self._adjoints
        if cython.compiled and self._arrays is None:
            raise errors.not_made(self)
        for k in range(self._nodes):
            w[k] = 0.0
        for place, given in zip(self._roots, adjoints, strict=True):
            k = place
            if k >= 0:
                w[k] += given
        for k in range(self._nodes - 1, self._first - 1, -1):
            adjoint = w[k]
            if adjoint != 0.0:
                for edge in range(self._starts[k], self._starts[k + 1]):
                    w[self._parents[edge]] += adjoint * self._partials[edge]
        return [w[cython.cast(cython.Py_ssize_t, place)] for place in self._places]
