# Where the centers go, for other modules of kernels.
from ._sums cimport sums_job


cdef struct centers_job:
    sums_job sums
    const void* centers
    const void* origin
    void* new_centers
    double data_unit
    double* sq_shifts
    double* from_sums
    double* from_means


cdef void move_all(centers_job* job, double* moments, int n_threads) noexcept nogil
