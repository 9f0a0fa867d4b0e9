"""Few features: rows sorted along a space-filling curve into blocks with bounding boxes."""

from libc.stdint cimport int32_t, uint16_t
from libc.string cimport memset

from ._kernels cimport (
    KF_BLOCKS_OF_UNIT, KF_BUCKETS, KF_NEAR_BLOCK, KF_NEAR_UNIT, KF_ROWS_OF_BLOCK, Loan, Rows, allocate, borrow,
    check_slice, kf_blocks, kf_near, kf_rows, kf_table,
)
from ._parallel cimport run_units, threads_for
from ._types cimport label_t

cdef enum:
    CHUNKS = 8                  # of rows that are sorted side by side, whatever the number of threads
    LAST_BITS = 7               # of a key: rows are sorted by the others first, so that threads rarely share a cache line
    LAST_OF_KEY = (1 << LAST_BITS) - 1
    SAMPLES = 256               # rows that tell whether many are alike,
    MANY_ALIKE = 4              # which is if one in so many has one like it near
    MOST_JOINED = 1 << 16       # rows of a range: of more, none share a place


cdef class Blocks:
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
    Py_ssize_t* n_first         # of a range: different rows, and then those in the ranges before it
    char* is_first              # n: whether the row at this place of the order is not like the one before it
    char* arenas                # of each thread
    size_t arena_bytes


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


cdef Py_ssize_t alike_unit(void* job, Py_ssize_t keys, int thread) noexcept nogil:
    """How many rows of one range of keys are first of their like; the others follow them."""
    cdef sort_job* j = <sort_job*>job
    cdef Py_ssize_t first = j.begins[keys], n_rows = j.begins[keys + 1] - j.begins[keys]
    if n_rows > MOST_JOINED:
        memset(j.is_first + first, 1, n_rows)
        j.n_first[keys] = n_rows
    else:
        j.n_first[keys] = j.table.join_alike(
            j.rows, j.blocks.order + first, n_rows, j.arenas + thread * j.arena_bytes, j.is_first + first
        )
    return j.n_first[keys]


cdef Py_ssize_t starts_unit(void* job, Py_ssize_t keys, int thread) noexcept nogil:
    """Places of the rows of one range of keys, from n_first[keys] on."""
    cdef sort_job* j = <sort_job*>job
    cdef Py_ssize_t place = j.n_first[keys], i
    for i in range(j.begins[keys], j.begins[keys + 1]):
        if j.is_first[i]:
            j.blocks.starts[place] = <int32_t>i
            place += 1
    return 0


cdef bint many_are_alike(const sort_job* j) noexcept nogil:
    cdef Py_ssize_t n_samples = min(j.rows.n, <Py_ssize_t>SAMPLES)
    return j.table.count_alike(j.rows, j.blocks.order, n_samples) * MANY_ALIKE >= n_samples


cdef Loan room_to_join(sort_job* j, Rows rows, int n_threads):
    cdef Py_ssize_t keys, most = 0
    for keys in range(j.n_ranges):
        most = max(most, j.begins[keys + 1] - j.begins[keys])
    j.arena_bytes = (j.table.alike_bytes(min(most, <Py_ssize_t>MOST_JOINED)) + 127) // 64 * 64
    cdef Loan memory = borrow(rows, n_threads * j.arena_bytes + rows.c.n)
    j.arenas, j.is_first = memory.memory, memory.memory + n_threads * j.arena_bytes
    return memory


cdef int join_alike(sort_job* j, Rows rows, Blocks blocks, int n_threads) except -1:
    """Rows that are alike share a place."""
    cdef Loan memory = room_to_join(j, rows, n_threads)
    cdef Py_ssize_t n_before = 0, n_here, keys
    with nogil:
        blocks.c.n_places = run_units(alike_unit, j, j.n_ranges, n_threads)
    blocks._starts = allocate((blocks.c.n_places + 1) * sizeof(int32_t))
    blocks.c.starts = <int32_t*>blocks._starts.memory
    for keys in range(j.n_ranges):
        n_here = j.n_first[keys]
        j.n_first[keys] = n_before
        n_before += n_here
    with nogil:
        run_units(starts_unit, j, j.n_ranges, n_threads)
    blocks.c.starts[blocks.c.n_places] = <int32_t>rows.c.n
    blocks.c.n_blocks = (blocks.c.n_places + KF_ROWS_OF_BLOCK - 1) // KF_ROWS_OF_BLOCK
    return 0


cdef Py_ssize_t blocks_unit(void* job, Py_ssize_t unit, int thread) noexcept nogil:
    cdef sort_job* j = <sort_job*>job
    cdef Py_ssize_t block
    for block in range(unit * KF_BLOCKS_OF_UNIT, min((unit + 1) * KF_BLOCKS_OF_UNIT, j.blocks.n_blocks)):
        j.table.make_block(j.rows, j.blocks, block, j.labels)
    return 0


cdef size_t lay_out(kf_blocks* blocks, Rows rows, char* memory) noexcept nogil:
    """Pointers into memory, if there is any; returns the bytes. As if no rows were alike."""
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
    scratch = borrow(
        rows,
        job.n_ranges * sizeof(Py_ssize_t) + (n + (CHUNKS + 1) * job.n_ranges + 1) * sizeof(int32_t) + n * sizeof(uint16_t),
    )
    job.rows, job.table, job.blocks = &rows.c, rows.table, &blocks.c
    job.labels = &labels[0]
    job.least, job.step, job.bits = &least[0], &step[0], &bits[0, 0]
    job.n_first = <Py_ssize_t*>scratch.memory
    job.rough = <int32_t*>(job.n_first + job.n_ranges)
    job.begins = job.rough + n
    job.places = job.begins + job.n_ranges + 1
    job.keys = <uint16_t*>(job.places + CHUNKS * job.n_ranges)
    n_threads = threads_for(20.0 * n * d, n_threads)
    with nogil:
        run_units(keys_unit, &job, CHUNKS, n_threads)
        counts_to_places(&job)
        run_units(rough_unit, &job, CHUNKS, n_threads)
        run_units(fine_unit, &job, job.n_ranges, n_threads)
    blocks.c.n_places, blocks.c.starts = n, NULL
    if many_are_alike(&job):
        join_alike(&job, rows, blocks, n_threads)
    with nogil:
        run_units(blocks_unit, &job, units_of(blocks.c.n_blocks), n_threads)
    return blocks
