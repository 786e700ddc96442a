# What the engine takes from C that Cython's own headers do not declare.
cdef extern from "Python.h":
    void PyObject_GC_UnTrack(object)

cdef extern from *:
    """
    #include <fenv.h>

    #define RAISED (FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW)

    /* To ask for the flags is quick, to clear them is not. */
    static inline void clear_flags(void) {
        if (fetestexcept(RAISED))
            feclearexcept(RAISED);
    }

    /* The same for a comparison, which a compiler might else make later. */
    static inline int flags_cleared(int found) {
        volatile int kept = found;
        clear_flags();
        return kept;
    }

    static inline void let_subclasses_begin(PyObject *type) {
        ((PyTypeObject *)type)->tp_flags |= Py_TPFLAGS_BASETYPE;
    }

    /* Whether a list holds the items of a tuple from `start` on. */
    static inline int are_items(PyObject *list, PyObject *tuple, Py_ssize_t start) {
        Py_ssize_t n = PyList_GET_SIZE(list);
        PyObject **items = ((PyTupleObject *)tuple)->ob_item + start;
        return n == 0 || memcmp(((PyListObject *)list)->ob_item, items, n * sizeof(PyObject *)) == 0;
    }
    """
    bint are_items(object, object, Py_ssize_t) noexcept
    void let_subclasses_begin(object) noexcept
    void clear_flags() noexcept
    bint flags_cleared(bint) noexcept

cdef extern from "Python.h":
    int PyObject_GenericSetAttr(object, object, object) except -1
