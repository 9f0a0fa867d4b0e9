"""Rows that lie apart, brought together."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from ._parallel cimport run_units, threads_for
from ._types cimport real_t


cdef struct gather_job:
    const char* x
    const int64_t* chosen
    char* out
    Py_ssize_t n_chosen
    size_t n_bytes              # of a row


cdef enum:
    BYTES_OF_UNIT = 131072


cdef Py_ssize_t gather_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef gather_job* j = <gather_job*>job
    cdef Py_ssize_t n_rows = BYTES_OF_UNIT // j.n_bytes + 1, i
    for i in range(unit * n_rows, min((unit + 1) * n_rows, j.n_chosen)):
        memcpy(j.out + i * j.n_bytes, j.x + j.chosen[i] * j.n_bytes, j.n_bytes)
    return 0


def gather(const real_t[:, ::1] X, const int64_t[::1] chosen, real_t[:, ::1] out, *, int n_threads):
    """Write the rows X[chosen] to out."""
    cdef gather_job job
    cdef Py_ssize_t n = X.shape[0], i
    if out.shape[0] != chosen.shape[0] or out.shape[1] != X.shape[1]:
        raise ValueError(f"out ({out.shape[0]}, {out.shape[1]}) for {chosen.shape[0]} rows of {X.shape[1]} features.")
    for i in range(chosen.shape[0]):
        if not 0 <= chosen[i] < n:
            raise IndexError(f"row {chosen[i]} is out of bounds: X has {n}.")
    if chosen.shape[0] == 0 or X.shape[1] == 0:
        return
    job.x, job.chosen, job.out = <const char*>&X[0, 0], &chosen[0], <char*>&out[0, 0]
    job.n_chosen, job.n_bytes = chosen.shape[0], X.shape[1] * sizeof(real_t)
    with nogil:
        run_units(
            gather_unit, &job, job.n_chosen // (BYTES_OF_UNIT // job.n_bytes + 1) + 1,
            threads_for(<double>job.n_chosen * X.shape[1], n_threads),
        )
