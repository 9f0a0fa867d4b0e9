"""k-means++ seeding: which rows are drawn, what a candidate would gain, and what a new seed leaves."""

from libc.math cimport ceil
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy, memset

from ._csr cimport Call, CsrRows, begin, threads_of
from ._kernels cimport (
    KF_LANES, KF_LANES_ARE_POINTS, KF_SEED_BLOCK, KF_SUM_BLOCK, Arena, Centers, Loan, Rows, allocate, borrow, check_slice,
    copy_if_it_pays, kf_centers, kf_change, kf_changes, kf_csr, kf_csr_centers, kf_csr_scratch, kf_rows, kf_seeds, kf_table,
    pack_centers,
)
from ._parallel cimport run_units, threads_for

cdef enum:
    BLOCKS_OF_UNIT = 16
    TILES_OF_UNIT = 8
    FEWEST_DIGITS = 52          # of the sum of all terms: with fewer, their scale is chosen anew
    FIRST_GROUPING = 10         # seeds; with fewer, few rows are out of reach
    ROWS_OF_GROUP = 16          # on average, at least: to compare a candidate with all seeds is to be little work
    LINE = 8                    # int64 of a cache line
    CHANGES_AT_LEAST = 4096
    ROWS_OF_CHANGE = 4          # rows for each change that candidates make for which there is room
    BYTES_OF_CHANGE = 192       # of X, for which there is room too
    PRODUCTS_OF_DIRECT = 4      # in the time that a direct difference takes


cdef class Seeds:
    """The rows by their nearest seed, and the sums of the terms that rows are drawn by (backends/protocol.py)."""
    cdef kf_seeds c
    cdef readonly object sq_dists
    cdef Arena _memory, _of_groups, _tiles, _of_changes
    cdef list _noted            # candidates whose changes are known; None: of none
    cdef Py_ssize_t n_noting    # threads that noted them
    cdef bint is_spent          # all distances are 0
    cdef Py_ssize_t first_row, last_row, next_grouping, n_grouped
    cdef list _chosen
    cdef readonly double n_near

    @property
    def is_grouped(self):
        """Whether candidates are compared with seeds before they are with rows."""
        return self.c.order != NULL


cdef struct seeding_job:
    const kf_rows* rows
    const kf_centers* centers
    const kf_csr* sparse
    const kf_csr_centers* sparse_centers
    kf_csr_scratch* sparse_scratch
    const kf_table* table
    kf_seeds* seeds
    double* tiles               # of grouped seeds
    float* apart                # how far each grouped seed is from each center; NULL without groups
    char* scratch
    size_t scratch_bytes        # of each thread
    kf_changes* changes         # of each thread
    int64_t* totals             # of each thread: gains of the candidates, or losses of SUM_BLOCK rows
    Py_ssize_t n_totals         # of a thread
    int32_t number
    bint is_first


cdef inline Py_ssize_t n_sums(Py_ssize_t n) noexcept nogil:
    return (n + KF_SUM_BLOCK - 1) // KF_SUM_BLOCK


cdef inline Py_ssize_t rows_of_sum(Py_ssize_t n, Py_ssize_t unit) noexcept nogil:
    return min(<Py_ssize_t>KF_SUM_BLOCK, n - unit * KF_SUM_BLOCK)


cdef inline Py_ssize_t units_of(Py_ssize_t n, Py_ssize_t of_unit) noexcept nogil:
    return (n + of_unit - 1) // of_unit


cdef Py_ssize_t gains_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef seeding_job* j = <seeding_job*>job
    cdef Py_ssize_t block, n_near = 0
    for block in range(unit * BLOCKS_OF_UNIT, min((unit + 1) * BLOCKS_OF_UNIT, j.seeds.n_blocks)):
        n_near += j.table.seed_gains(
            j.rows, j.centers, j.seeds, block, NULL if j.apart == NULL else j.apart + j.seeds.groups[block] * j.centers.k,
            j.scratch + thread * j.scratch_bytes, j.totals + thread * j.n_totals, j.changes + thread,
        )
    return n_near


cdef Py_ssize_t add_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef seeding_job* j = <seeding_job*>job
    cdef Py_ssize_t block
    for block in range(unit * BLOCKS_OF_UNIT, min((unit + 1) * BLOCKS_OF_UNIT, j.seeds.n_blocks)):
        j.table.add_seed(
            j.rows, j.centers, j.seeds, block, NULL if j.apart == NULL else j.apart + j.seeds.groups[block], j.number,
            j.scratch + thread * j.scratch_bytes, NULL if j.is_first else j.totals + thread * j.n_totals,
        )
    return 0


cdef Py_ssize_t sparse_gains_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef seeding_job* j = <seeding_job*>job
    cdef Py_ssize_t first = unit * KF_SUM_BLOCK
    j.table.csr.seed_gains(
        j.sparse, j.sparse_centers, first, rows_of_sum(j.sparse.n, unit), j.seeds.sq_dists + first, j.seeds.scale,
        &j.sparse_scratch[thread], j.totals + thread * j.n_totals,
    )
    return 0


cdef Py_ssize_t sparse_add_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef seeding_job* j = <seeding_job*>job
    cdef Py_ssize_t first = unit * KF_SUM_BLOCK
    j.totals[unit] = j.table.csr.add_seed(
        j.sparse, j.sparse_centers, first, rows_of_sum(j.sparse.n, unit), 0.0 if j.is_first else j.seeds.scale,
        &j.sparse_scratch[thread], j.seeds.sq_dists + first,
    )
    return 0


cdef Py_ssize_t reach_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef seeding_job* j = <seeding_job*>job
    cdef Py_ssize_t block
    for block in range(unit * BLOCKS_OF_UNIT, min((unit + 1) * BLOCKS_OF_UNIT, j.seeds.n_blocks)):
        j.table.seed_reach(j.seeds, block, j.rows.d)
    return 0


cdef inline size_t tile_size(Py_ssize_t d) noexcept nogil:
    return (d + KF_LANES - 1) // KF_LANES * KF_LANES * KF_LANES


cdef Py_ssize_t apart_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef seeding_job* j = <seeding_job*>job
    cdef Py_ssize_t tile
    for tile in range(unit * TILES_OF_UNIT, min((unit + 1) * TILES_OF_UNIT, j.n_totals)):
        j.table.seeds_apart(j.centers, j.tiles + tile * tile_size(j.rows.d), j.apart + tile * KF_LANES * j.centers.k)
    return 0


cdef class Chosen:
    """Some rows as the centers of one call, and its memory."""
    cdef seeding_job job
    cdef object _values
    cdef Loan _of_values, _of_threads, _of_apart
    cdef Centers _centers
    cdef Call _call


cdef Chosen hold(Rows rows):
    """A call without centers yet."""
    cdef Chosen call = Chosen()
    memset(&call.job, 0, sizeof(seeding_job))
    call.job.rows, call.job.table = &rows.c, rows.table
    if type(rows) is CsrRows:
        call.job.sparse = &(<CsrRows>rows).csr
    return call


cdef void bind(
    Chosen call, Rows rows, const void* values, Py_ssize_t m, bint is_scored, Py_ssize_t n_totals, int n_threads
):
    """The centers, and totals of each thread, which are 0."""
    cdef size_t n_bytes = 0, of_totals = (n_totals + LINE - 1) // LINE * LINE * sizeof(int64_t)
    if call.job.sparse != NULL:
        call._call = begin(<CsrRows>rows, values, m, is_scored, True, n_threads)
        call.job.sparse_centers, call.job.sparse_scratch = &call._call.centers, call._call.scratch
    else:
        call._centers = pack_centers(rows, values, m, KF_LANES_ARE_POINTS, n_threads)
        call.job.centers = &call._centers.c
        n_bytes = rows.table.seeding_bytes(rows.c.d, m)
    call._of_threads = borrow(rows, n_threads * (n_bytes + of_totals))
    call.job.scratch, call.job.scratch_bytes = call._of_threads.memory, n_bytes
    call.job.totals = <int64_t*>(call._of_threads.memory + n_threads * n_bytes)
    call.job.n_totals = of_totals // sizeof(int64_t)
    memset(call.job.totals, 0, n_threads * of_totals)


cdef void choose(
    Chosen call, Rows rows, const int64_t* chosen, Py_ssize_t m, bint is_scored, Py_ssize_t n_totals, int n_threads
):
    """The same for the rows chosen."""
    cdef size_t n_bytes = rows.c.d * rows.table.itemsize
    cdef const unsigned char[:, ::1] values
    cdef Py_ssize_t i
    if call.job.sparse != NULL:
        call._values = rows.X[[chosen[i] for i in range(m)]].toarray()
        values = call._values.view("u1")
        bind(call, rows, &values[0, 0], m, is_scored, n_totals, n_threads)
        return
    call._of_values = borrow(rows, m * n_bytes)
    for i in range(m):
        memcpy(call._of_values.memory + i * n_bytes, <const char*>rows.c.x + chosen[i] * n_bytes, n_bytes)
    bind(call, rows, call._of_values.memory, m, is_scored, n_totals, n_threads)


cdef int threads_of_rows(Rows rows, Py_ssize_t m, int n_threads):
    if type(rows) is CsrRows:
        return threads_of(<CsrRows>rows, rows.c.n, m, n_threads)
    return threads_for(<double>PRODUCTS_OF_DIRECT * rows.c.n * rows.c.d * m, n_threads)


def make_seeds(Rows rows, Py_ssize_t row, double[::1] sq_dists, *, int n_threads=1):
    """As in backends/protocol.py."""
    cdef Seeds seeds = Seeds()
    cdef Py_ssize_t n = rows.c.n
    check_slice(rows, 0, n, sq_dists.shape[0])
    check_row(rows, row)
    seeds.sq_dists = sq_dists.base
    seeds._memory = allocate(n_sums(n) * sizeof(int64_t) + n * sizeof(int32_t))
    seeds.c.n, seeds.c.sq_dists, seeds.c.sums = n, &sq_dists[0], <int64_t*>seeds._memory.memory
    seeds.c.owners = <int32_t*>(seeds._memory.memory + n_sums(n) * sizeof(int64_t))
    seeds.c.order, seeds.c.scale, seeds.c.n_blocks = NULL, 0.0, units_of(n, KF_SEED_BLOCK)
    seeds.c.weights = (<CsrRows>rows).csr.weights if type(rows) is CsrRows else rows.c.weights
    seeds.next_grouping, seeds.n_grouped, seeds.first_row, seeds.last_row = FIRST_GROUPING, 0, 0, n - 1
    seeds._chosen, seeds.n_near, seeds._noted = [], 0.0, None
    if seeds.c.weights != NULL:
        while seeds.c.weights[seeds.first_row] == 0.0:
            seeds.first_row += 1
        while seeds.c.weights[seeds.last_row] == 0.0:
            seeds.last_row -= 1
    sq_dists[:] = float("inf")
    take_seed(rows, seeds, row, True, n_threads)
    seeds.is_spent = not rows.table.weigh_rows(&seeds.c)
    return seeds


cdef int check_row(Rows rows, int64_t row) except -1:
    if not 0 <= row < rows.c.n:
        raise IndexError(f"row {row} is out of bounds: there are {rows.c.n}.")
    return 0


cdef int check_seeds(Rows rows, Seeds seeds) except -1:
    if seeds.c.n != rows.c.n:
        raise ValueError(f"seeds of {seeds.c.n} rows for {rows.c.n}.")
    return 0


cdef void take_seed(Rows rows, Seeds seeds, int64_t row, bint is_first, int n_threads):
    """Lower the distances to those to a row, and the sums of their terms."""
    cdef Chosen call
    cdef Py_ssize_t n = n_sums(rows.c.n), sum, thread
    cdef int64_t loss
    cdef int32_t number = <int32_t>len(seeds._chosen)
    cdef list noted = seeds._noted
    seeds._chosen.append(row)
    seeds._noted = None
    if noted is not None and row in noted:
        for thread in range(seeds.n_noting):
            rows.table.apply_changes(
                &seeds.c, <kf_changes*>seeds._of_changes.memory + thread, <int32_t>noted.index(row), number, rows.c.d
            )
        return
    n_threads = threads_of_rows(rows, 1, n_threads)
    call = hold(rows)
    choose(call, rows, &row, 1, False, n, n_threads)
    call.job.seeds, call.job.number, call.job.is_first = &seeds.c, number, is_first
    if call.job.sparse != NULL:
        with nogil:
            run_units(sparse_add_unit, &call.job, n, n_threads)
    else:
        find_apart(rows, seeds, call, n_threads)
        with nogil:
            run_units(add_unit, &call.job, units_of(seeds.c.n_blocks, BLOCKS_OF_UNIT), n_threads)
    if is_first:
        return
    for thread in range(1 if call.job.sparse != NULL else n_threads):
        for sum in range(n):
            loss = call.job.totals[thread * call.job.n_totals + sum]
            seeds.c.sums[sum] -= loss
            seeds.c.whole -= loss


cdef void find_apart(Rows rows, Seeds seeds, Chosen call, int n_threads):
    """How far the grouped seeds are from the centers of a call."""
    cdef Py_ssize_t n_tiles = units_of(seeds.n_grouped, KF_LANES), kept = call.job.n_totals, k = call.job.centers.k
    if seeds.c.order == NULL:
        return
    call._of_apart = borrow(rows, n_tiles * KF_LANES * k * sizeof(float))
    call.job.apart, call.job.tiles = <float*>call._of_apart.memory, <double*>seeds._tiles.memory
    call.job.n_totals = n_tiles
    with nogil:
        run_units(
            apart_unit, &call.job, units_of(n_tiles, TILES_OF_UNIT),
            threads_for(<double>seeds.n_grouped * rows.c.d * k, n_threads),
        )
    call.job.n_totals = kept


cdef void group(Rows rows, Seeds seeds, int n_threads):
    """Sort the rows by their nearest seeds, if there are enough for each."""
    cdef Py_ssize_t n = rows.c.n, n_seeds = len(seeds._chosen), n_blocks = units_of(n, KF_SEED_BLOCK) + n_seeds + 1, i
    cdef Py_ssize_t n_tiles = units_of(n_seeds, KF_LANES)
    cdef Chosen call = hold(rows)
    cdef int32_t* memory
    cdef int64_t chosen[KF_LANES]
    if n >= 1 << 31 or n < ROWS_OF_GROUP * n_seeds:
        return
    ungroup(rows, seeds)
    seeds._tiles = allocate(n_tiles * tile_size(rows.c.d) * sizeof(double))
    seeds._of_groups = allocate((3 * n + 3 * n_blocks + n_seeds + 1) * sizeof(int32_t))
    memory = <int32_t*>seeds._of_groups.memory
    seeds.c.order, seeds.c.apart, seeds.c.reach = memory, <float*>(memory + n), <float*>(memory + 2 * n)
    memory += 3 * n
    seeds.c.block_reach, seeds.c.begins, seeds.c.groups = <float*>memory, memory + n_blocks, memory + 2 * n_blocks
    call.job.seeds, seeds.n_grouped = &seeds.c, n_seeds
    with nogil:
        rows.table.group_rows(&seeds.c, n_seeds, memory + 3 * n_blocks)
        run_units(
            reach_unit, &call.job, units_of(seeds.c.n_blocks, BLOCKS_OF_UNIT), threads_for(16.0 * n, n_threads)
        )
    for i in range(n_seeds):
        chosen[i % KF_LANES] = seeds._chosen[i]
        if i % KF_LANES == KF_LANES - 1 or i == n_seeds - 1:
            rows.table.seed_tile(
                &rows.c, chosen, i % KF_LANES + 1,
                <double*>seeds._tiles.memory + i // KF_LANES * tile_size(rows.c.d),
            )


cdef void ungroup(Rows rows, Seeds seeds):
    """Seeds tell little of the rows: it takes more of them before that is worth another look."""
    seeds.c.order, seeds.c.n_blocks = NULL, units_of(rows.c.n, KF_SEED_BLOCK)
    seeds.next_grouping, seeds._of_groups, seeds._tiles, seeds._noted = 2 * len(seeds._chosen), None, None, None


def draw_rows(Rows rows, Seeds seeds, const double[::1] shares, int64_t[::1] drawn):
    """As in backends/protocol.py."""
    cdef Py_ssize_t i
    check_seeds(rows, seeds)
    if drawn.shape[0] != shares.shape[0]:
        raise ValueError(f"drawn has {drawn.shape[0]} entries for {shares.shape[0]} shares.")
    for i in range(shares.shape[0]):
        drawn[i] = rows.table.draw_row(&seeds.c, <int64_t>ceil(shares[i] * <double>seeds.c.whole))
        drawn[i] = min(max(drawn[i], <int64_t>seeds.first_row), <int64_t>seeds.last_row)


cdef kf_changes* room_for_changes(Rows rows, Seeds seeds, int n_threads):
    """Of each thread, for the changes that it finds; none where rows are too many for their numbers."""
    cdef Py_ssize_t room = max(seeds.c.n // ROWS_OF_CHANGE, <Py_ssize_t>CHANGES_AT_LEAST), thread
    cdef size_t n_bytes = n_threads * sizeof(kf_changes)
    cdef kf_changes* changes
    room = max(room, min(seeds.c.n, seeds.c.n * rows.c.d * rows.table.itemsize // BYTES_OF_CHANGE))
    room = 0 if seeds.c.n >= 1 << 31 else room
    if seeds._of_changes is None or seeds._of_changes.n_bytes < n_bytes + room * sizeof(kf_change):
        seeds._of_changes = allocate(n_bytes + room * sizeof(kf_change))
    changes = <kf_changes*>seeds._of_changes.memory
    for thread in range(n_threads):
        changes[thread].n, changes[thread].room = 0, room // n_threads
        changes[thread].change = <kf_change*>(seeds._of_changes.memory + n_bytes) + thread * (room // n_threads)
    return changes


def candidate_gains(Rows rows, Seeds seeds, const int64_t[::1] candidates, int64_t[::1] gains, *, int n_threads=1):
    """As in backends/protocol.py."""
    cdef Chosen call
    cdef Py_ssize_t m = candidates.shape[0], n_near, i, thread
    check_seeds(rows, seeds)
    if gains.shape[0] != m:
        raise ValueError(f"gains has {gains.shape[0]} entries for {m} candidates.")
    for i in range(m):
        check_row(rows, candidates[i])
        gains[i] = 0
    if m == 0:
        return
    n_threads = threads_of_rows(rows, m, n_threads)
    call = hold(rows)
    call.job.seeds = &seeds.c
    if call.job.sparse == NULL:
        if rows.c.d > KF_LANES // 2:
            copy_if_it_pays(rows, rows.c.n, m)
        if len(seeds._chosen) >= seeds.next_grouping:
            group(rows, seeds, n_threads)
    choose(call, rows, &candidates[0], m, True, m, n_threads)
    if call.job.sparse != NULL:
        with nogil:
            run_units(sparse_gains_unit, &call.job, n_sums(rows.c.n), n_threads)
    else:
        find_apart(rows, seeds, call, n_threads)
        call.job.changes = room_for_changes(rows, seeds, n_threads)
        with nogil:
            n_near = run_units(gains_unit, &call.job, units_of(seeds.c.n_blocks, BLOCKS_OF_UNIT), n_threads)
        seeds.n_near += n_near
        seeds._noted, seeds.n_noting = [candidates[i] for i in range(m)], n_threads
        for thread in range(n_threads):
            if call.job.changes[thread].n > call.job.changes[thread].room:
                seeds._noted = None
        if seeds.c.order != NULL and 3 * n_near > 2 * seeds.c.n_blocks * m:
            ungroup(rows, seeds)
    for thread in range(n_threads):
        for i in range(m):
            gains[i] += call.job.totals[thread * call.job.n_totals + i]


def add_seed(Rows rows, Seeds seeds, Py_ssize_t row, *, int n_threads=1):
    """As in backends/protocol.py."""
    check_seeds(rows, seeds)
    check_row(rows, row)
    take_seed(rows, seeds, row, False, n_threads)
    if seeds.c.whole < <int64_t>1 << FEWEST_DIGITS and not seeds.is_spent:
        seeds.is_spent = not rows.table.weigh_rows(&seeds.c)
