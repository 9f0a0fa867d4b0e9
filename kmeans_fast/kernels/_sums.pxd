from libc.stdint cimport int32_t, int64_t

from ._kernels cimport Loan, Rows, kf_rows, kf_table
from ._types cimport label_t

cdef struct sums_job:
    const kf_rows* rows
    const kf_table* table
    const int64_t* borders
    const label_t* labels       # of the row borders[0]
    Py_ssize_t k, n_groups
    double* buffers             # n_groups x (k d + k): sums and mass of each group
    double* sums
    double* mass
    bint is_sorted              # rows of a group are sorted by label before they are summed
    int32_t* order              # of the row borders[0]: places in a group, sorted by label
    Py_ssize_t* starts          # n_groups x (k + 1): where each label begins

cdef Loan begin_sums(
    sums_job* job, Rows rows, const int64_t[::1] borders, label_t[::1] labels, double[:, ::1] sums, double[::1] mass
)
cdef Py_ssize_t buffer_length(const sums_job* job) noexcept nogil
cdef void sum_groups(sums_job* job, int n_threads) noexcept nogil
cdef void join_groups(sums_job* job, int n_threads) noexcept nogil
