"""k-means++ seeding: what a candidate would leave, and what a new seed leaves."""

from ._kernels cimport (
    KF_LANES_ARE_POINTS, KF_SUM_BLOCK, Centers, Loan, Rows, borrow, check_centers, check_slice, copy_if_it_pays, kf_centers, kf_rows,
    kf_table, pack_centers,
)
from ._parallel cimport run_units, threads_for
from ._types cimport real_t


cdef struct seeding_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_table* table
    double* sq_dists
    char* scratch
    size_t scratch_bytes        # of each thread
    double* potentials          # of each block: one of each candidate


cdef Py_ssize_t lower_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef seeding_job* j = <seeding_job*>job
    cdef Py_ssize_t first = unit * KF_SUM_BLOCK, n_rows = min(<Py_ssize_t>KF_SUM_BLOCK, j.rows.n - first)
    j.table.lower_sq_dists(
        j.rows, j.centers, first, n_rows, j.scratch + thread * j.scratch_bytes, j.sq_dists + first
    )
    return 0


cdef Py_ssize_t potentials_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef seeding_job* j = <seeding_job*>job
    cdef Py_ssize_t first = unit * KF_SUM_BLOCK, n_rows = min(<Py_ssize_t>KF_SUM_BLOCK, j.rows.n - first)
    j.table.potentials(
        j.rows, j.centers, first, n_rows, NULL if j.sq_dists == NULL else j.sq_dists + first,
        j.scratch + thread * j.scratch_bytes, j.potentials + unit * j.centers.k,
    )
    return 0


cdef inline Py_ssize_t n_blocks(Rows rows) noexcept nogil:
    return (rows.c.n + KF_SUM_BLOCK - 1) // KF_SUM_BLOCK


cdef Loan begin_seeding(seeding_job* job, Rows rows, Centers centers, double* sq_dists, int n_threads):
    cdef Loan scratch
    job.rows, job.centers, job.table = &rows.c, &centers.c, rows.table
    job.sq_dists = sq_dists
    job.scratch_bytes = rows.table.seeding_bytes(rows.c.d, centers.c.k)
    scratch = borrow(rows, n_threads * job.scratch_bytes)
    job.scratch = scratch.memory
    return scratch


def candidate_potentials(
    Rows rows, const double[::1] sq_dists, const real_t[:, ::1] candidates, double[::1] potentials, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef seeding_job job
    cdef Centers packed
    cdef Loan scratch, of_blocks
    cdef Py_ssize_t m = candidates.shape[0], block, j
    if sq_dists is not None:
        check_slice(rows, 0, rows.c.n, sq_dists.shape[0])
    check_centers(rows, m, candidates.shape[1], sizeof(real_t))
    if potentials.shape[0] != m:
        raise ValueError(f"potentials has {potentials.shape[0]} entries for {m} candidates.")
    n_threads = threads_for(<double>rows.c.n * rows.c.d * m, n_threads)
    copy_if_it_pays(rows, rows.c.n, m)
    packed = pack_centers(rows, &candidates[0, 0], m, KF_LANES_ARE_POINTS, n_threads)
    scratch = begin_seeding(&job, rows, packed, NULL if sq_dists is None else <double*>&sq_dists[0], n_threads)
    of_blocks = borrow(rows, n_blocks(rows) * m * sizeof(double))
    job.potentials = <double*>of_blocks.memory
    with nogil:
        run_units(potentials_unit, &job, n_blocks(rows), n_threads)
        for j in range(m):
            potentials[j] = 0.0
        for block in range(n_blocks(rows)):
            for j in range(m):
                potentials[j] += job.potentials[block * m + j]


def lower_sq_dists(Rows rows, const real_t[::1] center, double[::1] sq_dists, *, int n_threads=1):
    """As in backends/protocol.py."""
    cdef seeding_job job
    cdef Centers packed
    cdef Loan scratch
    check_slice(rows, 0, rows.c.n, sq_dists.shape[0])
    check_centers(rows, 1, center.shape[0], sizeof(real_t))
    n_threads = threads_for(<double>rows.c.n * rows.c.d, n_threads)
    packed = pack_centers(rows, &center[0], 1, KF_LANES_ARE_POINTS, n_threads)
    scratch = begin_seeding(&job, rows, packed, &sq_dists[0], n_threads)
    with nogil:
        run_units(lower_unit, &job, n_blocks(rows), n_threads)
