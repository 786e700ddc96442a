# cython: language_level=3, cdivision=True, boundscheck=False, wraparound=False, initializedcheck=False
# cython: auto_pickle=False
"""How this thread records just now: asked, set, and set while a function or a `with` block runs."""

try:
    import cython
except ImportError:
    from ..source.cython_shim import cython

if not cython.compiled:
    from .base import _Context, above
    from .values import _STOPPING, _here, _trace_for

compiled: bool = cython.compiled
source_hash = "c28c9753"


def set_origin(origin):
    """From now on this thread's new Values come from `origin` (an Origin or None); returns the one until now."""
    here: _Context = _here()
    before = here.origin
    here.origin = origin
    return before


def set_recording(on):
    """Whether this thread's operations are recorded from now on; returns whether they were until now."""
    here: _Context = _here()
    before: cython.bint = here.recording == 1
    here.recording = 1 if on else 0 if here.trace is None else _STOPPING
    return before


def current_inside():
    """What is differentiated by where this thread computes for a transform, (xs, what is around it), else None.

    Copying a Value then gives the same variable.
    """
    return _here().inside


def is_inside():
    """Whether what this thread computes just now is for a transform to differentiate, or traced."""
    here: _Context = _here()
    return here.inside is not None or here.trace is not None


def is_recording():
    """Whether this thread's operations are recorded just now."""
    return _here().recording == 1


def current_watch():
    """What is told of what this thread does (see set_watch), or None."""
    return _here().watch


def current_origin():
    """What this thread's new Values come from just now, or None."""
    return _here().origin


_KEPT = cython.declare(object, object())


def within(function, *args, recording=_KEPT, watch=_KEPT, trace=_KEPT, origin=_KEPT, inside=_KEPT):
    """function(*args), while this thread records, is watched, traces and so on as given; see the set_... beside.

    Whatever ends it, all is afterwards as it was. In C nothing comes between the call and the `finally`. Where this
    file runs as Python, Ctrl-C may come at every line, also at the first of a `finally`: what it was to do stands there
    twice, so that one of the two is done whole.
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
    """function(*args), recorded in whatever mode."""
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
    """function(*args, **kwargs), recorded in whatever mode, inside a transform that differentiates by xs."""
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
    """function(*args, **kwargs), its new Values coming from `origin`."""
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
    """A context manager that sets how this thread records, and puts back what was.

    A subclass says in `records` whether operations are recorded, and in `watcher` what makes a watch; None leaves that
    as it is. In C, entering and leaving are one step for Python: no Ctrl-C comes between a step and the `with` body.
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
    """Whether this thread traces just now."""
    return _here().trace is not None


def current_trace():
    """What this thread traces for just now (see set_trace), or None."""
    return _here().trace


def set_trace(trace):
    """An object for which this thread traces from now on, or None; returns the one until now.

    In a trace no choice may depend on a number: comparisons give 0/1 Values, trace.refuse(what, v) is called where a
    number is read, and what no_grad() or detach() makes is recorded behind a stop_gradient. New leaves are constants of
    the trace, and enter the set trace.constants; derivatives that enter it are added to the list trace.derivatives.
    """
    here: _Context = _here()
    before = here.trace
    _trace_for(here, trace)
    return before


def set_watch(watch):
    """An object told of what this thread does from now on, or None; returns the one until now.

    watch.recorded(v) is called with each new result and returns its Origin; watch.sweeps(root) before each sweep. In a
    trace, which is its own watch, no result is told: numbers are placeholders there, and raise no flags.
    """
    here: _Context = _here()
    before = here.watch
    here.watch = watch
    return before


above.is_inside = is_inside
