# Sums and mass that follow rows, for other modules of kernels.
from libc.stdint cimport int64_t

from ._kernels cimport Loan, Rows
from ._sums cimport sums_job
from ._types cimport label_t


cdef struct move_job:
    sums_job sums
    const int64_t* moved
    const label_t* before
    const label_t* after
    Py_ssize_t n_moved
    Py_ssize_t clusters_of_unit
    Py_ssize_t n_parts          # of the moves, if they are whole numbers: each has sums and mass of its own
    double* mass                # n_parts x k


cdef Loan begin_moves(
    move_job* job, Rows rows, double[:, :, ::1] sums, double[:, ::1] mass, Py_ssize_t most_moved, int n_threads
)
cdef void run_moves(move_job* job, int n_threads) noexcept nogil
