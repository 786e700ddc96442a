"""The engine: Value records operations into a graph, and sweeps derivatives backward through it.

Its files are plain Python that runs anywhere. Where a compiler is found, Cython compiles them to C, all or none:
`compiled` says which ones run. What compiled files know of each other stands in the .pxd beside each: fields and
functions, and what is read of every node, which is compiled into each file that reads it. A file imports only from
those before it here; what methods of Value call of later files, these put into `base.above`.

base       what Value stands on: the storage of bound leaves, the terms of nodes with many arguments, plain numbers
unary_slopes  value and slope of each row of one number, generated from the table
values     Value, how its operators record nodes, and each thread's context
graph      arguments, parents and edges of nodes, the binding of leaves, orders, transcribing
rows       recording by rows of the table, results of many numbers, the fast paths of sequences
sweep      the sweep backward through floats
walks      derivatives as graphs, tangents, linearizations
contexts   how this thread records: modes, origins, watches, traces
"""

from . import base, contexts, graph, rows, sweep, unary_slopes, values, walks
from .base import Origin, Storage, find_method, leaf_changes, methods
from .contexts import (
    Mode,
    current_inside,
    current_origin,
    current_trace,
    current_watch,
    is_inside,
    is_recording,
    is_tracing,
    recorded,
    set_origin,
    set_recording,
    set_trace,
    set_watch,
    within,
    within_origin,
    within_transform,
)
from .graph import (
    Span,
    _restore,
    bind,
    clear_grads,
    located,
    products,
    sweep_number,
    topological_order,
    transcribe,
)
from .rows import (
    component,
    dot,
    dots,
    is_joint,
    keep_partials,
    record,
    record_joint,
    record_known,
    whole_of,
)
from .sweep import backward, contributions, hooks
from .values import Value, compiled, next_call
from .walks import (
    Linearization,
    dependents,
    derivative_graph,
    derivatives,
    partial_derivatives,
    tangents,
)

source_hash = "".join([file.source_hash for file in (base, unary_slopes, values, graph, rows, sweep, walks, contexts)])
