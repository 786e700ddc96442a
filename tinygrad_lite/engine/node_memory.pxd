# Where Values lie in memory, how they are made, and how they end. Only values.py uses it.
cdef extern from *:
    """
    #include <stddef.h>
    #include <string.h>

    /* Places for Values. They lie in blocks, which stand at multiples of their size and begin with the address of their
       arena. An arena counts the Values in it. KEPT empty arenas are kept for the next graph: to give memory back to
       the system and to ask for it again takes longer than to record into it. */
    #define BLOCK ((size_t)1 << 14)
    #define HEADER ((size_t)64)
    #define ARENA ((size_t)1 << 20)
    #define KEPT 16

    typedef struct Arena {
        struct Arena *self, *before, *after;  /* those with room are in a list */
        void *memory, *returned;              /* what the system gave; the places that Values have left, a list too */
        char *fresh, *end;                    /* where no Value has been yet */
        size_t values;
    } Arena;

    static PyObjectArenaAllocator from_system;
    static Arena *with_room;
    static size_t empty, living;

    /* As values.pxd has it; `next`, in the place of _sweep, links those that wait to end. */
    typedef struct Node {
        PyObject_HEAD
        PyObject *weakly;
        double held, grad, left_partial, right_partial;
        PyObject *left, *right, *origin;
        struct Node *next;
        int code, count;
    } Node;

    static void list_arena(Arena *arena) {
        arena->before = NULL;
        arena->after = with_room;
        if (with_room)
            with_room->before = arena;
        with_room = arena;
    }

    static void unlist_arena(Arena *arena) {
        if (arena->after)
            arena->after->before = arena->before;
        if (arena->before)
            arena->before->after = arena->after;
        else
            with_room = arena->after;
    }

    static inline int is_full(Arena *arena) {
        return !arena->returned && arena->fresh == arena->end;
    }

    static void clear_arena(Arena *arena) {
        arena->returned = NULL;
        arena->fresh = (char *)arena + HEADER;
    }

    static int add_arena(void) {
        char *memory = from_system.alloc(from_system.ctx, ARENA);
        if (!memory)
            return 0;
        Arena *arena = (Arena *)(((size_t)memory + BLOCK - 1) & ~(BLOCK - 1));
        arena->self = arena;
        arena->memory = memory;
        arena->end = (char *)(((size_t)memory + ARENA) & ~(BLOCK - 1));
        arena->values = 0;
        clear_arena(arena);
        list_arena(arena);
        empty++;
        return 1;
    }

    #if defined(Py_GIL_DISABLED) || defined(__SANITIZE_ADDRESS__)
    /* Threads without a lock would need more care, and a sanitizer watches what malloc gives. */
    static inline Node *taken_place(void) {
        Node *place = PyObject_Malloc(sizeof(Node));
        living += place != NULL;
        return place;
    }

    static inline void leave_place(Node *place) {
        living--;
        PyObject_Free(place);
    }
    #else
    static inline Node *taken_place(void) {
        if (!with_room && !add_arena())
            return NULL;
        Arena *arena = with_room;
        char *place = arena->returned;
        if (place)
            arena->returned = *(void **)place;
        else {
            place = arena->fresh;
            arena->fresh += sizeof(Node);
            if (((size_t)arena->fresh & (BLOCK - 1)) + sizeof(Node) > BLOCK)
                arena->fresh = (char *)(((size_t)arena->fresh + BLOCK - 1) & ~(BLOCK - 1));
            if (!((size_t)arena->fresh & (BLOCK - 1)) && arena->fresh != arena->end) {
                *(Arena **)arena->fresh = arena;
                arena->fresh += HEADER;
            }
        }
        if (!arena->values++)
            empty--;
        if (is_full(arena))
            unlist_arena(arena);
        living++;
        return (Node *)place;
    }

    static inline void leave_place(Node *place) {
        Arena *arena = *(Arena **)((size_t)place & ~(BLOCK - 1));
        if (is_full(arena))
            list_arena(arena);
        *(void **)place = arena->returned;
        arena->returned = place;
        living--;
        if (--arena->values)
            return;
        clear_arena(arena);
        if (empty < KEPT)
            empty++;
        else {
            unlist_arena(arena);
            from_system.free(from_system.ctx, arena->memory, ARENA);
        }
    }
    #endif

    typedef void (*Action)(PyObject *);
    static PyTypeObject *value_type;
    static Action leave;
    static int left_elsewhere;
    static Node *waiting;
    static int depth;

    /* Lets go of what a Value holds. A result that dies with it waits: a chain of any length ends without recursion. */
    static inline void let_go(PyObject *held) {
        if (Py_TYPE(held) == value_type && Py_REFCNT(held) == 1 && ((Node *)held)->code >= 0) {
            Py_SET_REFCNT(held, 0);
            ((Node *)held)->next = waiting;
            waiting = (Node *)held;
        } else
            Py_DECREF(held);
    }

    static void end(Node *it) {
        if (it->code == left_elsewhere) {
            PyObject *kind, *error, *trace;
            PyErr_Fetch(&kind, &error, &trace);
            Py_SET_REFCNT((PyObject *)it, 1);
            leave((PyObject *)it);
            Py_SET_REFCNT((PyObject *)it, 0);
            PyErr_Restore(kind, error, trace);
        }
        if (it->weakly)
            PyObject_ClearWeakRefs((PyObject *)it);
        let_go(it->left);
        let_go(it->right);
        let_go(it->origin);
        leave_place(it);
    }

    /* Between results there may be terms and tuples, whose ends call this again: beyond some depth all Values wait. */
    static void end_of_chain(PyObject *it) {
        if (depth > 100) {
            ((Node *)it)->next = waiting;
            waiting = (Node *)it;
            return;
        }
        depth++;
        end((Node *)it);
        while (waiting) {
            Node *next = waiting;
            waiting = next->next;
            end(next);
        }
        depth--;
    }

    static PyObject *allocated(PyTypeObject *type, Py_ssize_t none) {
        Node *it = taken_place();
        if (!it)
            return PyErr_NoMemory();
        memset(it, 0, sizeof(Node));
        return PyObject_Init((PyObject *)it, type);
    }

    /* A Value that holds these; its numbers are still to be written. */
    static inline PyObject *made_of(PyObject *left, PyObject *right, PyObject *origin) {
        Node *it = taken_place();
        if (!it)
            return PyErr_NoMemory();
        Py_INCREF(left);
        Py_INCREF(right);
        Py_INCREF(origin);
        it->weakly = NULL;
        it->left = left;
        it->right = right;
        it->origin = origin;
        Py_SET_TYPE((PyObject *)it, value_type);
        Py_SET_REFCNT((PyObject *)it, 1);
        return (PyObject *)it;
    }

    /* Does this for a class from now on; `action` takes place before one with this code ends. -1 if it is laid out
       otherwise. */
    static int make_and_free_quickly(PyObject *type, int code, void *action) {
        value_type = (PyTypeObject *)type;
        if (value_type->tp_basicsize != sizeof(Node) || value_type->tp_weaklistoffset != offsetof(Node, weakly)) {
            PyErr_SetString(PyExc_ImportError, "a Value is laid out otherwise than node_memory.pxd has it");
            return -1;
        }
        PyObject_GetArenaAllocator(&from_system);
        left_elsewhere = code;
        leave = (Action)action;
        value_type->tp_dealloc = end_of_chain;
        value_type->tp_alloc = allocated;
        return 0;
    }

    static size_t living_values(void) {
        return living;
    }
    """
    int make_and_free_quickly(object, int, void *) except -1
    object made_of(object, object, object)
    size_t living_values() noexcept
