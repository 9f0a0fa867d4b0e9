"""How many labels are wrong, found without any code of the package: float64 scores, and longdouble in near ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

UNIT = 2.0**-53
CHUNK_ELEMENTS = 4_000_000


def gamma(m: int) -> float:
    """Bound of the relative error of m float64 operations in a row."""
    return m * UNIT / (1 - m * UNIT)


def count_not_nearest(X: Array, centers: Array, labels: npt.ArrayLike) -> int:
    """Labels of rows (n, d) whose center is truly farther than the nearest center (k, d).

    A float64 score drops the centers that its error bound excludes. Where more than one is left, direct
    longdouble differences decide; two centers that differ by less than 2 gamma_(d+2) count as equally near.
    For data whose squares float64 can hold.
    """
    labels = np.asarray(labels)
    centers = np.asarray(centers, dtype=np.float64)
    n_chunk = max(1, CHUNK_ELEMENTS // max(centers.shape))
    n_wrong = 0
    for start in range(0, X.shape[0], n_chunk):
        x = dense_rows(X, slice(start, start + n_chunk)).astype(np.float64)
        mine = labels[start : start + n_chunk]
        candidates = possible_nearest(x, centers)
        is_open = candidates.sum(axis=1) > 1
        is_wrong = ~candidates[np.arange(len(x)), mine]
        n_wrong += int(np.count_nonzero(is_wrong))
        rows = np.flatnonzero(is_open & ~is_wrong)
        n_wrong += count_farther(x[rows], centers, mine[rows], candidates[rows])
    return n_wrong


def dense_rows(X: Any, part: slice) -> Array:
    """Some rows of an array or of a sparse matrix, as an array."""
    rows = X[part]
    return rows if isinstance(rows, np.ndarray) else rows.toarray()


def possible_nearest(x: Array, centers: Array) -> Bools:
    """(m, k): which centers the float64 norm identity cannot exclude, by its error bound."""
    norms = np.sqrt((centers * centers).sum(axis=1))
    reach = np.sqrt((x * x).sum(axis=1)) + norms.max()
    scores = 0.5 * norms * norms - x @ centers.T
    error = 2 * gamma(x.shape[1] + 6) * reach * reach
    return scores <= (scores.min(axis=1) + 2 * error)[:, None]


def count_farther(x: Array, centers: Array, labels: Array, candidates: Bools) -> int:
    """Rows (m, d) whose label is farther than the best of its candidates (m, k), in longdouble."""
    slack = 1 + 2 * gamma(x.shape[1] + 2)
    rows, columns = np.nonzero(candidates)
    best = np.full(len(x), np.inf, dtype=np.longdouble)
    n_chunk = max(1, CHUNK_ELEMENTS // x.shape[1])
    for start in range(0, len(rows), n_chunk):
        part = slice(start, start + n_chunk)
        np.minimum.at(best, rows[part], sq_dists(x[rows[part]], centers[columns[part]]))
    return int(np.count_nonzero(sq_dists(x, centers[labels]) > best * slack))


def sq_dists(x: Array, centers: Array) -> npt.NDArray[np.longdouble]:
    difference = x.astype(np.longdouble) - centers
    return (difference * difference).sum(axis=1)


def inertia(X: Array, centers: Array, labels: npt.ArrayLike) -> float:
    """Sum of the squared distances of rows to the centers that labels name, by direct float64 differences."""
    labels = np.asarray(labels)
    centers = np.asarray(centers, dtype=np.float64)
    n_chunk = max(1, CHUNK_ELEMENTS // X.shape[1])
    total = 0.0
    for start in range(0, X.shape[0], n_chunk):
        difference = dense_rows(X, slice(start, start + n_chunk)) - centers[labels[start : start + n_chunk]]
        total += float((difference * difference).sum())
    return total


def nearest_inertia(X: Array, centers: Array) -> float:
    """Sum of the squared distances of rows to their nearest centers: one measure for centers from anywhere.

    Nearest by a float64 score about the mean of the centers, measured by direct float64 differences.
    """
    centers = np.asarray(centers, dtype=np.float64)
    middle = centers.mean(axis=0)
    moved = centers - middle
    halves = 0.5 * (moved * moved).sum(axis=1)
    labels = np.empty(X.shape[0], dtype=np.intp)
    n_chunk = max(1, CHUNK_ELEMENTS // max(centers.shape))
    for start in range(0, X.shape[0], n_chunk):
        part = slice(start, start + n_chunk)
        labels[part] = (halves - (X[part].astype(np.float64) - middle) @ moved.T).argmin(axis=1)
    return inertia(X, centers, labels)
