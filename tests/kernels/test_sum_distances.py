"""Sums of distances by cluster: as precise as promised, for every backend, instruction set, thread count and slice."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from exact import LONG_IS_WIDE, sq_dists_long
from tables import Row, every_backend, every_isa

SIZES = [0, 1, 0, 3, 12, 13, 5, 60, 4, 0, 30]
"""Points of each cluster: empty ones, and around every number that a kernel takes at once."""

STARTS = np.concatenate([[0], np.cumsum(SIZES)]).astype(np.int64)


def data(n: int, d: int, dtype: Any, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([n, d])
    X = (offset + rng.standard_normal((n, d))).astype(dtype)
    points = (offset + rng.standard_normal((STARTS[-1], d))).astype(dtype)
    points[::3] = X[rng.integers(0, n, len(points[::3]))]
    return X, points


def sums_of(
    backend: Any, X: Any, points: np.ndarray, *, start: int = 0, stop: int | None = None, **options: Any
) -> Any:
    rows = backend.prepare(X)
    stop = X.shape[0] if stop is None else stop
    sums = np.full((stop - start, len(SIZES)), 0.5)
    backend.sum_distances(rows, start, stop, points, STARTS, sums, **options)
    return sums - 0.5, rows.data_unit


@pytest.mark.skipif(not LONG_IS_WIDE, reason="longdouble is no wider than double here")
@every_backend
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("d", [1, 2, 3, 7, 16, 33])
def test_sums_are_as_precise_as_promised(d: int, offset: float, dtype: str, row: Row) -> None:
    X, points = data(row.rows(150, loop=60), d, dtype, offset)
    sums, unit = sums_of(row.open(), X, points)
    dists = np.sqrt(sq_dists_long(X, points))
    assert unit == 1.0
    for j, (first, last) in enumerate(pairwise(STARTS)):
        true = dists[:, first:last].sum(axis=1)
        # 0.5 was there before the sums, and was taken away after.
        assert (np.abs(sums[:, j] - true) <= (d + len(points) + 10) * 2.0**-53 * (true + 0.5)).all(), j


@every_backend
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_rows_are_at_distance_zero(dtype: str, row: Row) -> None:
    X = np.full((20, 5), 123.456, dtype=dtype) * 10.0 ** (np.arange(20) % 2)[:, None].astype(dtype)
    backend, sums = row.open(), np.zeros((20, 1))
    for parity in (0, 1):
        points = np.ascontiguousarray(X[parity::2])
        backend.sum_distances(backend.prepare(X), 0, 20, points, np.array([0, 10]), sums)
    far = sums[0, 0]
    assert far > 0
    np.testing.assert_allclose(sums[:, 0], far, rtol=1e-14)


@every_isa
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("d", [3, 20, 300])
def test_neither_threads_nor_slices_change_a_bit(d: int, dtype: str, row: Row) -> None:
    X, points = data(700, d, dtype)
    assert len(X) * len(points) * d > 2 * 250_000 or d == 3, "too little work for two threads"
    whole, _ = sums_of(row.open(), X, points)
    for n_threads in (2, 3):
        again, _ = sums_of(row.open(), X, points, n_threads=n_threads)
        np.testing.assert_array_equal(whole, again)
    part, _ = sums_of(row.open(), X, points, start=33, stop=611)
    np.testing.assert_array_equal(whole[33:611], part)


@every_backend
def test_values_beyond_squares_are_in_data_units(row: Row) -> None:
    X = np.array([[0.0, 1.0], [3.0, 5.0], [0.0, 2.0]]) * 2.0**900
    backend = row.open()
    rows, sums = backend.prepare(X), np.zeros((3, 2))
    backend.sum_distances(rows, 0, 3, X, np.array([0, 2, 3]), sums)
    dists = np.sqrt(((X[:, None] / 2.0**900 - X / 2.0**900) ** 2).sum(axis=2))
    expected = np.c_[dists[:, :2].sum(axis=1), dists[:, 2]]
    np.testing.assert_allclose(sums * (rows.data_unit / 2.0**900), expected, rtol=1e-14)


@every_backend
def test_rows_in_csr_give_the_sums_of_the_same_array(row: Row) -> None:
    rng = np.random.default_rng(0)
    X = sp.random_array((60, 40), density=0.2, format="csr", rng=rng)
    points = X.toarray()[rng.integers(0, 60, STARTS[-1])]
    sparse, _ = sums_of(row.open(), X, points)
    dense, _ = sums_of(row.open(), X.toarray(), points)
    np.testing.assert_allclose(sparse, dense, rtol=1e-12)
    part, _ = sums_of(row.open(), X, points, start=7, stop=50)
    np.testing.assert_allclose(part, dense[7:50], rtol=1e-12)


@every_isa
def test_what_does_not_fit_is_refused(row: Row) -> None:
    backend, X = row.open(), np.ones((4, 2))
    rows = backend.prepare(X)
    for starts, sums in (([0, 3], (4, 1)), ([1, 4], (4, 1)), ([0, 3, 2, 4], (4, 3)), ([0, 4], (4, 2))):
        with pytest.raises(ValueError, match="starts"):
            backend.sum_distances(rows, 0, 4, X, np.array(starts), np.zeros(sums))
    with pytest.raises(ValueError, match="do not fit"):
        backend.sum_distances(rows, 0, 4, np.ones((4, 3)), np.array([0, 4]), np.zeros((4, 1)))
