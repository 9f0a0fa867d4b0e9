# Sparse rows: what the modules of their kernels share.
from ._kernels cimport Loan, Rows, kf_csr, kf_csr_centers, kf_csr_scratch


cdef class CsrRows(Rows):
    """Sparse rows, and everything derived from them once (backends/protocol.py)."""
    cdef kf_csr csr
    cdef readonly object conditioning
    cdef Py_ssize_t _values_per_row
    cdef object _owners


cdef class Call:
    """The centers of one call in the layouts that it needs, and memory of each thread."""
    cdef kf_csr_centers centers
    cdef kf_csr_scratch* scratch
    cdef Loan _of_centers, _of_threads


cdef Call begin(CsrRows rows, const void* c, Py_ssize_t k, bint is_scored, bint is_measured, int n_threads)
cdef int threads_of(CsrRows rows, Py_ssize_t n_rows, Py_ssize_t k, int n_threads) noexcept nogil
