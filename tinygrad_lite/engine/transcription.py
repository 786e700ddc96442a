# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""Reads a graph as compilers need it: its results, its leaves, and its copy in another form.

The arguments of a node are rows, tuples that many nodes share. A row is looked at once, and one of leaves in evenly
spaced cells becomes a range.
"""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors, ops

if not cython.compiled:
    from .graph import (
        Span,
        _all_checked,
        _args,
        _args_but_cells,
        _cell_of_row,
        _cells_of,
        _in_order,
        _is_row,
        _items,
        _row,
        _solution,
        _span_at,
        _storage_of_row,
    )
    from .storage import Storage, _Layer, _Terms, counts
    from .values import _BOUND, _DETACHED, _JOINT, _LEAF, _MANY, Value, _number

compiled: bool = cython.compiled
source_hash = "08d5ffa0"

_ADD = cython.declare(cython.int, ops.add.code)
_MUL = cython.declare(cython.int, ops.mul.code)
_MEAN = cython.declare(cython.int, (1 << 16) + ops.mean.code)
_SUM = cython.declare(cython.int, (1 << 16) + ops.sum.code)
_COMPONENT = cython.declare(cython.int, (3 << 16) + ops.component.code)


def results_below(*roots):
    """The roots and the results that they depend on, each once, parents before their results, without leaves."""
    return _in_order(_all_checked("results_below(*roots)", reversed(roots)), False)


def sums_of_products(roots, kept, least):
    """Sums of products that are written as additions: {root: (lefts, rights, others)}; totals; the other results.

    Such a root is the sum of lefts[k] * rights[k] and of others, or a mean, which has this sum. What it was added up
    from is read nowhere else below the roots, and is not among the other results, which are in order. Totals are the
    sums and means of many numbers of one joint result, which stand there one after the other, and of others:
    {root: (joint result, first position, count, how many items, the others)}.

    kept   ids of Values that must stay as they are
    least  how many products such a sum has at least
    """
    v: Value
    found: dict = {}
    totals: dict = {}
    inner: set = set()
    uses: dict = dict.fromkeys(roots, 2)
    order: list = results_below(*roots)
    rows: dict = {}  # by id: how often a row is used, and the row
    for v in order:
        for arg in _args_but_cells(v):
            if type(arg) is Value:
                uses[arg] = uses.get(arg, 0) + 1
            elif type(arg) is tuple and _cell_of_row(arg) < 0:
                count, _ = rows.get(id(arg), (0, None))
                rows[id(arg)] = count + 1, arg
    for count, row in rows.values():
        for x in cython.cast(tuple, row):
            if type(x) is Value and cython.cast(Value, x)._code >= 0:
                uses[x] = uses.get(x, 0) + count
    for v in reversed(order):
        total = _total(_items(_args(v)[0]), least) if v._code == _SUM or v._code == _MEAN else None
        if total is not None:
            totals[v] = total
        elif (v._code == _ADD or v._code == _SUM or v._code == _MEAN) and v not in inner:
            lefts: list = []
            rights: list = []
            others: list = []
            between: list = []
            _add_terms(v, uses, kept, lefts, rights, others, between)
            if len(lefts) >= least:
                inner.update(between)
                found[v] = tuple(lefts), tuple(rights), others
    return found, totals, [v for v in order if v not in inner]


@cython.cfunc
def _total(items: tuple, least: cython.Py_ssize_t):
    """What a total is made of, see sums_of_products(); None if too few items are numbers of one joint result."""
    k: cython.Py_ssize_t
    size: cython.Py_ssize_t = len(items)
    start: cython.Py_ssize_t = 0
    while start < size:
        item = items[start]
        k = start + 1
        if type(item) is Value and cython.cast(Value, item)._code == _COMPONENT:
            whole, first = cython.cast(_Terms, cython.cast(Value, item)._left).args
            while k < size and _is_component(items[k], whole, int(first) + k - start):
                k += 1
            if k - start >= least and 2 * (k - start) > size:
                return whole, int(first), k - start, size, items[:start] + items[k:]
        start = k
    return None


@cython.cfunc
def _is_component(x, whole, index: cython.Py_ssize_t) -> cython.bint:
    if type(x) is not Value or cython.cast(Value, x)._code != _COMPONENT:
        return False
    args: tuple = cython.cast(_Terms, cython.cast(Value, x)._left).args
    return args[0] is whole and args[1] == index


@cython.cfunc
def _add_terms(root: Value, uses: dict, kept, lefts: list, rights: list, others: list, between: list) -> cython.void:
    v: Value
    stack: list = [root]
    while stack:
        x = stack.pop()
        v = x if type(x) is Value else None
        is_sum: cython.bint = v is not None and (v._code == _ADD or v._code == _SUM)
        is_product: cython.bint = v is not None and v._code == _MUL and v._left is not None and v._right is not None
        if v is not root and (uses.get(x) != 1 or id(x) in kept or not (is_sum or is_product)):
            others.append(x)
            continue
        if v is not root:
            between.append(v)
        if is_product:
            lefts.append(v._left)
            rights.append(v._right)
        elif v._code == _SUM or v._code == _MEAN:
            stack.extend(reversed(_items(_args(v)[0])))
        else:
            stack.extend(reversed(_args(v)))


def are_alike(roots, others, known, made):
    """Whether two graphs are seen to be the same: the same operations, numbers and older Values, node for node.

    known  {Value below the roots: the one that stands for it below the others}
    made   the leaves that stand for their numbers only
    """
    v: Value
    w: Value
    k: cython.Py_ssize_t
    met: dict = dict(known)
    rows: dict = {}
    left: list = list(roots)
    right: list = list(others)
    if len(left) != len(right):
        return False
    while left:
        a, b = left.pop(), right.pop()
        if a is b:
            continue
        if type(a) is Value and type(b) is Value:
            if a in met:
                if met[a] is not b:
                    return False
                continue
            met[a] = b
            v, w = a, b
            if v._code != w._code or v._code >= _JOINT:
                return False
            if v._code < 0:
                if v not in made or w not in made or not _is_same_number(_number(v), _number(w)):
                    return False
                continue
            cell: cython.Py_ssize_t = _cells_of(v)
            if cell >= 0 and cell == _cells_of(w) and _read_from_same_cells(v._left, w._left):
                a, b = _args_but_cells(v), _args_but_cells(w)
            else:
                a, b = _args(v), _args(w)
        elif _is_row(a) and _is_row(b):
            seen = rows.get(id(a))
            if seen is not None and seen[1] is b:
                continue
            rows[id(a)] = a, b
            if len(a) == len(b) and _are_same_cells(a, b):
                continue
            a, b = _items(a), _items(b)
        elif type(a) is float and type(b) is float and _is_same_number(a, b):
            continue
        else:
            return False
        if len(a) != len(b):
            return False
        for k in range(len(a)):
            left.append(a[k])
            right.append(b[k])
    return True


@cython.cfunc
def _is_same_number(a: cython.double, b: cython.double) -> cython.bint:
    return a != a and b != b if a != b else a != 0.0 or repr(a) == repr(b)


@cython.cfunc
def _are_same_cells(a, b) -> cython.bint:
    """Whether two rows of one length are leaves in the same cells, also if one was recorded before they were bound."""
    cell: cython.Py_ssize_t = _cell_of_row(a)
    return cell >= 0 and cell == _cell_of_row(b) and _storage_of_row(a) is _storage_of_row(b)


@cython.cfunc
def _read_from_same_cells(a: _Layer, b: _Layer) -> cython.bint:
    return a.storage is b.storage and a.size == b.size


def leaves_below(roots, known):
    """The leaves that the roots depend on, each once, without those in `known`: (free, bound, detached).

    Bound leaves come as Spans, storage by storage, in the order of their cells.
    """
    v: Value
    layer: _Layer
    start: cython.Py_ssize_t
    cell: cython.Py_ssize_t
    free: list = []
    detached: list = []
    alone: list = []  # bound leaves that are in no row of consecutive cells
    found: dict = {}  # for each storage, a byte for each cell: whether its leaf is found
    seen: set = set()
    roots, known = _all_checked("leaves_below(roots)", roots), _all_checked("leaves_below(..., known)", known)
    order: list = results_below(*roots)
    # Of leaves that are not bound, the _count means nothing: those that are known or found have this one.
    counts.sweeps += 1
    mark: cython.int = -1 - cython.cast(cython.int, counts.sweeps % (1 << 30))
    for v in known:
        if v._code == _LEAF or v._code == _DETACHED:
            v._count = mark
    for v in roots:
        _add_leaf(v, mark, free, alone, detached)
    for v in order:
        cell = _cells_of(v)
        if cell >= 0:
            layer = v._left
            _add_cells(found, layer.storage, cell, layer.size)
        for arg in _args_but_cells(v):
            if type(arg) is Value:
                _add_leaf(arg, mark, free, alone, detached)
            elif _is_row(arg) and id(arg) not in seen:
                seen.add(id(arg))
                cell = _cell_of_row(arg)
                if cell >= 0:
                    _add_cells(found, _storage_of_row(arg), cell, len(arg))
                    continue
                for x in _items(arg):
                    if type(x) is Value:
                        _add_leaf(x, mark, free, alone, detached)
    for v in alone:
        _add_cells(found, v._left, v._count, 1)
    for v in known:
        if v._code == _BOUND and v._left in found:
            found[v._left][v._count] = 0
    at: dict = {(v._left, v._count): v for v in alone} if not cython.compiled else {}
    bound: list = []
    for storage, cells in found.items():
        start = cells.find(1)
        while start >= 0:
            cell = cells.find(0, start)
            cell = len(cells) if cell < 0 else cell
            if cython.compiled:
                bound.append(_span_at(storage, start, cell - start))
            else:
                bound.append(Span(storage, start, [at[storage, k] for k in range(start, cell)]))
            start = cells.find(1, cell)
    return free, bound, detached


@cython.cfunc
@cython.inline
def _add_leaf(v: Value, mark: cython.int, free: list, alone: list, detached: list) -> cython.void:
    if v._code == _BOUND:
        alone.append(v)
    elif v._code < 0 and v._count != mark:
        v._count = mark
        (detached if v._code == _DETACHED else free).append(v)


@cython.cfunc
def _add_cells(found: dict, storage: Storage, start: cython.Py_ssize_t, size: cython.Py_ssize_t) -> cython.void:
    cells = found.get(storage)
    if cells is None:
        cells = found[storage] = bytearray(storage._size)
    cells[start : start + size] = b"\1" * size


@cython.final
@cython.cclass
class _Copying:
    """One transcription.

    fixed  results that depend on nothing in `known`, and leaves that are not in it
    rows   the copies of rows, by the id of the tuple
    alike  the same copies by themselves, so that equal ones are one
    """

    __slots__ = ("add", "alike", "cells", "constant", "fixed", "known", "rows")

    alike: dict
    known: dict
    cells: dict
    rows: dict
    fixed: set
    add: object
    constant: object


def transcribe(roots, known, constant, add, cells=None):
    """Copies the graph below roots into another form, parents first; returns the copies of the roots.

    roots     Values, and rows: Spans, and tuples of Values and numbers
    known     {Value: its copy}, given for some Values: the walk stops at these; gains the copies of results
    constant  (number) -> the copy of a plain number, or of a Value that depends on nothing in `known`
    add       (op, args) -> the copy of a result, from the copies of its arguments. That of a row is a tuple; that of a
              row of leaves whose places are evenly spaced is a range
    cells     {storage: [(first cell, end, place)]}: bound leaves whose copies are place, place - 1, ...
    """
    v: Value
    copying: _Copying = _Copying()
    copying.known, copying.cells, copying.rows, copying.fixed = known, {} if cells is None else cells, {}, set()
    copying.constant, copying.add, copying.alike = constant, add, {}
    stack: list = []
    for root in reversed(roots):
        if _is_row(root):
            _push_row(copying, stack, root)
        elif type(root) is Value:
            stack.append(root)
        else:
            raise TypeError(f"transcribe(roots) takes a list of Values, got {errors.received(root)} among them")
    while stack:
        v = stack.pop()
        if v is None:
            v = stack.pop()
            _copy(copying, v)
        elif v not in copying.known and v not in copying.fixed:
            if v._code < 0:
                _copy_leaf(copying, v)
                continue
            stack.append(v)
            stack.append(None)
            for arg in reversed(_args(v) if _range_of_cells(copying, v) is None else _args_but_cells(v)):
                if type(arg) is Value:
                    stack.append(arg)
                elif _is_row(arg):
                    _push_row(copying, stack, arg)
    return [_copy_of_row(copying, root) if _is_row(root) else _copy_of(copying, root) for root in roots]


@cython.cfunc
def _push_row(copying: _Copying, stack: list, row) -> cython.void:
    """Pushes the items of a row, so that the first is on top; nothing if the row or all its items are known."""
    k: cython.Py_ssize_t
    if id(row) in copying.rows:
        return
    cell: cython.Py_ssize_t = _cell_of_row(row)
    found = None
    if cell >= 0:
        found = _range_at(copying, _storage_of_row(row), cell, len(row))
    items: tuple = _items(row) if found is None else ()
    if found is None:
        found = _range_of(copying, items)
    if found is not None:
        copying.rows[id(row)] = found
        return
    for k in range(len(items) - 1, -1, -1):
        if type(items[k]) is Value:
            stack.append(items[k])


@cython.cfunc
def _copy_leaf(copying: _Copying, v: Value) -> cython.void:
    found = _place_of(copying, v)
    if found is None:
        copying.fixed.add(v)
    else:
        copying.known[v] = found


@cython.cfunc
def _place_of(copying: _Copying, v: Value):
    """The place of a bound leaf in one of the cells, else None."""
    if v._code == _BOUND:
        for first, end, place in copying.cells.get(v._left, ()):
            if first <= v._count < end:
                return place - (v._count - first)
    return None


@cython.cfunc
def _range_of(copying: _Copying, row: tuple):
    """The places of a row of two or more leaves if they are evenly spaced, else None."""
    n: cython.Py_ssize_t = len(row)
    k: cython.Py_ssize_t
    v: Value
    if not copying.cells or n < 2 or type(row[0]) is not Value or type(row[1]) is not Value:
        return None
    v = row[0]
    owner = v._left
    cell: cython.Py_ssize_t = v._count
    step: cython.Py_ssize_t = cython.cast(Value, row[1])._count - cell
    if step == 0:
        return None
    for k in range(n):
        if type(row[k]) is not Value:
            return None
        v = row[k]
        if v._code != _BOUND or v._left is not owner or v._count != cell + k * step:
            return None
    first, last = _place_of(copying, row[0]), _place_of(copying, v)
    if first is None or last is None or first - last != step * (n - 1):
        return None
    return range(first, last - (1 if step > 0 else -1), -step)


@cython.cfunc
def _range_of_cells(copying: _Copying, v: Value):
    """The places of the leaves that a dot of a layer read from cells, if it did, and all are among the cells."""
    cell: cython.Py_ssize_t = _cells_of(v)
    if cell < 0:
        return None
    return _range_at(copying, cython.cast(_Layer, v._left).storage, cell, cython.cast(_Layer, v._left).size)


@cython.cfunc
def _range_at(copying: _Copying, storage: Storage, cell: cython.Py_ssize_t, size: cython.Py_ssize_t):
    """The places of the leaves in two or more consecutive cells, if all are among the cells."""
    last: cython.Py_ssize_t = cell + size - 1
    if size < 2:
        return None
    for first, end, place in copying.cells.get(storage, ()):
        if first <= cell and last < end:
            return range(place - (cell - first), place - (last - first) - 1, -1)
    return None


@cython.cfunc
def _copy(copying: _Copying, v: Value) -> cython.void:
    """Copies a result whose arguments are copied; one that depends on nothing is a constant, and waits for a reader."""
    row = _range_of_cells(copying, v)
    if row is not None:
        items, start = _args_but_cells(v)
        found = [row, _copy_of_row(copying, items), _copy_of(copying, start)]
        copying.known[v] = copying.add(_program_row(v), tuple(found))
        return
    args: tuple = _args(v) if v._code == _COMPONENT or v._code >= _MANY else _args(v)[: len(_row(v).rules)]
    if v._code != _COMPONENT and v._code >= _MANY and _row(v) is args[len(args) - 1]:
        args = args[: len(args) - 1]
    k: cython.Py_ssize_t = 0
    while k < len(args) and not _depends(copying, args[k]):
        k += 1
    if k == len(args):
        copying.fixed.add(v)
        return
    found = []
    for arg in args:
        found.append(_copy_of_row(copying, arg) if _is_row(arg) else _copy_of(copying, arg))
    copying.known[v] = copying.add(_program_row(v), tuple(found))


@cython.cfunc
def _depends(copying: _Copying, arg) -> cython.bint:
    if _is_row(arg):
        if type(copying.rows.get(id(arg))) is range:
            return True
        items: tuple = _items(arg)
        k: cython.Py_ssize_t = 0
        while k < len(items) and (type(items[k]) is not Value or items[k] in copying.fixed):
            k += 1
        return k < len(items)
    return type(arg) is Value and arg not in copying.fixed


@cython.cfunc
def _copy_of(copying: _Copying, x):
    if type(x) is Value:
        found = copying.known.get(x)
        return copying.constant(_number(x)) if found is None else found
    return copying.constant(x)


@cython.cfunc
def _copy_of_row(copying: _Copying, row):
    found = copying.rows.get(id(row))
    if found is None:
        found = tuple([_copy_of(copying, x) for x in _items(row)])
        found = copying.rows[id(row)] = copying.alike.setdefault(found, found)
    return found


@cython.cfunc
def _program_row(v: Value):
    """The row of a result; for a joint result and its components, the rows that programs use for them."""
    if v._code < _JOINT:
        row = _row(v)
        if row is ops.given:
            raise errors.made_by_hand("program")
        return row
    if v._code == _COMPONENT:
        return _solution(cython.cast(_Terms, v._left).args[0]).rows[1]
    return _solution(v).rows[0]
