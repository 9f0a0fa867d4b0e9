# Sparse rows: what the modules of their kernels share.
from ._kernels cimport Rows, kf_csr


cdef class CsrRows(Rows):
    """Sparse rows, and everything derived from them once (backends/protocol.py)."""
    cdef kf_csr csr
    cdef readonly object conditioning
    cdef Py_ssize_t _values_per_row
    cdef object _owners
