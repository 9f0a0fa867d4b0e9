"""The arrays of a matrix in CSR, its sums, and the bound of its distances by the identity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from kmeans_fast.backends.csr import WIDE, csr_arrays, identity_sq_dists, is_wide, sums_by_label
from kmeans_fast.backends.ordered_sums import add_pairs
from kmeans_fast.backends.protocol import take_rows

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def sq_dists_to(X: Any, center: np.ndarray, unit: float = 1.0) -> np.ndarray:
    return identity_sq_dists(X, center[None], np.zeros(X.shape[0], dtype=np.int32), unit)


def sample(n: int = 60, d: int = 40, density: float = 0.2, dtype: type = np.float64) -> sp.csr_array:
    return sp.random_array((n, d), density=density, format="csr", dtype=dtype, rng=np.random.default_rng(n))


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_arrays_are_the_matrix_whatever_its_index_type(index_dtype: type) -> None:
    X = sample()
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    values, columns, starts = csr_arrays(X)
    assert values is X.data and columns.dtype == np.int32 and starts.dtype == np.int64
    assert (sp.csr_array((values, columns, starts), shape=X.shape) != X).nnz == 0


def test_entries_beyond_the_last_row_are_left_out() -> None:
    X = sp.csr_array((np.ones(4), np.array([0, 1, 99, 99]), np.array([0, 1, 2])), shape=(2, 2))
    assert csr_arrays(X)[1].tolist() == [0, 1]


@pytest.mark.parametrize("column", [-1, 40])
def test_columns_outside_are_an_error(column: int) -> None:
    X = sample()
    X.indices[7] = column
    with pytest.raises(ValueError, match=r"column indices from .* 40 columns"):
        csr_arrays(X)


@pytest.mark.parametrize("place", [0, 5, 60])
def test_broken_starts_are_an_error(place: int) -> None:
    X = sample()
    X.indptr[place] = 10**6 if place else 1
    X.indices = np.resize(X.indices, 10**6)
    with pytest.raises(ValueError, match="must increase from 0"):
        csr_arrays(X)


def test_more_columns_than_can_be_counted_are_an_error() -> None:
    with pytest.raises(ValueError, match="at most 2147483647"):
        csr_arrays(sp.csr_array((1, 2**31)))


@every_dtype
def test_sums_are_those_of_a_plain_loop(dtype: type) -> None:
    X, rng = sample(dtype=dtype), np.random.default_rng(0)
    weights, labels = rng.random(60), rng.integers(0, 5, 60).astype(np.int32)
    terms = weights[:, None] * X.toarray().astype(np.float64)
    expected = [[math.fsum(column.tolist()) for column in terms[labels == j].T] for j in range(5)]
    pairs = np.zeros((2, 5, 40))
    add_pairs(pairs, sums_by_label(X, weights, 1.0, labels, 5))
    np.testing.assert_array_equal(pairs[0], expected)


@every_dtype
@pytest.mark.parametrize("density", [0.0, 0.02, 0.2, 1.0])
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e6])
def test_identity_distances_keep_their_bound(offset: float, density: float, dtype: type) -> None:
    X = sample(200, 300, density, dtype)
    X.data += np.asarray(offset, dtype=dtype)
    for center in (take_rows(X, slice(0, 1))[0], take_rows(X, slice(None)).mean(axis=0)):
        exact = ((X.toarray().astype(np.longdouble) - center) ** 2).sum(axis=1)
        found = sq_dists_to(X, center)
        bound = (8 * np.diff(X.indptr) + 300 + 64) * 2.0**-53
        assert (np.abs(found - exact) <= bound * exact).all()
        assert (found[exact == 0] == 0).all()


def test_identity_distances_of_huge_and_tiny_values_are_finite() -> None:
    for scale in (2.0**-700, 2.0**700):
        X = sample() * scale
        unit = 2.0**700 if scale > 1 else 2.0**-700
        np.testing.assert_array_equal(
            sq_dists_to(X, take_rows(X, slice(0, 1))[0], unit),
            sq_dists_to(sample(), take_rows(sample(), slice(0, 1))[0]),
        )


def test_each_row_has_its_own_center() -> None:
    X, labels = sample(), np.arange(60) % 3
    centers = take_rows(X, slice(0, 3)) / 2
    found = identity_sq_dists(X, centers, labels, 1.0)
    for j in range(3):
        np.testing.assert_array_equal(found[labels == j], sq_dists_to(X, centers[j])[labels == j])


def test_rows_of_few_values_in_many_columns_are_wide() -> None:
    X = sp.csr_array(([1.0, 2.0], [0, 1], [0, 0, 1, 2, 2]), shape=(4, 2 * WIDE))
    assert is_wide(X).tolist() == [True, False, False, True]
