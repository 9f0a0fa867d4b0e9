"""Who is nearest, by the first coordinates of rows and centers along orthogonal axes (c/prefix.inc.h)."""

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from ._kernels cimport (
    KF_CACHE_LINE, KF_CHECK, KF_DECIDE_ONLY, KF_ROWS_OF_CALL, Arena, Centers, Loan, Rows, allocate, borrow, check_centers,
    check_slice, kf_centers, kf_prefix, kf_prefix_centers, kf_prefix_counts, kf_rows, kf_table, pack_centers,
)
from ._parallel cimport run_units, threads_for
from ._sums cimport check_moved, close_gaps
from ._types cimport label_t, real_t

cdef enum:
    ROWS_OF_UNIT = KF_ROWS_OF_CALL


cdef class Prefix:
    """The first coordinates of all rows, and what they leave out."""
    cdef kf_prefix c
    cdef Arena _memory
    cdef readonly Py_ssize_t n, d
    cdef readonly double n_met, n_found, n_scored, n_decided

    @property
    def p(self):
        return self.c.p


cdef struct rotate_job:
    const kf_rows* rows
    const kf_table* table
    const kf_prefix* prefix
    char* arenas                # of each thread
    size_t n_bytes


cdef Py_ssize_t rotate_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rotate_job* j = <rotate_job*>job
    cdef Py_ssize_t first = unit * j.table.tile_rows
    j.table.rotate(
        j.rows, j.prefix, first, <int>min(<Py_ssize_t>j.table.tile_rows, j.rows.n - first),
        j.arenas + thread * j.n_bytes, <char*>j.prefix.rows + first * j.prefix.stride * j.table.itemsize,
    )
    return 0


def make_prefix(Rows rows, const double[:, ::1] axes, double defect, *, int n_threads=1):
    """Coordinates of all rows along axes (d, p), values of X's dtype with ``||axes.T @ axes - I|| <= defect``."""
    cdef Prefix prefix = Prefix()
    cdef rotate_job job
    cdef Loan arenas
    cdef Py_ssize_t p = axes.shape[1], d = rows.c.d
    cdef size_t n_bytes
    if axes.shape[0] != d or p == 0 or p % KF_CHECK:
        raise ValueError(f"axes ({axes.shape[0]}, {p}) for {d} features; p must be a multiple of {<int>KF_CHECK}.")
    prefix.n, prefix.d = rows.c.n, d
    prefix.c.p, prefix.c.stride, prefix.c.defect = p, p + p // KF_CHECK + 2, defect
    n_bytes = (rows.table.axes_bytes(d, p) + KF_CACHE_LINE - 1) // KF_CACHE_LINE * KF_CACHE_LINE
    prefix._memory = allocate(n_bytes + <size_t>(rows.c.n * prefix.c.stride) * rows.table.itemsize)
    prefix.c.axes, prefix.c.rows = prefix._memory.memory, prefix._memory.memory + n_bytes
    n_threads = threads_for(<double>rows.c.n * d * p, n_threads)
    job.rows, job.table, job.prefix = &rows.c, rows.table, &prefix.c
    job.n_bytes = rows.table.rotate_bytes(d)
    arenas = borrow(rows, n_threads * job.n_bytes)
    job.arenas = arenas.memory
    with nogil:
        rows.table.pack_axes(&axes[0, 0], d, &prefix.c)
        run_units(rotate_unit, &job, (rows.c.n + rows.table.tile_rows - 1) // rows.table.tile_rows, n_threads)
    return prefix


cdef struct prefix_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_table* table
    const kf_prefix* prefix
    kf_prefix_centers* places
    char* arenas                # of each thread
    size_t n_bytes
    kf_prefix_counts* counts    # of each unit
    Py_ssize_t start, stop
    label_t* labels             # of the row start, as those that follow
    float* upper
    float* lower
    int64_t* moved              # NULL, or room for all rows
    label_t* before
    Py_ssize_t* n_moved         # of each unit


cdef Py_ssize_t pack_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef prefix_job* j = <prefix_job*>job
    j.table.pack_prefix(j.rows, j.centers, j.prefix, j.places, unit, j.arenas + thread * j.n_bytes)
    return 0


cdef Py_ssize_t prefix_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef prefix_job* j = <prefix_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT, first = j.start + done
    j.n_moved[unit] = j.table.nearest_by_prefix(
        j.rows, j.centers, j.prefix, j.places, first, min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - first),
        j.arenas + thread * j.n_bytes, j.labels + done, j.upper + done, j.lower + done,
        NULL if j.moved == NULL else j.moved + done, NULL if j.moved == NULL else j.before + done, &j.counts[unit],
    )
    return j.n_moved[unit]


cdef int check_drift(const int32_t[::1] order, const float[::1] shifts, Py_ssize_t k) except -1:
    cdef Py_ssize_t i
    if order.shape[0] != k or (shifts is not None and shifts.shape[0] != k):
        raise ValueError(f"order or shifts are not of {k} centers.")
    for i in range(k):
        if not 0 <= order[i] < k:
            raise ValueError(f"order names center {order[i]}; there are {k}.")
        if shifts is not None and i > 0 and not shifts[order[i - 1]] >= shifts[order[i]]:
            raise ValueError(f"center {order[i]} moved farther than {order[i - 1]} before it; order falling shifts.")
    return 0


def nearest_by_prefix(
    Rows rows, Prefix prefix, Py_ssize_t first_p, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers,
    object drift, label_t[::1] labels, float[::1] upper, float[::1] lower, int64_t[::1] moved=None,
    label_t[::1] before=None, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef prefix_job job
    cdef kf_prefix_centers places
    cdef Centers packed
    cdef Loan memory, scratch, counts
    cdef const int32_t[::1] order = drift.order
    cdef const float[::1] shifts = drift.shifts
    cdef Py_ssize_t n_changed, k = centers.shape[0], n_units = (stop - start + ROWS_OF_UNIT - 1) // ROWS_OF_UNIT, unit
    check_slice(rows, start, stop, labels.shape[0])
    check_slice(rows, start, stop, upper.shape[0])
    check_slice(rows, start, stop, lower.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    check_drift(order, shifts, k)
    if prefix.n != rows.c.n or prefix.d != rows.c.d:
        raise ValueError(f"the prefix is of ({prefix.n}, {prefix.d}) rows, not of ({rows.c.n}, {rows.c.d}).")
    if not 0 < first_p <= prefix.c.p or first_p % KF_CHECK:
        raise ValueError(f"first_p={first_p} of {prefix.c.p} coordinates; it must be a multiple of {<int>KF_CHECK}.")
    job.moved, job.before = NULL, NULL
    if moved is not None:
        check_moved(stop - start, moved, before)
    prefix.n_met = prefix.n_found = prefix.n_scored = prefix.n_decided = 0.0
    if start == stop:
        return 0
    if moved is not None:
        job.moved, job.before = &moved[0], &before[0]
    places.k, places.first_p, places.order, places.shifts = k, first_p, &order[0], NULL
    if shifts is not None:
        places.shifts = &shifts[0]
    n_threads = threads_for(<double>(stop - start) * k * first_p, n_threads)
    packed = pack_centers(rows, &centers[0, 0], k, KF_DECIDE_ONLY, n_threads)
    memory = borrow(rows, rows.table.prefix_plan(&rows.c, &prefix.c, &places, NULL))
    rows.table.prefix_plan(&rows.c, &prefix.c, &places, memory.memory)
    job.n_bytes = max(rows.table.rotate_bytes(rows.c.d), rows.table.prefix_bytes(&rows.c, &prefix.c, &places))
    job.n_bytes = (job.n_bytes + KF_CACHE_LINE - 1) // KF_CACHE_LINE * KF_CACHE_LINE
    scratch = borrow(rows, n_threads * job.n_bytes)
    counts = borrow(rows, n_units * (sizeof(kf_prefix_counts) + sizeof(Py_ssize_t)))
    memset(counts.memory, 0, n_units * sizeof(kf_prefix_counts))
    job.counts = <kf_prefix_counts*>counts.memory
    job.n_moved = <Py_ssize_t*>(counts.memory + n_units * sizeof(kf_prefix_counts))
    job.rows, job.centers, job.table, job.prefix, job.places = &rows.c, &packed.c, rows.table, &prefix.c, &places
    job.arenas, job.start, job.stop = scratch.memory, start, stop
    job.labels, job.upper, job.lower = &labels[0], &upper[0], &lower[0]
    with nogil:
        run_units(pack_unit, &job, (k + rows.table.tile_rows - 1) // rows.table.tile_rows, n_threads)
        rows.table.bind_prefix(&rows.c, &prefix.c, &places)
        n_changed = run_units(prefix_unit, &job, n_units, n_threads)
        if job.moved != NULL:
            close_gaps(job.moved, job.before, job.n_moved, n_units, ROWS_OF_UNIT)
    for unit in range(n_units):
        prefix.n_met += job.counts[unit].met
        prefix.n_found += job.counts[unit].found
        prefix.n_scored += job.counts[unit].scored
        prefix.n_decided += job.counts[unit].decided
    return n_changed
