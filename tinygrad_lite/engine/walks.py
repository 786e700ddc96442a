# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""Walks through what depends on some Values alone: derivatives as graphs, tangents, and linearizations."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors, ops
from .rows import _sum, dot, record
from .sweep import hooks

if not cython.compiled:
    from .base import _Context, _pointer, _refuse_again, _Terms, counts
    from .graph import (
        _all_checked,
        _checked_value,
        _edges,
        _given,
        _laid_flat,
        _laid_flat_jointly,
        _left,
        _parents,
        _partial,
        _push_parents,
        _right,
        _row,
        _solution,
        _unspanned,
    )
    from .rows import _contribution, _contributions
    from .sweep import (
        _add_older,
        _blocks,
        _careful_sweep,
        _end_again,
        _leave,
        _new_snapshot,
        _note_if_needed,
        _put_back,
        _Snapshot,
    )
    from .values import _BOUND, _JOINT, _MANY, Value, _argument, _here, _refuse_in_trace

compiled: bool = cython.compiled
source_hash = "fc90fab8"

_ADD = cython.declare(cython.int, ops.add.code)
_SUB = cython.declare(cython.int, ops.sub.code)
_MUL = cython.declare(cython.int, ops.mul.code)
_DOT = cython.declare(cython.int, ops.dot.code)
_COMPONENT = cython.declare(cython.int, (3 << 16) + ops.component.code)
_ROWS = cython.declare(list, ops.ROWS)


@cython.final
@cython.cclass
class _Walk:
    """What depends on some xs, parents first, and the adjoints that gather there, Values or floats.

    While it lasts, each has `mark` as its _sweep, and its place in `order` as its _count or, bound, in `leaves`. From
    `first` on they pass their adjoints on; those before are xs, and `reached` where the root depends on them.
    """

    __slots__ = ("adjoints", "first", "leaves", "mark", "order", "reached", "snapshot")

    order: list
    adjoints: list
    leaves: dict
    reached: set
    snapshot: _Snapshot
    mark: cython.longlong
    first: cython.Py_ssize_t


def derivatives(root, xs, older=None, call=0.0):
    """The derivatives of root by each of xs, leaves or results, as floats: a sweep that changes nothing it meets.

    older  a list that gains the leaves below root which are older than the call of this number, see next_call()
    """
    root, xs = _checked_value("derivatives(root)", root), _all_checked("derivatives(..., xs)", xs)
    _refuse_in_trace("taking derivatives as floats", root)
    if hooks:  # only of what depends on xs
        if _here().watch is not None:
            _here().watch.sweeps(root)
        return _walk_back(root, xs, True, False, older, call)
    return _careful_sweep(_here(), root, xs, older, call)


def derivative_graph(root, xs, below=True):
    """The derivatives of root by each of xs as Values (floats where constant), by the rules of the table.

    below  False: none of xs depends on another, and what they were computed from is not looked at
    """
    who = "derivative_graph"
    return _walk_back(_checked_value(f"{who}(root)", root), _all_checked(f"{who}(..., xs)", xs), below, True)


@cython.cfunc
@cython.inline
def _note_derivative(here: _Context, found) -> cython.void:
    """Tells a trace of an adjoint or a tangent, also on the way to what is asked for."""
    if here.trace is not None and type(found) is Value:
        here.trace.derivatives.append(found)


@cython.cfunc
def _walk_back(
    root: Value, xs, below: cython.bint, as_graph: cython.bint, older=None, call: cython.double = 0.0
) -> list:
    """The derivatives of root by each of xs, through what depends on them alone, as a graph or as floats."""
    here: _Context = _here()
    sweeping: cython.int = here.sweeping
    walk: _Walk = _walk(sweeping > 0)
    try:
        return _walk_back_once(here, walk, root, xs, below, as_graph, older, call)
    finally:  # twice, see within()
        _end_again(here, sweeping, walk.snapshot)


@cython.cfunc
def _walk_back_once(
    here: _Context, walk: _Walk, root: Value, xs, below: cython.bint, as_graph: cython.bint, older, call: cython.double
) -> list:
    v: Value
    k: cython.Py_ssize_t
    done: cython.bint = False
    try:
        here.sweeping += 1
        _find_dependents(walk, [root], xs, below, older, call)
        if root._sweep == walk.mark:
            walk.adjoints[_place(walk, root)] = 1.0
        for k in range(len(walk.order) - 1, -1, -1):
            v = walk.order[k]
            adjoint = _total(walk.adjoints[k])
            _note_derivative(here, adjoint)
            if hooks and id(v) in hooks and (k >= walk.first or v in walk.reached):
                adjoint = hooks[id(v)](Value(adjoint) if as_graph and type(adjoint) is not Value else adjoint)
            walk.adjoints[k] = adjoint
            lost: cython.bint = _has_none(v)
            if k >= walk.first and (lost or not _is_plain_zero(adjoint)):
                if v._code >= _JOINT:
                    _walk_back_jointly(walk, v, adjoint, as_graph)
                elif as_graph:
                    _pass_on_graph(walk, v, adjoint)
                else:
                    for place, derivative, parent in _edges(v):
                        if _is_marked(parent, walk.mark):
                            _gather(walk, parent, v, -1 if lost else place, adjoint, adjoint * derivative)
        done = True
        return [_adjoint(walk, x) for x in xs]
    finally:
        _put_back(walk.snapshot, True)
        _leave(here, done)


@cython.cfunc
def _walk_back_jointly(walk: _Walk, v: Value, adjoint, as_graph: cython.bint) -> cython.void:
    """As _pass_on_jointly; the adjoint of the whole is a dict of those of its components."""
    args: tuple = cython.cast(_Terms, v._left).args
    if v._code == _COMPONENT:
        place: cython.Py_ssize_t = _place(walk, args[0])
        if type(walk.adjoints[place]) is not dict:
            walk.adjoints[place] = {}
        vector: dict = walk.adjoints[place]
        index = int(args[1])
        vector[index] = vector[index] + adjoint if index in vector else adjoint
        return
    solution = _solution(v)
    items: list = _laid_flat_jointly(v)
    given: list = [adjoint.get(k, 0.0) for k in range(len(solution.numbers))]
    wanted: list = [_is_marked(x, walk.mark) for x in items]
    found = solution.pull_graph(v, given, wanted) if as_graph else solution.pull(given)
    for x, marked, contribution in zip(items, wanted, found, strict=True):
        if marked:
            _gather(walk, x, v, -1, 1.0, contribution)


def partial_derivatives(root, xs):
    """The derivatives of root by each of xs as floats, each as if none of them depended on another."""
    who = "partial_derivatives"
    return _walk_back(_checked_value(f"{who}(root)", root), _all_checked(f"{who}(..., xs)", xs), False, False)


@cython.final
@cython.cclass
class Linearization:
    """The derivatives of ys by xs at what was recorded, as a linear map that is quick to apply often.

    What xs were computed from is not looked at. Raises ValueError for a result of many below ys, which has no local
    derivatives.

    pull(adjoints)  of ys: those of xs
    """

    # Node k, of which the first are xs, has the edges from starts[k] up to starts[k + 1]: parents, and derivatives.
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
        walk: _Walk = _walk(_here().sweeping > 0)
        _refuse_again(self, self._arrays if cython.compiled else getattr(self, "_arrays", None))
        ys, xs = list(ys), _all_checked("Linearization(..., xs)", xs)
        try:
            _find_dependents(walk, [y for y in ys if type(y) is Value], xs, False)
            self._first, self._nodes = walk.first, len(walk.order)
            self._roots = [_place(walk, y) if _is_marked(y, walk.mark) else -1 for y in ys]
            self._places = [_place(walk, x) for x in xs]
            self._read(walk)
        finally:
            _put_back(walk.snapshot, True)

    @cython.cfunc
    def _read(self, walk: _Walk):
        import array

        k: cython.Py_ssize_t
        edge: cython.Py_ssize_t = 0
        position: cython.Py_ssize_t
        laid_flat: list = []
        items: list
        v: Value
        count: cython.Py_ssize_t = 0
        for v in walk.order:
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
            v = walk.order[k]
            self._starts[k] = edge
            if v._code < _MANY:
                edge += self._add(walk, edge, v, 0, v._left, v._left_partial)
                edge += self._add(walk, edge, v, 1, v._right, v._right_partial)
                continue
            items = laid_flat[k]
            for position in range(len(items)):
                edge += self._add(walk, edge, v, position, items[position], _partial(v, position))
        self._starts[self._nodes] = edge

    @cython.cfunc
    @cython.inline
    def _add(
        self, walk: _Walk, edge: cython.Py_ssize_t, v: Value, k: cython.Py_ssize_t, x, derivative: cython.double
    ) -> cython.Py_ssize_t:
        if not _is_marked(x, walk.mark) or (derivative == 0.0 and _blocks(v, k)):
            return 0
        self._parents[edge], self._partials[edge] = _place(walk, x), derivative
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


@cython.cfunc
def _integers(given) -> cython.p_longlong:
    if cython.compiled:
        return cython.cast(cython.p_longlong, cython.cast(cython.size_t, given.buffer_info()[0]))
    return given


def dependents(roots, xs, below=True):
    """What depends on any of xs among all that roots are computed from, and xs themselves, parents first."""
    walk: _Walk = _walk(_here().sweeping > 0)
    roots, xs = _all_checked("dependents(roots)", roots), _all_checked("dependents(..., xs)", xs)
    try:
        try:
            _find_dependents(walk, roots, xs, below)
            return walk.order
        finally:
            _put_back(walk.snapshot, True)
    finally:  # twice, see within()
        if not walk.snapshot.ended:
            _put_back(walk.snapshot, True)


def tangents(roots, xs, direction, as_graph=False, older=None, call=0.0):
    """How roots move when xs, none of which depends on another, move along direction: in one forward sweep.

    Floats, by the local derivatives; as a graph Values (floats where constant), by the rules of the table: they are
    linear in what they pass on, so they take tangents as they do adjoints. What does not move contributes nothing: a
    zero in the direction, and what stands behind an operation that is flat. A tangent that happens to be zero moves:
    times an infinite derivative it is nan. Hooks are of sweeps backward. `older` and `call` are as in derivatives().
    """
    here: _Context = _here()
    sweeping: cython.int = here.sweeping
    walk: _Walk = _walk(sweeping > 0)
    roots, xs = _all_checked("tangents(roots)", roots), _all_checked("tangents(..., xs)", xs)
    try:
        return _tangents_once(here, walk, roots, xs, direction, as_graph, older, call)
    finally:  # twice, see within()
        _end_again(here, sweeping, walk.snapshot)


@cython.cfunc
def _tangents_once(
    here: _Context, walk: _Walk, roots: list, xs: list, direction, as_graph: cython.bint, older, call: cython.double
) -> list:
    v: Value
    k: cython.Py_ssize_t
    done: cython.bint = False
    try:
        here.sweeping += 1
        _find_dependents(walk, roots, xs, False, older, call)
        for v, tangent in zip(xs, direction, strict=True):
            walk.adjoints[_place(walk, v)] = None if _is_plain_zero(tangent) else tangent
        for k in range(walk.first, len(walk.order)):
            v = walk.order[k]
            if v._code >= _JOINT:
                walk.adjoints[k] = _tangent_jointly(walk, v, as_graph)
                _note_derivative(here, walk.adjoints[k])
                continue
            walk.adjoints[k] = _tangent_graph(walk, v) if as_graph else _tangent(walk, v)
            _note_derivative(here, walk.adjoints[k])
            if here.watch is not None and not as_graph and walk.adjoints[k] is not None:
                here.watch.moves(v, walk.adjoints[k])
        done = True
        return [_adjoint(walk, y) for y in roots]
    finally:
        _put_back(walk.snapshot, True)
        _leave(here, done)


@cython.cfunc
def _tangent_jointly(walk: _Walk, v: Value, as_graph: cython.bint):
    """Of a component; of the whole, a tuple of those of its components."""
    args: tuple = cython.cast(_Terms, v._left).args
    if v._code == _COMPONENT:
        moved = _tangent_of(walk, args[0])
        return None if moved is None else moved[int(args[1])]
    given: list = [_tangent_of(walk, x) for x in _laid_flat_jointly(v)]
    if all([tangent is None for tangent in given]):
        return None
    given = [0.0 if tangent is None else tangent for tangent in given]
    return tuple(_solution(v).push_graph(v, given) if as_graph else _solution(v).push(given))


@cython.cfunc
def _tangent(walk: _Walk, v: Value):
    total = None
    for k, derivative, x in _edges(v):
        tangent = _tangent_of(walk, x)
        if tangent is not None and not (derivative == 0.0 and _is_constant(v, k)):
            total = tangent * derivative if total is None else total + tangent * derivative
    return total


@cython.cfunc
def _is_constant(v: Value, k: cython.Py_ssize_t) -> cython.bint:
    """Whether v, whose derivative by the k-th number of its arguments is 0, is flat there, or multiplies it by 0."""
    if v._code == _MUL:
        return v._left is None or v._right is None
    if v._code == _MANY + _DOT:
        args: tuple = _unspanned(cython.cast(_Terms, v._left).args)
        n: cython.Py_ssize_t = len(args[0])
        return k < 2 * n and type(args[1 - k // n][k % n]) is float
    return _blocks(v, k)


@cython.cfunc
@cython.inline
def _tangent_of(walk: _Walk, x):
    """How an argument moves, or None where it does not."""
    return walk.adjoints[_place(walk, x)] if _is_marked(x, walk.mark) else None


@cython.cfunc
def _tangent_graph(walk: _Walk, v: Value):
    """By the row's rules, and for the commonest rows by what they come to."""
    if v._code != _ADD and v._code != _SUB and v._code != _MUL:
        return _tangent_graph_by_rules(walk, v)
    by_left = _tangent_of(walk, v._left)
    by_right = _tangent_of(walk, v._right)
    if v._code == _MUL:
        left, right = _left(v), _right(v)
        by_left = None if by_left is None or _is_plain_zero(right) else by_left * right
        by_right = None if by_right is None or _is_plain_zero(left) else by_right * left
    if by_left is None:
        return -by_right if v._code == _SUB and by_right is not None else by_right
    if by_right is None:
        return by_left
    return by_left - by_right if v._code == _SUB else by_left + by_right


@cython.cfunc
def _by_convention(v: Value, found):
    """A derivative of v; where that is 0 by convention, since v has none at the origin, one that has none itself.

    What is multiplied with it is often 0 there too, as in norm([x**2]), so its own derivative is nan whatever the
    adjoint: a sweep multiplies that by the scale first. In a trace nan itself stands for it, which is looked at again.
    """
    op = _row(v)
    if _here().trace is not None:
        return ops.where(ops.norm(_given(v)) if op is ops.atan2 else v, found, found * float("nan"))
    for x in _given(v) if op is ops.atan2 else (v,):  # others are 0 themselves there
        if _argument(None, x) != 0.0:
            return found
    nothing: Value = record(ops.undefined, (tuple(_parents(v)),))
    if nothing._code >= _MANY:
        cython.cast(_Terms, nothing._left).scale = float("nan")
    return found + nothing


@cython.cfunc
@cython.inline
def _has_none(v: Value) -> cython.bint:
    """Whether v is a 0 that stands for a derivative which is 0 by convention, see _by_convention()."""
    return _MANY <= v._code < _JOINT and cython.cast(_Terms, v._left).scale != cython.cast(_Terms, v._left).scale


@cython.cfunc
def _tangent_graph_by_rules(walk: _Walk, v: Value):
    op = _row(v)
    args: tuple = _given(v)
    terms: list = []
    k: cython.Py_ssize_t
    first: cython.Py_ssize_t = 0
    if _has_none(v):
        return float("nan")
    for k in range(len(args)):
        arg = args[k]
        if type(arg) is not tuple:
            by_arg = _tangent_of(walk, arg)
            if by_arg is not None:
                _add_term(terms, v, first, by_arg, op.rules[k](by_arg, v, *args))
            first += 1
            continue
        if any([_tangent_of(walk, item) is not None for item in arg]):
            if v._code == _MANY + _DOT:
                derivatives = args[1 - k]
            else:
                derivatives = tuple(_contributions(op, op.rules[k], (1.0, v, *args), len(arg)))
            _add_product(walk, terms, v, first, arg, derivatives)
        first += len(arg)
    tangent = _total(terms)
    return _by_convention(v, tangent) if op.conventional and tangent is not None else tangent


@cython.cfunc
def _add_product(
    walk: _Walk, terms: list, v: Value, first: cython.Py_ssize_t, items: tuple, derivatives: tuple
) -> cython.void:
    """Adds how much a sequence, the numbers from `first` on, moves v: tangents times derivatives, as one node."""
    moved: list = []
    by: list = []
    k: cython.Py_ssize_t
    for k in range(len(items)):
        tangent = _tangent_of(walk, items[k])
        if tangent is not None and not _is_plain_zero(derivatives[k]) and not _is_blocked(v, first + k):
            moved.append(tangent)
            by.append(derivatives[k])
    if any([type(x) is Value for x in moved]) or any([type(x) is Value for x in by]):
        terms.append(dot(moved, by) if len(moved) > 1 else moved[0] * by[0])
    elif moved:
        terms.append(ops.dot.value(moved, by, 0.0))


@cython.cfunc
def _add_term(terms: list, v: Value, k: cython.Py_ssize_t, tangent, given) -> cython.void:
    """Adds what a rule made of a tangent, unless v is flat there."""
    if type(given) is not Value:
        _contribution(_row(v), given)
        if _is_plain_zero(given) and not _is_plain_zero(tangent):
            return
    if not _is_blocked(v, k):
        terms.append(given)


@cython.cfunc
def _is_plain_zero(x) -> cython.bint:
    return type(x) is float and x == 0.0


@cython.cfunc
def _walk(nested: cython.bint) -> _Walk:
    """A walk that has met nothing yet."""
    walk: _Walk = _Walk.__new__(_Walk)
    walk.order, walk.adjoints, walk.leaves, walk.reached = [], [], {}, set()
    walk.snapshot = _new_snapshot(True, nested)
    return walk


@cython.cfunc
def _find_dependents(walk: _Walk, roots, xs, below: cython.bint, older=None, call: cython.double = 0.0) -> cython.void:
    v: Value
    seen: cython.longlong = -counts.sweeps - 1
    walk.mark = -counts.sweeps - 2
    counts.sweeps += 2
    inner: set = set()
    for v in xs:
        if below and v._code >= 0:
            inner.add(v)
        elif v._sweep != walk.mark:
            _note_if_needed(walk.snapshot, v)
            _mark(walk, v)
    walk.first = len(walk.order)
    stack: list = list(roots)
    while stack:
        item = stack.pop()
        if item is None:
            v = stack.pop()
            if _any_parent_marked(v, walk.mark) or (inner and v in inner):
                _mark(walk, v)
            continue
        v = item
        if v._sweep == walk.mark and hooks:
            walk.reached.add(v)
        if v._sweep == seen or v._sweep == walk.mark:
            continue
        _note_if_needed(walk.snapshot, v)
        v._sweep = seen
        if v._code >= 0:
            stack.append(v)
            stack.append(None)
            _push_parents(stack, v)
        elif older is not None:
            _add_older(older, v, call)


@cython.cfunc
def _mark(walk: _Walk, v: Value) -> cython.void:
    v._sweep = walk.mark
    if v._code == _BOUND:
        walk.leaves[v] = len(walk.order)
    else:
        v._count = len(walk.order)
    walk.order.append(v)
    walk.adjoints.append(0.0)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _place(walk: _Walk, v: Value) -> cython.Py_ssize_t:
    k: cython.Py_ssize_t = v._count
    return k if v._code != _BOUND and 0 <= k < len(walk.order) and walk.order[k] is v else _place_elsewhere(walk, v)


@cython.cfunc
@cython.exceptval(-1)
def _place_elsewhere(walk: _Walk, v: Value) -> cython.Py_ssize_t:
    k: cython.Py_ssize_t
    place = walk.leaves.get(v)
    if place is not None:
        return place
    for k in range(len(walk.order)):  # it was free when the walk met it: a hook or a rule has bound it since
        if walk.order[k] is v:
            walk.leaves[v] = k
            return k
    raise RuntimeError("a graph was differentiated in two threads at once, which is not supported")


@cython.cfunc
def _adjoint(walk: _Walk, x: Value):
    """An adjoint, or a tangent."""
    found = walk.adjoints[_place(walk, x)] if x._sweep == walk.mark else None
    return 0.0 if found is None else found


@cython.cfunc
@cython.inline
def _is_marked(x, mark: cython.longlong) -> cython.bint:
    return type(x) is Value and cython.cast(Value, x)._sweep == mark


@cython.cfunc
def _any_marked(args: tuple, mark: cython.longlong) -> cython.bint:
    for arg in args:
        for item in arg if type(arg) is tuple else (arg,):
            if _is_marked(item, mark):
                return True
    return False


@cython.cfunc
def _any_parent_marked(v: Value, mark: cython.longlong) -> cython.bint:
    if v._code >= _MANY:
        return _any_marked(_unspanned(cython.cast(_Terms, v._left).args), mark)
    return _is_marked(v._left, mark) or _is_marked(v._right, mark)


@cython.cfunc
def _pass_on_graph(walk: _Walk, v: Value, adjoint) -> cython.void:
    """What v passes on to those of its parents that are marked: by its row's rules, or by what they come to."""
    if v._code != _ADD and v._code != _SUB and v._code != _MUL:
        _pass_on_graph_by_rules(walk, v, adjoint)
        return
    if _is_marked(v._left, walk.mark):
        _gather(walk, v._left, v, 0, adjoint, adjoint * _right(v) if v._code == _MUL else adjoint)
    if _is_marked(v._right, walk.mark):
        by_right = adjoint * _left(v) if v._code == _MUL else adjoint if v._code == _ADD else -adjoint
        _gather(walk, v._right, v, 1, adjoint, by_right)


@cython.cfunc
def _pass_on_graph_by_rules(walk: _Walk, v: Value, adjoint) -> cython.void:
    op = _row(v)
    args: tuple = _given(v)
    given: tuple = (adjoint, v, *args)
    first: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    if _has_none(v):
        for x in _laid_flat(v):
            if _is_marked(x, walk.mark):
                _gather(walk, x, v, -1, adjoint, float("nan"))
        return
    for rule, arg in zip(op.rules, args, strict=True):
        if type(arg) is not tuple:
            if _is_marked(arg, walk.mark):
                _gather(walk, arg, v, first, adjoint, rule(*given))
            first += 1
            continue
        if _any_marked(arg, walk.mark):
            found: list = _contributions(op, rule, given, len(arg))
            for k in range(len(found)):
                if _is_marked(arg[k], walk.mark):
                    _gather(walk, arg[k], v, first + k, adjoint, found[k])
        first += len(arg)


@cython.cfunc
def _gather(walk: _Walk, x: Value, v: Value, k: cython.Py_ssize_t, adjoint, contribution) -> cython.void:
    """Adds what v passes on to x, the k-th number of its arguments, to what x has, from the second on a list.

    A nan that is zero times infinity contributes nothing where the adjoint is the zero, or where v is flat.
    """
    op = _row(v)
    number: cython.double = _contribution(op, contribution)
    if number == 0.0 and (type(contribution) is not Value or (k >= 0 and _is_blocked(v, k))):
        return
    if number == 0.0 and op.conventional and _here().trace is None and not _is_zero(adjoint):
        contribution = _by_convention(v, contribution)
    if number != number and k >= 0 and (_is_zero(adjoint) or _is_blocked(v, k)):
        return
    place: cython.Py_ssize_t = _place(walk, x)
    before = walk.adjoints[place]
    if type(before) is list:
        cython.cast(list, before).append(contribution)
    elif type(before) is float and before == 0.0:
        walk.adjoints[place] = contribution
    else:
        walk.adjoints[place] = [before, contribution]


@cython.cfunc
def _is_blocked(v: Value, k: cython.Py_ssize_t) -> cython.bint:
    """Whether v passes nothing to the k-th number of its arguments: in a trace that is not known."""
    return _partial(v, k) == 0.0 and _here().trace is None and _blocks(v, k)


@cython.cfunc
def _is_zero(x) -> cython.bint:
    """Whether an adjoint is exactly zero: in a trace that is not known."""
    return _argument(None, x) == 0.0 and _here().trace is None


@cython.cfunc
def _total(gathered):
    """The sum of a list, None for no terms; what is no list as it is."""
    if type(gathered) is not list:
        return gathered
    if len(gathered) < 2:
        return gathered[0] if gathered else None
    if len(gathered) == 2:
        return gathered[0] + gathered[1]
    if any([type(x) is Value for x in gathered]):
        return _sum(gathered)
    return ops.sum.value(gathered)
