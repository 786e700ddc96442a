# What compiled files know for recorded_results.py.
from .graph cimport Span, _all_checked, _args_but_cells, _cells_of, _is_row, _row, _size
from .storage cimport Storage, _integers, _Layer, counts
from .values cimport _JOINT, _MANY, Value
