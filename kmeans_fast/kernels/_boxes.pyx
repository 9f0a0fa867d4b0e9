"""Few features: rows sorted into blocks with bounding boxes, and who is nearest, block by block."""

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int32_t, int64_t, uint16_t
from libc.string cimport memset

from ._kernels cimport (
    KF_BLOCKS_OF_UNIT, KF_BUCKETS, KF_LANES_ARE_POINTS, KF_NEAR_BLOCK, KF_NEAR_UNIT, KF_ROWS_OF_BLOCK, Arena, Centers,
    Loan, Rows, allocate, borrow, check_centers, check_slice, kf_blocks, kf_box_scratch, kf_centers, kf_near, kf_rows,
    kf_table, pack_centers,
)
from ._parallel cimport run_units, threads_for
from ._sums cimport check_moved, close_gaps
from ._types cimport label_t, real_t

cdef enum:
    CHUNKS = 8                  # of rows that are sorted side by side, whatever the number of threads
    MOST_FEATURES = 4
    LAST_BITS = 7               # of a key: rows are sorted by the others first, so that threads rarely share a cache line
    LAST_OF_KEY = (1 << LAST_BITS) - 1
    WORK_OF_PAIR = 4            # of a row and a center that were scored, with what follows from it
    WORK_OF_BLOCK = 400         # to see that nothing is to be done in it


cdef class Blocks:
    """The rows in an order along which neighbours are close, in blocks; their labels in that order, and for how long
    these hold."""
    cdef kf_blocks c
    cdef Arena _memory, _centers
    cdef Py_ssize_t _k              # of the centers that the last call knew; 0 if there was none
    cdef readonly double n_scored

    def __init__(self):
        self.n_scored = 0.0


cdef struct sort_job:
    const kf_rows* rows
    const kf_table* table
    kf_blocks* blocks
    const double* least
    const double* step
    const int32_t* bits
    uint16_t* keys
    const label_t* labels
    int32_t* rough              # rows sorted by the leading bits of their keys
    int32_t* places             # CHUNKS x n_ranges: where the next row of a chunk with these leading bits goes
    int32_t* begins             # n_ranges + 1
    Py_ssize_t n_ranges         # of keys with the same leading bits


cdef inline Py_ssize_t chunk_border(Py_ssize_t n, Py_ssize_t chunk) noexcept nogil:
    return n * chunk // CHUNKS


cdef Py_ssize_t keys_unit(void* job, Py_ssize_t chunk, int thread) noexcept nogil:
    cdef sort_job* j = <sort_job*>job
    cdef Py_ssize_t first = chunk_border(j.rows.n, chunk), stop = chunk_border(j.rows.n, chunk + 1), i
    cdef int32_t* counts = j.places + chunk * j.n_ranges
    memset(counts, 0, j.n_ranges * sizeof(int32_t))
    j.table.block_keys(j.rows, first, stop - first, j.least, j.step, j.bits, j.keys + first)
    for i in range(first, stop):
        counts[j.keys[i] >> LAST_BITS] += 1
    return 0


cdef void counts_to_places(sort_job* j) noexcept nogil:
    cdef Py_ssize_t keys, chunk
    cdef int32_t place = 0, count
    for keys in range(j.n_ranges):
        j.begins[keys] = place
        for chunk in range(CHUNKS):
            count = j.places[chunk * j.n_ranges + keys]
            j.places[chunk * j.n_ranges + keys] = place
            place += count
    j.begins[j.n_ranges] = place


cdef Py_ssize_t rough_unit(void* job, Py_ssize_t chunk, int thread) noexcept nogil:
    cdef sort_job* j = <sort_job*>job
    cdef Py_ssize_t i, keys
    cdef int32_t* places = j.places + chunk * j.n_ranges
    for i in range(chunk_border(j.rows.n, chunk), chunk_border(j.rows.n, chunk + 1)):
        keys = j.keys[i] >> LAST_BITS
        j.rough[places[keys]] = <int32_t>i
        places[keys] += 1
    return 0


cdef Py_ssize_t fine_unit(void* job, Py_ssize_t keys, int thread) noexcept nogil:
    """Rows of one range of keys, sorted by the last bits."""
    cdef sort_job* j = <sort_job*>job
    cdef int32_t places[1 << LAST_BITS]
    cdef int32_t place = j.begins[keys], count
    cdef Py_ssize_t i, cell
    memset(places, 0, sizeof(places))
    for i in range(j.begins[keys], j.begins[keys + 1]):
        places[j.keys[j.rough[i]] & LAST_OF_KEY] += 1
    for cell in range(1 << LAST_BITS):
        count = places[cell]
        places[cell] = place
        place += count
    for i in range(j.begins[keys], j.begins[keys + 1]):
        cell = j.keys[j.rough[i]] & LAST_OF_KEY
        j.blocks.order[places[cell]] = j.rough[i]
        places[cell] += 1
    return 0


cdef Py_ssize_t blocks_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef sort_job* j = <sort_job*>job
    cdef Py_ssize_t block
    for block in range(unit * KF_BLOCKS_OF_UNIT, min((unit + 1) * KF_BLOCKS_OF_UNIT, j.blocks.n_blocks)):
        j.table.make_block(j.rows, j.blocks, block, j.labels)
    return 0


cdef inline Py_ssize_t units_of(Py_ssize_t n_blocks) noexcept nogil:
    return (n_blocks + KF_BLOCKS_OF_UNIT - 1) // KF_BLOCKS_OF_UNIT


cdef size_t lay_out(kf_blocks* blocks, Rows rows, char* memory) noexcept nogil:
    """Pointers into memory, if there is any; returns the bytes."""
    cdef Py_ssize_t n_units = units_of(blocks.n_blocks)
    cdef size_t at = blocks.n_blocks * rows.table.block_bytes(rows.c.d)
    blocks.tiles = memory
    blocks.boxes = <double*>(memory + at)
    at += blocks.n_blocks * 2 * rows.c.d * sizeof(double)
    blocks.norms = memory + at
    at += blocks.n_blocks * sizeof(double)
    blocks.tile_until = <double*>(memory + at)
    at += blocks.n_blocks * (KF_ROWS_OF_BLOCK // rows.table.tile_rows) * sizeof(double)
    blocks.blocks = <kf_near*>(memory + at)
    at += blocks.n_blocks * sizeof(kf_near)
    blocks.units = <kf_near*>(memory + at)
    at += n_units * sizeof(kf_near)
    blocks.order = <int32_t*>(memory + at)
    at += rows.c.n * sizeof(int32_t)
    blocks.labels = <int32_t*>(memory + at)
    at += rows.c.n * sizeof(int32_t)
    blocks.block_names = <int32_t*>(memory + at)
    at += blocks.n_blocks * KF_NEAR_BLOCK * sizeof(int32_t)
    blocks.unit_names = <int32_t*>(memory + at)
    return at + n_units * KF_NEAR_UNIT * sizeof(int32_t)


def make_blocks(
    Rows rows, const double[::1] least, const double[::1] step, const int32_t[:, ::1] bits, int n_cells,
    const label_t[::1] labels, *, int n_threads=1,
):
    """As in backends/protocol.py; the places along the curve are the caller's."""
    cdef Blocks blocks = Blocks()
    cdef sort_job job
    cdef Loan scratch
    cdef Py_ssize_t d = rows.c.d, n = rows.c.n
    if not (1 <= d <= MOST_FEATURES and n < 2**31 and rows.c.data_unit == 1.0):
        raise ValueError(f"rows of {d} features in units of {rows.c.data_unit}; blocks are for up to four in plain units.")
    if least.shape[0] != d or step.shape[0] != d or bits.shape[0] != d or bits.shape[1] != KF_BUCKETS:
        raise ValueError(f"tables of {bits.shape[0]} features for rows of {d}.")
    if not 1 <= n_cells <= 65536:
        raise ValueError(f"n_cells={n_cells} does not fit 16 bits.")
    check_slice(rows, 0, n, labels.shape[0])
    blocks.c.n_blocks = (n + KF_ROWS_OF_BLOCK - 1) // KF_ROWS_OF_BLOCK
    blocks._memory = allocate(lay_out(&blocks.c, rows, NULL))
    lay_out(&blocks.c, rows, blocks._memory.memory)
    job.n_ranges = (n_cells + LAST_OF_KEY) >> LAST_BITS
    scratch = borrow(rows, (n + (CHUNKS + 1) * job.n_ranges + 1) * sizeof(int32_t) + n * sizeof(uint16_t))
    job.rows, job.table, job.blocks = &rows.c, rows.table, &blocks.c
    job.labels = &labels[0]
    job.least, job.step, job.bits = &least[0], &step[0], &bits[0, 0]
    job.rough = <int32_t*>scratch.memory
    job.begins = job.rough + n
    job.places = job.begins + job.n_ranges + 1
    job.keys = <uint16_t*>(job.places + CHUNKS * job.n_ranges)
    n_threads = threads_for(20.0 * n * d, n_threads)
    with nogil:
        run_units(keys_unit, &job, CHUNKS, n_threads)
        counts_to_places(&job)
        run_units(rough_unit, &job, CHUNKS, n_threads)
        run_units(fine_unit, &job, job.n_ranges, n_threads)
        run_units(blocks_unit, &job, units_of(blocks.c.n_blocks), n_threads)
    return blocks


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


cdef Py_ssize_t boxes_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef boxes_job* j = <boxes_job*>job
    j.n_moved[unit] = j.table.nearest_in_unit(
        j.rows, j.centers, j.blocks, unit, &j.scratch[thread], j.labels, j.moved, j.before, &j.n_scored[unit]
    )
    return j.n_moved[unit]


cdef size_t scratch_bytes(Py_ssize_t k, Py_ssize_t d) noexcept nogil:
    """Of one thread: rounded up, so that threads do not share cache lines."""
    return (k * ((3 + 2 * d) * sizeof(double) + 2 * sizeof(int32_t)) + 127) // 64 * 64


cdef void lay_out_scratch(kf_box_scratch* s, char* memory, Py_ssize_t k, Py_ssize_t d) noexcept nogil:
    s.room = <double*>memory
    s.far = s.room + k
    s.c64 = s.far + k
    s.packed = s.c64 + k * d
    s.half_norms = <double*>s.packed + k * d
    s.common = <int32_t*>(<double*>s.half_norms + k)
    s.kept = s.common + k


cdef void forget(kf_blocks* blocks) noexcept nogil:
    """No list of centers is known."""
    cdef Py_ssize_t i
    blocks.drift = blocks.drifted = 0.0
    for i in range(units_of(blocks.n_blocks)):
        blocks.units[i].until, blocks.units[i].drifted, blocks.units[i].n = -INFINITY, 0.0, 0
    for i in range(blocks.n_blocks):
        blocks.blocks[i].until, blocks.blocks[i].drifted, blocks.blocks[i].n = -INFINITY, 0.0, 0


cdef double length_up(const double* moves, Py_ssize_t d) noexcept nogil:
    """Euclidean, rounded up."""
    cdef double squares = 0.0, absolute = 0.0
    cdef Py_ssize_t t
    for t in range(d):
        squares += moves[t] * moves[t]
        absolute += fabs(moves[t])
    # Squares may vanish where the move does not.
    return (sqrt(squares) if squares > 1e-270 else absolute) * (1.0 + 1e-14)


cdef void follow(
    kf_blocks* blocks, const real_t[:, ::1] centers, double* c, double* shifts, bint is_known
) noexcept nogil:
    """Take over the centers, and note how far each has moved since the last call."""
    cdef Py_ssize_t k = centers.shape[0], d = centers.shape[1], j, t
    cdef double moves[MOST_FEATURES]
    cdef double first = 0.0, second = 0.0
    for j in range(k):
        for t in range(d):
            moves[t] = centers[j, t] - c[t * k + j] if is_known else 0.0
            c[t * k + j] = centers[j, t]
        shifts[j] = length_up(moves, d)
        second = max(second, min(first, shifts[j]))
        first = max(first, shifts[j])
    blocks.c, blocks.shifts = c, shifts
    blocks.drift = first + second
    if blocks.drift > 0.0:
        blocks.drifted = (blocks.drifted + blocks.drift) * (1.0 + 2.0**-50)


def nearest_in_blocks(
    Rows rows, Blocks blocks, const real_t[:, ::1] centers, label_t[::1] labels, int64_t[::1] moved=None,
    label_t[::1] before=None, *, int n_threads=1
):
    """As in backends/protocol.py."""
    cdef boxes_job job
    cdef Centers packed
    cdef Loan memory, counts
    cdef Py_ssize_t n_changed, k = centers.shape[0], d = rows.c.d, unit, n_units = units_of(blocks.c.n_blocks)
    cdef size_t n_bytes = scratch_bytes(k, d)
    cdef double* c64
    cdef double work = <double>rows.c.n * d * 4
    cdef int thread
    cdef bint is_known = blocks._k == k
    check_slice(rows, 0, rows.c.n, labels.shape[0])
    job.moved, job.before = NULL, NULL
    if moved is not None:
        check_moved(rows.c.n, moved, before)
        job.moved, job.before = &moved[0], &before[0]
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    blocks._k = 0
    if not is_known:
        blocks._centers = allocate(k * (d + 1) * sizeof(double))
        forget(&blocks.c)
    c64 = <double*>blocks._centers.memory
    follow(&blocks.c, centers, c64, c64 + k * d, is_known)
    if is_known:
        # The next call is most often like the last.
        work = WORK_OF_PAIR * blocks.n_scored + <double>WORK_OF_BLOCK * blocks.c.n_blocks
    blocks.n_scored = 0.0
    if is_known and blocks.c.drift == 0.0:
        blocks._k = k
        return 0
    n_threads = threads_for(work, n_threads)
    packed = pack_centers(rows, &centers[0, 0], k, KF_LANES_ARE_POINTS, n_threads)
    memory = borrow(rows, n_threads * (n_bytes + sizeof(kf_box_scratch)) + 64)
    counts = borrow(rows, n_units * (sizeof(Py_ssize_t) + sizeof(double)))
    job.scratch = <kf_box_scratch*>(memory.memory + n_threads * n_bytes)
    for thread in range(n_threads):
        lay_out_scratch(&job.scratch[thread], memory.memory + thread * n_bytes, k, d)
    job.rows, job.centers, job.table, job.blocks = &rows.c, &packed.c, rows.table, &blocks.c
    job.labels = &labels[0]
    job.n_scored = <double*>counts.memory
    job.n_moved = <Py_ssize_t*>(job.n_scored + n_units)
    with nogil:
        n_changed = run_units(boxes_unit, &job, n_units, n_threads)
        if job.moved != NULL:
            close_gaps(job.moved, job.before, job.n_moved, n_units, KF_BLOCKS_OF_UNIT * KF_ROWS_OF_BLOCK)
    for unit in range(n_units):
        blocks.n_scored += job.n_scored[unit]
    blocks._k = k
    return n_changed
