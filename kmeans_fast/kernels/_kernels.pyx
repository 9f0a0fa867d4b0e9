"""Instruction sets, memory, rows and centers: what every kernel module builds on."""

from libc.stddef cimport size_t

from ._parallel cimport run_units, threads_for
from ._types cimport real_t

cdef extern from "c/kernels.h" nogil:
    int kf_n_isas()
    const char* kf_isa_name(int index)
    int kf_isa_available(int index)
    const kf_isa* kf_isa_at(int index)

cdef extern from "c/memory.h" nogil:
    void* kf_allocate(size_t n_bytes)
    void kf_free(void* memory)

cdef extern from "c/threads.h" nogil:
    int kf_max_threads()
    int kf_has_openmp()

cdef extern from *:
    """
    #ifndef KMEANS_FAST_PROFILE
    #define KMEANS_FAST_PROFILE "release"
    #endif
    """
    const char* KMEANS_FAST_PROFILE


def isas():
    """Names of all instruction sets, best first."""
    return [kf_isa_name(i).decode() for i in range(kf_n_isas())]


def isas_available():
    """Names of those that this machine can run, best first."""
    return [kf_isa_name(i).decode() for i in range(kf_n_isas()) if kf_isa_available(i)]


def max_threads():
    """OpenMP's limit on threads at this moment; 1 in a build without OpenMP."""
    return kf_max_threads()


def has_openmp():
    """Whether this build can use more than one thread."""
    return kf_has_openmp() != 0


def build_profile():
    """'release', 'checked' or 'traced'."""
    return KMEANS_FAST_PROFILE.decode()


cdef class Arena:
    def __dealloc__(self):
        kf_free(self.memory)


cdef Arena allocate(size_t n_bytes):
    cdef Arena arena = Arena()
    arena.memory = <char*>kf_allocate(n_bytes)
    if arena.memory == NULL:
        raise MemoryError(f"no memory for {n_bytes} bytes of working copies; copy_budget=0 needs least.")
    arena.n_bytes = n_bytes
    return arena


cdef enum:
    SPARES = 4                  # as many as one call borrows


cdef class Loan:
    def __dealloc__(self):
        if self._rows is not None and self._rows._spare is not None and len(self._rows._spare) < SPARES:
            self._rows._spare.append(self._arena)


cdef Loan borrow(Rows rows, size_t n_bytes):
    """The smallest spare memory that is large enough, or new one."""
    cdef Loan loan = Loan()
    cdef Arena arena, best = None
    for arena in rows._spare:
        if arena.n_bytes >= n_bytes and (best is None or arena.n_bytes < best.n_bytes):
            best = arena
    if best is None:
        if len(rows._spare) == SPARES:
            del rows._spare[0]
        best = allocate(n_bytes)
    else:
        rows._spare.remove(best)
    loan._rows, loan._arena, loan.memory = rows, best, best.memory
    return loan


cdef const kf_isa* find_isa(str isa) except NULL:
    cdef int i
    for i in range(kf_n_isas()):
        if kf_isa_name(i).decode() == isa and kf_isa_available(i):
            return kf_isa_at(i)
    raise ValueError(f"isa={isa!r} is not available here; use one of {isas_available()}.")


cdef struct largest_job:
    const kf_table* table
    const char* values
    double* found               # of each unit
    Py_ssize_t n


cdef enum:
    VALUES_OF_UNIT = 65536


cdef Py_ssize_t largest_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef largest_job* j = <largest_job*>job
    cdef Py_ssize_t first = unit * VALUES_OF_UNIT
    cdef const char* values = j.values + first * j.table.itemsize
    j.found[unit] = j.table.largest(values, min(<Py_ssize_t>VALUES_OF_UNIT, j.n - first))
    return 0


def largest(const real_t[:, ::1] X, *, str isa, int n_threads):
    """The largest absolute value of X (n, d), finite."""
    cdef const kf_isa* tables = find_isa(isa)
    cdef largest_job job
    cdef Arena arena
    cdef Py_ssize_t unit, n_units
    cdef double found = 0.0
    job.table = &tables.f32 if sizeof(real_t) == sizeof(float) else &tables.f64
    job.n = X.shape[0] * X.shape[1]
    if job.n == 0:
        return 0.0
    job.values = <const char*>&X[0, 0]
    n_units = (job.n + VALUES_OF_UNIT - 1) // VALUES_OF_UNIT
    arena = allocate(n_units * sizeof(double))
    job.found = <double*>arena.memory
    with nogil:
        run_units(largest_unit, &job, n_units, threads_for(<double>job.n, n_threads))
    for unit in range(n_units):
        found = max(found, job.found[unit])
    return found


cdef struct tiles_job:
    const kf_rows* rows
    const kf_table* table
    char* tiles
    Py_ssize_t tiles_of_unit, n_tiles


cdef Py_ssize_t pack_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef tiles_job* j = <tiles_job*>job
    cdef Py_ssize_t first = unit * j.tiles_of_unit
    cdef Py_ssize_t stop = min(first + j.tiles_of_unit, j.n_tiles)
    j.table.pack_tiles(j.rows, first, stop - first, j.tiles)
    return 0


cdef class Rows:
    @property
    def n(self):
        return self.c.n

    @property
    def d(self):
        return self.c.d

    @property
    def values_per_row(self):
        return self.c.d

    @property
    def data_unit(self):
        return self.c.data_unit

    @property
    def n_copied_bytes(self):
        """Bytes of working copies at this moment."""
        return 0 if self._tiles is None else self._tiles.n_bytes

    def release(self):
        """Free the working copies; kernels still work, only slower."""
        self.c.tiles = NULL
        self._tiles = None
        self._copy_budget = 0.0
        self._spare = []


def prepare(
    const real_t[:, ::1] X, const real_t[::1] scaled_origin, const double[::1] weights, *,
    str isa, double scale, double data_unit, double weight_unit, double copy_budget,
):
    """Rows over X; the conditioning is the caller's."""
    cdef const kf_isa* found = find_isa(isa)
    cdef Rows rows = Rows()
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise ValueError(f"X has shape ({X.shape[0]}, {X.shape[1]}); it needs a row and a column.")
    rows.table = &found.f32 if sizeof(real_t) == sizeof(float) else &found.f64
    rows.X, rows.weights, rows._origin, rows._spare = X.base, None, scaled_origin.base, []
    rows.c.x = &X[0, 0]
    rows.c.n, rows.c.d = X.shape[0], X.shape[1]
    rows.c.origin = &scaled_origin[0]
    rows.c.scale, rows.c.data_unit, rows.weight_unit = scale, data_unit, weight_unit
    rows.c.weights = NULL
    rows.c.tiles = NULL
    if weights is not None:
        rows.weights = weights.base
        rows.c.weights = &weights[0]
    rows._copy_budget, rows._n_assigned = copy_budget, 0.0
    return rows


cdef enum:
    PASSES_BEFORE_COPY = 16     # a copy costs as much as packing saves in about so many passes over the rows
    CENTERS_OF_COPY = 32        # with more, or with
    FEATURES_OF_COPY = 64       # more features, packing is little beside the scores


cdef int copy_if_it_pays(Rows rows, Py_ssize_t n_rows, Py_ssize_t k, int n_threads) except -1:
    """Make the working copy, if the budget allows it, once the rows have been packed on the fly for many passes."""
    cdef size_t n_bytes = rows.table.tiles_bytes(rows.c.n, rows.c.d)
    cdef tiles_job job
    rows._n_assigned += n_rows
    if (
        rows.c.tiles != NULL or k > CENTERS_OF_COPY or rows.c.d > FEATURES_OF_COPY
        or rows._n_assigned <= PASSES_BEFORE_COPY * <double>rows.c.n
        or <double>n_bytes > rows._copy_budget * <double>rows.c.n * rows.c.d * rows.table.itemsize
    ):
        return 0
    rows._tiles = allocate(n_bytes)
    job.rows, job.table, job.tiles = &rows.c, rows.table, rows._tiles.memory
    job.n_tiles = (rows.c.n + rows.table.tile_rows - 1) // rows.table.tile_rows
    job.tiles_of_unit = 64
    with nogil:
        run_units(
            pack_unit, &job, (job.n_tiles + job.tiles_of_unit - 1) // job.tiles_of_unit,
            threads_for(<double>rows.c.n * rows.c.d, n_threads),
        )
    rows.c.tiles = rows._tiles.memory
    return 1


cdef int check_slice(Rows rows, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t n_given) except -1:
    if not 0 <= start <= stop <= rows.c.n or stop - start != n_given:
        raise ValueError(f"slice {start}:{stop} of {rows.c.n} rows with outputs for {n_given}.")
    return 0


cdef int check_centers(Rows rows, Py_ssize_t k, Py_ssize_t d, int itemsize) except -1:
    if d != rows.c.d or itemsize != rows.table.itemsize or k < 1:
        raise ValueError(f"centers ({k}, {d}) of {itemsize} bytes an item do not fit rows of {rows.c.d} features.")
    return 0


cdef struct centers_job:
    const kf_rows* rows
    kf_centers* centers
    const kf_table* table


cdef Py_ssize_t centers_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef centers_job* j = <centers_job*>job
    j.table.pack_part(j.rows, j.centers, unit)
    return 0


cdef class Centers:
    pass


cdef Centers pack_centers(Rows rows, const void* c, Py_ssize_t k, kf_shape shape, int n_threads):
    cdef Centers centers = Centers()
    cdef centers_job job
    centers.c.c, centers.c.k, centers.c.d, centers.c.shape = c, k, rows.c.d, shape
    centers._memory = borrow(rows, rows.table.centers_plan(&centers.c, NULL))
    rows.table.centers_plan(&centers.c, centers._memory.memory)
    job.rows, job.centers, job.table = &rows.c, &centers.c, rows.table
    with nogil:
        run_units(
            centers_unit, &job, rows.table.centers_parts(&centers.c),
            threads_for(3.0 * <double>k * rows.c.d, n_threads),
        )
        rows.table.bind_bound(&rows.c, &centers.c)
    return centers


cdef class Scratch:
    pass


cdef Scratch scratch_for(Rows rows, Centers centers, bint with_gaps, int n_threads):
    cdef Scratch scratch = Scratch()
    cdef kf_scratch plan
    cdef size_t n_bytes = rows.table.scratch_plan(&rows.c, &centers.c, with_gaps, &plan, NULL)
    cdef int thread
    scratch._memory = borrow(rows, n_threads * (n_bytes + sizeof(kf_scratch)))
    scratch.threads = <kf_scratch*>(scratch._memory.memory + n_threads * n_bytes)
    for thread in range(n_threads):
        rows.table.scratch_plan(
            &rows.c, &centers.c, with_gaps, &scratch.threads[thread], scratch._memory.memory + thread * n_bytes
        )
    return scratch
