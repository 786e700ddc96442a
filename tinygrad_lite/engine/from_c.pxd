# What the engine takes from C that Cython's own headers do not declare.
cdef extern from "Python.h":
    void PyObject_GC_UnTrack(object)

cdef extern from *:
    """
    #include <fenv.h>
    #include <string.h>

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

    /* Whether the items of a list or tuple are these very objects, found without a look at any of them. */
    static inline int are_items(PyObject *items, void **objects) {
        return !memcmp(PySequence_Fast_ITEMS(items), objects, PySequence_Fast_GET_SIZE(items) * sizeof(void *));
    }

    static inline void let_subclasses_begin(PyObject *type) {
        ((PyTypeObject *)type)->tp_flags |= Py_TPFLAGS_BASETYPE;
    }
    """
    void let_subclasses_begin(object) noexcept
    bint are_items(object, void **) noexcept
    void clear_flags() noexcept
    bint flags_cleared(bint) noexcept

cdef extern from "Python.h":
    int PyObject_GenericSetAttr(object, object, object) except -1
