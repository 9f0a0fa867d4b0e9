"""Rows and centers of norm one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

from kmeans_fast.engine.metrics import METRICS, half_squares, on_sphere, unit_rows

U = {np.float32: 2.0**-24, np.float64: 2.0**-53}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [1, 7, 8, 9, 40])
def test_rows_are_divided_by_their_norms_and_rounded_once(d: int, dtype: type) -> None:
    X = np.random.default_rng(d).standard_normal((5000, d)).astype(dtype)
    wide = X.astype(np.longdouble)
    true = wide / np.sqrt((wide * wide).sum(axis=1))[:, None]
    unit = unit_rows(X)
    assert X.size > 1 << 15 or d < 7, "all rows are in one piece"
    assert unit.dtype == dtype and unit.flags.c_contiguous
    slack = (d + 6) * U[np.float64]
    assert (np.abs(unit - true) <= (U[dtype] * (dtype == np.float32) + slack) * np.abs(true)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_magnitude_is_special(dtype: type) -> None:
    limits = np.finfo(dtype)
    X = np.array([[3.0, 4.0]], dtype=dtype)
    least = np.array([[3, 4]], dtype=dtype) * limits.smallest_subnormal
    largest = X * dtype(2.0 ** (limits.maxexp - 4))
    for rows in (X, least, largest, np.concatenate([least, X, largest])):
        np.testing.assert_array_equal(unit_rows(rows), np.broadcast_to(np.array([[0.6, 0.8]], dtype), rows.shape))


@pytest.mark.parametrize("make", [csr_array, csr_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_have_the_bits_of_dense_ones(dtype: type, make: type) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((300, 50)) * (rng.random((300, 50)) < 0.2)).astype(dtype)
    X[:, 0] = 1
    X[7] *= dtype(2.0**100)
    X[8] = X[8].astype(np.float64) * (2.0**-140 if dtype == np.float32 else 2.0**-1000)
    sparse = make(X)
    before = sparse.data.copy()
    unit = unit_rows(sparse)
    assert isinstance(unit, make) and unit.dtype == dtype
    np.testing.assert_array_equal(unit.toarray(), unit_rows(X))
    np.testing.assert_array_equal(sparse.data, before)


@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_rows_of_zeros_are_refused_by_number(make: type) -> None:
    X = np.ones((40_000, 3))
    X[[30_001, 39_000]] = 0
    with pytest.raises(ValueError, match=r"X has 2 rows of zeros, the first of them row 30001: .* metric='euclidean'"):
        unit_rows(make(X))
    with pytest.raises(ValueError, match="init has a row of zeros, row 1: "):
        unit_rows(make(X[30_000:30_005]), "init")
    stored_zeros = csr_array((np.zeros(2), [0, 1], [0, 2]), shape=(1, 3))
    with pytest.raises(ValueError, match="a row of zeros, row 0"):
        unit_rows(stored_zeros)


def test_a_center_of_zero_stays_where_it_was() -> None:
    before = np.array([[0.6, 0.8], [1.0, 0.0]], np.float32)
    after = on_sphere(np.array([[0.0, 0.0], [0.0, 1e-30]], np.float32), before)
    assert after.dtype == np.float32 and after.tolist() == [before[0].tolist(), [0.0, 1.0]]


def test_half_squares_are_cosine_distances() -> None:
    X = unit_rows(np.random.default_rng(0).standard_normal((50, 6)))
    distances = np.linalg.norm(X[:, None] - X[None], axis=2)
    np.testing.assert_allclose(half_squares(distances), 1 - X @ X.T, atol=1e-15)


def test_the_euclidean_metric_touches_nothing() -> None:
    metric, X = METRICS["euclidean"], np.ones((2, 2))
    assert metric.rows(X) is X and metric.distances(X) is X and metric.stored is None and metric.share == 1.0
