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

    static inline void let_subclasses_begin(PyObject *type) {
        ((PyTypeObject *)type)->tp_flags |= Py_TPFLAGS_BASETYPE;
    }

    /* What a class of many small objects does besides what Cython makes it do when an object is made or dies. */
    typedef int (*Question)(PyObject *);
    typedef void (*Action)(PyObject *);
    static destructor cythons_own;
    static Question is_left_elsewhere;
    static Action leave;
    static PyObject *waiting;
    static int depth;

    static void end(PyObject *it) {
        if (is_left_elsewhere(it)) {
            PyObject *kind, *error, *trace;
            PyErr_Fetch(&kind, &error, &trace);
            Py_SET_REFCNT(it, 1);
            leave(it);
            Py_SET_REFCNT(it, 0);
            PyErr_Restore(kind, error, trace);
        }
        cythons_own(it);
    }

    /* A chain of any length ends without deep recursion: beyond some depth objects wait, linked by their counts. */
    static void end_of_chain(PyObject *it) {
        if (depth > 100) {
            Py_SET_REFCNT(it, (Py_ssize_t)waiting);
            waiting = it;
            return;
        }
        depth++;
        end(it);
        while (depth == 1 && waiting) {
            it = waiting;
            waiting = (PyObject *)Py_REFCNT(it);
            Py_SET_REFCNT(it, 0);
            end(it);
        }
        depth--;
    }

    /* PyType_GenericAlloc for a type that is no heap type and that no garbage collector sees. */
    static PyObject *allocated(PyTypeObject *type, Py_ssize_t none) {
        PyObject *it = PyObject_Malloc(type->tp_basicsize);
        if (!it)
            return PyErr_NoMemory();
        memset(it, 0, type->tp_basicsize);
        Py_SET_TYPE(it, type);
        Py_SET_REFCNT(it, 1);
        return it;
    }

    /* When a graph is freed, Python gives most of its memory back to the system, which has to clear it for the next
       graph. These functions keep some of it, in the pieces that Python asks for: at most 32 MiB. */
    enum { ARENA = 1 << 20, MOST_ARENAS = 32 };
    static void *arenas[MOST_ARENAS];
    static int arena_count;
    static PyObjectArenaAllocator pythons_own;

    static void *taken_arena(void *context, size_t size) {
        return arena_count && size == ARENA ? arenas[--arena_count] : pythons_own.alloc(context, size);
    }

    static void keep_arena(void *context, void *arena, size_t size) {
        if (arena_count < MOST_ARENAS && size == ARENA)
            arenas[arena_count++] = arena;
        else
            pythons_own.free(context, arena, size);
    }

    static inline void keep_some_memory(void) {
        PyObject_GetArenaAllocator(&pythons_own);
        PyObjectArenaAllocator keeping = {pythons_own.ctx, taken_arena, keep_arena};
        PyObject_SetArenaAllocator(&keeping);
    }

    static inline void make_and_free_quickly(PyObject *type, void *question, void *action) {
        PyTypeObject *value = (PyTypeObject *)type;
        cythons_own = value->tp_dealloc;
        value->tp_dealloc = end_of_chain;
        if (!(value->tp_flags & Py_TPFLAGS_HEAPTYPE))
            value->tp_alloc = allocated;
        is_left_elsewhere = (Question)question;
        leave = (Action)action;
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
    void make_and_free_quickly(object, void *, void *) noexcept
    void keep_some_memory() noexcept
    Py_ssize_t listed(object) noexcept
    bint holds_these(object, void **) noexcept
    void clear_flags() noexcept
    bint flags_cleared(bint) noexcept

cdef extern from "Python.h":
    int PyObject_GenericSetAttr(object, object, object) except -1
