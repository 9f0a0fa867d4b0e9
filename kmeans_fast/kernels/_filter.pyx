"""What the filter sees: for tests of its bound, and to look at data for which it leaves many rows open."""

from libc.stdint cimport int32_t

from ._kernels cimport KF_FILTERED_POINTS, Centers, Rows, Scratch, check_centers, check_slice, pack_centers, scratch_for
from ._types cimport real_t


def filter_scores(Rows rows, const real_t[:, ::1] centers, int32_t[:, ::1] names, float[:, ::1] scores):
    """Write for each row the two centers of least score (n, 2), and (n, 6): the three least scores, by how much the true
    scores of these two may exceed them because values were rounded, and what sums may have lost, of two scores and the
    decider.

    A score is ``||c||**2 / 2 - x @ c``, of rows and centers shifted by ``origin`` and scaled, less what rounding may have
    added to it. Raises ValueError for rows in CSR, and where an instruction set has no filter for this dtype.
    """
    cdef Py_ssize_t k = centers.shape[0]
    cdef Centers packed
    cdef Scratch scratch
    if rows.table.filter_scores == NULL:
        raise ValueError(f"no filter for items of {rows.table.itemsize} bytes on {rows.table.isa.decode()}.")
    if rows.is_sparse:
        raise ValueError("no filter for rows in CSR.")
    check_centers(rows, k, centers.shape[1], sizeof(real_t))
    check_slice(rows, 0, rows.c.n, names.shape[0])
    check_slice(rows, 0, rows.c.n, scores.shape[0])
    if names.shape[1] != 2 or scores.shape[1] != 6:
        raise ValueError(f"names (n, {names.shape[1]}) and scores (n, {scores.shape[1]}) need 2 and 6 columns.")
    packed = pack_centers(rows, &centers[0, 0], k, KF_FILTERED_POINTS, 1)
    scratch = scratch_for(rows, packed, False, 1)
    with nogil:
        rows.table.filter_scores(
            &rows.c, &packed.c, 0, rows.c.n, &scratch.threads[0], &names[0, 0], &scores[0, 0]
        )
