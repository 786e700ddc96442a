# What compiled files know for transcription.py.
from .graph cimport (
    Span, _all_checked, _args, _args_but_cells, _cell_of_row, _cells_of, _in_order, _is_row, _items, _row, _solution,
    _span_at, _storage_of_row,
)
from .storage cimport Storage, _Layer, _Terms, counts
from .values cimport _BOUND, _DETACHED, _JOINT, _LEAF, _MANY, Value, _number
