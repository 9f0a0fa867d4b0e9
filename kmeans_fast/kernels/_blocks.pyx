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
