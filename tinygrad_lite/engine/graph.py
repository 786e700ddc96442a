# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""The graph: arguments and parents of nodes, leaves bound to a Storage, and topological order."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors, ops
from .storage import Origin, RowOrigin

if not cython.compiled:
    from .storage import (
        Storage,
        _Context,
        _dead_in,
        _doubles,
        _forget_gone,
        _Layer,
        _real,
        _refuse_again,
        _Terms,
        above,
    )
    from .values import (
        _BOUND,
        _DETACHED,
        _JOINT,
        _LAYER,
        _LEAF,
        _MANY,
        Value,
        _argument,
        _forget_sweep,
        _gradient,
        _here,
        _leaf_in_cell,
        _number,
    )

    def _is_row(arg):
        return type(arg) is tuple or type(arg) is Span


compiled: bool = cython.compiled
source_hash = "77201356"

_COMPONENT = cython.declare(cython.int, (3 << 16) + ops.component.code)
_CUSTOM = cython.declare(cython.int, (1 << 16) + ops.custom.code)
_ROWS = cython.declare(list, ops.ROWS)


@cython.no_gc
@cython.freelist(64)
@cython.final
@cython.cclass
class Span:
    """Consecutive cells of a Storage, from `start` on, as one argument of a node; `leaves` are bound to these cells.

    The node depends on the leaves: if one of them has moved to another storage since, sweeps go leaf by leaf.
    """

    # The compiled engine's Spans hold no leaves (_leaves is None) until they are asked for.
    __slots__ = ("_leaves", "_moved", "_size", "_start", "_storage")

    def __init__(self, storage, start, leaves):
        v: Value
        cell: cython.Py_ssize_t = start
        _refuse_again(self, self._storage if cython.compiled else getattr(self, "_storage", None))
        if type(storage) is not Storage:
            raise TypeError(f"Span(storage, ...) takes a Storage, got {errors.received(storage)}")
        if cython.compiled and 0 <= cell == _first_cell(leaves) and cython.cast(Value, leaves[0])._left is storage:
            _fill(self, storage, cell, len(leaves))
            return
        given: list = _all_checked("Span(..., leaves)", leaves)
        for v in given:
            if v._code != _BOUND or v._left is not storage or v._count != cell:
                raise ValueError(
                    f"Span(storage, start={start}, leaves): cell {cell} of the storage is not that of {v!r}"
                )
            cell += 1
        if not 0 <= cell <= len(storage):
            raise ValueError(f"Span(storage, start={start}, []): a storage of {len(storage)} has no such cell")
        self._storage, self._start, self._leaves, self._size = storage, cell - len(given), tuple(given), len(given)
        self._moved = self._storage._moved

    def __dealloc__(self):
        if self._leaves is None and self._storage is not None:
            _forget_gone(self._storage)

    def __len__(self):
        return self._size

    def __reduce__(self):
        raise errors.not_copied(self, "copy the leaves instead")

    @property
    def storage(self):
        return self._storage

    @property
    def start(self):
        return self._start

    @property
    def leaves(self):
        return _leaves_of(self)


@cython.cfunc
def _span_of(items):
    """The Span of a list or tuple of leaves that are bound to consecutive cells; None for anything else."""
    start: cython.Py_ssize_t = -1 if above.hooks else _first_cell(items)
    if start < 0:
        return None
    first: Value = items[0]
    return _span_at(first._left, start, len(items))


@cython.cfunc
def _span_at(storage: Storage, start: cython.Py_ssize_t, size: cython.Py_ssize_t) -> Span:
    """A Span of these cells, in each of which a leaf is or was."""
    span: Span = Span.__new__(Span)
    _fill(span, storage, start, size)
    return span


@cython.cfunc
def _fill(span: Span, storage: Storage, start: cython.Py_ssize_t, size: cython.Py_ssize_t) -> cython.void:
    span._storage, span._start, span._size, span._leaves = storage, start, size, None
    span._moved = storage._moved
    storage._spans += 1


@cython.cfunc
@cython.exceptval(check=False)
def _first_cell(items) -> cython.Py_ssize_t:
    """The cell of the first leaf of a list or tuple of leaves bound to consecutive cells; -1 for anything else.

    Only the first leaf is touched. In the readable engine it is -1: to read cells as an array would gain it nothing.
    """
    if not cython.compiled or listed(items) < 1:  # noqa: F821  from_c.pxd
        return -1
    first = cython.cast(list, items)[0] if type(items) is list else cython.cast(tuple, items)[0]
    if type(first) is not Value or cython.cast(Value, first)._code != _BOUND:
        return -1
    storage: Storage = cython.cast(Storage, cython.cast(Value, first)._left)
    cell: cython.Py_ssize_t = cython.cast(Value, first)._count
    if cell + listed(items) > storage._size or not holds_these(items, storage._bound + cell):  # noqa: F821
        return -1
    return cell


@cython.cfunc
@cython.exceptval(check=False)
def _cell_of_row(row) -> cython.Py_ssize_t:
    """The cell of the first leaf of an argument that is a row of leaves in consecutive cells, else -1."""
    span: Span
    if type(row) is not Span or not cython.compiled:
        return _first_cell(row)
    span = row
    return span._start if span._size and span._moved == span._storage._moved else -1


@cython.cfunc
def _storage_of_row(row) -> Storage:
    """The storage of a row, or of a list of leaves, that has a _cell_of_row()."""
    if type(row) is Span:
        return cython.cast(Span, row)._storage
    first = cython.cast(list, row)[0] if type(row) is list else cython.cast(tuple, row)[0]
    return cython.cast(Value, first)._left


@cython.cfunc
def _leaves_of(span: Span) -> tuple:
    if span._leaves is None and span._storage is not None:
        span._leaves = tuple([_leaf_at(span._storage, k) for k in range(span._start, span._start + span._size)])
        _forget_gone(span._storage)
    return span._leaves


@cython.cfunc
def _items(row) -> tuple:
    return _leaves_of(row) if type(row) is Span else row


@cython.cfunc
def _holds(items, row: tuple) -> cython.bint:
    """Whether a list or tuple holds the same objects as a row."""
    if len(items) != len(row):
        return False
    if cython.compiled:
        return are_items(items, row, 0)  # noqa: F821  from_c.pxd
    return all([x is y for x, y in zip(items, row, strict=True)])


@cython.cfunc
def _leaf_at(storage: Storage, cell: cython.Py_ssize_t) -> Value:
    """The leaf that is or was bound to a cell. If it has died nobody can tell it from a new one."""
    if storage._bound[cell] is not cython.NULL:
        return cython.cast(Value, cython.cast(object, storage._bound[cell]))
    if cell in storage._gone:
        return storage._gone[cell]
    dead = _dead_in(storage, cell)
    made: Value = _leaf_in_cell(storage, cell, dead.origin)
    made._left_partial = dead.call
    return made


@cython.cfunc
@cython.exceptval(-2)
def _size(arg) -> cython.Py_ssize_t:
    """How many numbers a row holds; -1 for a number."""
    if type(arg) is Span:
        return cython.cast(Span, arg)._size
    return len(cython.cast(tuple, arg)) if type(arg) is tuple else -1


@cython.cfunc
@cython.exceptval(-1)
def _read(sequence, into: cython.p_double, first: cython.Py_ssize_t) -> cython.int:
    """Copies the numbers of a sequence."""
    k: cython.Py_ssize_t
    numbers: cython.p_double
    start: cython.Py_ssize_t = _cell_of_row(sequence) if type(sequence) is Span else -1
    if start >= 0:
        numbers = cython.cast(Span, sequence)._storage._values
        for k in range(cython.cast(Span, sequence)._size):
            into[first + k] = numbers[start + k]
        return 0
    items: tuple = _items(sequence)
    for k in range(len(items)):
        into[first + k] = _argument(None, items[k])
    return 0


@cython.cfunc
def _write_partials_of_dot(terms: _Terms, n: cython.Py_ssize_t) -> cython.void:
    """Writes the local derivatives of a dot of n products: the numbers of its arguments, one for the other."""
    _read(terms.args[1], terms.partials, 0)
    _read(terms.args[0], terms.partials, n)
    terms.partials[2 * n] = 1.0


@cython.cfunc
def _make_up_partials(terms: _Terms) -> cython.void:
    """Does this for a dot that a trace recorded, with the numbers that its arguments have now."""
    n: cython.Py_ssize_t = _size(terms.args[1])
    terms.partials = _doubles(2 * n + 1)
    _write_partials_of_dot(terms, n)


@cython.cfunc
def _make_room(layer: _Layer) -> cython.void:
    """Makes the arrays of a layer for its weights and the adjoints of its items."""
    layer.adjoints = _doubles(layer.size + layer.dots * layer.size)
    layer.weights = layer.adjoints + layer.size if cython.compiled else _doubles(layer.dots * layer.size)


@cython.cfunc
def _keep_weights(layer: _Layer) -> cython.void:
    """Copies the numbers in the cells of a layer's lefts; of leaves that have moved since, their own."""
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    cell: cython.Py_ssize_t
    n: cython.Py_ssize_t = layer.size
    numbers: cython.p_double
    weights: cython.p_double
    _make_room(layer)
    for j in range(layer.dots):
        cell = cython.cast(cython.Py_ssize_t, layer.cells[j])
        numbers = layer.storage._values + cell
        weights = layer.weights + j * n
        for k in range(n):
            weights[k] = numbers[k]
        if layer.moved != layer.storage._moved:
            for k in range(n):
                weights[k] = _number(_leaf_at(layer.storage, cell + k))


@cython.cfunc
def _unspanned(args: tuple) -> tuple:
    """The arguments, with each Span replaced by its leaves."""
    for arg in args:
        if type(arg) is Span:
            return tuple([_items(a) if type(a) is Span else a for a in args])
    return args


@cython.cfunc
@cython.inline
def _is_in_layer(v: Value) -> cython.bint:
    return _LAYER <= v._code < _JOINT


@cython.cfunc
def _left_in_layer(v: Value) -> tuple:
    """The first argument of a dot of a layer."""
    layer: _Layer = cython.cast(_Layer, v._left)
    k: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, v._left_partial)
    if layer.lefts is None:
        layer.lefts = [None] * layer.dots
    if layer.lefts[k] is None:
        first: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, layer.cells[k])
        layer.lefts[k] = tuple([_leaf_at(layer.storage, cell) for cell in range(first, first + layer.size)])
    return layer.lefts[k]


@cython.cfunc
def _checked_value(who, x) -> Value:
    """Returns x if it is a Value, else raises TypeError: a C variable for Values would take None as well."""
    if type(x) is not Value:
        raise TypeError(f"{who} takes a Value, got {errors.received(x)}")
    return x


@cython.cfunc
def _all_checked(who, xs) -> list:
    if type(xs) is not list and (not hasattr(xs, "__iter__") or type(xs) is Value):
        raise TypeError(f"{who} takes a list of Values, got {errors.received(xs)}")
    values: list = list(xs)
    for x in values:
        if type(x) is not Value:
            raise TypeError(f"{who} takes a list of Values, got {errors.received(x)} among them")
    return values


@cython.cfunc
def _solution(whole: Value):
    """The object that knows the derivatives of a joint result (one node of many numbers)."""
    args: tuple = cython.cast(_Terms, whole._left).args
    return args[len(args) - 1]


@cython.cfunc
def _left(v: Value):
    """The first argument of a node without _Terms: a Value or a plain number."""
    return v._left_partial if v._left is None else v._left


@cython.cfunc
def _right(v: Value):
    return v._right_partial if v._right is None else v._right


@cython.cfunc
def _laid_flat(v: Value) -> list:
    """The numbers of all arguments in one list, Values and plain ones; empty for a leaf."""
    if v._code < _MANY:
        return [_left(v), _right(v)] if v._code >= 0 else []
    found: list = []
    for arg in _unspanned(_args(v)):
        if type(arg) is tuple:
            found.extend(arg)
        else:
            found.append(arg)
    return found


@cython.cfunc
def _laid_flat_jointly(whole: Value) -> list:
    """The same for a joint result, without the object that knows the derivatives."""
    found: list = _laid_flat(whole)
    found.pop()
    return found


@cython.cfunc
def _partial(v: Value, k: cython.Py_ssize_t) -> cython.double:
    """The local derivative by the k-th number of _laid_flat(v), which must be a Value."""
    if v._code < _MANY:
        return v._right_partial if k else v._left_partial
    if _is_in_layer(v):
        layer: _Layer = cython.cast(_Layer, v._left)
        if k < layer.size:
            return layer.numbers[k]
        if k == 2 * layer.size:
            return 1.0
        if layer.adjoints is cython.NULL:
            _keep_weights(layer)
        return layer.weights[cython.cast(cython.Py_ssize_t, v._left_partial) * layer.size + k - layer.size]
    terms: _Terms = cython.cast(_Terms, v._left)
    if terms.partials is cython.NULL and terms.lender is None:
        _make_up_partials(terms)
    return terms.partials[k] * terms.scale


@cython.cfunc
@cython.exceptval(check=False)
def _has_none(v: Value) -> cython.bint:
    """Whether v is the undefined node that walks add where a derivative is by convention."""
    return _MANY <= v._code < _LAYER and cython.cast(_Terms, v._left).scale != cython.cast(_Terms, v._left).scale


@cython.cfunc
def _row(v: Value):
    """The row of a result. A custom row may be deleted, so its nodes hold it as their last argument."""
    if v._code == _CUSTOM:
        args: tuple = cython.cast(_Terms, v._left).args
        return args[len(args) - 1]
    return _ROWS[v._code & (_MANY - 1)]


@cython.cfunc
def _given(v: Value) -> tuple:
    """The arguments of a result, as its row takes them."""
    if v._code >= _MANY:
        args: tuple = _unspanned(_args(v))
        return args if v._code != _CUSTOM else args[: len(args) - 1]
    rules: tuple = _ROWS[v._code].rules
    return (_left(v),) if len(rules) == 1 else (_left(v), _right(v))


@cython.cfunc
def _parents(v: Value) -> list:
    """The arguments that are Values, in order; for a component, those of the joint result it belongs to."""
    if v._code == _COMPONENT:
        return _parents(cython.cast(_Terms, v._left).args[0])
    return [x for x in _laid_flat(v) if type(x) is Value]


@cython.cfunc
@cython.boundscheck(True)  # the derivatives of a component come from an object that others write
def _edges(v: Value) -> list:
    """For each parent, in order: its position among the numbers of the arguments, the local derivative, the parent.

    The derivatives of a component take a solve of their own.
    """
    k: cython.Py_ssize_t
    derivatives = None
    found: list = []
    if v._code < _MANY:  # most are, and of a leaf _left is its storage
        if v._code >= 0 and v._left is not None:
            found.append((0, v._left_partial, v._left))
        if v._right is not None:
            found.append((1, v._right_partial, v._right))
        return found
    items: list = _laid_flat(v)
    if v._code == _COMPONENT:
        derivatives = _solution(items[0]).derivatives(int(items[1]))
        items = _laid_flat(items[0])
    for k in range(len(items)):
        if type(items[k]) is Value:
            found.append((k, _partial(v, k) if derivatives is None else derivatives[k], items[k]))
    return found


@cython.cfunc
def _push_parents(stack: list, v: Value) -> cython.void:
    """Pushes the parents, so that the first is on top."""
    if v._code >= _MANY:
        for item in reversed(_laid_flat(v)):
            if type(item) is Value:
                stack.append(item)
    elif v._code >= 0:  # of a leaf, _left is its storage
        if v._right is not None:
            stack.append(v._right)
        if v._left is not None:
            stack.append(v._left)


@cython.cfunc
def _args(v: Value) -> tuple:
    """What a result holds as arguments: Values, numbers, and rows as they are stored."""
    if _is_in_layer(v):
        return _left_in_layer(v), cython.cast(_Layer, v._left).items, _right(v)
    if v._code >= _MANY:
        return cython.cast(_Terms, v._left).args
    return (_left(v), _right(v))


@cython.cfunc
@cython.exceptval(check=False)
def _cells_of(v: Value) -> cython.Py_ssize_t:
    """The first of the cells from which a dot of a layer read its first argument, if these are still there; else -1."""
    layer: _Layer
    if not _is_in_layer(v):
        return -1
    layer = v._left
    if layer.storage is None or layer.moved != layer.storage._moved:
        return -1
    return cython.cast(cython.Py_ssize_t, layer.cells[cython.cast(cython.Py_ssize_t, v._left_partial)])


@cython.cfunc
def _args_but_cells(v: Value) -> tuple:
    """What a result holds as arguments, without the leaves that it read from cells."""
    return (cython.cast(_Layer, v._left).items, _right(v)) if _cells_of(v) >= 0 else _args(v)


@cython.cfunc
def _push_results(stack: list, v: Value, seen: set) -> cython.void:
    """Pushes the parents that are results, so that the first is on top; those of a row only once."""
    k: cython.Py_ssize_t
    args: tuple = _args_but_cells(v)
    for arg in reversed(args):
        if type(arg) is Value:
            if cython.cast(Value, arg)._code >= 0:
                stack.append(arg)
        elif type(arg) is tuple and id(arg) not in seen:
            row: tuple = arg
            seen.add(id(row))
            if _first_cell(row) >= 0:
                continue
            for k in range(len(row) - 1, -1, -1):
                if type(row[k]) is Value and cython.cast(Value, row[k])._code >= 0:
                    stack.append(row[k])


def args_of(v: Value):
    """The operation's arguments, as .args gives them."""
    if v._code < 0:
        return ()
    if v._code != _COMPONENT:
        return _given(v)
    whole, which = cython.cast(_Terms, v._left).args
    return (*cython.cast(_Terms, cython.cast(Value, whole)._left).args[: len(whole.args) - 1], which)


def row_of(v: Value):
    """The table's row that made a result; None for a leaf."""
    return _row(v) if v._code >= 0 else None


def parents_of(v: Value):
    """The arguments that are Values, as .parents gives them."""
    return tuple(_parents(v))


def edges_of(v: Value):
    """For each parent, in order: its position among the numbers of the arguments, the local derivative, the parent."""
    return _edges(v)


def is_computed(v: Value):
    """Whether a sweep has reached v since its gradient was cleared."""
    return _is_computed(v)


@cython.cfunc
@cython.inline
def _is_computed(v: Value) -> cython.bint:
    storage: Storage
    if v._code >= 0 and v._sweep < 0:
        return False
    if _gradient(v) != 0.0:
        return True
    if v._code != _BOUND:
        return v._sweep > 0
    storage = v._left
    return max(v._sweep, _swept(v)) > storage._cleared


@cython.cfunc
def _swept(v: Value) -> cython.longlong:
    """The number of the last sweep that reached any Span of v's storage, if one has reached v; else 0."""
    storage: Storage
    if v._code != _BOUND:
        return 0
    storage = v._left
    return storage._swept if storage._reached[v._count] else 0


def topological_order(*roots):
    """The roots and every Value they depend on, each once, parents before their results."""
    return _in_order(_all_checked("topological_order(*roots)", reversed(roots)), True)


@cython.cfunc
def _in_order(stack: list, leaves: cython.bint) -> list:
    """The Values on a stack and what they depend on, each once, parents first; without leaves, if so asked for."""
    v: Value
    order: list = []
    seen: set = set()
    while stack:
        v = stack.pop()
        if v is None:
            order.append(stack.pop())
        elif (leaves or v._code >= 0) and v not in seen:
            seen.add(v)
            stack += (v, None)
            if leaves:
                stack += reversed(_parents(v))
            else:
                _push_results(stack, v, seen)
    return order


def is_derived(v):
    """Whether a transform recorded v to differentiate, by the rules of the table."""
    origin = _checked_value("is_derived(v)", v)._origin
    return origin is not None and origin.derived


def sweep_number(v):
    """The number of the last backward sweep that reached v, 0 for none: sweeps are numbered from 1."""
    value: Value = _checked_value("sweep_number(v)", v)
    number: cython.longlong = max(value._sweep, _swept(value), 0)
    return number if value._code != _BOUND or number > cython.cast(Storage, value._left)._cleared else 0


def began_sweep(v):
    """Whether the last backward sweep that reached the result v began there."""
    value: Value = _checked_value("began_sweep(v)", v)
    return value._code >= 0 and value._sweep > 0 and value._count == -1


def new_leaves(numbers):
    """New leaves with these numbers, bound to the cells of a new Storage in this order."""
    k: cython.Py_ssize_t
    here: _Context = _here()
    given: list = list(numbers)
    storage: Storage = Storage(len(given))
    for k in range(len(given)):
        if type(given[k]) is Value:
            return [Value(x) for x in given]  # it stands for itself inside a transform, elsewhere it is an error
        storage._values[k] = _real("Value", given[k])
    for k in range(len(given)):
        given[k] = _leaf_in_cell(storage, k, here.origin)
    if here.trace is not None:
        here.trace.constants.update(given)
    return given


def label_row(leaves, label, path=None):
    """Labels leaves that have no label by their positions, w.0, w.1, ... for "w.", with the path of their module."""
    v: Value
    k: cython.Py_ssize_t
    first: cython.Py_ssize_t = 0
    before = made = None
    row: list = leaves if _are_row(leaves) else _all_checked("label_row(leaves, label)", leaves)
    for k in range(len(row)):
        v = row[k]
        origin = v._origin
        if origin is not None and (type(origin) is RowOrigin or origin.label is not None):
            continue
        if v._code != _BOUND:
            v._origin = Origin(f"{label}{k}", path or v.path, v.line)
            continue
        if made is None or origin is not before or v._count - k != first:
            before, first = origin, v._count - k
            made = RowOrigin(label, first, path or v.path, v.line)
        v._origin = made


def are_parameters(xs, bound=False):
    """Whether xs holds at least one thing, and only leaves that gradients enter; bound: and that are bound."""
    code: cython.int
    other: cython.int = _BOUND if bound else _LEAF
    if type(xs) is list and _first_cell(xs) >= 0:
        return True
    for x in xs:
        if type(x) is not Value:
            return False
        code = cython.cast(Value, x)._code
        if code != _BOUND and code != other:
            return False
    return len(xs) > 0


def bind(leaves):
    """Puts the leaves into one Storage; returns (storage, cells), where cells[k] is the cell of leaves[k].

    Leaves that already share a storage stay there; otherwise all move into a new one, with numbers and gradients.
    """
    leaves = _all_checked("bind(leaves)", leaves)
    storage: Storage = _bound(leaves)
    return storage, [cython.cast(Value, v)._count for v in leaves]


def storage_of(leaves):
    """The storage that bind(leaves) gives."""
    runs = _runs(leaves)
    if runs is not None and len(runs[0]) == 1:
        return runs[0][0]
    return _bound(_all_checked("storage_of(leaves)", leaves))


@cython.cfunc
def _are_row(leaves) -> cython.bint:
    """Whether leaves is a list of leaves in consecutive cells of a storage, which is quickly told."""
    if cython.compiled:
        return type(leaves) is list and _first_cell(leaves) >= 0
    runs = _runs(leaves)
    return runs is not None and len(runs[1]) == 1


@cython.cfunc
def _bound(leaves: list) -> Storage:
    v: Value
    storage: Storage
    owner = None
    together: cython.bint = True
    for v in leaves:
        if v._code >= 0 or v._code == _DETACHED:
            raise errors.HistoryError(
                f"only leaves that gradients enter can be parameters, and this is {v.kind}: {v!r}"
            )
        together = together and v._code == _BOUND and (owner is None or owner is v._left)
        owner = v._left
    if together and owner is not None:
        return owner
    cell: cython.int
    for cell, v in enumerate(leaves):
        v._right_partial = cell  # which means nothing outside of a walk
    for cell, v in enumerate(leaves):
        if v._right_partial != cell:
            raise ValueError(f"the same leaf stands twice among the {len(leaves)} to bind: pass each once")
    storage = Storage(len(leaves))
    sweeping: cython.bint = _here().sweeping > 0
    shift: cython.int = 0
    before = origin = moved = None
    for cell, v in enumerate(leaves):
        storage._values[cell] = _number(v)
        storage._grads[cell] = _gradient(v)
        if v._sweep >= 0 or not sweeping:  # else it may be the mark of a sweep that is under way
            v._sweep = max(v._sweep, _swept(v)) if _is_computed(v) else 0
        if v._code == _BOUND:
            _move_out(v)
        origin = v._origin
        if type(origin) is RowOrigin:  # it counts from a cell of the old storage
            if origin is not before or cell - v._count != shift:
                before, shift = origin, cell - v._count
                moved = RowOrigin(origin.label, origin.first + shift, origin.path, origin.line)
            origin = moved
        v._left, v._code, v._count, v._origin = storage, _BOUND, cell, origin
        if cython.compiled:
            storage._bound[cell] = cython.cast(cython.p_void, v)
    return storage


@cython.cfunc
def _move_out(leaf: Value) -> cython.void:
    """Takes a leaf that moves out of its storage, in which Spans find it nevertheless."""
    old: Storage = leaf._left
    old._moved += 1
    if cython.compiled:
        old._bound[leaf._count] = cython.NULL
        if old._spans:
            old._gone[leaf._count] = leaf


def located(leaves):
    """(storages, owners, cells, sizes) of bound leaves, by runs of leaves in consecutive cells of a storage.

    Run k lies in storages[owners[k]], from cell cells[k] on, and is sizes[k] leaves long.
    """
    runs = _runs(leaves)
    if runs is None:
        given: list = _all_checked("located(leaves)", leaves)
        runs = _runs(given)
        for v in given:
            if cython.cast(Value, v)._code != _BOUND:
                raise TypeError(f"located(leaves) takes bound leaves, and this is a {v.kind}: {v!r}")
    return runs


@cython.cfunc
def _runs(leaves):
    """What located(leaves) gives for a list of bound leaves; None for anything else."""
    v: Value
    k: cython.Py_ssize_t = 0
    size: cython.Py_ssize_t
    storages: dict = {}
    owners: list = []
    cells: list = []
    sizes: list = []
    if type(leaves) is not list:
        return None
    given: list = leaves
    while k < len(given):
        if type(given[k]) is not Value or cython.cast(Value, given[k])._code != _BOUND:
            return None
        v = cython.cast(Value, given[k])
        size = _run_length(given, k, v._left, v._count)
        owners.append(storages.setdefault(v._left, len(storages)))
        cells.append(v._count)
        sizes.append(size)
        k += size
    return list(storages), owners, cells, sizes


@cython.cfunc
@cython.exceptval(check=False)
def _run_length(leaves: list, start: cython.Py_ssize_t, storage: Storage, cell: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """How many leaves, from one on that is bound to a cell, lie in consecutive cells. Only the first is touched."""
    v: Value
    k: cython.Py_ssize_t = start + 1
    most: cython.Py_ssize_t = min(len(leaves) - start, storage._size - cell)
    if cython.compiled:
        return count_these(leaves, start, storage._bound + cell, most)  # noqa: F821  from_c.pxd
    while k < start + most and type(leaves[k]) is Value:
        v = leaves[k]
        if v._code != _BOUND or v._left is not storage or v._count != cell + k - start:
            break
        k += 1
    return k - start


def distinct(leaves):
    """The leaves in order, each once. A given list may be returned itself."""
    runs = _runs(leaves)
    if runs is not None and _are_apart(runs, len(leaves)):
        return leaves
    given: list = _all_checked("distinct(leaves)", leaves)
    runs = runs or _runs(given)
    if runs is not None and _are_apart(runs, len(given)):
        return given
    return list(dict.fromkeys(given))


@cython.cfunc
def _are_apart(runs: tuple, count: cython.Py_ssize_t) -> cython.bint:
    """Whether no two of the runs share a cell, if that is quickly told."""
    if 8 * len(runs[1]) > count + 8:
        return False
    before: tuple = (-1, 0, 0)
    for run in sorted(zip(*runs[1:], strict=True)):
        if run[0] == before[0] and run[1] < before[1] + before[2]:
            return False
        before = run
    return True


def hold_the_same(containers, items):
    """Whether the containers, one after the other, hold exactly the items of a tuple."""
    k: cython.Py_ssize_t = 0
    given: tuple = tuple(items)
    count: cython.Py_ssize_t = len(given)
    for container in containers:
        if cython.compiled and type(container) is list:  # quick: touches none of the items
            if k + len(container) > count or not are_items(container, given, k):  # noqa: F821  from_c.pxd
                return False
            k += len(container)
            continue
        for item in container:
            if k == count or given[k] is not item:
                return False
            k += 1
    return k == count


def clear_grads(leaves):
    """Sets the gradients to 0 and marks them as not computed."""
    v: Value
    if _are_row(leaves) and not _here().sweeping:
        storage: Storage = cython.cast(Value, leaves[0])._left
        if len(leaves) == storage._size:
            storage.clear_grads()
            return
    for v in _all_checked("clear_grads(leaves)", leaves):
        if v._code == _BOUND:
            cython.cast(Storage, v._left)._grads[v._count] = 0.0
        v._grad = 0.0
        _forget_sweep(v)


def kept(v: Value):
    """What copies and pickles keep of a leaf."""
    if v._code >= 0:
        raise errors.HistoryError(
            f"copying or pickling a result ({v.op.name}) would lose its history: use .detach(), or copy the leaves"
        )
    return _number(v), v.grad, v.label, v._code == _DETACHED


def _restore(data, grad, label, detached):
    v: Value = Value(data, label)
    v._grad = grad
    v._code = _DETACHED if detached else _LEAF
    return v


_restore.__module__ = __name__.rpartition(".")[0]  # pickles name it by this module
above.args, above.parents, above.edges, above.row = args_of, parents_of, edges_of, row_of
above.is_computed, above.kept, above.restore = is_computed, kept, _restore
