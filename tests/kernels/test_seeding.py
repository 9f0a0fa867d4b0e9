"""Seeding without looking at every row: what is left out changes no bit."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from tables import Row, every_isa

from kmeans_fast.backends import get_backend, identity

every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def blobs(n: int, d: int, dtype: str, scale: float = 1.0) -> np.ndarray:
    """A dozen heaps, far from each other."""
    rng = np.random.default_rng([n, d])
    centers = 30 * rng.standard_normal((12, d))
    return ((centers[rng.integers(0, 12, n)] + rng.standard_normal((n, d))) * scale).astype(dtype)


def picked(
    backend: Any, X: Any, weights: Any, k: int, copy_budget: float = 0.0, n_threads: int = 1, m: int = 5
) -> tuple[dict[str, Any], list[bool]]:
    """All outputs of picking k rows, every fifth of them one that was no candidate; and when rows were grouped."""
    rows, shares = backend.prepare(X, weights, copy_budget=copy_budget), np.random.default_rng(k).random((k, m))
    sq_dists, draws, gains = np.empty(X.shape[0]), np.zeros((k, m), np.int64), np.zeros((k, m), np.int64)
    seeds, is_grouped = backend.make_seeds(rows, 3, sq_dists, n_threads=n_threads), []
    for i in range(k):
        backend.draw_rows(rows, seeds, shares[i], draws[i])
        backend.candidate_gains(rows, seeds, draws[i], gains[i], n_threads=n_threads)
        row = i if i % 5 == 4 else int(draws[i, gains[i].argmax()])
        backend.add_seed(rows, seeds, row, n_threads=n_threads)
        is_grouped.append(getattr(seeds, "is_grouped", False))
    return {"draws": draws, "gains": gains, "sq_dists": sq_dists}, is_grouped


def assert_same(got: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, values in expected.items():
        np.testing.assert_array_equal(got[name], values, err_msg=name)


@cache
def heaps(d: int, is_weighted: bool, dtype: str) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Data, weights, and what the reference picks."""
    X = blobs(1500, d, dtype)
    weights = np.random.default_rng(d).integers(0, 3, 1500).astype(float) if is_weighted else None
    return X, weights, picked(identity, X, weights, 40)[0]


@every_isa
@every_dtype
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("d", [1, 2, 4, 5, 16, 130])
def test_rows_out_of_reach_are_rightly_left_out(d: int, is_weighted: bool, dtype: str, row: Row) -> None:
    X, weights, expected = heaps(d, is_weighted, dtype)
    for copy_budget, n_threads in ((0.0, 1), (1.5, 1), (1.5, 3)):
        got, is_grouped = picked(row.open(), X, weights, 40, copy_budget, n_threads)
        assert_same(got, expected)
        assert not any(is_grouped[:6]) and is_grouped[-1], "rows were to be looked at both ways"


@every_isa
def test_where_seeds_tell_nothing_rows_are_not_grouped(row: Row) -> None:
    X = np.random.default_rng(0).standard_normal((1000, 60)).astype(np.float32)
    got, is_grouped = picked(row.open(), X, None, 20)
    assert_same(got, picked(identity, X, None, 20)[0])
    assert not any(is_grouped)


@every_isa
@pytest.mark.parametrize("scale", [2.0**-520, 2.0**-200, 2.0**100, 2.0**200, 2.0**600])
def test_distances_beyond_float32_are_left_out_rightly_or_not_at_all(scale: float, row: Row) -> None:
    X = blobs(600, 3, "float64", scale)
    assert_same(picked(row.open(), X, None, 30)[0], picked(identity, X, None, 30)[0])


@every_isa
def test_duplicates_and_far_rows_are_picked_as_by_the_reference(row: Row) -> None:
    X = np.repeat(np.arange(12.0)[:, None] * [1.0, 3.0], 50, axis=0)
    X[::97] *= 1e7
    assert_same(picked(row.open(), X, None, 40)[0], picked(identity, X, None, 40)[0])


@every_isa
@pytest.mark.parametrize("m", [1, 5])
def test_sparse_rows_of_whole_numbers_are_picked_like_dense_ones(m: int, row: Row) -> None:
    X = np.random.default_rng(m).integers(-2, 3, (700, 20)).astype(np.float32)
    expected, _ = picked(identity, X, None, 20, m=m)
    for n_threads in (1, 3):
        assert_same(picked(row.open(), csr_array(X), None, 20, n_threads=n_threads, m=m)[0], expected)


def test_rows_that_do_not_exist_and_outputs_that_do_not_fit_are_refused() -> None:
    backend = get_backend("compiled")
    rows, others = backend.prepare(blobs(100, 2, "float64")), backend.prepare(blobs(99, 2, "float64"))
    seeds, two = backend.make_seeds(rows, 0, np.empty(100)), np.zeros(2, np.int64)
    with pytest.raises(IndexError, match=r"row 100 is out of bounds: there are 100\."):
        backend.add_seed(rows, seeds, 100)
    with pytest.raises(IndexError, match="row -1 is out of bounds"):
        backend.candidate_gains(rows, seeds, two - 1, two)
    with pytest.raises(IndexError, match="row 100 is out of bounds"):
        backend.make_seeds(rows, 100, np.empty(100))
    with pytest.raises(ValueError, match="gains has 2 entries for 3 candidates"):
        backend.candidate_gains(rows, seeds, np.zeros(3, np.int64), two)
    with pytest.raises(ValueError, match="drawn has 2 entries for 3 shares"):
        backend.draw_rows(rows, seeds, np.zeros(3), two)
    with pytest.raises(ValueError, match="seeds of 100 rows for 99"):
        backend.add_seed(others, seeds, 0)
    with pytest.raises(ValueError, match="outputs for 99"):
        backend.make_seeds(rows, 0, np.empty(99))
