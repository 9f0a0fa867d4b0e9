# Who is nearest, block by block, for other modules of kernels.
from libc.stdint cimport int64_t

from ._blocks cimport Blocks
from ._kernels cimport Loan, Rows, kf_blocks, kf_box_scratch, kf_centers, kf_rows, kf_table
from ._types cimport label_t


cdef struct boxes_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_table* table
    kf_blocks* blocks
    kf_box_scratch* scratch     # of each thread
    label_t* labels
    int64_t* moved
    label_t* before
    Py_ssize_t* n_moved         # of each unit
    double* n_scored            # of each unit
    Py_ssize_t k
    double* c64                 # centers that the blocks know, and how far each has moved
    bint is_known               # whether they know any
    double work                 # that the next step is expected to be
    double n_scored_last        # pairs of a row and a center that the last step scored


cdef Loan begin_boxes(
    boxes_job* job, Rows rows, Blocks blocks, Py_ssize_t k, label_t[::1] labels, int64_t[::1] moved, label_t[::1] before,
    int n_threads,
)
cdef bint take_centers(boxes_job* job, const void* centers) noexcept nogil
cdef Py_ssize_t run_boxes(boxes_job* job, int n_threads) noexcept nogil
cdef void end_boxes(const boxes_job* job, Blocks blocks)
