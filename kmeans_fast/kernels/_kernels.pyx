"""Instruction sets, memory, rows and centers: what every kernel module builds on."""

from libc.math cimport INFINITY, NAN, ldexp
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memset

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
    SPARES = 5                  # as many as one call borrows


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


cdef struct survey_job:
    const kf_table* table
    const char* values
    const double* origin        # again and again, d + BLOCK of them
    kf_survey* found            # of each block
    Py_ssize_t n, d


cdef enum:
    BLOCK = KF_SUM_BLOCK
    BLOCKS_OF_UNIT = 128


cdef Py_ssize_t survey_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef survey_job* j = <survey_job*>job
    cdef Py_ssize_t block, first
    for block in range(unit * BLOCKS_OF_UNIT, (unit + 1) * BLOCKS_OF_UNIT):
        first = block * BLOCK
        if first >= j.n:
            break
        j.found[block] = j.table.survey(
            j.values + first * j.table.itemsize, min(<Py_ssize_t>BLOCK, j.n - first), j.origin + first % j.d
        )
    return 0


def survey(const real_t[:, ::1] X, const real_t[::1] origin, *, str isa, int n_threads):
    """As in backends/conditioning.py."""
    cdef const kf_isa* tables = find_isa(isa)
    cdef survey_job job
    cdef Arena arena
    cdef Py_ssize_t block, n_blocks, t
    cdef double largest = 0.0, smallest = INFINITY, doubt = 0.0, sq_spread = 0.0
    cdef double* repeated
    if X.shape[0] == 0 or X.shape[1] == 0 or origin.shape[0] != X.shape[1]:
        raise ValueError(f"X has shape ({X.shape[0]}, {X.shape[1]}); it needs a row and a column.")
    job.table = &tables.f32 if sizeof(real_t) == sizeof(float) else &tables.f64
    job.n, job.d, job.values = X.shape[0] * X.shape[1], X.shape[1], <const char*>&X[0, 0]
    n_blocks = (job.n + BLOCK - 1) // BLOCK
    arena = allocate(n_blocks * sizeof(kf_survey) + (job.d + BLOCK) * sizeof(double))
    job.found = <kf_survey*>arena.memory
    repeated = <double*>(arena.memory + n_blocks * sizeof(kf_survey))
    for t in range(job.d + BLOCK):
        repeated[t] = origin[t % job.d]
    job.origin = repeated
    with nogil:
        run_units(
            survey_unit, &job, (n_blocks + BLOCKS_OF_UNIT - 1) // BLOCKS_OF_UNIT, threads_for(2.0 * job.n, n_threads)
        )
        for block in range(n_blocks):
            largest = max(largest, job.found[block].largest)
            smallest = min(smallest, job.found[block].smallest)
            doubt += job.found[block].largest - job.found[block].largest
            sq_spread += job.found[block].sq_spread
    return largest + doubt, smallest, sq_spread


cdef class Rows:
    @property
    def n(self):
        return self.c.n

    @property
    def d(self):
        return self.c.d

    @property
    def may_copy(self):
        return self._copy_budget >= 1.0

    @property
    def is_sparse(self):
        return False

    @property
    def values_per_row(self):
        return self.c.d

    @property
    def slowness(self):
        return 1 if self.table.vector_width > 1 else 16

    @property
    def data_unit(self):
        return self.c.data_unit

    @property
    def n_copied_bytes(self):
        """Bytes of working copies at this moment."""
        return sum([copy.n_bytes for copy in (self._tiles, self._words) if copy is not None])

    def release(self):
        """Free the working copies; kernels still work, only slower."""
        self.c.tiles = self.c.words = NULL
        self._tiles = self._lent = self._words = self.principal = self.prefix = None
        self._copy_budget = 0.0
        self._spare = []


cdef enum:
    DIGITS_OF_FIXED = 51        # of a whole number that fits the digits of a double beside the sign


def prepare(
    const real_t[:, ::1] X, const real_t[::1] scaled_origin, const double[::1] weights, *,
    str isa, object origin, double scale, double data_unit, double weight_unit, double largest, double sq_spread,
    bint sums_are_exact, int n_digits, int last_digit, double copy_budget,
):
    """Rows over X; the conditioning is the caller's."""
    cdef const kf_isa* found = find_isa(isa)
    cdef Rows rows = Rows()
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise ValueError(f"X has shape ({X.shape[0]}, {X.shape[1]}); it needs a row and a column.")
    rows.table = &found.f32 if sizeof(real_t) == sizeof(float) else &found.f64
    rows.X, rows.weights, rows._scaled_origin, rows._spare = X.base, None, scaled_origin.base, []
    rows.origin, rows.sq_spread = origin, sq_spread
    rows.c.x = &X[0, 0]
    rows.c.n, rows.c.d = X.shape[0], X.shape[1]
    rows.c.origin = &scaled_origin[0]
    rows.c.scale, rows.c.data_unit, rows.weight_unit = scale, data_unit, weight_unit
    rows.c.weights = NULL
    rows.c.tiles, rows.c.tile_is_made, rows.c.words, rows.c.words_are_made = NULL, NULL, NULL, NULL
    if weights is not None:
        rows.weights = weights.base
        rows.c.weights = &weights[0]
    rows.c.fixed_scale, rows._fixed_rows = 0.0, 0.0
    if sums_are_exact and n_digits <= DIGITS_OF_FIXED and abs(last_digit) < 1000:
        rows.c.fixed_scale, rows._fixed_rows = ldexp(1.0, -last_digit), ldexp(1.0, 62 - n_digits)
    rows.largest, rows.sums_are_exact = largest, sums_are_exact
    rows._copy_budget, rows._n_assigned, rows.pass_cost = copy_budget, 0.0, 1.0
    return rows


def rows_like(const real_t[:, ::1] X, Rows rows):
    """Rows over X, each of weight one, with the conditioning of ``rows`` and the spare memory of their calls."""
    cdef Rows like = Rows()
    if X.shape[0] == 0 or X.shape[1] != rows.c.d or sizeof(real_t) != rows.table.itemsize:
        raise ValueError(f"X ({X.shape[0]}, {X.shape[1]}) is empty or not like rows of {rows.c.d} features.")
    like.table, like.c = rows.table, rows.c
    like.X, like.weights, like.weight_unit = X.base, None, 1.0
    like._scaled_origin, like._spare, like.origin = rows._scaled_origin, rows._spare, rows.origin
    like.largest, like.sq_spread, like.sums_are_exact = rows.largest, NAN, rows.sums_are_exact
    like._fixed_rows = rows._fixed_rows
    like.c.x, like.c.n = &X[0, 0], X.shape[0]
    like.c.weights, like.c.tiles, like.c.tile_is_made, like.c.words = NULL, NULL, NULL, NULL
    like.c.words_are_made = NULL
    like._copy_budget, like._n_assigned, like.pass_cost = 0.0, 0.0, 1.0
    return like


def take_over(Rows rows, Rows spent):
    """Rows use the memory of working copies of other ones that no kernel will be called with any more."""
    cdef Arena tiles = spent._tiles if spent._tiles is not None else spent._lent
    rows._spare = spent._spare
    spent.release()
    if tiles is not None and tiles.n_bytes <= rows._copy_budget * <double>rows.c.n * rows.c.d * rows.table.itemsize:
        rows._lent = tiles


cdef enum:
    PASSES_BEFORE_COPY = 1      # a fit of one pass needs none
    CENTERS_OF_COPY = 32        # with more, or with
    FEATURES_OF_COPY = 64       # more features, packing is little beside the scores


cdef int copy_if_it_pays(Rows rows, Py_ssize_t n_rows, Py_ssize_t k) except -1:
    """Make room for the working copy, if the budget allows it, once the rows have been packed on the fly."""
    cdef size_t n_bytes
    cdef uint32_t place
    cdef kf_rows copied = rows.c
    cdef Py_ssize_t n_tiles = (rows.c.n + rows.table.tile_rows - 1) // rows.table.tile_rows
    rows._n_assigned += n_rows
    if rows._n_assigned <= PASSES_BEFORE_COPY * <double>rows.c.n:
        return 0
    copied.words = &place
    if rows.table.choose_shape(&copied, n_rows, k) == KF_FILTERED_POINTS:
        n_bytes = rows.table.words_bytes(rows.c.n, rows.c.d)
        if rows.c.words == NULL and fits_budget(rows, n_bytes + n_tiles):
            rows._words = allocate(n_bytes + n_tiles)
            rows.c.words, rows.c.words_are_made = <uint32_t*>rows._words.memory, rows._words.memory + n_bytes
            memset(rows.c.words_are_made, 0, n_tiles)
        return 0
    n_bytes = rows.table.tiles_bytes(rows.c.n, rows.c.d)
    if (
        rows.c.tiles != NULL or k > CENTERS_OF_COPY or rows.c.d > FEATURES_OF_COPY
        or not fits_budget(rows, n_bytes + n_tiles)
    ):
        return 0
    if rows._lent is None or rows._lent.n_bytes < n_bytes + n_tiles:
        rows._lent = None
        rows._lent = allocate(n_bytes + n_tiles)
    rows._tiles, rows._lent = rows._lent, None
    rows.c.tiles = rows._tiles.memory
    rows.c.tile_is_made = rows._tiles.memory + n_bytes
    memset(rows.c.tile_is_made, 0, n_tiles)
    return 1


cdef void note_cost(Rows rows, Centers centers, Scratch scratch, double n_rows, int n_threads):
    """What passes over so many rows have cost, from how many of these the filter left open."""
    cdef double of_filter = rows.table.filter_cost[0] + rows.table.filter_cost[1] / rows.c.d, n_open = 0.0
    cdef int thread
    rows.pass_cost = 1.0
    if centers.c.shape == KF_FILTERED_POINTS:
        for thread in range(n_threads):
            n_open += scratch.threads[thread].filter.n_open
        rows.pass_cost = min(1.0, of_filter + n_open / n_rows)


cdef bint fits_budget(Rows rows, size_t n_bytes):
    """Whether one more copy may take so many bytes."""
    cdef double most = rows._copy_budget * <double>rows.c.n * rows.c.d * rows.table.itemsize
    return <double>n_bytes + <double>rows.n_copied_bytes <= most


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


cdef Centers room_for_centers(Rows rows, Py_ssize_t k, kf_shape shape):
    cdef Centers centers = Centers()
    centers.c.k, centers.c.d, centers.c.shape, centers.c.order = k, rows.c.d, shape, NULL
    centers._memory = borrow(rows, rows.table.centers_plan(&centers.c, NULL))
    rows.table.centers_plan(&centers.c, centers._memory.memory)
    return centers


cdef Centers pack_centers(Rows rows, const void* c, Py_ssize_t k, kf_shape shape, int n_threads):
    cdef Centers centers = room_for_centers(rows, k, shape)
    with nogil:
        pack_again(rows.table, &rows.c, &centers.c, c, n_threads)
    return centers


cdef void pack_again(const kf_table* table, const kf_rows* rows, kf_centers* centers, const void* c, int n_threads) noexcept nogil:
    """Other centers c (k, d) in the place of those that were packed."""
    cdef centers_job job
    centers.c = c
    job.rows, job.centers, job.table = rows, centers, table
    run_units(
        centers_unit, &job, table.centers_parts(centers), threads_for(3.0 * <double>centers.k * centers.d, n_threads)
    )
    table.bind_bound(rows, centers)


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
