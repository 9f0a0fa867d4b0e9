"""The reference kernels against plain loops and exact whole numbers; then every backend against the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tables import Row, every_backend

from kmeans_fast.backends import get_backend, identity
from kmeans_fast.backends.decider import decide_rows
from kmeans_fast.backends.ordered_sums import group_borders, ordered_sum
from kmeans_fast.backends.protocol import KERNELS

every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
SHAPES = [(1, 1, 1), (65, 1, 3), (100, 2, 2), (120, 3, 8), (120, 9, 1), (115, 17, 33)]


def data(n: int, d: int, k: int, dtype: str) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(n + d + k)
    X = (rng.standard_normal((n, d)) + 5).astype(dtype)
    return X, X[rng.integers(0, n, k)] + np.asarray(rng.standard_normal((k, d)) / 4, dtype=dtype), rng.random(n)


def step(backend: Any, X: Any, centers: Any, weights: Any, budget: float = 1.5) -> tuple[Any, ...]:
    rows = backend.prepare(X, weights, copy_budget=budget)
    labels, sums, mass = np.full(len(X), -1, np.int32), np.zeros((2, *centers.shape)), np.zeros((2, len(centers)))
    borders = group_borders(len(X), len(centers))
    n_changed = backend.nearest_and_sum(rows, borders, centers, labels, sums, mass)
    assert n_changed == len(X)
    return labels, sums[0], mass[0]


def exact_sums(X: Any, weights: Any, labels: Any, k: int) -> tuple[Any, Any]:
    """The rounded sums of the rounded terms, and of the weights."""
    terms, w = weights[:, None] * X.astype(np.float64), weights
    sums = [[math.fsum(column.tolist()) for column in terms[labels == j].T] for j in range(k)]
    return np.array(sums), np.array([math.fsum(w[labels == j].tolist()) for j in range(k)])


def test_the_reference_has_every_kernel() -> None:
    assert [kernel for kernel in KERNELS if not callable(getattr(identity, kernel, None))] == []


@every_dtype
def test_sums_are_rounded_once(dtype: str) -> None:
    X, centers, weights = data(3000, 3, 5, dtype)
    weights[weights.argmax()] = 0.75
    weights = np.where(weights < 0.75, weights, 0.5)
    labels, sums, mass = step(identity, X, centers, weights)
    expected_sums, expected_mass = exact_sums(X, weights, labels, 5)
    np.testing.assert_array_equal(sums, expected_sums)
    np.testing.assert_array_equal(mass, expected_mass)


@every_dtype
@pytest.mark.parametrize("budget", [0.0, 1.5])
@pytest.mark.parametrize("offset", [0.0, 1e4, 3e6])
def test_labels_are_the_deciders_with_and_without_copies(offset: float, budget: float, dtype: str) -> None:
    rng = np.random.default_rng(1)
    X = (rng.standard_normal((3000, 16)) + offset * rng.choice([-1, 1], (3000, 1))).astype(dtype)
    centers = X[:12].copy()
    labels, _, _ = step(identity, X, centers, None, budget)
    np.testing.assert_array_equal(labels, decide_rows(X, centers, 1.0))


def test_some_rows_pass_through_the_whole_cascade(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def count(x: Any, *rest: Any) -> Any:
        seen.append(len(x))
        return decide_rows(x, *rest)

    monkeypatch.setattr(identity, "decide_rows", count)
    X = np.array([[0.0], [1.0], [2.0], [1.0]], dtype=np.float32)
    labels, _, _ = step(identity, X, np.array([[0.0], [2.0]], dtype=np.float32), None)
    assert labels.tolist() == [0, 0, 1, 0]
    assert seen == [2], "exactly the two tied rows are for the decider"


@every_backend
@every_dtype
@pytest.mark.parametrize("shape", SHAPES)
def test_every_backend_has_the_labels_sums_and_mass_of_the_reference(
    shape: tuple[int, int, int], dtype: str, row: Row
) -> None:
    X, centers, weights = data(*shape, dtype)
    for given in (None, weights):
        for got, expected in zip(step(row.open(), X, centers, given), step(identity, X, centers, given), strict=True):
            np.testing.assert_array_equal(got, expected)


@every_backend
@every_dtype
def test_every_backend_has_the_seeding_values_of_the_reference(dtype: str, row: Row) -> None:
    X, centers, weights = data(700, 5, 4, dtype)
    results = []
    for backend in (row.open(), identity):
        rows = backend.prepare(X, weights)
        sq_dists, gains, chosen = np.empty(700), np.empty(4, np.int64), np.empty(700)
        seeds = backend.make_seeds(rows, 7, sq_dists)
        backend.candidate_gains(rows, seeds, np.array([7, 0, 650, 30]), gains)
        labels = np.random.default_rng(0).integers(0, 4, 700).astype(np.int32)
        backend.label_sq_dists(rows, 0, 700, centers, labels, chosen)
        spread = backend.sq_spread(rows, X[7])
        results.append((sq_dists, gains, chosen, spread))
        assert spread == ordered_sum(sq_dists * rows.weights)
        assert gains[0] == 0 < gains[1:].min(), "the first candidate changes no distance"
    for got, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(got, expected)


@every_backend
@every_dtype
def test_a_slice_gives_what_the_whole_gives(dtype: str, row: Row) -> None:
    X, centers, _ = data(300, 4, 6, dtype)
    backend = row.open()
    rows = backend.prepare(X, copy_budget=1.5)
    whole, part = np.full(300, -1, np.int32), np.full(100, -1, np.int32)
    backend.nearest(rows, 0, 300, centers, whole)
    assert backend.nearest(rows, 64, 164, centers, part) == 100
    np.testing.assert_array_equal(part, whole[64:164])
    assert backend.nearest(rows, 64, 164, centers, part) == 0
    rows.release()
    again = np.full(300, -1, np.int32)
    backend.nearest(rows, 0, 300, centers, again)
    np.testing.assert_array_equal(again, whole)


@every_backend
@every_dtype
@pytest.mark.parametrize("offset", [0.0, 1e5])
def test_distances_keep_their_promise(offset: float, dtype: str, row: Row) -> None:
    X, centers, _ = data(200, 7, 9, dtype)
    X, centers = X + X.dtype.type(offset), centers + X.dtype.type(offset)
    centers[3] = X[5]
    backend, out = row.open(), np.empty((200, 9), dtype)
    backend.distances(backend.prepare(X), 0, 200, centers, out)
    exact = np.sqrt(((X[:, None].astype(np.longdouble) - centers) ** 2).sum(axis=2))
    unit = np.finfo(dtype).eps / 2
    assert out[5, 3] == 0
    assert (np.abs(out - exact) <= 4 * (7 + 4) * unit * exact).all()


@every_backend
def test_two_nearest_encloses_the_true_distances(row: Row) -> None:
    X, centers, _ = data(150, 6, 5, "float64")
    backend = get_backend(row.backend, isa=row.isa)
    labels, upper, lower = np.full(150, -1, np.int32), np.zeros(150, np.float32), np.full(150, 9, np.float32)
    chosen = np.arange(0, 150, 2)
    assert backend.two_nearest(backend.prepare(X), chosen, centers, labels, upper, lower) == 75
    exact = np.sqrt(((X[:, None].astype(np.longdouble) - centers) ** 2).sum(axis=2))
    two = np.sort(exact, axis=1)[:, :2]
    assert (labels[1::2] == -1).all() and (labels[chosen] == exact[chosen].argmin(axis=1)).all()
    assert (upper[chosen] >= two[chosen, 0]).all() and (lower[chosen] <= two[chosen, 1]).all()
    assert (upper[chosen] <= two[chosen, 0] * (1 + 1e-3)).all()
    assert (lower[chosen] >= two[chosen, 0] * (1 - 1e-3)).all()
