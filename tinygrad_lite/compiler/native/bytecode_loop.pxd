# C's side of bytecode_loop.py.
from tinygrad_lite.compiler.native.bytecode_functions cimport (
    ADD, DIV, EQUAL, LANES, MANY, MUL, NEG, ONE, SUB, SUMS, TAKE, TWO, WEIGHTED, Lanes, Many, One, Two, all_lanes, manys, ones, twos,
)
from tinygrad_lite.compiler.native.vector_math cimport Target
from tinygrad_lite.floats.c_functions cimport divide

cdef extern from *:
    """
    #if defined(__PYX_HAVE__tinygrad_lite__compiler__native__bytecode_loop)  /* and not for files that use it */
    #if defined(__GNUC__)
    #define ALWAYS_INLINE inline __attribute__((always_inline))
    #else
    #define ALWAYS_INLINE
    #endif

    /* Functions of bytecode_loop.py by Cython's names: the loop is compiled for one lane, and for many in wide vectors too.
       What is declared further below is exported in a table, which GCC 12 must not find these in: it then defines a
       function for any processor twice. */
    #define NATIVE(name) __pyx_f_13tinygrad_lite_8compiler_6native_13bytecode_loop_##name
    static ALWAYS_INLINE int NATIVE(_sweep)(PyObject *, int *, Py_ssize_t, double *, double *, Py_ssize_t, double *, Py_ssize_t);
    static ALWAYS_INLINE void NATIVE(_sums)(int *, Py_ssize_t, double *, Py_ssize_t, Py_ssize_t, double *, Py_ssize_t);
    static ALWAYS_INLINE void NATIVE(_weighted)(int *, Py_ssize_t, Py_ssize_t, double *, lane_target, Py_ssize_t, double *, Py_ssize_t);
    IN_WIDE_VECTORS_TOO static int NATIVE(_run_lanes)(PyObject *, int *, Py_ssize_t, double *, double *, Py_ssize_t, double *, Py_ssize_t);
    #endif
    """

cdef int run_code(
    list calls, int *code, Py_ssize_t end, double *w, double *xs, Py_ssize_t n, double *shared, Py_ssize_t apart
) except? -1
