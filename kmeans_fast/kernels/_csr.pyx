"""All kernels for sparse rows (CSR): the labels, sums and inertia of dense rows to the bit, at the cost of the nonzeros."""

from libc.stdint cimport int32_t, int64_t

from ._kernels cimport (
    KF_ROWS_OF_CALL, KF_SUM_BLOCK, Loan, Rows, borrow, check_centers, check_slice, find_isa, kf_csr, kf_csr_centers,
    kf_csr_scratch, kf_isa, kf_table,
)
from ._parallel cimport run_units, threads_for
from ._sums cimport check_moved, close_gaps
from ._types cimport label_t, real_t

cdef enum:
    ROWS_OF_UNIT = KF_ROWS_OF_CALL      # KF_SUM_BLOCK is as many


cdef class CsrRows(Rows):
    @property
    def is_sparse(self):
        return True

    @property
    def values_per_row(self):
        """Stored values of a row, on average; at least 1."""
        return self._values_per_row


def prepare(
    X, const real_t[::1] values, const int32_t[::1] columns, const int64_t[::1] starts, const double[::1] weights, *,
    str isa, conditioning,
):
    """Rows over X, a canonical matrix in CSR whose arrays are the next three."""
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
    rows.c.n, rows.c.d, rows.c.data_unit = n, d, conditioning.data_unit
    rows.csr.n, rows.csr.d, rows.csr.data_unit, rows.csr.scale = n, d, rows.c.data_unit, conditioning.scale
    rows.csr.values = &values[0] if values.shape[0] > 0 else NULL
    rows.csr.columns = &columns[0] if columns.shape[0] > 0 else NULL
    rows.csr.starts = &starts[0]
    rows.csr.weights = NULL
    rows.weight_unit, rows.largest, rows.pass_cost = conditioning.weight_unit, conditioning.largest, 1.0
    rows.conditioning, rows.origin = conditioning, conditioning.origin
    rows.sq_spread, rows.sums_are_exact = conditioning.sq_spread, conditioning.sums_are_exact
    if weights is not None:
        rows.weights = weights.base
        rows.csr.weights = &weights[0]
    rows._values_per_row = max(<int64_t>1, (starts[n] - starts[0]) // n)
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
    pass


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


cdef int threads_of(CsrRows rows, Py_ssize_t n_rows, Py_ssize_t k, int n_threads) noexcept nogil:
    return threads_for(<double>n_rows * (rows._values_per_row + 8) * k, n_threads)


cdef struct rows_job:
    const kf_csr* rows
    const kf_csr_centers* centers
    const kf_table* table
    kf_csr_scratch* scratch
    Py_ssize_t start, stop
    const int64_t* chosen
    label_t* labels             # of the row start, but in two_nearest of the first row
    int64_t* moved              # NULL, or room for all rows: those of a unit begin where its labels do
    label_t* before
    Py_ssize_t* n_moved         # of each unit
    double* sq_dists            # of the row start
    double* potentials          # of each block
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
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT, n_changed
    if j.moved == NULL:
        return j.table.csr.nearest(
            j.rows, j.centers, j.start + done, rows_of_unit(j, unit), &j.scratch[thread], j.labels + done, NULL, NULL
        )
    n_changed = j.table.csr.nearest(
        j.rows, j.centers, j.start + done, rows_of_unit(j, unit), &j.scratch[thread], j.labels + done, j.moved + done,
        j.before + done,
    )
    j.n_moved[unit] = n_changed
    return n_changed


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


cdef Py_ssize_t inertia_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rows_job* j = <rows_job*>job
    cdef Py_ssize_t done = unit * KF_SUM_BLOCK
    j.potentials[unit] = j.table.csr.label_potential(
        j.rows, j.centers, j.start + done, rows_of_unit(j, unit), j.labels + done, &j.scratch[thread]
    )
    return 0


cdef Py_ssize_t spread_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rows_job* j = <rows_job*>job
    j.potentials[unit] = j.table.csr.sq_spread(
        j.rows, j.centers, unit * KF_SUM_BLOCK, rows_of_unit(j, unit), &j.scratch[thread]
    )
    return 0


cdef Py_ssize_t distances_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef rows_job* j = <rows_job*>job
    cdef Py_ssize_t done = unit * ROWS_OF_UNIT
    j.table.csr.distances(
        j.rows, j.centers, j.start + done, rows_of_unit(j, unit), &j.scratch[thread], j.out + done * j.out_stride
    )
    return 0


def nearest(
    CsrRows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, label_t[::1] labels,
    int64_t[::1] moved=None, label_t[::1] before=None, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef rows_job job
    cdef Call call
    cdef Loan counts
    cdef Py_ssize_t n_changed, k = centers.shape[0]
    check_slice(rows, start, stop, labels.shape[0])
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    job.moved, job.before, job.n_moved = NULL, NULL, NULL
    if moved is not None:
        check_moved(stop - start, moved, before)
    if start == stop:
        return 0
    if moved is not None:
        counts = borrow(rows, n_units(stop - start) * sizeof(Py_ssize_t))
        job.moved, job.before, job.n_moved = &moved[0], &before[0], <Py_ssize_t*>counts.memory
    n_threads = threads_of(rows, stop - start, k, n_threads)
    call = begin(rows, &centers[0, 0], k, True, False, n_threads)
    bind(&job, rows, call, start, stop)
    job.labels = &labels[0]
    with nogil:
        n_changed = run_units(nearest_unit, &job, n_units(stop - start), n_threads)
        if job.moved != NULL:
            close_gaps(job.moved, job.before, job.n_moved, n_units(stop - start), ROWS_OF_UNIT)
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


def sq_spread(CsrRows rows, const real_t[::1] center, *, int n_threads=1):
    """As in backends/protocol.py."""
    cdef rows_job job
    cdef Call call
    cdef Loan of_blocks
    cdef Py_ssize_t block
    cdef double total = 0.0
    check_centers(rows, 1, center.shape[0], sizeof(real_t))
    n_threads = threads_of(rows, rows.c.n, 1, n_threads)
    call = begin(rows, &center[0], 1, False, True, n_threads)
    bind(&job, rows, call, 0, rows.c.n)
    of_blocks = borrow(rows, n_units(rows.c.n) * sizeof(double))
    job.potentials = <double*>of_blocks.memory
    with nogil:
        run_units(spread_unit, &job, n_units(rows.c.n), n_threads)
        for block in range(n_units(rows.c.n)):
            total += job.potentials[block]
    return total


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


def inertia(
    CsrRows rows, Py_ssize_t start, Py_ssize_t stop, const real_t[:, ::1] centers, const label_t[::1] labels,
    double total=0.0, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef rows_job job
    cdef Call call
    cdef Loan of_blocks
    cdef Py_ssize_t unit
    check_slice(rows, start, stop, labels.shape[0])
    check_centers(rows, centers.shape[0], centers.shape[1], sizeof(real_t))
    if start % KF_SUM_BLOCK != 0:
        raise ValueError(f"start={start} is not the first row of a block of {KF_SUM_BLOCK}.")
    if start == stop:
        return total
    n_threads = threads_for(<double>(stop - start) * rows.c.d, n_threads)
    call = begin(rows, &centers[0, 0], centers.shape[0], False, True, n_threads)
    bind(&job, rows, call, start, stop)
    of_blocks = borrow(rows, n_units(stop - start) * sizeof(double))
    job.labels, job.potentials = <label_t*>&labels[0], <double*>of_blocks.memory
    with nogil:
        run_units(inertia_unit, &job, n_units(stop - start), n_threads)
        for unit in range(n_units(stop - start)):
            total += job.potentials[unit]
    return total


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
