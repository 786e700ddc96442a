"""The engine: Value records operations into a graph, and sweeps derivatives backward through it.

Its files are plain Python that runs anywhere. If there is a C compiler, Cython compiles them, all or none; `compiled`
says which build runs. The .pxd next to a file declares its fields and functions for the other compiled files. Functions
that are called for every node are inline there, and so compiled into each file that uses them. A file imports only from
files that stand before it in this list; functions of later files that methods of Value call are set in `storage.above`.

storage       what Value builds on: the storage of bound leaves, the terms of nodes with many arguments, plain numbers
unary_slopes  the value and the slope of each row with one argument, generated from the table
values        Value, how its operators record nodes, and each thread's context
graph         arguments, parents and edges of nodes, the binding of leaves, topological order
transcription  what compilers read of a graph: its results, its leaves, its copy in another form
recorded_results  what a trace recorded, in order and as numbers, to find what repeats
rows          recording by rows of the table, joint results, the fast paths for sequences
sweep         the sweep backward through floats
walks         derivatives as graphs, tangents
linearization  derivatives as a linear map
contexts      how this thread records: modes, origins, watches, traces
"""

from . import (
    contexts,
    graph,
    linearization,
    recorded_results,
    rows,
    storage,
    sweep,
    transcription,
    unary_slopes,
    values,
    walks,
)
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
    are_parameters,
    began_sweep,
    bind,
    clear_grads,
    distinct,
    hold_the_same,
    is_derived,
    label_row,
    located,
    new_leaves,
    storage_of,
    sweep_number,
    topological_order,
)
from .linearization import Linearization
from .recorded_results import RecordedOrder, recorded_order, recorded_so_far
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
from .storage import Origin, Storage, find_later, find_method, later, leaf_changes, methods
from .sweep import backward, contributions, hooks
from .transcription import are_alike, leaves_below, results_below, sums_of_products, transcribe
from .values import Value, compiled, next_call
from .walks import (
    dependents,
    derivative_graph,
    derivatives,
    derivatives_by_rows,
    partial_derivatives,
    tangents,
)

_FILES = (
    *(storage, unary_slopes, values, graph, transcription, recorded_results, rows),
    *(sweep, walks, linearization, contexts),
)
source_hash = "".join([file.source_hash for file in _FILES])
