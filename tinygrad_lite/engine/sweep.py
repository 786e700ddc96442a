# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""The backward sweep in floats: what .backward() does, and derivatives as floats that leave the graph unchanged."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

from .. import errors, ops

if cython.compiled:
    from cython.cimports.cpython.mem import PyMem_Free, PyMem_Realloc
else:
    from .graph import (
        Span,
        _checked_value,
        _edges,
        _keep_weights,
        _laid_flat_jointly,
        _leaves_of,
        _left_in_layer,
        _make_up_partials,
        _row,
        _solution,
    )
    from .storage import Storage, _Context, _Layer, _Terms, above, counts
    from .values import (
        _BOUND,
        _DETACHED,
        _JOINT,
        _LAYER,
        _LEAF,
        _MANY,
        Value,
        _gradient,
        _here,
        _leaf,
        _number,
        _refuse_in_trace,
        _set_gradient,
    )

    def _note_if_needed(snapshot, v):
        if snapshot.everything or v._sweep > 0 or (v._sweep == 0 and v._grad != 0.0):
            _note(snapshot, v)

    def _add_older(older, v, call):
        if v._code < 0 and v._left_partial < call and v._code != _DETACHED:
            older.append(v)


compiled: bool = cython.compiled
source_hash = "cfeefdaa"

_COMPONENT = cython.declare(cython.int, (3 << 16) + ops.component.code)

hooks: dict = {}
"""{id of a Value: the function that its gradient passes through in every sweep}; gradient_hooks.py keeps it."""


@cython.final
@cython.cclass
class _Snapshot:
    """What each node met by a sweep held before it: its gradient, the number of its last sweep, its count.

    A fleeting sweep leaves nothing behind. Its number is negative, so the results it marks read as not computed, and
    those that held no gradient before need no entry. `layers` has the state of each _Layer, for a sweep inside another.
    """

    __slots__ = ("ended", "everything", "fleeting", "layers", "nodes", "numbers", "room")

    def __dealloc__(self):
        if cython.compiled:
            PyMem_Free(self.numbers)


@cython.final
@cython.cclass
class _Waiting:
    """A stack of results: those of which the uses are still to count, later those ready to pass their adjoints on.

    It does not hold them, since the root of the sweep does. vectors: the adjoints of each joint result, if any was met
    reached: the root; once it is asked for, what _reached(root) gives
    """

    __slots__ = ("items", "reached", "room", "size", "vectors")

    def __dealloc__(self):
        if cython.compiled:
            PyMem_Free(self.items)

    @cython.cfunc
    @cython.exceptval(-1)
    def push(self, v: Value) -> cython.int:
        if not cython.compiled:
            self.items.append(v)
        else:
            if self.size == self.room:
                self.grow()
            self.items[self.size] = cython.cast(cython.p_void, v)
        self.size += 1
        return 0

    @cython.cfunc
    def pop(self) -> Value:
        self.size -= 1
        if not cython.compiled:
            return self.items.pop()
        return cython.cast(Value, self.items[self.size])

    @cython.cfunc
    @cython.exceptval(-1)
    def grow(self) -> cython.int:
        room: cython.Py_ssize_t = 2 * self.room + 64
        items = cython.cast(cython.pp_void, PyMem_Realloc(self.items, room * 8))
        if items is cython.NULL:
            raise MemoryError
        self.items, self.room = items, room
        return 0


def backward(root):
    """Adds the derivatives of root to the .grad of every leaf below it.

    A result passes its adjoint on once every use of it has reported (Kahn's topological order, 1962): the first pass
    counts the uses, the second walks from the root to the leaves. An adjoint that is exactly zero contributes nothing,
    even if the local derivative is infinite; a flat operation passes nothing on, even if the adjoint is infinite.
    Raises HistoryError if root has no history.

    In the compiled engine, Ctrl-C can interrupt a sweep only inside a hook, and the sweep is undone. In the readable
    engine it may leave gradients that are only partly added up: clear them.
    """
    if not isinstance(root, Value):
        raise TypeError(
            f"backward() needs one Value to differentiate, got {errors.received(root)}: "
            "reduce what you have to one Value first, as in sum(losses)"
        )
    top: Value = root
    if top._code == _DETACHED:
        raise errors.HistoryError(
            f"backward() from {top!r}, which has no history (made by detach() or under no_grad()): "
            "compute it again from leaves, outside no_grad()"
        )
    here: _Context = _here()
    _refuse_in_trace("backward()", top)
    if hooks or here.sweeping:
        _careful_sweep(here, top, None)
    else:
        _sweep(here, top, None)


@cython.cfunc
def _sweep(here: _Context, top: Value, snapshot: "_Snapshot | None") -> cython.longlong:
    """Counts uses, then passes adjoints on. A given `snapshot` gets what each node held before."""
    if here.watch is not None:
        here.watch.sweeps(top)
    counts.sweeps += 1
    sweep: cython.longlong = (
        counts.sweeps if snapshot is None or not cython.cast(_Snapshot, snapshot).fleeting else -counts.sweeps
    )
    waiting: _Waiting = _Waiting.__new__(_Waiting)
    waiting.size, waiting.room, waiting.vectors = 0, 0, None
    if not cython.compiled:
        waiting.items = []
    v: Value
    _use_seldom(top, sweep, waiting, snapshot)
    while waiting.size:
        v = waiting.pop()
        _count_uses(v, sweep, waiting, snapshot)
    if waiting.vectors is not None and snapshot is None:  # a joint result may raise while it passes its adjoints on
        _careful_sweep(here, top, None)
        return sweep
    waiting.reached = top
    _give_seldom(top, 1.0, waiting)
    while waiting.size:
        v = waiting.pop()
        if snapshot is not None and hooks:
            v._grad = _through_hooks(v, v._grad)
        _pass_on(v, v._grad, waiting)
    if top._code >= 0:
        top._count = -1  # for began_sweep()
    return sweep


@cython.cfunc
def _careful_sweep(here: _Context, top: Value, xs, older=None, call: cython.double = 0.0) -> list:
    """A sweep that runs hooks and may run inside one; if a hook raises, everything stays as it was.

    Given xs, it returns the derivatives by them and always leaves everything as it was.
    """
    sweeping: cython.int = here.sweeping
    snapshot: _Snapshot = _new_snapshot(xs is not None or sweeping > 0, sweeping > 0 or xs is None)
    try:
        return _careful_sweep_once(here, top, xs, snapshot, older, call)
    finally:  # twice, see within()
        _end_again(here, sweeping, snapshot)


@cython.cfunc
def _careful_sweep_once(here: _Context, top: Value, xs, snapshot: _Snapshot, older, call: cython.double) -> list:
    x: Value
    quiet: cython.bint = xs is not None
    nested: cython.bint = here.sweeping > 0
    found: list = []
    done: cython.bint = False
    try:
        here.sweeping += 1
        sweep: cython.longlong = _sweep(here, top, snapshot)
        if quiet:
            for x in xs:
                found.append(_gradient(x) if x._sweep == sweep else 0.0)
            if older is not None:
                for x in snapshot.nodes:
                    _add_older(older, x, call)
        else:
            for x in snapshot.nodes:
                if x._code < 0:
                    found.append((x, _through_hooks(x, _gradient(x))))
            here.waiting += found
        done = True
    finally:
        _put_back(snapshot, quiet or nested or not done)
        _leave(here, done)
    return found


@cython.cfunc
def _end_again(here: _Context, sweeping: cython.int, snapshot: _Snapshot) -> cython.void:
    """Ends a sweep or a walk whose own end was cut short or never reached."""
    here.sweeping = sweeping
    if sweeping == 0 and here.waiting:
        here.waiting = []
    if not snapshot.ended:
        _put_back(snapshot, True)


@cython.cfunc
def _leave(here: _Context, done: cython.bint) -> cython.void:
    """Ends a sweep. After the outermost one, leaves get the gradients that wait for them, unless it failed."""
    v: Value
    here.sweeping -= 1
    if here.sweeping == 0:
        waiting: list = here.waiting
        here.waiting = []
        if done:
            for v, gathered in waiting:
                _set_gradient(v, _gradient(v) + gathered)
                v._sweep = counts.sweeps


@cython.cfunc
def _new_snapshot(fleeting: cython.bint, everything: cython.bint) -> _Snapshot:
    snapshot: _Snapshot = _Snapshot.__new__(_Snapshot)
    snapshot.fleeting, snapshot.everything, snapshot.ended = fleeting, everything, False
    snapshot.nodes, snapshot.layers, snapshot.room = [], [], 0
    if not cython.compiled:
        snapshot.numbers = []
    return snapshot


@cython.cfunc
@cython.exceptval(-1)
def _note(snapshot: _Snapshot, v: Value) -> cython.int:
    k: cython.Py_ssize_t = 3 * len(snapshot.nodes)
    if not cython.compiled:
        snapshot.numbers += (0.0, 0.0, 0.0)
    elif k == snapshot.room:
        snapshot.room = 2 * k + 96
        numbers = cython.cast(cython.p_double, PyMem_Realloc(snapshot.numbers, snapshot.room * 8))
        if numbers is cython.NULL:
            raise MemoryError
        snapshot.numbers = numbers
    snapshot.numbers[k] = _gradient(v)
    snapshot.numbers[k + 1] = v._sweep
    snapshot.numbers[k + 2] = v._count
    snapshot.nodes.append(v)  # last, so that every node in the list has its numbers
    return 0


@cython.cfunc
def _note_layer(snapshot: _Snapshot, layer: _Layer) -> cython.void:
    if snapshot.everything:
        adjoints: list = [layer.adjoints[k] for k in range(layer.size)]
        snapshot.layers.append((layer, layer.sweep, layer.waiting, adjoints))


@cython.cfunc
@cython.exceptval(-1)
def _put_back(snapshot: _Snapshot, results: cython.bint) -> cython.int:
    """Restores the leaves, and the results too if `results` is true."""
    v: Value
    k: cython.Py_ssize_t
    for k in range(len(snapshot.nodes)):
        v = snapshot.nodes[k]
        if results or v._code < 0:
            _set_gradient(v, snapshot.numbers[3 * k])
            v._sweep = cython.cast(cython.longlong, snapshot.numbers[3 * k + 1])
            if v._code != _BOUND:
                v._count = cython.cast(cython.int, snapshot.numbers[3 * k + 2])
    for layer, sweep, waiting, adjoints in snapshot.layers:
        _put_back_layer(layer, sweep, waiting, adjoints)
    snapshot.ended = True
    return 0


@cython.cfunc
def _put_back_layer(layer: _Layer, sweep: cython.longlong, waiting: cython.Py_ssize_t, adjoints: list) -> cython.void:
    k: cython.Py_ssize_t
    layer.sweep, layer.waiting = sweep, waiting
    for k in range(layer.size):
        layer.adjoints[k] = adjoints[k]


@cython.cfunc
def _through_hooks(v: Value, gradient: cython.double) -> cython.double:
    function = hooks.get(id(v))
    return gradient if function is None else function(gradient)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _count_uses(v: Value, sweep: cython.longlong, waiting: _Waiting, snapshot: "_Snapshot | None") -> cython.int:
    if v._code >= _MANY:
        if v._code >= _LAYER:
            if v._code < _JOINT:
                return _count_uses_in_layer(v, sweep, waiting, snapshot)
            if waiting.vectors is None:
                waiting.vectors = {}
        for arg in cython.cast(_Terms, v._left).args:
            if type(arg) is tuple:
                for item in cython.cast(tuple, arg):
                    if type(item) is Value:
                        _use(cython.cast(Value, item), sweep, waiting, snapshot)
            elif type(arg) is Value:
                _use(cython.cast(Value, arg), sweep, waiting, snapshot)
            elif type(arg) is Span:
                _use_span(cython.cast(Span, arg), sweep, waiting, snapshot)
        return 0
    if v._left is not None:
        _use(cython.cast(Value, v._left), sweep, waiting, snapshot)
    if v._right is not None:
        _use(cython.cast(Value, v._right), sweep, waiting, snapshot)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _count_uses_in_layer(
    v: Value, sweep: cython.longlong, waiting: _Waiting, snapshot: "_Snapshot | None"
) -> cython.int:
    """The same for a dot of a layer. All dots together are one use of the items."""
    k: cython.Py_ssize_t
    layer: _Layer = cython.cast(_Layer, v._left)
    if snapshot is None and _has_cells(layer):
        layer.storage._reach(_cell(v), layer.size, sweep)
    else:
        _use_items(_left_in_layer(v), sweep, waiting, snapshot)
    if layer.flows:
        if layer.sweep != sweep:
            if layer.adjoints is cython.NULL:
                _keep_weights(layer)
            if snapshot is not None:
                _note_layer(snapshot, layer)
            layer.sweep, layer.waiting = sweep, 0
            for k in range(layer.size):
                layer.adjoints[k] = 0.0
            _use_items(layer.items, sweep, waiting, snapshot)
        layer.waiting += 1
    if v._right is not None:
        _use_seldom(cython.cast(Value, v._right), sweep, waiting, snapshot)
    return 0


@cython.cfunc
@cython.inline
def _has_cells(layer: _Layer) -> cython.bint:
    """Whether the lefts of a layer are still in the cells that they were read from."""
    return layer.storage is not None and layer.moved == layer.storage._moved


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _cell(v: Value) -> cython.Py_ssize_t:
    """The first cell of a dot of a layer."""
    layer: _Layer = cython.cast(_Layer, v._left)
    return cython.cast(cython.Py_ssize_t, layer.cells[cython.cast(cython.Py_ssize_t, v._left_partial)])


@cython.cfunc
@cython.exceptval(-1)
def _use_items(items: tuple, sweep: cython.longlong, waiting: _Waiting, snapshot: "_Snapshot | None") -> cython.int:
    for item in items:
        if type(item) is Value:
            _use(cython.cast(Value, item), sweep, waiting, snapshot)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _use_span(span: Span, sweep: cython.longlong, waiting: _Waiting, snapshot: "_Snapshot | None") -> cython.int:
    """Marks all cells at once; goes leaf by leaf only for a snapshot, or if some leaves have moved."""
    if snapshot is None and span._moved == span._storage._moved:
        span._storage._reach(span._start, span._size, sweep)
    else:
        for leaf in _leaves_of(span):
            _use_seldom(cython.cast(Value, leaf), sweep, waiting, snapshot)
    return 0


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _use(v: Value, sweep: cython.longlong, waiting: _Waiting, snapshot: "_Snapshot | None") -> cython.int:
    """Counts one more use of v; a result met for the first time starts a fresh adjoint."""
    if v._sweep != sweep:
        if snapshot is not None:
            if v._code >= 0:
                _note_if_needed(snapshot, v)
            else:
                _note(snapshot, v)
                _set_gradient(v, 0.0)  # this sweep's contributions add up separately
        v._sweep = sweep
        if v._code >= 0:
            v._grad = 0.0
            v._count = 1
            waiting.push(v)
    elif v._code >= 0:
        v._count += 1
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _use_seldom(v: Value, sweep: cython.longlong, waiting: _Waiting, snapshot: "_Snapshot | None") -> cython.int:
    return _use(v, sweep, waiting, snapshot)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _pass_on(v: Value, adjoint: cython.double, waiting: _Waiting) -> cython.int:
    k: cython.Py_ssize_t = 0
    if v._code >= _MANY:
        if v._code >= _LAYER:
            return (
                _pass_on_jointly(v, adjoint, waiting) if v._code >= _JOINT else _pass_on_in_layer(v, adjoint, waiting)
            )
        terms: _Terms = cython.cast(_Terms, v._left)
        if terms.partials is cython.NULL and terms.lender is None:
            _make_up_partials(terms)
        unscaled: cython.double = adjoint
        adjoint *= terms.scale
        if adjoint - adjoint != 0.0:
            return _pass_on_one_by_one(v, unscaled, waiting)
        for arg in terms.args:
            if type(arg) is tuple:
                for item in cython.cast(tuple, arg):
                    if type(item) is Value:
                        _give(cython.cast(Value, item), adjoint * terms.partials[k] if adjoint != 0.0 else 0.0, waiting)
                    k += 1
            else:
                if type(arg) is Value:
                    _give(cython.cast(Value, arg), adjoint * terms.partials[k] if adjoint != 0.0 else 0.0, waiting)
                elif type(arg) is Span:
                    k += _give_span(cython.cast(Span, arg), adjoint, terms.partials, k, waiting) - 1
                k += 1
        return 0
    if adjoint - adjoint != 0.0:
        return _pass_on_one_by_one(v, adjoint, waiting)
    if v._left is not None:
        _give(cython.cast(Value, v._left), adjoint * v._left_partial if adjoint != 0.0 else 0.0, waiting)
    if v._right is not None:
        _give(cython.cast(Value, v._right), adjoint * v._right_partial if adjoint != 0.0 else 0.0, waiting)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _pass_on_one_by_one(v: Value, adjoint: cython.double, waiting: _Waiting) -> cython.int:
    """Does what _pass_on does, for an adjoint that is not finite, and for an undefined node."""
    if adjoint == 0.0 and type(waiting.reached) is Value:
        waiting.reached = _reached(waiting.reached)
    lost: cython.bint = adjoint == 0.0 and v in waiting.reached
    for k, derivative, parent in _edges(v):
        contribution = derivative if lost else _product(v, k, adjoint, derivative)
        _give_seldom(cython.cast(Value, parent), contribution, waiting)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _pass_on_in_layer(v: Value, adjoint: cython.double, waiting: _Waiting) -> cython.int:
    """Gives to its left, and adds to the adjoints of the items, which the last dot of the layer passes on."""
    layer: _Layer = cython.cast(_Layer, v._left)
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t = layer.size
    if _has_cells(layer):
        _give_cells(layer.storage, _cell(v), n, adjoint, layer.numbers, 0)
    else:
        _give_items(_left_in_layer(v), adjoint, layer.numbers, waiting)
    if layer.flows:
        if adjoint != 0.0:
            first: cython.Py_ssize_t = cython.cast(cython.Py_ssize_t, v._left_partial) * n
            adjoints: cython.p_double = layer.adjoints
            weights: cython.p_double = layer.weights
            for k in range(n):
                adjoints[k] += adjoint * weights[first + k]
        layer.waiting -= 1
        if layer.waiting == 0:
            _give_items(layer.items, 1.0, layer.adjoints, waiting)
    if v._right is not None:
        _give_seldom(cython.cast(Value, v._right), adjoint, waiting)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _give_items(items: tuple, adjoint: cython.double, partials: cython.p_double, waiting: _Waiting) -> cython.int:
    k: cython.Py_ssize_t
    for k in range(len(items)):
        item = items[k]
        if type(item) is Value:
            _give_seldom(cython.cast(Value, item), adjoint * partials[k] if adjoint != 0.0 else 0.0, waiting)
    return 0


@cython.cfunc
def _reached(top: Value) -> set:
    """What an adjoint of top reaches, even if it is 0 on the way; what only flat rows lead to is not reached.

    An undefined node passes nan on for an adjoint that is 0, but nothing if no adjoint reaches it.
    """
    found: set = {top}
    waiting: list = [top]
    while waiting:
        v: Value = waiting.pop()
        for k, derivative, parent in _edges(v):
            if parent not in found and not (derivative == 0.0 and _blocks(v, k)):
                found.add(parent)
                waiting.append(parent)
    return found


@cython.cfunc
def _product(v: Value, k: cython.Py_ssize_t, adjoint: cython.double, partial: cython.double) -> cython.double:
    """What v passes on to the k-th number of its arguments: nothing if the adjoint is 0 or v is flat there."""
    product: cython.double = adjoint * partial
    if product != product and (adjoint == 0.0 or (partial == 0.0 and _blocks(v, k))):
        return 0.0
    return product


@cython.cfunc
def _blocks(v: Value, k: cython.Py_ssize_t) -> cython.bint:
    """Whether v is flat in the k-th number of its arguments, where its derivative is 0. Its row decides."""
    op = _row(v)
    if op.flat is not None:
        return op.flat
    here: _Context = _here()
    before: cython.int = here.recording
    here.recording = 0
    try:
        return op.blocks(_leaf(v._held, _DETACHED), tuple([_unrecording(arg) for arg in v.args]), k)
    finally:
        here.recording = before


@cython.cfunc
def _unrecording(arg):
    """The argument with each Value replaced by a detached one."""
    if type(arg) is tuple:
        return tuple([_unrecording(x) for x in arg])
    return _leaf(_number(arg), _DETACHED) if type(arg) is Value else arg


def contributions(v, adjoint):
    """What v passes on to each of its parents for the given adjoint, in a backward sweep."""
    k: cython.Py_ssize_t
    node: Value = _checked_value("contributions(v)", v)
    number: cython.double = adjoint
    found: list = []
    for k, derivative, _ in _edges(node):
        found.append(_product(node, k, number, derivative))
    return found


@cython.cfunc
@cython.exceptval(-1)
def _pass_on_jointly(v: Value, adjoint: cython.double, waiting: _Waiting) -> cython.int:
    """A component adds its adjoint to those of its joint result, in waiting[0]; that passes them on once complete."""
    whole: Value
    args: tuple = cython.cast(_Terms, v._left).args
    vectors: dict = waiting.vectors
    if v._code == _COMPONENT:
        whole = args[0]
        _give_jointly(whole, {int(args[1]): adjoint}, waiting)
        return 0
    for x, contribution in zip(_laid_flat_jointly(v), _solution(v).pull(vectors.pop(v, {})), strict=True):
        if type(contribution) is dict:
            _give_jointly(x, contribution, waiting)
        elif type(x) is Value:
            _give_seldom(cython.cast(Value, x), contribution, waiting)
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _give_jointly(whole: Value, contributions: dict, waiting: _Waiting) -> cython.int:
    """Adds to the adjoints of a joint result, by their indices."""
    vector: dict = waiting.vectors.setdefault(whole, {})
    for index, contribution in contributions.items():
        vector[index] = vector.get(index, 0.0) + contribution
    return _give_seldom(whole, 0.0, waiting)


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _give(v: Value, contribution: cython.double, waiting: _Waiting) -> cython.int:
    """Adds to v's gradient; after its last use, a result is ready to pass its adjoint on."""
    if v._code >= 0:
        v._grad += contribution
        v._count -= 1
        if v._count == 0:
            waiting.push(v)
    elif v._code == _LEAF:
        v._grad += contribution
    elif v._code == _BOUND:
        if cython.cast(Storage, v._left)._stale:
            cython.cast(Storage, v._left)._settle()
        cython.cast(Storage, v._left)._grads[v._count] += contribution
    return 0


@cython.cfunc
@cython.exceptval(-1)
def _give_seldom(v: Value, contribution: cython.double, waiting: _Waiting) -> cython.int:
    """Calls _give. C compilers inline _give only while it has few call sites, so rare paths call this."""
    return _give(v, contribution, waiting)


@cython.cfunc
@cython.exceptval(-1)
def _give_span(
    span: Span, adjoint: cython.double, partials: cython.p_double, first: cython.Py_ssize_t, waiting: _Waiting
) -> cython.Py_ssize_t:
    """Adds to the gradients of all cells, or leaf by leaf if some leaves have moved; returns how many there are."""
    k: cython.Py_ssize_t
    if span._moved == span._storage._moved:
        _give_cells(span._storage, span._start, span._size, adjoint, partials, first)
    else:
        leaves: tuple = _leaves_of(span)
        for k in range(span._size):
            contribution = adjoint * partials[first + k] if adjoint != 0.0 else 0.0
            _give_seldom(cython.cast(Value, leaves[k]), contribution, waiting)
    return span._size


@cython.cfunc
@cython.exceptval(check=False)
def _give_cells(
    storage: Storage,
    start: cython.Py_ssize_t,
    size: cython.Py_ssize_t,
    adjoint: cython.double,
    partials: cython.p_double,
    first: cython.Py_ssize_t,
) -> cython.void:
    """Adds to the gradients of consecutive cells."""
    k: cython.Py_ssize_t
    grads: cython.p_double = storage._grads
    if adjoint == 0.0:
        return
    if storage._stale and size == storage._size:
        for k in range(size):
            grads[k] = 0.0 + adjoint * partials[first + k]
        storage._stale = False
        return
    storage._settle()
    for k in range(size):
        grads[start + k] += adjoint * partials[first + k]


above.backward, above.hooks = backward, hooks
