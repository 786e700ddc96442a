# What compiled files know of operations.py.
cdef class Operations:
    cdef public list kinds, args, varies
    cdef public object parameters
    cdef public dict places
    cdef dict _by_id, _by_row, _listed
    cdef _add(self, kind, tuple args, varies)
    cdef bint _depends(self, kind, tuple args)
    cdef bint _is_by_lane(self, Py_ssize_t place)

cdef _rows(kind, tuple args)
