"""Rows in CSR: the arrays of a sparse matrix as kernels take them, and sums of its rows.

Zeros add nothing: a sum over the stored values in order has the bits of one over all columns.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .protocol import Array, Floats, Indices, Labels

MOST_COLUMNS = 2**31 - 1


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


def sums_by_label(X: Any, weights: Floats | None, data_unit: float, labels: Labels, k: int) -> Floats:
    """Sums (k, d) of ``w * x / data_unit`` by label, rows in order."""
    d = X.shape[1]
    terms = X.data.astype(np.float64)
    if data_unit != 1.0:
        terms /= data_unit
    row_of = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    if weights is not None:
        terms *= weights[row_of]
    # bincount adds in order.
    places = labels.astype(np.int64)[row_of] * d + X.indices
    return np.bincount(places, terms, minlength=k * d).reshape(k, d)
