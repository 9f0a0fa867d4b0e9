# Rows in blocks, for other modules of kernels.
from ._kernels cimport KF_BLOCKS_OF_UNIT, Arena, kf_blocks

cdef enum:
    MOST_FEATURES = 4


cdef class Blocks:
    """The rows in an order along which neighbours are close, in blocks; their labels in that order, and for how long
    these hold."""
    cdef kf_blocks c
    cdef Arena _memory, _starts, _centers
    cdef Py_ssize_t _k              # of the centers that the last call knew; 0 if there was none
    cdef readonly double n_scored


cdef inline Py_ssize_t units_of(Py_ssize_t n_blocks) noexcept nogil:
    return (n_blocks + KF_BLOCKS_OF_UNIT - 1) // KF_BLOCKS_OF_UNIT
