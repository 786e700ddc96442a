# What engine.py takes from C that Cython's own headers do not declare.
cdef extern from "Python.h":
    void PyObject_GC_UnTrack(object)
