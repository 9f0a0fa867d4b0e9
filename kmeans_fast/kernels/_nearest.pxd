# Assignment, and assignment with sums, for other modules of kernels.
from libc.stdint cimport int64_t

from ._kernels cimport Loan, Rows, kf_centers, kf_rows, kf_scratch, kf_table
from ._sums cimport sums_job
from ._types cimport label_t


cdef struct assign_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_table* table
    kf_scratch* scratch
    Py_ssize_t start, stop
    label_t* labels             # of the row start
    int64_t* moved              # NULL, or room for all rows: those of a unit begin where its labels do
    label_t* before
    Py_ssize_t* n_moved         # of each unit
    sums_job sums
    bint is_followed            # sums and mass hold the rows by the labels that they have: those that change are moved


cdef Py_ssize_t assign_and_sum(assign_job* job, int n_threads) noexcept nogil
cdef Loan begin_assign_and_sum(
    assign_job* job, Rows rows, const int64_t[::1] borders, const label_t[::1] labels, double[:, :, ::1] sums,
    double[:, ::1] mass, int n_threads,
)
