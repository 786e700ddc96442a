# What compiled files know of rows.py.
from .storage cimport Storage, _doubles, _drop_partials, _is_real, _item, _Layer, _real, _Terms, _terms, above
from .from_c cimport PyObject_GC_UnTrack, clear_flags, hash_of_items
from .graph cimport (
    Span, _checked_value, _first_cell, _holds, _keep_weights, _make_room, _read, _size, _solution, _span_of,
    _storage_of_row, _write_partials_of_dot,
)
from .values cimport (
    _DETACHED, _LAYER, _JOINT, _MANY, Value, _argument, _Context, _divide, _here, _leaf, _node, _node_of_many, _number,
    _refuse_in_trace, _unary, _watched,
)

cdef double _contribution(op, given) except? -1
cdef list _contributions(op, rule, tuple given, Py_ssize_t size)
