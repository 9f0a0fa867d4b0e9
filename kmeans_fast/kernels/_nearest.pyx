"""The two steps of k-means: who is nearest, and the sums of rows by label; alone, and in one pass.

Each group of rows is summed in a buffer of its own, then the groups are added in order.
"""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from ._kernels cimport (
    KF_LANES, KF_ROWS_OF_CALL, Centers, Loan, Rows, Scratch, borrow, check_centers, check_slice, copy_if_it_pays, kf_centers, kf_rows,
    kf_scratch, kf_table, pack_centers, scratch_for,
)
from ._parallel cimport run_units, threads_for
from ._types cimport label_t, real_t

cdef enum:
    ROWS_OF_UNIT = KF_ROWS_OF_CALL
    GROUPS_OF_A_THREAD = 4      # groups that a thread should have for them to be spread evenly
    FEATURES_OF_UNIT = 64
    ENTRIES_IN_CACHE = 65536    # of sums: 512 KB; beyond, rows are sorted by label, so that one row of sums is at work
    CLUSTERS_OF_UNIT = 16


cdef struct sums_job:
    const kf_rows* rows
    const kf_table* table
    const int64_t* borders
    const label_t* labels       # of the row borders[0]
    Py_ssize_t k, n_groups
    Py_ssize_t stride           # of a row of sums in a buffer: d, and what keeps vectors whole
    double* buffers             # n_groups x (k stride + padded k): sums and mass of each group
    double* sums
    double* mass
    bint is_sorted              # rows of a group are sorted by label before they are summed
    int32_t* order              # of the row borders[0]: places in a group, sorted by label
    Py_ssize_t* starts          # n_groups x (k + 1): where each label begins


cdef inline Py_ssize_t whole_vectors(Py_ssize_t n) noexcept nogil:
    return (n + KF_LANES - 1) // KF_LANES * KF_LANES


cdef inline Py_ssize_t buffer_length(const sums_job* job) noexcept nogil:
    return job.k * job.stride + whole_vectors(job.k)


cdef inline double* mass_of(const sums_job* job, double* buffer) noexcept nogil:
    return buffer + job.k * job.stride


cdef Py_ssize_t sum_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Some features of one group."""
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t group = unit % j.n_groups, first_d = unit // j.n_groups * FEATURES_OF_UNIT, center
    cdef Py_ssize_t n_d = min(<Py_ssize_t>FEATURES_OF_UNIT, j.rows.d - first_d)
    cdef double* sums = j.buffers + group * buffer_length(j)
    cdef double* mass = mass_of(j, sums)
    for center in range(j.k):
        memset(sums + center * j.stride + first_d, 0, n_d * sizeof(double))
    if first_d == 0:
        memset(mass, 0, j.k * sizeof(double))
    j.table.sum_by_label(
        j.rows, j.borders[group], j.borders[group + 1] - j.borders[group], first_d, n_d,
        j.labels + (j.borders[group] - j.borders[0]), sums, j.stride, mass if first_d == 0 else NULL,
    )
    return 0


cdef Py_ssize_t sort_unit(void* job, Py_ssize_t group, int thread) noexcept nogil:
    """Stable counting sort of the rows of one group by label."""
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t before = j.borders[group] - j.borders[0], n_rows = j.borders[group + 1] - j.borders[group], i, label
    cdef const label_t* labels = j.labels + before
    cdef int32_t* order = j.order + before
    cdef Py_ssize_t* starts = j.starts + group * (j.k + 1)
    memset(starts, 0, (j.k + 1) * sizeof(Py_ssize_t))
    for i in range(n_rows):
        starts[labels[i] + 1] += 1
    for label in range(j.k):
        starts[label + 1] += starts[label]
    for i in range(n_rows):
        order[starts[labels[i]]] = <int32_t>i
        starts[labels[i]] += 1
    for label in range(j.k, 0, -1):
        starts[label] = starts[label - 1]
    starts[0] = 0
    return 0


cdef Py_ssize_t clusters_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Some clusters of one group, its rows being sorted."""
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t group = unit % j.n_groups, first = unit // j.n_groups * CLUSTERS_OF_UNIT
    cdef Py_ssize_t stop = min(first + CLUSTERS_OF_UNIT, j.k)
    cdef double* sums = j.buffers + group * buffer_length(j)
    cdef double* mass = mass_of(j, sums)
    memset(sums + first * j.stride, 0, (stop - first) * j.stride * sizeof(double))
    memset(mass + first, 0, (stop - first) * sizeof(double))
    j.table.sum_clusters(
        j.rows, j.borders[group], j.order + (j.borders[group] - j.borders[0]), j.starts + group * (j.k + 1),
        first, stop, sums, j.stride, mass,
    )
    return 0


cdef Py_ssize_t join_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Add the groups in order, for some clusters."""
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t first = unit * CLUSTERS_OF_UNIT, stop = min(first + CLUSTERS_OF_UNIT, j.k), group, center, t
    cdef const double* sums
    cdef double* to
    for group in range(j.n_groups):
        sums = j.buffers + group * buffer_length(j)
        for center in range(first, stop):
            to = j.sums + center * j.rows.d
            for t in range(j.rows.d):
                to[t] += sums[center * j.stride + t]
            j.mass[center] += mass_of(j, <double*>sums)[center]
    return 0


cdef void sum_groups(sums_job* job, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_parts = (job.rows.d + FEATURES_OF_UNIT - 1) // FEATURES_OF_UNIT
    if job.is_sorted:
        n_parts = (job.k + CLUSTERS_OF_UNIT - 1) // CLUSTERS_OF_UNIT
        run_units(sort_unit, job, job.n_groups, n_threads)
        run_units(clusters_unit, job, job.n_groups * n_parts, n_threads)
    else:
        run_units(sum_unit, job, job.n_groups * n_parts, n_threads)


cdef void join_groups(sums_job* job, int n_threads) noexcept nogil:
    cdef Py_ssize_t n_units = (job.k + CLUSTERS_OF_UNIT - 1) // CLUSTERS_OF_UNIT
    run_units(join_unit, job, n_units, threads_for(<double>buffer_length(job) * job.n_groups, n_threads))


cdef Loan begin_sums(
    sums_job* job, Rows rows, const int64_t[::1] borders, const label_t[::1] labels, double[:, ::1] sums, double[::1] mass
):
    cdef Loan buffers
    cdef Py_ssize_t group
    cdef size_t n_sums, n_starts
    job.n_groups = borders.shape[0] - 1
    if job.n_groups < 1 or sums.shape[0] != mass.shape[0]:
        raise ValueError(f"{job.n_groups} groups, sums of {sums.shape[0]} centers and mass of {mass.shape[0]}.")
    for group in range(job.n_groups):
        check_slice(rows, borders[group], borders[group + 1], borders[group + 1] - borders[group])
    check_slice(rows, borders[0], borders[job.n_groups], labels.shape[0])
    check_centers(rows, sums.shape[0], sums.shape[1], rows.table.itemsize)
    job.rows, job.table, job.k = &rows.c, rows.table, sums.shape[0]
    job.stride = rows.c.d if rows.c.d <= 2 else whole_vectors(rows.c.d)
    job.borders = &borders[0]
    job.labels = &labels[0] if labels.shape[0] > 0 else NULL
    job.sums, job.mass = &sums[0, 0], &mass[0]
    n_sums = job.n_groups * buffer_length(job) * sizeof(double)
    n_starts = job.n_groups * (job.k + 1) * sizeof(Py_ssize_t)
    job.is_sorted = buffer_length(job) > ENTRIES_IN_CACHE
    buffers = borrow(rows, n_sums + (n_starts + labels.shape[0] * sizeof(int32_t) if job.is_sorted else 0))
    job.buffers = <double*>buffers.memory
    job.starts = <Py_ssize_t*>(buffers.memory + n_sums)
    job.order = <int32_t*>(buffers.memory + n_sums + n_starts)
    return buffers


cdef struct assign_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_table* table
    kf_scratch* scratch
    Py_ssize_t start, stop
    label_t* labels             # of the row start
    sums_job sums


cdef Py_ssize_t nearest_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef assign_job* j = <assign_job*>job
    cdef Py_ssize_t first = j.start + unit * ROWS_OF_UNIT
    cdef Py_ssize_t n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - first)
    return j.table.nearest(j.rows, j.centers, first, n_rows, &j.scratch[thread], j.labels + (first - j.start))


cdef Py_ssize_t group_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    """Labels and sums of one group, while its rows are in the cache."""
    cdef assign_job* j = <assign_job*>job
    cdef Py_ssize_t length = buffer_length(&j.sums), n_changed = 0, n_rows
    cdef Py_ssize_t first = j.sums.borders[unit], stop = j.sums.borders[unit + 1]
    cdef double* sums = j.sums.buffers + unit * length
    cdef double* mass = mass_of(&j.sums, sums)
    cdef label_t* labels
    memset(sums, 0, length * sizeof(double))
    while first < stop:
        n_rows = min(<Py_ssize_t>ROWS_OF_UNIT, stop - first)
        labels = j.labels + (first - j.start)
        n_changed += j.table.nearest(j.rows, j.centers, first, n_rows, &j.scratch[thread], labels)
        j.table.sum_by_label(j.rows, first, n_rows, 0, j.rows.d, labels, sums, j.sums.stride, mass)
        first += n_rows
    return n_changed


cdef Py_ssize_t assign_units(assign_job* job, int n_threads) noexcept nogil:
    return run_units(nearest_unit, job, (job.stop - job.start + ROWS_OF_UNIT - 1) // ROWS_OF_UNIT, n_threads)


def sum_by_label(
    Rows rows, const int64_t[::1] borders, const label_t[::1] labels, double[:, ::1] sums, double[::1] mass, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef sums_job job
    cdef Loan buffers = begin_sums(&job, rows, borders, labels, sums, mass)
    n_threads = threads_for(<double>labels.shape[0] * rows.c.d, n_threads)
    with nogil:
        sum_groups(&job, n_threads)
        join_groups(&job, n_threads)


def nearest(
    Rows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, label_t[::1] labels, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef assign_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Py_ssize_t n_changed, k = centers.shape[0]
    check_slice(rows, start, stop, labels.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    if start == stop:
        return 0
    n_threads = threads_for(<double>(stop - start) * k * rows.c.d, n_threads)
    copy_if_it_pays(rows, stop - start, k, n_threads)
    packed = pack_centers(rows, &centers[0, 0], k, rows.table.choose_shape(&rows.c, stop - start, k), n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    job.rows, job.centers, job.table, job.scratch = &rows.c, &packed.c, rows.table, scratch.threads
    job.start, job.stop, job.labels = start, stop, &labels[0]
    with nogil:
        n_changed = assign_units(&job, n_threads)
    return n_changed


def nearest_and_sum(
    Rows rows, const int64_t[::1] borders, const real_t[:, ::1] centers, label_t[::1] labels, double[:, ::1] sums,
    double[::1] mass, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef assign_job job
    cdef Centers packed
    cdef Scratch scratch
    cdef Loan buffers
    cdef Py_ssize_t n_changed, k = centers.shape[0], n_rows
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    check_centers(rows, sums.shape[0], centers.shape[1], sizeof(real_t))
    buffers = begin_sums(&job.sums, rows, borders, labels, sums, mass)
    n_rows = labels.shape[0]
    if n_rows == 0:
        return 0
    n_threads = threads_for(<double>n_rows * k * rows.c.d, n_threads)
    copy_if_it_pays(rows, n_rows, k, n_threads)
    packed = pack_centers(rows, &centers[0, 0], k, rows.table.choose_shape(&rows.c, n_rows, k), n_threads)
    scratch = scratch_for(rows, packed, False, n_threads)
    job.rows, job.centers, job.table, job.scratch = &rows.c, &packed.c, rows.table, scratch.threads
    job.start, job.stop, job.labels = borders[0], borders[job.sums.n_groups], &labels[0]
    with nogil:
        if not job.sums.is_sorted and (n_threads == 1 or job.sums.n_groups >= GROUPS_OF_A_THREAD * n_threads):
            n_changed = run_units(group_unit, &job, job.sums.n_groups, n_threads)
        else:
            n_changed = assign_units(&job, n_threads)
            sum_groups(&job.sums, n_threads)
        join_groups(&job.sums, n_threads)
    return n_changed
