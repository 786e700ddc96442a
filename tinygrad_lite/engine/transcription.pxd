# What compiled files know for transcription.py.
from .graph cimport (
    Span, _all_checked, _args, _args_but_cells, _cells_of, _leaf_at, _leaves_of, _push_results, _row, _solution,
)
from .storage cimport Storage, _Layer, _Terms
from .values cimport _BOUND, _DETACHED, _JOINT, _MANY, Value, _number
