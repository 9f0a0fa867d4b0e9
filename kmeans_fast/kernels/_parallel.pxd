# The one place that knows how threads run: independent units of work, taken up as threads become free.
# Units are numbered and write to places of their own, so that no bit depends on who ran which.
from cython.parallel cimport prange, threadid

ctypedef Py_ssize_t (*unit_t)(void* job, Py_ssize_t unit, int thread) noexcept nogil

# Multiply-adds that pay for one more thread: about 10 us of work, against 1 us to start and join it.
cdef enum:
    WORK_OF_A_THREAD = 250000


cdef inline double work_of(Py_ssize_t n_rows, Py_ssize_t k, Py_ssize_t d) noexcept nogil:
    """Multiply-adds of an assignment; what a row costs beside its scores is as much as four centers more."""
    return <double>n_rows * (k + 4) * d


cdef inline int threads_for(double work, int n_threads) noexcept nogil:
    cdef double paid = 1.0 + work / WORK_OF_A_THREAD
    return n_threads if paid >= n_threads else <int>paid


cdef inline Py_ssize_t run_units(unit_t do_unit, void* job, Py_ssize_t n_units, int n_threads) noexcept nogil:
    """Sum of what the units return."""
    cdef Py_ssize_t unit, total = 0
    if n_threads == 1 or n_units == 1:
        for unit in range(n_units):
            total += do_unit(job, unit, 0)
        return total
    for unit in prange(n_units, schedule='dynamic', chunksize=1, num_threads=n_threads):
        total += do_unit(job, unit, threadid())
    return total


cdef inline Py_ssize_t run_evenly(unit_t do_unit, void* job, Py_ssize_t n_units, int n_threads) noexcept nogil:
    """The same for units of equal work that come again and again: each stays with the thread whose cache has its rows."""
    cdef Py_ssize_t unit, total = 0
    if n_threads == 1 or n_units == 1:
        for unit in range(n_units):
            total += do_unit(job, unit, 0)
        return total
    for unit in prange(n_units, schedule='static', num_threads=n_threads):
        total += do_unit(job, unit, threadid())
    return total
