# What compiled files know for walks.py.
from .storage cimport Storage, _Context, _Layer, _pointer, _refuse_again, _Terms, counts
from .graph cimport (
    Span, _all_checked, _are_row, _args, _args_but_cells, _cell_of_row, _cells_of, _checked_value, _edges, _given,
    _has_none, _holds, _is_row, _items, _laid_flat, _laid_flat_jointly, _left, _parents, _partial, _push_parents,
    _push_results, _right, _row, _solution, _storage_of_row, _unspanned,
)
from .rows cimport _contribution, _contributions
from .sweep cimport (
    _add_older, _blocks, _careful_sweep, _end_again, _leave, _new_snapshot, _note_if_needed, _put_back, _reached,
    _Snapshot,
)
from .values cimport _BOUND, _DETACHED, _JOINT, _MANY, Value, _argument, _here, _refuse_in_trace
