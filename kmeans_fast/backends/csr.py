"""Rows in CSR: the arrays of a sparse matrix as kernels take them, and sums of its rows.

Zeros add nothing: a sum over the stored values in order has the bits of one over all columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .decider import is_safe, sq_dists_paired
from .ordered_sums import strided_sum
from .pairs import exact_bincount
from .protocol import Array, Floats, Indices, Labels, take_rows

MOST_COLUMNS = 2**31 - 1

WIDE = 256
"""Columns a stored value, beyond which a row is measured by ``identity_sq_dists``."""


def csr_arrays(X: Any) -> tuple[Array, Labels, Indices]:
    """Values, columns (int32) and starts (int64, one more than rows) of a canonical matrix; no copy where they are.

    Raises ValueError for column indices outside the matrix, and for more columns than int32 can count.
    """
    n, d = X.shape
    if d > MOST_COLUMNS:
        raise ValueError(f"X has {d} columns; sparse rows can have at most {MOST_COLUMNS}.")
    columns, starts = X.indices[: int(X.indptr[-1])], X.indptr
    if len(starts) != n + 1 or starts[0] != 0 or (starts[1:] < starts[:-1]).any() or starts[-1] > len(X.data):
        raise ValueError(f"X.indptr must increase from 0 to at most {len(X.data)} and have {n + 1} entries.")
    if columns.size and not 0 <= int(columns.min()) <= int(columns.max()) < d:
        raise ValueError(f"X has column indices from {columns.min()} to {columns.max()}, but {d} columns.")
    return (
        np.require(X.data, requirements=["C", "A"]),
        np.require(columns, dtype=np.int32, requirements=["C", "A"]),
        np.require(starts, dtype=np.int64, requirements=["C", "A"]),
    )


def row_numbers(X: Any) -> Indices:
    """The row of each stored value."""
    return np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))


def in_units(values: Array, data_unit: float) -> Floats:
    with np.errstate(under="ignore"):
        return values.astype(np.float64) / data_unit


def identity_sq_dists(X: Any, centers: Array, labels: npt.NDArray[np.integer], data_unit: float) -> Floats:
    """Squared distances (n,) in ``data_unit**2`` of rows to the centers (k, d) that labels (n,) name.

    By the norm identity, added up in order: ``||x||^2 + ||c||^2 - 2 x.c``, and by the decider where that is less than a
    quarter of ``||x||^2 + ||c||^2`` (or not safe). So for rows of m values the relative error is at most
    ``(8 m + d + 64) 2**-53``.
    """
    n, row_of = X.shape[0], row_numbers(X)
    values, wide = in_units(X.data, data_unit), in_units(centers, data_unit)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        # bincount adds in order.
        sq_norms = np.bincount(row_of, values * values, minlength=n) + strided_sum(wide * wide)[labels]
        sq_dists: Floats = sq_norms - 2 * np.bincount(row_of, values * wide[labels[row_of], X.indices], minlength=n)
        is_kept = (sq_dists >= 0.25 * sq_norms) & is_safe(sq_dists)
    for i in np.flatnonzero(~is_kept):
        sq_dists[i] = sq_dists_paired(take_rows(X, slice(i, i + 1)), centers[labels[i : i + 1]], data_unit)[0]
    return sq_dists


def is_wide(X: Any) -> npt.NDArray[np.bool_]:
    """Rows (n,) with so few values that the decider's pass over all columns is out of proportion."""
    return X.shape[1] > WIDE * (np.diff(X.indptr) + 1)


def sums_by_label(X: Any, weights: Floats | None, data_unit: float, labels: npt.NDArray[np.integer], k: int) -> Floats:
    """Sums (3, k, d) of ``w * x / data_unit`` by label, as by ``exact_bincount``."""
    d = X.shape[1]
    terms, row_of = in_units(X.data, data_unit), row_numbers(X)
    if weights is not None:
        terms *= weights[row_of]
    places = labels.astype(np.intp)[row_of] * d + X.indices
    return exact_bincount(places, terms, k * d).reshape(3, k, d)
