# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""Walks through only the nodes that depend on given Values: derivatives as graphs, and tangents."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors, ops
from .rows import _sum, dot, record
from .sweep import hooks
from .transcription import results_below

if not cython.compiled:
    from .graph import (
        Span,
        _all_checked,
        _are_row,
        _args,
        _args_but_cells,
        _cell_of_row,
        _cells_of,
        _checked_value,
        _edges,
        _given,
        _has_none,
        _holds,
        _is_row,
        _items,
        _laid_flat,
        _laid_flat_jointly,
        _left,
        _parents,
        _partial,
        _push_parents,
        _push_results,
        _right,
        _row,
        _solution,
        _storage_of_row,
        _unspanned,
    )
    from .rows import _contribution, _contributions
    from .storage import Storage, _Context, _Layer, _Terms, counts
    from .sweep import (
        _add_older,
        _blocks,
        _careful_sweep,
        _end_again,
        _leave,
        _new_snapshot,
        _note_if_needed,
        _put_back,
        _reached,
        _Snapshot,
    )
    from .values import _BOUND, _DETACHED, _JOINT, _MANY, Value, _argument, _here, _refuse_in_trace

compiled: bool = cython.compiled
source_hash = "dca01fc1"

_ADD = cython.declare(cython.int, ops.add.code)
_SUB = cython.declare(cython.int, ops.sub.code)
_MUL = cython.declare(cython.int, ops.mul.code)
_DOT = cython.declare(cython.int, ops.dot.code)
_TAKE = cython.declare(cython.int, ops.take.code)
_COMPONENT = cython.declare(cython.int, (3 << 16) + ops.component.code)
_ROWS = cython.declare(list, ops.ROWS)


@cython.final
@cython.cclass
class _Walk:
    """The nodes that depend on xs, in topological order, and their adjoints or tangents, Values or floats.

    During the walk, _sweep of each node is `mark`, and _count is its position in `order` (of a bound leaf, whose _count
    is its cell, _right_partial is). Nodes from `first` on pass their adjoints on; those before are xs. `reached` (kept
    only if there are hooks) holds the xs that the root depends on. `traced` says whether a trace records the walk.
    `rows` and `taken` hold what rows of xs in `spans` receive, see derivatives_by_rows(); only those of the xs that are
    met elsewhere are marked. `tables`, by the id of a table of leaves: what _table() says of it. `gathered`, by the id
    of a row: what dots with it pass on. `lefts` are the factors of the last dot made, `without` is a row that holds
    nothing marked.
    """

    __slots__ = ("adjoints", "first", "gathered", "lefts", "mark", "order", "reached", "rows", "snapshot", "spans")
    __slots__ += ("tables", "taken", "traced", "without")

    order: list
    adjoints: list
    gathered: dict
    lefts: tuple
    without: tuple
    reached: set
    rows: list
    spans: list
    tables: dict
    taken: list
    snapshot: _Snapshot
    mark: cython.longlong
    first: cython.Py_ssize_t
    traced: cython.bint


def derivatives(root, xs, older=None, call=0.0):
    """The derivatives of root by each of xs (leaves or results), as floats. The sweep leaves the graph unchanged.

    older  a list; the sweep adds the leaves below root that were made before call number `call`, see next_call()
    """
    root, xs = _checked_value("derivatives(root)", root), _all_checked("derivatives(..., xs)", xs)
    _refuse_in_trace("taking derivatives as floats", root)
    if hooks:  # a walk runs only the hooks of nodes that depend on xs
        if _here().watch is not None:
            _here().watch.sweeps(root)
        return _walk_back(root, xs, True, False, older, call)
    return _careful_sweep(_here(), root, xs, older, call)


def derivative_graph(root, xs, below=True):
    """The derivatives of root by each of xs as Values (floats where constant), by the rules of the table.

    below  False: no x depends on another x, and the walk does not look below xs
    """
    who = "derivative_graph"
    return _walk_back(_checked_value(f"{who}(root)", root), _all_checked(f"{who}(..., xs)", xs), below, True)


def derivatives_by_rows(root, spans):
    """The same by the leaves of Spans, one after the other, for a trace: (derivatives, rows, taken).

    derivatives  {k: what leaf k receives}, without those that receive nothing but from rows
    rows         (k, factor, items): leaves k, k + 1, ... also receive factor times the items, from a dot with these
    taken        (k, step, size, index, adjoint): of the `size` leaves k, k + step, ... that at an index also receives
                 the adjoint, since it was taken from these
    """
    walk: _Walk = _walk(_here(), _here().sweeping)
    walk.rows, walk.taken, walk.tables, walk.spans = [], [], {}, list(spans)
    for span in walk.spans:
        if type(span) is not Span:
            raise TypeError(f"derivatives_by_rows(..., spans) takes Spans, got {errors.received(span)} among them")
    top: Value = _checked_value("derivatives_by_rows(root)", root)
    return _walk_with(walk, top, _leaves_alone(walk, top), False, True), walk.rows, walk.taken


@cython.cfunc
def _leaves_alone(walk: _Walk, root: Value) -> list:
    """The leaves in the spans that root depends on, without those in rows of dots, in order."""
    v: Value
    found: dict = {}
    seen: set = set()
    for v in results_below(root) or [root]:
        for arg in _args_but_cells(v) if _place_of_cells(walk, v) >= 0 else _args(v) if v._code >= 0 else (v,):
            if type(arg) is Value:
                if cython.cast(Value, arg)._code == _BOUND:
                    found[arg] = _place_of_leaf(walk, arg)
            elif _is_row(arg) and id(arg) not in seen:
                if _is_dot(v) and _place_of_row(walk, arg) >= 0:
                    continue
                if _is_take(v) and _table(walk, arg) is not None:
                    continue
                seen.add(id(arg))
                for x in _items(arg):
                    if type(x) is Value and cython.cast(Value, x)._code == _BOUND:
                        found[x] = _place_of_leaf(walk, x)
    return sorted([x for x in found if found[x] >= 0], key=found.__getitem__)


@cython.cfunc
@cython.inline
def _note_derivative(here: _Context, found) -> cython.void:
    """Tells the trace, if there is one, of an adjoint or a tangent, intermediate ones too."""
    if here.trace is not None and type(found) is Value:
        here.trace.derivatives.append(found)


@cython.cfunc
def _walk_back(root: Value, xs, below: cython.bint, as_graph: cython.bint, older=None, call: cython.double = 0.0):
    return _walk_with(_walk(_here(), _here().sweeping), root, xs, below, as_graph, older, call)


@cython.cfunc
def _walk_with(
    walk: _Walk, root: Value, xs, below: cython.bint, as_graph: cython.bint, older=None, call: cython.double = 0.0
):
    """The derivatives of root by each of xs, as a graph or as floats; visits only nodes that depend on xs."""
    here: _Context = _here()
    sweeping: cython.int = here.sweeping
    walk.traced = here.trace is not None
    try:
        return _walk_back_once(here, walk, root, xs, below, as_graph, older, call)
    finally:  # twice, see within()
        _end_again(here, sweeping, walk.snapshot)


@cython.cfunc
def _walk_back_once(
    here: _Context, walk: _Walk, root: Value, xs, below: cython.bint, as_graph: cython.bint, older, call: cython.double
):
    v: Value
    k: cython.Py_ssize_t
    reached = None
    done: cython.bint = False
    try:
        here.sweeping += 1
        # No gradient enters a detached Value, but there are partial derivatives by it.
        entered: list = [x for x in xs if cython.cast(Value, x)._code != _DETACHED] if below or as_graph else xs
        _find_dependents(walk, [root], entered, below, older, call)
        if root._sweep == walk.mark:
            walk.adjoints[_place(walk, root)] = 1.0
        for k in range(len(walk.order) - 1, -1, -1):
            v = walk.order[k]
            adjoint = walk.adjoints[k]
            if k < walk.first and type(adjoint) is float and not hooks:
                continue
            adjoint = _total(walk, adjoint)
            _note_derivative(here, adjoint)
            if hooks and id(v) in hooks and (k >= walk.first or v in walk.reached):
                adjoint = hooks[id(v)](Value(adjoint) if as_graph and type(adjoint) is not Value else adjoint)
            walk.adjoints[k] = adjoint
            lost: cython.bint = _has_none(v)
            passes: cython.bint = lost or not _is_plain_zero(adjoint)
            if lost and _is_zero(adjoint):
                reached = reached or _reached(root)
                passes = v in reached
            if passes and k >= walk.first:
                if v._code >= _JOINT:
                    _walk_back_jointly(walk, v, adjoint, as_graph)
                elif as_graph:
                    if walk.traced and _is_dot(v) and not lost:
                        _pass_on_dot(walk, v, adjoint)
                    else:
                        _pass_on_graph(walk, v, adjoint)
                else:
                    for place, derivative, parent in _edges(v):
                        if _is_marked(parent, walk.mark):
                            _gather(walk, parent, v, -1 if lost else place, adjoint, adjoint * derivative)
        done = True
        if walk.rows is None:
            return [_adjoint(walk, x) for x in xs]
        found: dict = {}
        for k in range(walk.first):
            adjoint = walk.adjoints[k]
            if adjoint is not None and not (type(adjoint) is float and adjoint == 0.0):
                found[_place_of_leaf(walk, walk.order[k])] = adjoint
        return found
    finally:
        _put_back(walk.snapshot, True)
        _leave(here, done)


@cython.cfunc
def _walk_back_jointly(walk: _Walk, v: Value, adjoint, as_graph: cython.bint) -> cython.void:
    """Does what _pass_on_jointly does; the adjoint of a joint result is a dict by index."""
    if v._code == _COMPONENT:
        whole, which = cython.cast(_Terms, v._left).args
        _gather_jointly(walk, whole, {int(which): adjoint})
        return
    solution = _solution(v)
    items: list = _laid_flat_jointly(v)
    wanted: list = [_is_marked(x, walk.mark) for x in items]
    found = solution.pull_graph(v, adjoint, wanted) if as_graph else solution.pull(adjoint)
    for x, marked, contribution in zip(items, wanted, found, strict=True):
        if marked and type(contribution) is dict:
            _gather_jointly(walk, x, contribution)
        elif marked:
            _gather(walk, x, v, -1, 1.0, contribution)


@cython.cfunc
def _gather_jointly(walk: _Walk, whole: Value, contributions: dict) -> cython.void:
    """Adds to the adjoints of a joint result, by their indices."""
    place: cython.Py_ssize_t = _place(walk, whole)
    vector: dict = walk.adjoints[place] if type(walk.adjoints[place]) is dict else {}
    walk.adjoints[place] = vector
    for index, contribution in contributions.items():
        vector[index] = vector[index] + contribution if index in vector else contribution


def partial_derivatives(root, xs):
    """The derivatives of root by each of xs as floats, as if no x depended on another x."""
    who = "partial_derivatives"
    return _walk_back(_checked_value(f"{who}(root)", root), _all_checked(f"{who}(..., xs)", xs), False, False)


def dependents(roots, xs, below=True):
    """The xs and the nodes at or below roots that depend on any of them, parents first."""
    walk: _Walk = _walk(_here(), _here().sweeping)
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
    """The tangents of roots when xs move along direction, in one forward sweep. No x may depend on another x.

    Floats come from the local derivatives. With as_graph, the rules of the table give Values (floats for constants):
    rules are linear in the adjoint, so they take a tangent in its place. A node that does not move contributes nothing:
    an x whose direction is 0, or a node behind a flat operation. A tangent that happens to be 0 does contribute: times
    an infinite derivative it is nan. Hooks do not run: they belong to backward sweeps. For `older` and `call` see
    derivatives().
    """
    here: _Context = _here()
    sweeping: cython.int = here.sweeping
    walk: _Walk = _walk(here, sweeping)
    roots, xs = _all_checked("tangents(roots)", roots), _all_checked("tangents(..., xs)", xs)
    try:
        return _tangents_once(here, walk, roots, xs, direction, as_graph, older, call)
    finally:  # twice, see within()
        _end_again(here, sweeping, walk.snapshot)


@cython.cfunc
def _tangents_once(
    here: _Context, walk: _Walk, roots: list, xs: list, direction, as_graph: cython.bint, older, call: cython.double
):
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
    """The tangent of a component; for a joint result, the tangents of all its components."""
    args: tuple = cython.cast(_Terms, v._left).args
    if v._code == _COMPONENT:
        moved = _tangent_of(walk, args[0])
        return None if moved is None else moved[int(args[1])]
    given: list = [_tangent_of(walk, x) for x in _laid_flat_jointly(v)]
    if all([tangent is None for tangent in given]):
        return None
    given = [0.0 if tangent is None else tangent for tangent in given]
    return _solution(v).push_graph(v, given) if as_graph else _solution(v).push(given)


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
    """Whether a 0 derivative of v by the k-th number of its arguments means that v is flat, or multiplies it by 0."""
    if v._code == _MUL:
        return v._left is None or v._right is None
    if _is_dot(v):
        args: tuple = _given(v)
        n: cython.Py_ssize_t = len(args[0])
        return k < 2 * n and type(args[1 - k // n][k % n]) is float
    return _blocks(v, k)


@cython.cfunc
@cython.inline
def _is_dot(v: Value) -> cython.bint:
    """Whether a result is a dot, alone or in a layer."""
    return v._code & (_MANY - 1) == _DOT


@cython.cfunc
@cython.inline
def _is_take(v: Value) -> cython.bint:
    return v._code & (_MANY - 1) == _TAKE


@cython.cfunc
@cython.inline
def _tangent_of(walk: _Walk, x):
    """The tangent of an argument, or None if it does not move."""
    return walk.adjoints[_place(walk, x)] if _is_marked(x, walk.mark) else None


@cython.cfunc
def _tangent_graph(walk: _Walk, v: Value):
    """The tangent of v by its row's rules; the commonest rules are written out."""
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
    """Adds an undefined node to a derivative of v that is 0 by convention: v has no derivative at the origin.

    The number stays 0, but its own derivative is nan. The adjoint it gets is often 0, as in norm([x**2]), so nan is in
    the scale of the node, which a sweep multiplies by first. In a trace nan replaces the derivative: a run that gives
    nan is repeated eagerly.
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
def _tangent_graph_by_rules(walk: _Walk, v: Value):
    op = _row(v)
    args: tuple = _given(v)
    terms: list = []
    k: cython.Py_ssize_t
    first: cython.Py_ssize_t = 0
    if _has_none(v):
        return None if all([_tangent_of(walk, x) is None for x in args[0]]) else float("nan")
    for k in range(len(args)):
        arg = args[k]
        if type(arg) is not tuple:
            by_arg = _tangent_of(walk, arg)
            if by_arg is not None:
                _add_term(terms, v, first, by_arg, op.rules[k](by_arg, v, *args))
            first += 1
            continue
        if any([_tangent_of(walk, item) is not None for item in arg]):
            if _is_dot(v):
                derivatives = args[1 - k]
            else:
                derivatives = tuple(_contributions(op, op.rules[k], (1.0, v, *args), len(arg)))
            _add_product(walk, terms, v, first, arg, derivatives)
        first += len(arg)
    tangent = _total(walk, terms)
    return _by_convention(v, tangent) if op.conventional and tangent is not None else tangent


@cython.cfunc
def _add_product(
    walk: _Walk, terms: list, v: Value, first: cython.Py_ssize_t, items: tuple, derivatives: tuple
) -> cython.void:
    """Adds what a sequence contributes to the tangent of v: tangents times derivatives, as one node.

    `first` is the position of the sequence's first number among the numbers of the arguments.
    """
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
    """Adds a rule's result for a tangent, unless v is flat there."""
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
def _walk(here: _Context, sweeping: cython.int) -> _Walk:
    """A walk that has met nothing yet. Inside another, or in a trace, it puts everything back."""
    walk: _Walk = _Walk.__new__(_Walk)
    walk.order, walk.adjoints, walk.rows, walk.reached, walk.traced = [], [], None, set(), False
    walk.lefts, walk.spans, walk.gathered, walk.without = (), [], {}, None
    walk.taken, walk.tables = None, None
    walk.snapshot = _new_snapshot(True, sweeping > 0 or here.trace is not None)
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
    rows: set = set()
    stack: list = list(roots)
    while stack:
        item = stack.pop()
        if item is None:
            v = stack.pop()
            if _any_parent_marked(walk, v) or (inner and v in inner):
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
            if older is None and not hooks:
                _push_results(stack, v, rows)
            else:
                _push_parents(stack, v)
        elif older is not None:
            _add_older(older, v, call)


@cython.cfunc
def _mark(walk: _Walk, v: Value) -> cython.void:
    v._sweep = walk.mark
    if v._code == _BOUND:
        v._right_partial = len(walk.order)
    else:
        v._count = len(walk.order)
    walk.order.append(v)
    walk.adjoints.append(0.0)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _place(walk: _Walk, v: Value) -> cython.Py_ssize_t:
    k: cython.Py_ssize_t = v._count
    if v._code == _BOUND:
        k = cython.cast(cython.Py_ssize_t, v._right_partial) if cython.compiled else int(v._right_partial)
    return k if 0 <= k < len(walk.order) and walk.order[k] is v else _place_elsewhere(walk, v)


@cython.cfunc
@cython.exceptval(-1)
def _place_elsewhere(walk: _Walk, v: Value) -> cython.Py_ssize_t:
    k: cython.Py_ssize_t
    for k in range(len(walk.order)):  # it was not bound when the walk met it: a hook or a rule has bound it since
        if walk.order[k] is v:
            if v._code == _BOUND:
                v._right_partial = k
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
def _any_marked_in_row(walk: _Walk, row: tuple) -> cython.bint:
    """The same for a row that many dots may share."""
    if row is not walk.without and not _any_marked(row, walk.mark):
        walk.without = row
    return row is not walk.without


@cython.cfunc
def _any_parent_marked(walk: _Walk, v: Value) -> cython.bint:
    if v._code >= _MANY:
        if walk.rows is not None and _is_dot(v):
            if _place_of_cells(walk, v) >= 0:
                return True
            for row in _args(v)[:2]:
                if _place_of_row(walk, row) >= 0:
                    return True
        elif walk.rows is not None and _is_take(v) and _table(walk, _args(v)[0]) is not None:
            return True
        return _any_marked(_unspanned(_args(v)), walk.mark)
    return _is_marked(v._left, walk.mark) or _is_marked(v._right, walk.mark)


@cython.cfunc
def _pass_on_graph(walk: _Walk, v: Value, adjoint) -> cython.void:
    """Passes the adjoint on to the marked parents of v, by its row's rules; the commonest rules are written out."""
    if v._code < 0 or v._code >= _MANY:
        _pass_on_graph_of_many(walk, v, adjoint)
        return
    by_left: cython.bint = _is_marked(v._left, walk.mark)
    by_right: cython.bint = _is_marked(v._right, walk.mark)
    if v._code == _ADD or v._code == _SUB:
        if by_left:
            _gather(walk, v._left, v, 0, adjoint, adjoint)
        if by_right:
            _gather(walk, v._right, v, 1, adjoint, adjoint if v._code == _ADD else -adjoint)
        return
    left, right = _left(v), _right(v)
    rules: tuple = _ROWS[v._code].rules
    if v._code == _MUL:
        if by_left:
            _gather(walk, left, v, 0, adjoint, adjoint * right)
        if by_right:
            _gather(walk, right, v, 1, adjoint, adjoint * left)
    else:
        if by_left:
            given = rules[0](adjoint, v, left) if len(rules) == 1 else rules[0](adjoint, v, left, right)
            _gather(walk, left, v, 0, adjoint, given)
        if by_right:
            _gather(walk, right, v, 1, adjoint, rules[1](adjoint, v, left, right))


@cython.cfunc
def _pass_on_graph_of_many(walk: _Walk, v: Value, adjoint) -> cython.void:
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
    if walk.rows is not None and _is_take(v):
        table = _table(walk, _args(v)[0])
        if table is not None:
            walk.taken.append((*table, args[1], adjoint))
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
def _pass_on_dot(walk: _Walk, v: Value, adjoint) -> cython.void:
    """As its rules would, in a trace; of what a number receives from many dots, _total() makes one dot."""
    k: cython.Py_ssize_t
    begin: cython.Py_ssize_t = 0
    row: tuple
    others: tuple
    given = adjoint
    if walk.rows is not None:
        place: cython.Py_ssize_t = _place_of_cells(walk, v)
        if place >= 0:
            items, added = _args_but_cells(v)
            walk.rows.append((place, adjoint, items))
            begin = 1
            if not _any_marked_in_row(walk, items):
                if _is_marked(added, walk.mark):
                    _gather(walk, added, v, -1, adjoint, adjoint)
                return
    args: tuple = _args(v)
    rows: tuple = args[0], args[1]
    if begin == 0 and _are_alike(rows[0], rows[1]):
        begin, adjoint = 1, adjoint + adjoint  # what both rows pass on to a number is one product
    for which in range(begin, 2):
        if walk.rows is not None:
            place = _place_of_row(walk, rows[which])
            if place >= 0:
                walk.rows.append((place, adjoint, rows[1 - which]))
                continue
        row, others = _unspanned((rows[which], rows[1 - which]))
        if not _any_marked_in_row(walk, row):
            continue
        if type(adjoint) is Value:
            _gather_from_row(walk, row, adjoint, others)
            continue
        for k in range(len(row)):
            if not _is_marked(row[k], walk.mark):
                continue
            if type(others[k]) is Value:
                _collect(walk, row[k], (adjoint, others[k]))
            else:
                _gather(walk, row[k], v, which * len(row) + k, adjoint, adjoint * others[k])
    if _is_marked(args[2], walk.mark):
        _gather(walk, args[2], v, 2 * len(args[0]), given, given)


@cython.cfunc
def _gather_from_row(walk: _Walk, row: tuple, adjoint: Value, others: tuple) -> cython.void:
    """Notes that a dot passes adjoint * others[k] on to the k-th number of a row, which many dots may share."""
    k: cython.Py_ssize_t
    found = walk.gathered.get(id(row))
    if found is None:
        found = walk.gathered[id(row)] = [], [], row
        for k in range(len(row)):
            if _is_marked(row[k], walk.mark):
                _collect(walk, row[k], (found, k))
    found[0].append(adjoint)
    found[1].append(others)


@cython.cfunc
def _are_alike(a, b) -> cython.bint:
    """Whether two rows hold the same objects."""
    if type(a) is tuple and type(b) is tuple:
        return _holds(a, b)
    return type(a) is type(b) and a.storage is b.storage and a.start == b.start and len(a) == len(b)


@cython.cfunc
@cython.exceptval(-2)
def _place_of_cells(walk: _Walk, v: Value) -> cython.Py_ssize_t:
    """The place of the first leaf that a dot of a layer read from cells, if all are in one of the spans; else -1."""
    cell: cython.Py_ssize_t = _cells_of(v)
    if cell < 0:
        return -1
    layer: _Layer = v._left
    return _place_in_spans(walk, layer.storage, cell, layer.size)


@cython.cfunc
@cython.exceptval(-2)
def _place_of_row(walk: _Walk, row) -> cython.Py_ssize_t:
    """The same for the row of a dot, if it is one of two or more leaves in consecutive cells."""
    cell: cython.Py_ssize_t
    if len(row) < 2:
        return -1
    if not cython.compiled:  # it tells no row of leaves by its first one
        leaves = list(row.leaves if type(row) is Span else row)
        return _place_in_spans(walk, leaves[0]._left, leaves[0]._count, len(leaves)) if _are_row(leaves) else -1
    cell = _cell_of_row(row)
    return _place_in_spans(walk, _storage_of_row(row), cell, len(row)) if cell >= 0 else -1


@cython.cfunc
def _table(walk: _Walk, row):
    """The place of the first leaf of a table, from one to the next, and how many: (k, step, size).

    None if it is no row of evenly spaced leaves in one of the spans.
    """
    found = walk.tables.get(id(row))
    if found is None:
        found = walk.tables[id(row)] = _found_table(walk, row), row
    return found[0]


@cython.cfunc
def _found_table(walk: _Walk, row):
    leaf: Value
    leaves: tuple = _unspanned((row,))[0]
    if len(leaves) < 2:
        return None
    places: list = []
    for x in leaves:
        if type(x) is not Value or cython.cast(Value, x)._code != _BOUND:
            return None
        leaf = x
        if leaf._left is not cython.cast(Value, leaves[0])._left:
            return None
        places.append(leaf._count)
    first: cython.Py_ssize_t = places[0]
    step: cython.Py_ssize_t = places[1] - first
    if step < 1 or places != list(range(first, first + step * len(places), step)):
        return None
    place: cython.Py_ssize_t = _place_in_spans(
        walk, cython.cast(Value, leaves[0])._left, first, places[len(places) - 1] + 1 - first
    )
    return (place, step, len(places)) if place >= 0 else None


@cython.cfunc
@cython.exceptval(-2)
def _place_of_leaf(walk: _Walk, leaf: Value) -> cython.Py_ssize_t:
    return _place_in_spans(walk, leaf._left, leaf._count, 1)


@cython.cfunc
@cython.exceptval(-2)
def _place_in_spans(
    walk: _Walk, storage: Storage, cell: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """How many leaves of the spans stand before a cell, if these cells are in one of the spans; else -1."""
    span: Span
    before: cython.Py_ssize_t = 0
    for span in walk.spans:
        if span._storage is storage and span._start <= cell and cell + size <= span._start + span._size:
            return before + cell - span._start
        before += span._size
    return -1


@cython.cfunc
def _collect(walk: _Walk, x: Value, contribution) -> cython.void:
    """Adds a contribution to the adjoint of x; two or more make a list, and so does one that is a pair of factors."""
    place: cython.Py_ssize_t = _place(walk, x)
    before = walk.adjoints[place]
    if type(before) is list:
        cython.cast(list, before).append(contribution)
    elif type(before) is float and before == 0.0:
        walk.adjoints[place] = [contribution] if type(contribution) is tuple else contribution
    else:
        walk.adjoints[place] = [before, contribution]


@cython.cfunc
def _gather(walk: _Walk, x: Value, v: Value, k: cython.Py_ssize_t, adjoint, contribution) -> cython.void:
    """Adds the contribution of v to the adjoint of x, the k-th number of v's arguments; two or more make a list.

    Zero times infinity is nan, but contributes nothing if the adjoint is the zero or v is flat.
    """
    op = _row(v)
    number: cython.double = _contribution(op, contribution)
    if number == 0.0 and (type(contribution) is not Value or (k >= 0 and _is_blocked(v, k))):
        return
    if number == 0.0 and op.conventional and _here().trace is None and not _is_zero(adjoint):
        contribution = _by_convention(v, contribution)
    if number != number and k >= 0 and (_is_zero(adjoint) or _is_blocked(v, k)):
        return
    _collect(walk, x, contribution)


@cython.cfunc
def _is_blocked(v: Value, k: cython.Py_ssize_t) -> cython.bint:
    """Whether v passes nothing to the k-th number of its arguments; False in a trace, where that is not known."""
    return _here().trace is None and _partial(v, k) == 0.0 and _blocks(v, k)


@cython.cfunc
def _is_zero(x) -> cython.bint:
    """Whether an adjoint is exactly zero; False in a trace, where that is not known."""
    return _argument(None, x) == 0.0 and _here().trace is None


@cython.cfunc
def _total(walk: _Walk, gathered):
    """The sum of a list, in which pairs are products, None for an empty one; what is no list is returned as it is."""
    if type(gathered) is not list:
        return gathered
    k: cython.Py_ssize_t
    row: tuple
    rows: list
    lefts: list = []
    rights: list = []
    others: list = []
    for x in reversed(cython.cast(list, gathered)):  # in the order in which they were recorded
        if type(x) is tuple and type(x[0]) is tuple:
            (adjoints, rows, _), k = x
            lefts.extend(reversed(adjoints))
            for row in reversed(rows):
                rights.append(row[k])
        elif type(x) is tuple:
            lefts.append(x[0])
            rights.append(x[1])
        else:
            others.append(x)
    if len(lefts) > 1:
        rest = _total(walk, others[::-1])
        factors: tuple = tuple(lefts)
        if not _are_alike(walk.lefts, factors):  # else one row serves: all inputs of a layer receive from its neurons
            walk.lefts = factors
        return dot(walk.lefts, tuple(rights), 0.0 if rest is None else rest)
    if lefts:
        gathered = [*reversed(others), lefts[0] * rights[0]]
    if len(gathered) < 2:
        return gathered[0] if gathered else None
    if len(gathered) == 2:
        return gathered[0] + gathered[1]
    if any([type(x) is Value for x in gathered]):
        return _sum(gathered)
    return ops.sum.value(gathered)
