"""All kernels for sparse rows (CSR): the labels, sums and inertia of dense rows to the bit, at the cost of the nonzeros."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from ._kernels cimport (
    KF_ROWS_OF_CALL, KF_SUM_BLOCK, Loan, Rows, borrow, check_centers, check_slice, find_isa, kf_csr, kf_csr_centers,
    kf_csr_scratch, kf_isa, kf_table,
)
from ._parallel cimport run_units, threads_for
from ._types cimport label_t, real_t

cdef enum:
    ROWS_OF_UNIT = KF_ROWS_OF_CALL      # KF_SUM_BLOCK is as many
    COLUMN_PARTS = 8            # of a cluster's sum, where one cluster has so many rows that others end long before


cdef class CsrRows(Rows):
    """Sparse rows, and everything derived from them once (backends/protocol.py)."""
    cdef kf_csr csr
    cdef readonly Py_ssize_t values_per_row
    cdef object _owners


def prepare(
    X, const real_t[::1] values, const int32_t[::1] columns, const int64_t[::1] starts, const double[::1] weights, *,
    str isa, double scale, double data_unit, double weight_unit,
):
    """Rows over X, a canonical matrix in CSR whose arrays are the next three; the conditioning is the caller's."""
    cdef const kf_isa* found = find_isa(isa)
    cdef CsrRows rows = CsrRows()
    cdef Py_ssize_t n = X.shape[0], d = X.shape[1]
    if n == 0 or d == 0:
        raise ValueError(f"X has shape ({n}, {d}); it needs a row and a column.")
    if starts.shape[0] != n + 1 or starts[0] < 0 or starts[n] > min(values.shape[0], columns.shape[0]):
        raise ValueError(f"X of {n} rows has {starts.shape[0]} starts and {values.shape[0]} values: it is no CSR matrix.")
    rows.table = &found.f32 if sizeof(real_t) == sizeof(float) else &found.f64
    rows.X, rows.weights, rows._spare = X, None, []
    rows._owners = (values.base, columns.base, starts.base)
    rows.c.n, rows.c.d, rows.c.data_unit = n, d, data_unit
    rows.csr.n, rows.csr.d, rows.csr.scale, rows.csr.data_unit = n, d, scale, data_unit
    rows.csr.values = &values[0] if values.shape[0] > 0 else NULL
    rows.csr.columns = &columns[0] if columns.shape[0] > 0 else NULL
    rows.csr.starts = &starts[0]
    rows.csr.weights = NULL
    rows.weight_unit = weight_unit
    if weights is not None:
        rows.weights = weights.base
        rows.csr.weights = &weights[0]
    rows.values_per_row = max(<int64_t>1, (starts[n] - starts[0]) // n)
    return rows


cdef struct centers_job:
    const kf_csr* rows
    kf_csr_centers* centers
    const kf_table* table


cdef Py_ssize_t centers_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef centers_job* j = <centers_job*>job
    j.table.csr.pack_part(j.rows, j.centers, unit)
    return 0


cdef class Call:
    """The centers of one call in the layouts that it needs, and memory of each thread."""
    cdef kf_csr_centers centers
    cdef kf_csr_scratch* scratch
    cdef Loan _of_centers, _of_threads


cdef Call begin(CsrRows rows, const void* c, Py_ssize_t k, bint is_scored, bint is_measured, int n_threads):
    cdef Call call = Call()
    cdef centers_job job
    cdef kf_csr_scratch plan
    cdef size_t n_bytes
    cdef int thread
    call.centers.c, call.centers.k, call.centers.d = c, k, rows.c.d
    call.centers.is_scored, call.centers.is_measured = is_scored, is_measured
    call._of_centers = borrow(rows, rows.table.csr.centers_plan(&call.centers, NULL))
    rows.table.csr.centers_plan(&call.centers, call._of_centers.memory)
    n_bytes = rows.table.csr.scratch_plan(&call.centers, &plan, NULL)
    call._of_threads = borrow(rows, n_threads * (n_bytes + sizeof(kf_csr_scratch)))
    call.scratch = <kf_csr_scratch*>(call._of_threads.memory + n_threads * n_bytes)
    job.rows, job.centers, job.table = &rows.csr, &call.centers, rows.table
    with nogil:
        for thread in range(n_threads):
            rows.table.csr.scratch_plan(&call.centers, &call.scratch[thread], call._of_threads.memory + thread * n_bytes)
        run_units(
            centers_unit, &job, rows.table.csr.centers_parts(&call.centers),
            threads_for(3.0 * <double>k * rows.c.d, n_threads),
        )
        rows.table.csr.bind_norms(&call.centers)
    return call


cdef int threads_of(CsrRows rows, Py_ssize_t n_rows, Py_ssize_t k, int n_threads) noexcept:
    return threads_for(<double>n_rows * (rows.values_per_row + 8) * k, n_threads)


cdef struct rows_job:
    const kf_csr* rows
    const kf_csr_centers* centers
    const kf_table* table
    kf_csr_scratch* scratch
    Py_ssize_t start, stop
    const int64_t* chosen
    label_t* labels             # of the row start, but in two_nearest of the first row
    double* sq_dists            # of the row start
    double* potentials          # of each block: one of each candidate
    char* out                   # one row of it is out_stride bytes
    Py_ssize_t out_stride
    float* upper
    float* lower


cdef void bind(rows_job* job, CsrRows rows, Call call, Py_ssize_t start, Py_ssize_t stop):
    job.rows, job.centers, job.table, job.scratch = &rows.csr, &call.centers, rows.table, call.scratch
    job.start, job.stop = start, stop


cdef inline Py_ssize_t n_units(Py_ssize_t n_rows) noexcept nogil:
    return (n_rows + ROWS_OF_UNIT - 1) // ROWS_OF_UNIT


cdef inline Py_ssize_t rows_of_unit(const rows_job* j, Py_ssize_t unit) noexcept nogil:
    return min(<Py_ssize_t>ROWS_OF_UNIT, j.stop - j.start - unit * ROWS_OF_UNIT)


cdef Py_ssize_t nearest_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rows_job* j = <rows_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT
    return j.table.csr.nearest(
        j.rows, j.centers, j.start + done, rows_of_unit(j, unit), &j.scratch[thread], j.labels + done
    )


cdef Py_ssize_t two_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rows_job* j = <rows_job*>job
    return j.table.csr.two_nearest(
        j.rows, j.centers, j.chosen + unit * ROWS_OF_UNIT, rows_of_unit(j, unit), &j.scratch[thread], j.labels, j.upper,
        j.lower,
    )


cdef Py_ssize_t label_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rows_job* j = <rows_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT
    j.table.csr.label_sq_dists(
        j.rows, j.centers, j.start + done, rows_of_unit(j, unit), j.labels + done, &j.scratch[thread], j.sq_dists + done
    )
    return 0


cdef Py_ssize_t lower_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rows_job* j = <rows_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT
    j.table.csr.lower_sq_dists(j.rows, j.centers, done, rows_of_unit(j, unit), &j.scratch[thread], j.sq_dists + done)
    return 0


cdef Py_ssize_t potentials_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rows_job* j = <rows_job*>job
    cdef Py_ssize_t done = unit * KF_SUM_BLOCK
    j.table.csr.potentials(
        j.rows, j.centers, done, min(<Py_ssize_t>KF_SUM_BLOCK, j.stop - done), j.sq_dists + done, &j.scratch[thread],
        j.potentials + unit * j.centers.k,
    )
    return 0


cdef Py_ssize_t distances_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rows_job* j = <rows_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT
    j.table.csr.distances(
        j.rows, j.centers, j.start + done, rows_of_unit(j, unit), &j.scratch[thread], j.out + done * j.out_stride
    )
    return 0


cdef struct sums_job:
    const kf_csr* rows
    const kf_table* table
    const int64_t* borders
    Py_ssize_t k, n_parts       # parts of the columns
    Py_ssize_t* members         # rows sorted by label
    Py_ssize_t* starts          # k + 1: where each label begins
    double* group_sums          # of each thread: d zeros
    double* sums
    double* mass


cdef Py_ssize_t cluster_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef sums_job* j = <sums_job*>job
    cdef Py_ssize_t center = unit // j.n_parts, part = unit % j.n_parts, first = j.starts[center], d = j.rows.d
    j.table.csr.sum_cluster(
        j.rows, j.members + first, j.starts[center + 1] - first, j.borders, d * part // j.n_parts,
        d * (part + 1) // j.n_parts, j.group_sums + thread * d, j.sums + center * d,
        j.mass + center if part == 0 else NULL,
    )
    return 0


cdef Py_ssize_t sort_by_label(sums_job* job, Py_ssize_t start, Py_ssize_t n_rows, const label_t* labels) noexcept nogil:
    """Stable counting sort; returns how many rows the largest cluster has."""
    cdef Py_ssize_t i, label, largest = 0
    memset(job.starts, 0, (job.k + 1) * sizeof(Py_ssize_t))
    for i in range(n_rows):
        job.starts[labels[i] + 1] += 1
    for label in range(job.k):
        largest = max(largest, job.starts[label + 1])
        job.starts[label + 1] += job.starts[label]
    for i in range(n_rows):
        job.members[job.starts[labels[i]]] = start + i
        job.starts[labels[i]] += 1
    for label in range(job.k, 0, -1):
        job.starts[label] = job.starts[label - 1]
    job.starts[0] = 0
    return largest


def sum_by_label(
    CsrRows rows, const int64_t[::1] borders, const label_t[::1] labels, double[:, ::1] sums, double[::1] mass, *,
    int n_threads=1
):
    """As in backends/protocol.py."""
    cdef sums_job job
    cdef Loan memory
    cdef Py_ssize_t n_groups = borders.shape[0] - 1, group, n_rows = labels.shape[0], d = rows.c.d, largest
    if n_groups < 1 or sums.shape[0] != mass.shape[0]:
        raise ValueError(f"{n_groups} groups, sums of {sums.shape[0]} centers and mass of {mass.shape[0]}.")
    for group in range(n_groups):
        check_slice(rows, borders[group], borders[group + 1], borders[group + 1] - borders[group])
    check_slice(rows, borders[0], borders[n_groups], n_rows)
    check_centers(rows, sums.shape[0], sums.shape[1], rows.table.itemsize)
    if n_rows == 0:
        return
    n_threads = threads_for(4.0 * <double>n_rows * rows.values_per_row, n_threads)
    job.rows, job.table, job.k = &rows.csr, rows.table, sums.shape[0]
    job.borders = &borders[1]
    job.sums, job.mass = &sums[0, 0], &mass[0]
    memory = borrow(rows, (n_threads * d + n_rows + job.k + 1) * sizeof(double))
    job.group_sums = <double*>memory.memory
    job.members = <Py_ssize_t*>(job.group_sums + n_threads * d)
    job.starts = job.members + n_rows
    with nogil:
        memset(job.group_sums, 0, n_threads * d * sizeof(double))
        largest = sort_by_label(&job, borders[0], n_rows, &labels[0])
        job.n_parts = COLUMN_PARTS if n_threads > 1 and 2 * n_threads * largest > 3 * n_rows else 1
        run_units(cluster_unit, &job, job.k * job.n_parts, n_threads)


def nearest(
    CsrRows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, label_t[::1] labels, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef rows_job job
    cdef Call call
    cdef Py_ssize_t n_changed, k = centers.shape[0]
    check_slice(rows, start, stop, labels.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    if start == stop:
        return 0
    n_threads = threads_of(rows, stop - start, k, n_threads)
    call = begin(rows, &centers[0, 0], k, True, False, n_threads)
    bind(&job, rows, call, start, stop)
    job.labels = &labels[0]
    with nogil:
        n_changed = run_units(nearest_unit, &job, n_units(stop - start), n_threads)
    return n_changed


def nearest_and_sum(
    CsrRows rows, const int64_t[::1] borders, const real_t[:, ::1] centers, label_t[::1] labels, double[:, ::1] sums,
    double[::1] mass, *, int n_threads=1
):
    """As in backends/protocol.py."""
    check_centers(rows, sums.shape[0], centers.shape[1], sizeof(real_t))
    if borders.shape[0] < 2:
        raise ValueError(f"{borders.shape[0]} borders; a group has two.")
    n_changed = nearest(rows, borders[0], borders[borders.shape[0] - 1], centers, labels, n_threads=n_threads)
    sum_by_label(rows, borders, labels, sums, mass, n_threads=n_threads)
    return n_changed


def two_nearest(
    CsrRows rows, const int64_t[::1] chosen, const real_t[:, ::1] centers, label_t[::1] labels, float[::1] upper,
    float[::1] lower, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef rows_job job
    cdef Call call
    cdef Py_ssize_t n_changed, n_chosen = chosen.shape[0], k = centers.shape[0], i
    cdef int64_t before = -1
    for i in range(n_chosen):
        if not before < chosen[i] < rows.c.n:
            raise ValueError(f"chosen rows must increase and be less than {rows.c.n}; position {i} holds {chosen[i]}.")
        before = chosen[i]
    check_slice(rows, 0, rows.c.n, labels.shape[0])
    check_slice(rows, 0, rows.c.n, upper.shape[0])
    check_slice(rows, 0, rows.c.n, lower.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    if n_chosen == 0:
        return 0
    n_threads = threads_of(rows, n_chosen, k, n_threads)
    call = begin(rows, &centers[0, 0], k, True, False, n_threads)
    bind(&job, rows, call, 0, n_chosen)
    job.chosen, job.labels, job.upper, job.lower = &chosen[0], &labels[0], &upper[0], &lower[0]
    with nogil:
        n_changed = run_units(two_unit, &job, n_units(n_chosen), n_threads)
    return n_changed


def candidate_potentials(
    CsrRows rows, const double[::1] sq_dists, const real_t[:, ::1] candidates, double[::1] potentials, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef rows_job job
    cdef Call call
    cdef Loan of_blocks
    cdef Py_ssize_t m = candidates.shape[0], block, j
    check_slice(rows, 0, rows.c.n, sq_dists.shape[0])
    check_centers(rows, m, candidates.shape[1], sizeof(real_t))
    if potentials.shape[0] != m:
        raise ValueError(f"potentials has {potentials.shape[0]} entries for {m} candidates.")
    n_threads = threads_of(rows, rows.c.n, m, n_threads)
    call = begin(rows, &candidates[0, 0], m, True, True, n_threads)
    bind(&job, rows, call, 0, rows.c.n)
    of_blocks = borrow(rows, n_units(rows.c.n) * m * sizeof(double))
    job.sq_dists, job.potentials = <double*>&sq_dists[0], <double*>of_blocks.memory
    with nogil:
        run_units(potentials_unit, &job, n_units(rows.c.n), n_threads)
        for j in range(m):
            potentials[j] = 0.0
        for block in range(n_units(rows.c.n)):
            for j in range(m):
                potentials[j] += job.potentials[block * m + j]


def lower_sq_dists(CsrRows rows, const real_t[::1] center, double[::1] sq_dists, *, int n_threads=1):
    """As in backends/protocol.py."""
    cdef rows_job job
    cdef Call call
    check_slice(rows, 0, rows.c.n, sq_dists.shape[0])
    check_centers(rows, 1, center.shape[0], sizeof(real_t))
    n_threads = threads_of(rows, rows.c.n, 1, n_threads)
    call = begin(rows, &center[0], 1, False, True, n_threads)
    bind(&job, rows, call, 0, rows.c.n)
    job.sq_dists = &sq_dists[0]
    with nogil:
        run_units(lower_unit, &job, n_units(rows.c.n), n_threads)


def label_sq_dists(
    CsrRows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, const label_t[::1] labels,
    double[::1] sq_dists, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef rows_job job
    cdef Call call
    check_slice(rows, start, stop, labels.shape[0])
    check_slice(rows, start, stop, sq_dists.shape[0])
    check_centers(rows, centers.shape[0], centers.shape[1], sizeof(real_t))
    if start == stop:
        return
    n_threads = threads_for(<double>(stop - start) * rows.c.d, n_threads)
    call = begin(rows, &centers[0, 0], centers.shape[0], False, True, n_threads)
    bind(&job, rows, call, start, stop)
    job.labels, job.sq_dists = <label_t*>&labels[0], &sq_dists[0]
    with nogil:
        run_units(label_unit, &job, n_units(stop - start), n_threads)


def distances(
    CsrRows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, real_t[:, ::1] out, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef rows_job job
    cdef Call call
    cdef Py_ssize_t k = centers.shape[0]
    check_slice(rows, start, stop, out.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    if out.shape[1] != k:
        raise ValueError(f"out has {out.shape[1]} columns for {k} centers.")
    if start == stop:
        return
    n_threads = threads_of(rows, stop - start, k, n_threads)
    call = begin(rows, &centers[0, 0], k, True, False, n_threads)
    bind(&job, rows, call, start, stop)
    job.out, job.out_stride = <char*>&out[0, 0], k * sizeof(real_t)
    with nogil:
        run_units(distances_unit, &job, n_units(stop - start), n_threads)
