# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""This thread's recording context: to read it, to set it, and to set it while a function or a `with` block runs."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

if not cython.compiled:
    from .storage import _Context, above
    from .values import _STOPPING, _here, _trace_for

compiled: bool = cython.compiled
source_hash = "5fa73f4d"


def set_origin(origin):
    """Sets the origin (an Origin or None) of this thread's new Values; returns the previous one."""
    here: _Context = _here()
    before = here.origin
    here.origin = origin
    return before


def set_recording(on):
    """Sets whether this thread's operations are recorded; returns whether they were before."""
    here: _Context = _here()
    before: cython.bint = here.recording == 1
    here.recording = 1 if on else 0 if here.trace is None else _STOPPING
    return before


def current_inside():
    """(xs, the enclosing transform's pair) inside a transform that differentiates by xs, else None.

    Inside a transform, copying a Value gives the same variable.
    """
    return _here().inside


def is_inside():
    """Whether this thread runs a function for a transform to differentiate, or traces one."""
    here: _Context = _here()
    return here.inside is not None or here.trace is not None


def is_recording():
    """Whether this thread records operations now."""
    return _here().recording == 1


def current_watch():
    """This thread's watch (see set_watch), or None."""
    return _here().watch


def current_origin():
    """The Origin that this thread's new Values get, or None."""
    return _here().origin


_KEPT = cython.declare(object, object())


def within(function, *args, recording=_KEPT, watch=_KEPT, trace=_KEPT, origin=_KEPT, inside=_KEPT):
    """Calls function(*args) in the given context (see the set_... functions), and restores the old one after it.

    It is restored however the call ends. In C nothing can come between the call and the `finally`. If this file runs as
    Python, Ctrl-C may come at any line, even the first of a `finally`. That is why the `finally` is there twice: one of
    the two runs completely.
    """
    here: _Context = _here()
    before: tuple = (here.recording, here.watch, here.trace, here.origin, here.inside)
    traced = here.trace if trace is _KEPT else trace
    on: cython.int = here.recording
    if recording is not _KEPT:
        on = 1 if recording else 0 if traced is None else _STOPPING
    now: tuple = (
        on,
        here.watch if watch is _KEPT else watch,
        traced,
        here.origin if origin is _KEPT else origin,
        here.inside if inside is _KEPT else inside,
    )
    try:
        try:
            _set(here, now)
            return function(*args)
        finally:
            _set(here, before)
    finally:
        _set(here, before)


@cython.cfunc
def _set(here: _Context, state: tuple) -> cython.void:
    here.recording, here.watch, here.origin, here.inside = state[0], state[1], state[3], state[4]
    _trace_for(here, state[2])


def recorded(function, *args):
    """Calls function(*args) and records it, whatever the mode."""
    here: _Context = _here()
    before: cython.int = here.recording
    try:
        try:
            here.recording = 1
            return function(*args)
        finally:
            here.recording = before
    finally:  # twice, see within()
        here.recording = before


def within_transform(xs, function, args, kwargs):
    """Calls function(*args, **kwargs) inside a transform that differentiates by xs; records it, whatever the mode."""
    here: _Context = _here()
    before: cython.int = here.recording
    inside = here.inside
    try:
        try:
            here.recording, here.inside = 1, (xs, inside)
            return function(*args, **kwargs)
        finally:
            here.recording, here.inside = before, inside
    finally:  # twice, see within()
        here.recording, here.inside = before, inside


def within_origin(origin, function, args, kwargs):
    """Calls function(*args, **kwargs); its new Values get `origin`."""
    here: _Context = _here()
    before = here.origin
    try:
        try:
            here.origin = origin
            return function(*args, **kwargs)
        finally:
            here.origin = before
    finally:  # twice, see within()
        here.origin = before


@cython.cclass
class Mode:
    """A context manager that sets how this thread records, and restores the old state.

    A subclass sets `records` (whether operations are recorded) and `watcher` (a function that makes a watch); None
    changes nothing. In C, entering and leaving are one step for Python: Ctrl-C cannot come between it and the `with`
    body.
    """

    _before: list

    def __enter__(self):
        here: _Context = _here()
        before: tuple = (here.recording, here.watch)
        records = self.records
        watch = here.watch if self.watcher is None else self.watcher()
        on: cython.int = here.recording
        if records is not None:
            on = 1 if records else 0 if here.trace is None else _STOPPING
        if (self._before if cython.compiled else getattr(self, "_before", None)) is None:
            self._before = []
        try:
            self._before.append(before)
            here.recording, here.watch = on, watch
        except BaseException:
            here.recording, here.watch = before
            raise

    def __exit__(self, kind, error, traceback):
        if not (self._before if cython.compiled else getattr(self, "_before", None)):
            raise RuntimeError(f"{type(self).__name__} was left more often than it was entered")
        try:
            _leave_mode(self)
        finally:  # twice, see within()
            _leave_mode(self)
        del self._before[len(self._before) - 1]


@cython.cfunc
def _leave_mode(mode: Mode) -> cython.void:
    here: _Context = _here()
    before: tuple = mode._before[len(mode._before) - 1]
    if mode.records is not None:
        here.recording = before[0]
    if mode.watcher is not None:
        here.watch = before[1]


def is_tracing():
    """Whether this thread traces now."""
    return _here().trace is not None


def current_trace():
    """This thread's trace (see set_trace), or None."""
    return _here().trace


def set_trace(trace):
    """Sets the trace that this thread records for, or None; returns the previous one.

    In a trace no choice may depend on a number: comparisons give 0/1 Values, reading a number calls
    trace.refuse(what, v), and results of no_grad() or detach() are recorded behind a stop_gradient. New leaves are
    constants of the trace and are added to the set trace.constants; adjoints and tangents that become part of the trace
    are added to the list trace.derivatives.
    """
    here: _Context = _here()
    before = here.trace
    _trace_for(here, trace)
    return before


def set_watch(watch):
    """Sets the watch, an object that is told what this thread does, or None; returns the previous one.

    watch.recorded(v) is called with each new result and returns its Origin; watch.sweeps(root) is called before each
    sweep. A trace is its own watch. It is not told of results: their numbers are placeholders, and raise no flags.
    """
    here: _Context = _here()
    before = here.watch
    here.watch = watch
    return before


above.is_inside = is_inside
