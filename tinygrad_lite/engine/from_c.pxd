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

    /* The size of a list or tuple, -1 of anything else. */
    static inline Py_ssize_t listed(PyObject *items) {
        return PyList_CheckExact(items) || PyTuple_CheckExact(items) ? PySequence_Fast_GET_SIZE(items) : -1;
    }

    /* Whether the items of a list or tuple are these very objects, found without a look at any of them. */
    static inline int holds_these(PyObject *items, void **objects) {
        return !memcmp(PySequence_Fast_ITEMS(items), objects, PySequence_Fast_GET_SIZE(items) * sizeof(void *));
    }

    /* How many items of a list, from `start` on, are these very objects, one after the other; `most` at most. */
    static inline Py_ssize_t count_these(PyObject *list, Py_ssize_t start, void **objects, Py_ssize_t most) {
        PyObject **items = ((PyListObject *)list)->ob_item + start;
        Py_ssize_t k = 0;
        while (k < most && items[k] == objects[k])
            k++;
        return k;
    }

    static inline void let_subclasses_begin(PyObject *type) {
        ((PyTypeObject *)type)->tp_flags |= Py_TPFLAGS_BASETYPE;
    }

    /* Whether a list or tuple holds the items of a tuple from `start` on, which has that many. */
    static inline int are_items(PyObject *held, PyObject *tuple, Py_ssize_t start) {
        return holds_these(held, (void **)((PyTupleObject *)tuple)->ob_item + start);
    }

    /* A number made of which objects a list or tuple holds, and in which order. */
    static inline Py_ssize_t hash_of_items(PyObject *held) {
        PyObject **items = PySequence_Fast_ITEMS(held);
        size_t found = PySequence_Fast_GET_SIZE(held);
        for (Py_ssize_t k = 0, count = found; k < count; k++) {
            found = (found ^ (size_t)items[k]) * (size_t)0x9E3779B97F4A7C15;
            found ^= found >> 29;
        }
        return (Py_ssize_t)found;
    }
    """
    bint are_items(object, object, Py_ssize_t) noexcept
    Py_ssize_t hash_of_items(object) noexcept
    void let_subclasses_begin(object) noexcept
    Py_ssize_t listed(object) noexcept
    bint holds_these(object, void **) noexcept
    Py_ssize_t count_these(object, Py_ssize_t, void **, Py_ssize_t) noexcept
    void clear_flags() noexcept
    bint flags_cleared(bint) noexcept

cdef extern from "Python.h":
    int PyObject_GenericSetAttr(object, object, object) except -1
