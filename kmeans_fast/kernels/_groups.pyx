"""Bounds per group of centers, by which most rows and groups are passed over (c/groups.inc.h)."""

from libc.math cimport INFINITY, nextafterf, sqrt
from libc.stdint cimport int64_t
from libc.string cimport memset

from ._kernels cimport (
    KF_GROUPS_OF_CENTERS, KF_ROWS_OF_CALL, Arena, Centers, Loan, Rows, Scratch, allocate, borrow, check_centers,
    check_slice, kf_bounds, kf_centers, kf_group_scratch, kf_rows, kf_scratch, kf_shape, kf_table, pack_again,
    room_for_centers, scratch_for, with_gaps,
)
from ._parallel cimport run_units, threads_for, unit_t
from ._sums cimport check_moved, close_gaps
from ._types cimport label_t, real_t

cdef enum:
    UNITS = 16                  # of a pass, and of a thread: rows of a unit meet centers together
    ROWS_AT_MOST = 16384        # of a unit
    FEWEST_OF_GROUP = 8         # centers: smaller groups spare fewer products than their bounds cost
    BYTES_OF_BOUND = 8          # of X, for one bound: so all of them take at most half as much


cdef class Bounds:
    """Bounds of all rows, and how far the centers have gone since they were made."""
    cdef kf_bounds c
    cdef Arena _memory
    cdef Py_ssize_t _n, _k, _next   # the row that the next slice begins with
    cdef bint _are_new, _by_group   # nothing is known of any row yet; and the first pass bounds each group by itself
    cdef readonly double n_measured, n_scored

    @property
    def n_bytes(self):
        return self._memory.n_bytes

    @property
    def n_groups(self):
        return self.c.n_groups

    @property
    def width(self):
        """Centers of a group."""
        return self.c.width

    @property
    def order(self):
        """Centers by group: those of group g are ``order[g * width : (g + 1) * width]``."""
        return [self.c.order[place] for place in range(self._k)]

    def tell(self, const label_t[::1] labels, float[::1] upper, float[:, ::1] lower):
        """Write what is known: no less than the distances (n,) to the own centers, no more than (n, n_groups) to others."""
        cdef Py_ssize_t i, g
        if labels.shape[0] != self._n or upper.shape[0] != self._n or lower.shape[0] != self._n or lower.shape[1] != self.c.n_groups:
            raise ValueError(f"there are bounds of {self._n} rows for {self.c.n_groups} groups.")
        for i in range(self._n):
            upper[i] = nextafterf(self.c.upper[i] + self.c.risen[labels[i]], INFINITY)
            for g in range(self.c.n_groups):
                lower[i, g] = nextafterf(self.c.lower[i * self.c.n_groups + g] - self.c.sunk[g], -INFINITY)


def make_bounds(Rows rows, const real_t[:, ::1] centers, *, bint by_group=True, int n_threads=1):
    """As in backends/protocol.py."""
    cdef Bounds bounds = Bounds()
    cdef Loan scratch
    cdef Py_ssize_t n = rows.c.n, d = rows.c.d, k = centers.shape[0], width = rows.table.vector_width, most = 1
    cdef Py_ssize_t n_panels, n_bounds, i
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    if rows.c.data_unit != 1.0:
        raise ValueError(f"bounds need a data_unit of 1, not of {rows.c.data_unit}.")
    if rows.may_copy:
        most = max(most, d * rows.table.itemsize // BYTES_OF_BOUND)
    width *= (FEWEST_OF_GROUP + width - 1) // width
    n_panels = (k + width - 1) // width
    width *= (n_panels + most - 1) // most
    bounds.c.width, bounds.c.n_groups = width, (k + width - 1) // width
    bounds._n, bounds._k, bounds._next = n, k, 0
    n_bounds = n * bounds.c.n_groups
    bounds._memory = allocate((n_bounds + 2 * n + 2 * k + bounds.c.n_groups) * sizeof(float) + 2 * k * sizeof(label_t))
    bounds.c.lower = <float*>bounds._memory.memory
    bounds.c.upper = bounds.c.lower + n_bounds
    bounds.c.gap = bounds.c.upper + n
    bounds.c.risen = bounds.c.gap + n
    bounds.c.parted = bounds.c.risen + k
    bounds.c.sunk = bounds.c.parted + k
    memset(bounds.c.risen, 0, (2 * k + bounds.c.n_groups) * sizeof(float))
    bounds.c.order = <label_t*>(bounds.c.sunk + bounds.c.n_groups)
    bounds.c.place = bounds.c.order + k
    scratch = borrow(rows, rows.table.order_bytes(k, d))
    with nogil:
        rows.table.order_centers(&centers[0, 0], k, d, width, scratch.memory, bounds.c.order)
    for i in range(k):
        bounds.c.place[bounds.c.order[i]] = <label_t>i
    bounds._are_new, bounds._by_group = True, by_group
    if by_group:
        for i in range(n):
            bounds.c.upper[i], bounds.c.gap[i] = 0.0, -INFINITY
        for i in range(n_bounds):
            bounds.c.lower[i] = -INFINITY
    return bounds


cdef float sum_up(float total, double term) noexcept nogil:
    """No less than the sum."""
    cdef double exact = (<double>total + term) * (1 + 2.0 ** -52)
    cdef float rounded = <float>exact
    return rounded if rounded >= exact else nextafterf(rounded, INFINITY)


cdef double at_least_normal(double shift) noexcept nogil:
    """What float32 keeps, even where denormals are taken for zeros."""
    return shift if shift == 0.0 or shift > 2.0 ** -126 else 2.0 ** -126


cdef void go_on(kf_bounds* c, const double* sq_shifts, Py_ssize_t k, Py_ssize_t d) noexcept nogil:
    """The centers have moved."""
    cdef Py_ssize_t p, j, g, farthest = 0
    cdef double up = 1 + (d + 8) * 2.0 ** -52, second = 0.0, own, other, of_group
    for j in range(1, k):
        if sq_shifts[j] > sq_shifts[farthest]:
            second = sq_shifts[farthest]
            farthest = j
        elif sq_shifts[j] > second:
            second = sq_shifts[j]
    for g in range(c.n_groups):
        of_group = 0.0
        for p in range(g * c.width, min((g + 1) * c.width, k)):
            j = c.order[p]
            own = at_least_normal(sqrt(sq_shifts[j]) * up)
            other = at_least_normal(sqrt(second if j == farthest else sq_shifts[farthest]) * up)
            c.risen[j] = sum_up(c.risen[j], own)
            # Bounds are compared after one of them has grown by 2**-20 (GROWTH in c/groups.inc.h).
            c.parted[j] = sum_up(c.parted[j], (own + other) * (1 + 2.0 ** -19))
            of_group = max(of_group, own)
        c.sunk[g] = sum_up(c.sunk[g], of_group)


cdef struct groups_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_table* table
    const kf_bounds* bounds
    kf_scratch* scratch
    kf_group_scratch* more
    Py_ssize_t start, stop, rows_of_unit
    label_t* labels             # of the row start
    int64_t* moved              # NULL, or room for all rows: those of a unit begin where its labels do
    label_t* before
    Py_ssize_t* n_moved         # of each unit, as are the next two
    double* n_measured
    double* n_scored


cdef Py_ssize_t first_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef groups_job* j = <groups_job*>job
    cdef Py_ssize_t done = unit * j.rows_of_unit, first = j.start + done
    cdef Py_ssize_t n_rows = min(j.rows_of_unit, j.stop - first)
    j.n_moved[unit] = j.table.first_in_groups(
        j.rows, j.centers, j.bounds, first, n_rows, &j.scratch[thread], j.labels + done,
        NULL if j.moved == NULL else j.moved + done, NULL if j.before == NULL else j.before + done,
    )
    j.n_measured[unit], j.n_scored[unit] = n_rows, <double>n_rows * j.centers.k
    return j.n_moved[unit]


cdef Py_ssize_t groups_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef groups_job* j = <groups_job*>job
    cdef Py_ssize_t done = unit * j.rows_of_unit, first = j.start + done
    j.n_moved[unit] = j.table.nearest_in_groups(
        j.rows, j.centers, j.bounds, first, min(j.rows_of_unit, j.stop - first), &j.scratch[thread],
        &j.more[thread], j.labels + done, NULL if j.moved == NULL else j.moved + done,
        NULL if j.before == NULL else j.before + done, &j.n_measured[unit], &j.n_scored[unit],
    )
    return j.n_moved[unit]


cdef int check_labels(const label_t[::1] labels, Py_ssize_t k) except -1:
    cdef Py_ssize_t i
    for i in range(labels.shape[0]):
        if not 0 <= labels[i] < k:
            raise ValueError(f"row {i} of the slice has the label {labels[i]} before the pass; there are {k} centers.")
    return 0


def nearest_with_bounds(
    Rows rows, Bounds bounds, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers,
    const double[::1] sq_shifts, label_t[::1] labels, int64_t[::1] moved=None, label_t[::1] before=None, *,
    int n_threads=1
):
    """As in backends/protocol.py."""
    cdef groups_job job
    cdef kf_group_scratch plan
    cdef Centers packed
    cdef Scratch scratch
    cdef Loan memory, counts
    cdef Py_ssize_t n_changed, k = centers.shape[0], n_units, unit
    cdef kf_shape shape = KF_GROUPS_OF_CENTERS
    cdef unit_t do_unit = groups_unit
    cdef size_t n_bytes
    cdef double work
    cdef int thread
    check_slice(rows, start, stop, labels.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    if bounds._n != rows.c.n or bounds._k != k or sq_shifts.shape[0] != k or bounds._next != start:
        raise ValueError(
            f"bounds of {bounds._n} rows and {bounds._k} centers, next for row {bounds._next}, were given "
            f"{rows.c.n} rows from {start} on, {k} centers and {sq_shifts.shape[0]} moves."
        )
    job.moved, job.before = NULL, NULL
    if moved is not None:
        check_moved(stop - start, moved, before)
    if start == stop:
        return 0
    if moved is not None:
        job.moved, job.before = &moved[0], &before[0]
    work = <double>rows.c.n * 4 + (bounds.n_measured + bounds.n_scored) * rows.c.d
    if start == 0:
        bounds.n_measured = bounds.n_scored = 0.0
        if not bounds._are_new:
            go_on(&bounds.c, &sq_shifts[0], k, rows.c.d)
    if bounds._are_new:
        work = <double>rows.c.n * k * rows.c.d
        check_labels(labels, k)
    if bounds._are_new and not bounds._by_group:
        shape = with_gaps(rows.table.choose_shape(&rows.c, stop - start, k))
        do_unit = first_unit
    n_threads = threads_for(work * (stop - start) / rows.c.n, n_threads)
    n_units = UNITS if n_threads == 1 else UNITS // 2 * n_threads
    job.rows_of_unit = max(<Py_ssize_t>KF_ROWS_OF_CALL, min(<Py_ssize_t>ROWS_AT_MOST, (stop - start) // n_units + 1))
    n_units = (stop - start + job.rows_of_unit - 1) // job.rows_of_unit
    packed = room_for_centers(rows, k, shape)
    packed.c.order = bounds.c.order if shape == KF_GROUPS_OF_CENTERS else NULL
    with nogil:
        pack_again(rows.table, &rows.c, &packed.c, &centers[0, 0], n_threads)
    scratch = scratch_for(rows, packed, do_unit == first_unit, n_threads)
    n_bytes = rows.table.group_scratch_plan(&bounds.c, rows.c.d, scratch.threads[0].block_rows, &plan, NULL)
    memory = borrow(rows, n_threads * (n_bytes + sizeof(kf_group_scratch)))
    job.more = <kf_group_scratch*>(memory.memory + n_threads * n_bytes)
    for thread in range(n_threads):
        rows.table.group_scratch_plan(
            &bounds.c, rows.c.d, scratch.threads[0].block_rows, &job.more[thread], memory.memory + thread * n_bytes
        )
    counts = borrow(rows, n_units * (sizeof(Py_ssize_t) + 2 * sizeof(double)))
    job.n_measured = <double*>counts.memory
    job.n_scored = job.n_measured + n_units
    job.n_moved = <Py_ssize_t*>(job.n_scored + n_units)
    job.rows, job.centers, job.table, job.bounds = &rows.c, &packed.c, rows.table, &bounds.c
    job.scratch, job.start, job.stop, job.labels = scratch.threads, start, stop, &labels[0]
    with nogil:
        n_changed = run_units(do_unit, &job, n_units, n_threads)
        if job.moved != NULL:
            close_gaps(job.moved, job.before, job.n_moved, n_units, job.rows_of_unit)
    for unit in range(n_units):
        bounds.n_measured += job.n_measured[unit]
        bounds.n_scored += job.n_scored[unit]
    bounds._next = stop if stop < rows.c.n else 0
    if stop == rows.c.n:
        bounds._are_new = False
    return n_changed
