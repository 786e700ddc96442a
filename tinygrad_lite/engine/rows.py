# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""Recording by rows of the table: any row, known results, joint results, and the fast paths for sequences."""

import operator

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors, ops

if cython.compiled:
    from cython.cimports.cpython.memoryview import PyMemoryView_GET_BUFFER
    from cython.cimports.libc.math import exp
else:
    from ..floats.flags import clear_flags
    from ..floats.ieee import exp
    from .graph import (
        Span,
        _checked_value,
        _first_cell,
        _holds,
        _keep_weights,
        _make_room,
        _read,
        _size,
        _solution,
        _span_of,
        _storage_of_row,
        _write_partials_of_dot,
    )
    from .storage import _doubles, _drop_partials, _is_real, _item, _Layer, _real, _Terms, _terms, above
    from .values import (
        _DETACHED,
        _JOINT,
        _LAYER,
        _MANY,
        Value,
        _argument,
        _Context,
        _divide,
        _here,
        _leaf,
        _node,
        _node_of_many,
        _number,
        _refuse_in_trace,
        _unary,
        _watched,
    )

compiled: bool = cython.compiled
source_hash = "0ced783b"

_MEAN = cython.declare(cython.int, ops.mean.code)
_SUM = cython.declare(cython.int, ops.sum.code)
_DOT = cython.declare(cython.int, ops.dot.code)
_LOGSUMEXP = cython.declare(cython.int, ops.logsumexp.code)
_TAKE = cython.declare(cython.int, ops.take.code)
_Op = cython.declare(object, ops.Op)
_COMPONENT = cython.declare(cython.int, (3 << 16) + ops.component.code)
_CUSTOM = cython.declare(cython.int, (1 << 16) + ops.custom.code)
_STOP_GRADIENT = cython.declare(cython.int, ops.stop_gradient.code)
_IDENTITY = cython.declare(cython.int, ops.identity.code)


def stand_for(v: Value, other: Value):
    """Makes v an identity node of another Value, which a trace or a transform passed instead of a plain number."""
    v._grad = v._right_partial = 0.0
    v._right = None
    v._held, v._left, v._left_partial = _number(other), other, 1.0
    v._origin, v._sweep, v._count = _here().origin, 0, 0
    v._code = _IDENTITY


def make_by_hand(v: Value, data, parents: tuple, derivatives):
    """Makes v a result with the given number and local derivatives."""
    k: cython.Py_ssize_t
    here: _Context = _here()
    _refuse_in_trace("making a result by hand", v)
    number: cython.double = _real("Value", data)
    given: tuple = _arguments("Value(data, children)", parents)
    if derivatives is None or isinstance(derivatives, str) or not hasattr(derivatives, "__iter__"):
        raise errors.no_local_derivatives(len(given), derivatives)
    slopes: tuple = tuple([_real("Value(data, children, local_grads): a derivative", d) for d in derivatives])
    if len(slopes) != len(given):
        raise errors.ShapeError(
            f"Value(data, children, local_grads) takes one local derivative for each of its children, "
            f"got {len(slopes)} for {len(given)}"
        )
    known = ops.Affine(number)
    known.point, known.slopes = tuple([_argument(None, x) for x in given]), slopes
    terms: _Terms = _terms((given, known, ops.given), len(given) + 1)
    for k in range(len(given)):
        terms.partials[k] = slopes[k]
    terms.partials[len(given)] = 0.0
    v._grad = v._left_partial = v._right_partial = 0.0
    v._right = None
    v._held, v._origin, v._sweep, v._count = number, here.origin, 0, 0
    if here.recording == 0:
        v._left, v._code = None, _DETACHED
        return
    v._left, v._code = terms, _CUSTOM
    if here.watch is not None:
        _watched(v)


@cython.cfunc
def _arguments(who, items) -> tuple:
    """Values and floats as they are, other numbers as floats."""
    given: tuple = tuple(items)
    for x in given:
        if type(x) is not Value and type(x) is not float:
            return tuple([y if type(y) is Value else _item(who, y) for y in given])
    return given


@cython.cfunc
def _sequence(who, items):
    """What a node keeps of a sequence: a Span, or a tuple of Values and floats."""
    if type(items) is list or type(items) is tuple:
        span = _span_of(items)
        if span is not None:
            return span
        here: _Context = _here()
        if here.trace is not None:
            return _row_in_trace(here, who, items)
    return _arguments(who, items)


@cython.cfunc
def _row_in_trace(here: _Context, who, items) -> tuple:
    """_arguments(), or a row of the trace that holds the same objects."""
    key = hash_of_items(items) if cython.compiled else hash(tuple(map(id, items)))  # noqa: F821  from_c.pxd
    row = here.rows.get(key)
    if row is None or not _holds(items, row):
        row = here.rows[key] = _arguments(who, items)
    return row


def applied(op, args: tuple):
    """Applies a row to arguments and records the result."""
    given: tuple = _checked(op, args)
    fast = _FAST.get(op.name)
    return record(op, given) if fast is None else fast(*given)


@cython.cfunc
def _checked(op, args: tuple) -> tuple:
    """The arguments in the form a row takes: Values, plain numbers, and a tuple for each sequence."""
    if args and type(args[0]) is tuple and op.sequences:
        return args  # bind() has checked them, and recording checks the items of the tuples
    for x in args:
        if type(x) is not Value and type(x) is not float and type(x) is not int:
            return tuple([y if type(y) is tuple and k in op.sequences else op.number(k, y) for k, y in enumerate(args)])
    return args


@cython.cfunc
def _check_row(op) -> cython.void:
    if not isinstance(op, _Op):
        raise TypeError(f"what to record is a row of the table of operations, got {errors.received(op)}")


def dot(xs, ys, start=0.0):
    """start + xs[0] * ys[0] + xs[1] * ys[1] + ..., as one node."""
    k: cython.Py_ssize_t
    if type(start) is not Value:
        start = _real("dot(xs, ys, start): start", start)
    left, right = _sequence("dot(xs, ys): xs", xs), _sequence("dot(xs, ys): ys", ys)
    n: cython.Py_ssize_t = _size(right)
    _check_lengths(_size(left), n)
    terms: _Terms = _terms((left, right, start), 2 * n + 1)
    _write_partials_of_dot(terms, n)
    partials: cython.p_double = terms.partials
    total: cython.double = _argument(None, start)
    for k in range(n):
        total += partials[n + k] * partials[k]
    if _here().trace is not None:  # nobody asks for local derivatives there
        _drop_partials(terms)
    return _node_of_many(_DOT, total, terms)


@cython.cfunc
def _check_lengths(xs: cython.Py_ssize_t, ys: cython.Py_ssize_t) -> cython.void:
    if xs != ys:
        raise errors.ShapeError(f"dot(xs, ys): the lengths must agree, got {xs} and {ys}")


def dots(rows, ys, function=None):
    """A whole layer: for each (xs, start, origin) of rows, function(dot(xs, ys, start)) with that origin.

    The numbers of ys are read once for all rows, and the adjoints of ys are gathered from all rows before they pass on.
    """
    here: _Context = _here()
    before = here.origin
    j: cython.Py_ssize_t
    code: cython.int = _UNARY.get(id(function), -1)
    given: list = list(rows)
    items: tuple = _arguments("dot(xs, ys): ys", ys)
    m: cython.Py_ssize_t = len(given)
    totals: _Terms = _terms((), m)
    layer: _Layer = _new_layer(given, items, totals.partials)
    made: list = [None] * m
    try:
        try:
            for j in range(m):
                row: tuple = cython.cast(tuple, given[j])
                start = row[1]
                here.origin = row[2]
                if type(start) is Value:
                    v = _node(_LAYER + _DOT, totals.partials[j], layer, j, start, 1.0)
                else:
                    v = _node(_LAYER + _DOT, totals.partials[j], layer, j, None, _real(None, start))
                made[j] = v if function is None else _unary(code, v) if code >= 0 else function(v)
        finally:
            here.origin = before
    finally:  # twice, see within()
        here.origin = before
    return made


@cython.cfunc
def _new_layer(rows: list, items: tuple, totals: cython.p_double) -> _Layer:
    """The layer of the dots with `items`; writes their numbers to `totals`. Makes each row a tuple."""
    j: cython.Py_ssize_t
    n: cython.Py_ssize_t = len(items)
    m: cython.Py_ssize_t = len(rows)
    layer: _Layer = _Layer.__new__(_Layer)
    layer.items, layer.size, layer.dots = items, n, m
    layer.lefts, layer.storage, layer.flows, layer.sweep, layer.waiting, layer.moved = None, None, False, 0, 0, 0
    for item in items:
        if type(item) is Value:
            layer.flows = True
            break
    layer.numbers = _doubles(n + m)
    _read(items, layer.numbers, 0)
    if cython.compiled:
        PyObject_GC_UnTrack(items)  # noqa: F821  as in _node_of_many()
        layer.cells = layer.numbers + n
    _find_cells(layer, rows, totals)
    if layer.storage is None:
        _make_room(layer)
        layer.lefts = [None] * m
        for j in range(m):
            layer.lefts[j] = _arguments("dot(xs, ys): xs", rows[j][0])
            _check_lengths(len(cython.cast(tuple, layer.lefts[j])), n)
            _read(layer.lefts[j], layer.weights, j * n)
    elif layer.flows and _here().trace is None:
        _keep_weights(layer)
    _add_products(layer, m, totals)
    return layer


@cython.cfunc
def _find_cells(layer: _Layer, rows: list, totals: cython.p_double) -> cython.void:
    """Notes the cells of all lefts, if all are lists of leaves in cells of one storage; writes the starts to totals."""
    j: cython.Py_ssize_t
    cell: cython.Py_ssize_t
    storage = None
    all_are: cython.bint = cython.compiled and not above.hooks
    for j in range(len(rows)):
        if type(rows[j]) is not tuple:
            rows[j] = tuple(rows[j])
        xs, start, _ = cython.cast(tuple, rows[j])
        totals[j] = _argument("dot(xs, ys, start): start", start)
        if all_are:
            cell = _first_cell(xs)
            all_are = cell >= 0 and len(xs) == layer.size
            if all_are:
                owner = _storage_of_row(xs)
                all_are = storage is None or owner is storage
                storage = owner
                layer.cells[j] = cell
    if all_are and storage is not None:
        layer.storage = storage
        layer.moved = layer.storage._moved
        layer.storage._spans += 1


@cython.cfunc
@cython.exceptval(-1)
def _add_products(layer: _Layer, m: cython.Py_ssize_t, totals: cython.p_double) -> cython.int:
    """Adds to each total the products of its left with the items; four sums at once take the time of one.

    A sum begins an addition when the one before is done.
    """
    j: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t = layer.size
    ys: cython.p_double = layer.numbers
    if not cython.compiled:
        for j in range(m):
            for k in range(n):
                totals[j] += layer.weights[j * n + k] * ys[k]
        return 0
    while j + 4 <= m:
        a, b, c, d = _left_of(layer, j), _left_of(layer, j + 1), _left_of(layer, j + 2), _left_of(layer, j + 3)
        p: cython.double = totals[j]
        q: cython.double = totals[j + 1]
        r: cython.double = totals[j + 2]
        s: cython.double = totals[j + 3]
        for k in range(n):
            p += a[k] * ys[k]
            q += b[k] * ys[k]
            r += c[k] * ys[k]
            s += d[k] * ys[k]
        totals[j], totals[j + 1], totals[j + 2], totals[j + 3] = p, q, r, s
        j += 4
    while j < m:
        a = _left_of(layer, j)
        p = totals[j]
        for k in range(n):
            p += a[k] * ys[k]
        totals[j] = p
        j += 1
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _left_of(layer: _Layer, j: cython.Py_ssize_t) -> cython.p_double:
    """Where the numbers of a left are."""
    if layer.adjoints is cython.NULL:
        return layer.storage._values + cython.cast(cython.Py_ssize_t, layer.cells[j])
    return layer.weights + j * layer.size


def _sum(xs):
    items = _sequence("sum(xs): xs", xs)
    n: cython.Py_ssize_t = _size(items)
    k: cython.Py_ssize_t
    terms: _Terms = _terms((items,), n)
    total: cython.double = 0.0
    _read(items, terms.partials, 0)
    for k in range(n):
        total += terms.partials[k]
        terms.partials[k] = 1.0
    return _node_of_many(_SUM, total, terms)


def _mean(xs):
    items = _sequence("mean(xs): xs", xs)
    n: cython.Py_ssize_t = _size(items)
    k: cython.Py_ssize_t
    if n == 0:
        return record(ops.mean, (items,))
    terms: _Terms = _terms((items,), n)
    total: cython.double = 0.0
    _read(items, terms.partials, 0)
    for k in range(n):
        total += terms.partials[k]
        terms.partials[k] = 1.0 / n
    return _node_of_many(_MEAN, total / n, terms)


def _logsumexp(xs):
    items = _sequence("logsumexp(xs): xs", xs)
    n: cython.Py_ssize_t = _size(items)
    k: cython.Py_ssize_t
    terms: _Terms = _terms((items,), n)
    _read(items, terms.partials, 0)
    y: cython.double = ops.logsumexp.value([terms.partials[k] for k in range(n)])
    total: cython.double = 0.0
    for k in range(n):
        terms.partials[k] = exp(terms.partials[k] - y)
        total += terms.partials[k]
    for k in range(n):
        terms.partials[k] = _divide(terms.partials[k], total)
    made: Value = _node_of_many(_LOGSUMEXP, y, terms)
    clear_flags()
    return made


def _where(condition, a, b):
    """A plain condition selects at once and records no node, so the graph never holds the other branch."""
    if isinstance(condition, Value):
        return record(ops.where, (condition, a, b))
    a = a if type(a) is Value else _real("where(condition, a, b): a", a)
    b = b if type(b) is Value else _real("where(condition, a, b): b", b)
    return a if _real("where(condition, a, b): condition", condition) != 0.0 else b


def _take(table, index):
    k: cython.Py_ssize_t
    if not isinstance(index, Value):
        given: tuple = _arguments("take(table, index): table", table)
        return given[ops.position(_real("take(table, index): index", index), len(given))]
    items = _sequence("take(table, index): table", table)
    n: cython.Py_ssize_t = _size(items)
    chosen: cython.Py_ssize_t = ops.position(_argument(None, index), n)
    terms: _Terms = _terms((items, index), n + 1)
    _read(items, terms.partials, 0)
    y: cython.double = terms.partials[chosen]
    for k in range(n + 1):
        terms.partials[k] = 0.0
    if type(items) is Span or any([type(x) is Value for x in items]):
        terms.partials[chosen] = 1.0
    return _node_of_many(_TAKE, y, terms)


def record(op, args):
    """One node, made by its row alone; the rules give the local derivatives when they run on detached Values."""
    here: _Context = _here()
    _check_row(op)
    places: tuple = op.places
    rules: tuple = op.rules
    args = tuple(args)
    n: cython.Py_ssize_t = len(args)
    if n != len(rules) or n != len(places) or n == 0:
        raise TypeError(f"{op.signature} takes {len(rules)} arguments, got {n}")
    k: cython.Py_ssize_t
    plain: list = []
    for k in range(n):
        arg = args[k]
        if type(arg) is Value:
            if rules[k] is None:
                raise TypeError(f"{places[k]} takes a plain number, got a Value: no derivative by it is known")
            plain.append(_number(cython.cast(Value, arg)))
        elif type(arg) is tuple:
            plain.append(tuple([_argument(None, x) for x in _arguments(places[k], arg)]))
        elif rules[k] is None and isinstance(arg, float):
            plain.append(arg)  # may be of a subclass of float that holds more than the number
        else:
            plain.append(_argument(places[k], arg))
    value = op.value(*plain)
    if type(value) is not float and not _is_real(value):
        raise TypeError(f"{op.signature} must give one real number, got {errors.received(value)}")
    y: cython.double = float(value)
    if here.recording == 0:
        made: Value = _leaf(y, _DETACHED)
        clear_flags()
        return made
    partials: list = _local_derivatives(here, op, y, args, plain)
    clear_flags()  # the rules may have raised floating-point flags
    is_custom: cython.bint = op.code == _CUSTOM - _MANY
    if n > 2 or op.sequences or is_custom:
        stored: list = []
        for k in range(n):
            arg = args[k]
            stored.append(arg if type(arg) is Value else _arguments(places[k], arg) if type(arg) is tuple else plain[k])
        if is_custom:
            stored.append(op)
        terms: _Terms = _terms(tuple(stored), len(partials))
        for k in range(len(partials)):
            terms.partials[k] = partials[k]
        return _node_of_many(op.code, y, terms)
    left = args[0] if type(args[0]) is Value else None
    left_partial: cython.double = plain[0] if left is None else partials[0]
    if n == 1:
        return _node(op.code, y, left, left_partial, None, 0.0)
    right = args[1] if type(args[1]) is Value else None
    return _node(op.code, y, left, left_partial, right, plain[1] if right is None else partials[1])


def record_known(op, data, args, partials, scale=1.0):
    """One node of op with a known number and known local derivatives.

    args      Spans, Values, tuples of Values and floats; last come arguments that have no derivative
    partials  a float64 array with one entry for each number of the arguments in order, plain numbers too; multiplied
              by scale they are the derivatives. The node uses the array itself until keep_partials() copies it
    """
    _check_row(op)
    if len(args) != len(op.rules) or op.code == _CUSTOM - _MANY:
        raise TypeError(
            f"record_known({op.name}) takes a row of the table and an argument for each of its rules: "
            f"{op.signature} has {len(op.rules)} rules, got {len(args)} arguments"
        )
    if op.code == _DOT:
        _check_lengths(_size(args[0]), _size(args[1]))
    view = memoryview(partials)
    terms: _Terms = _Terms.__new__(_Terms)
    terms.args, terms.lender, terms.scale = tuple(args), view, scale
    needed: cython.Py_ssize_t = _count_partials(terms.args)
    if view.format != "d" or view.ndim != 1 or not view.c_contiguous or len(view) < needed:
        raise errors.ShapeError(
            f"record_known({op.name}): partials are {needed} float64 numbers or more, one after the other in memory, "
            f"got {len(view) if view.ndim else 0} of format {view.format!r}"
        )
    if cython.compiled:
        terms.partials = cython.cast(cython.p_double, PyMemoryView_GET_BUFFER(view).buf)
    else:
        terms.partials = view
    return _node(_MANY + op.code, data, terms, 0.0, None, 0.0)


@cython.cfunc
@cython.exceptval(-1)
def _count_partials(args: tuple) -> cython.Py_ssize_t:
    """How many local derivatives sweeps may read for these arguments."""
    count: cython.Py_ssize_t = 0
    needed: cython.Py_ssize_t = 0
    for arg in args:
        if type(arg) is tuple:
            count += len(cython.cast(tuple, arg))
            needed = count
        elif type(arg) is Span:
            if cython.compiled and cython.cast(Span, arg)._storage is None:
                raise errors.not_made(arg)
            count += cython.cast(Span, arg)._size
            needed = count
        else:
            count += 1
            if type(arg) is Value:
                needed = count
    return needed


def keep_partials(v):
    """Gives v its own copy of the array given to record_known(), so that the array may be written again."""
    k: cython.Py_ssize_t
    node: Value = _checked_value("keep_partials(v)", v)
    if node._code == _STOP_GRADIENT and node._left is not None:
        node = node._left
    if node._code < _MANY or node._code >= _LAYER:  # it was not recorded so
        return
    terms: _Terms = cython.cast(_Terms, node._left)
    if terms.lender is None:
        return
    copied: _Terms = _terms((), len(terms.lender))
    for k in range(len(terms.lender)):
        copied.partials[k] = terms.partials[k]
    terms.partials, copied.partials = copied.partials, terms.partials
    terms.lender, copied.lender = None, terms.lender


def record_joint(op, numbers, args, wanted=None):
    """Records a joint result: one node for all numbers, and a component for each; adjoints are passed on together.

    wanted  the indices of the numbers to record components for; None: all
    args    tuples of Values and floats, then an object that knows the derivatives, a float with these methods:
          pull(adjoints): a contribution for each number of the tuples; push(tangents): the tangents of the numbers.
          Adjoints are a dict by index. Among the Values may be another joint result: its contribution is such a dict,
          and its tangents are those of all its numbers, as its push() or push_graph() returned them
          pull_graph(whole, adjoints, wanted) and push_graph(whole, tangents): the same as Values; wanted: for which
          derivatives(index): what number `index` contributes if its adjoint is 1
          which(index): the last argument of a component's row, a float that holds the index
          total_of(first, count): the position of the sum of these numbers, or None if it is not among the numbers
          hides: whether its numbers may be finite where an argument is not
          rows: two rows, which programs use to compute the joint result and a component
    """
    here: _Context = _here()
    before: cython.int = here.recording
    _check_row(op)
    for arg in args[: len(args) - 1]:
        if type(arg) is not tuple:
            raise TypeError(f"record_joint({op.name}): arguments stand in tuples, got {errors.received(arg)}")
    if len(args) == 0 or not hasattr(args[len(args) - 1], "pull"):
        raise TypeError(f"record_joint({op.name}): the last argument knows the derivatives, by a method pull(adjoints)")
    indices = range(len(numbers)) if wanted is None else wanted
    if before == 0:
        return [_leaf(numbers[k], _DETACHED) for k in indices]
    try:
        try:
            here.recording = 1
            whole = _whole(op, numbers, args)
            found: list = []
            for k in indices:
                v = component(whole, k)
                found.append(v if before == 1 else _node(_STOP_GRADIENT, numbers[k], v, 0.0, None, 0.0))
            return found
        finally:
            here.recording = before
    finally:  # twice, see within()
        here.recording = before


@cython.cfunc
def _whole(op, numbers, args: tuple) -> Value:
    """The node of all the numbers. Pictures show its components instead of it."""
    size: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    for arg in args:
        size += len(arg) if type(arg) is tuple else 1
    terms: _Terms = _terms(args, size)
    for k in range(size):
        terms.partials[k] = 0.0
    args[len(args) - 1].numbers = tuple(numbers)
    return _node(_JOINT + op.code, numbers[0] if len(numbers) else 0.0, terms, 0.0, None, 0.0)


def component(whole, index):
    """One number of a joint result, as a node."""
    v: Value = _checked_value("component(whole)", whole)
    if v._code < _JOINT or v._code == _COMPONENT:
        raise TypeError(f"component(whole, index) takes a result of many numbers, got a {v.kind}")
    solution = _solution(v)
    terms: _Terms = _terms((v, solution.which(index)), 2)
    terms.partials[0], terms.partials[1] = 1.0, 0.0
    return _node(_COMPONENT, solution.numbers[index], terms, 0.0, None, 0.0)


def whole_of(v):
    """The joint result that the component v belongs to."""
    value: Value = _checked_value("whole_of(v)", v)
    if value._code != _COMPONENT:
        raise TypeError(f"whole_of(v) takes one number of a result of many, got a {value.kind}")
    return cython.cast(_Terms, value._left).args[0]


def is_joint(v):
    """Whether v is a joint result: one node of many numbers."""
    value: Value = _checked_value("is_joint(v)", v)
    return value._code >= _JOINT and value._code != _COMPONENT


@cython.cfunc
def _local_derivatives(here: _Context, op, y: cython.double, args, plain: list) -> list:
    """The local derivatives by every argument in order, sequences flattened; 0 for a plain number."""
    found: list = []
    k: cython.Py_ssize_t
    rules: tuple = op.rules
    given: list = [_leaf(1.0, _DETACHED), _leaf(y, _DETACHED)]
    for k in range(len(plain)):
        p = plain[k]
        if type(p) is tuple:
            given.append(tuple([_leaf(x, _DETACHED) for x in p]))
        else:
            given.append(_leaf(p, _DETACHED) if type(args[k]) is Value else p)
    call: tuple = tuple(given)
    before: cython.int = here.recording
    try:
        try:
            here.recording = 0
            for k in range(len(plain)):
                arg = args[k]
                if type(arg) is Value:
                    found.append(_contribution(op, rules[k](*call)))
                elif type(arg) is not tuple:
                    found.append(0.0)
                elif any([type(x) is Value for x in arg]):
                    found += [_contribution(op, d) for d in _contributions(op, rules[k], call, len(arg))]
                else:
                    found += [0.0] * len(arg)
        finally:
            here.recording = before
    finally:  # twice, see within()
        here.recording = before
    return found


@cython.cfunc
def _contribution(op, given) -> cython.double:
    """The number of a rule's result."""
    if type(given) is not Value and not _is_real(given):
        raise TypeError(f"a rule of {op.signature} must give one number, got {errors.received(given)}")
    return _argument(None, given)


@cython.cfunc
def _contributions(op, rule, given: tuple, size: cython.Py_ssize_t) -> list:
    """The result of a sequence's rule: one contribution for each element."""
    items = rule(*given)
    if not hasattr(items, "__iter__"):
        raise TypeError(
            f"a rule of {op.signature} must give one number for each of its sequence, got {errors.received(items)}"
        )
    found: list = list(items)
    if len(found) != size:
        raise errors.ShapeError(
            f"a rule of {op.signature} must give one number for each of the {size} of its sequence, got {len(found)}"
        )
    return found


_UNARY: dict = {id(vars(Value).get(row.name)): row.code for row in ops.TABLE.values() if row.arity == 1}
"""The codes of rows with one argument, by the ids of their methods."""

_FAST: dict = {
    **{row.name: getattr(Value, row.name, None) for row in ops.TABLE.values() if row.arity == 1},
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "sum": _sum,
    "mean": _mean,
    "dot": dot,
    "logsumexp": _logsumexp,
    "where": _where,
    "take": _take,
}

above.record, above.applied, above.make_by_hand, above.stand_for = record, applied, make_by_hand, stand_for
