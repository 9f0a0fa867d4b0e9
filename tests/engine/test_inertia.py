"""Inertia from sums, its bound, and the variance."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from kmeans_fast.backends import get_backend
from kmeans_fast.engine.inertia import PRECISION, Spread, mean_variance
from kmeans_fast.engine.loop import iterate
from kmeans_fast.engine.shard import Shard, in_data_units

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def exact_inertia(X: np.ndarray, weights: np.ndarray, centers: np.ndarray, labels: np.ndarray) -> float:
    difference = X.astype(np.longdouble) - centers[labels]
    return float((weights * (difference * difference).sum(axis=1)).sum())


@every_dtype
@pytest.mark.parametrize("offset", [0.0, 30.0, 1e5])
@pytest.mark.parametrize("weighted", [False, True])
def test_inertia_of_each_iteration_is_right_to_1e9(weighted: bool, offset: float, dtype: type) -> None:
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((3000, 4)) + offset).astype(dtype)
    weights = rng.random(3000) if weighted else np.ones(3000)
    backend = get_backend("identity")
    rows = backend.prepare(X, weights if weighted else None)
    shard, spread = Shard(backend, rows, 7), None
    for step in iterate(shard, X[:7].copy(), 5):
        spread = spread or Spread(shard, step.totals)
        value = in_data_units(spread.inertia(shard, step), rows)
        assert value == pytest.approx(exact_inertia(X, weights, step.centers, shard.labels), rel=2 * PRECISION)


def ways_taken(X: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    backend = get_backend("identity")
    shard, taken = Shard(backend, backend.prepare(X), 5), []
    (step,) = iterate(shard, X[:5].copy(), 1)
    spread = Spread(shard, step.totals)
    assert step.moments == pytest.approx(spread._moments(step.centers, step.totals), rel=1e-10)
    value, bound = spread._inertia_and_bound(5, *step.moments)
    assert abs(value - exact_inertia(X, np.ones(len(X)), step.centers, shard.labels)) <= bound
    monkeypatch.setattr(shard, "inertia", lambda centers: taken.append("direct") or 1.0)
    spread.inertia(shard, step)
    return taken


def test_ordinary_data_need_no_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ways_taken(np.random.default_rng(0).standard_normal((3000, 4)), monkeypatch) == []


def test_places_on_a_map_need_no_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).standard_normal((50_000, 2)) * 0.05 + (45, -93)
    assert ways_taken(X, monkeypatch) == []


def test_data_that_cancel_are_measured_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).standard_normal((3000, 4)) + 1e8
    assert ways_taken(X, monkeypatch) == ["direct"]


@every_dtype
@pytest.mark.parametrize("shape", [(1, 1), (1000, 3), (70_000, 5)])
def test_variance_is_numpys(shape: tuple[int, int], dtype: type) -> None:
    X = (np.random.default_rng(0).standard_normal(shape) + 100).astype(dtype)
    expected = np.mean(np.var(X.astype(np.float64), axis=0))
    assert mean_variance(X, 1.0) == pytest.approx(expected, rel=1e-12)
    backend = get_backend("identity")
    shard = Shard(backend, backend.prepare(X), 1)
    (step,) = iterate(shard, X[:1].copy(), 1)
    assert Spread(shard, step.totals).mean_variance == pytest.approx(expected, rel=1e-12)


def test_variance_of_huge_data_is_finite() -> None:
    X = np.array([[1.0], [3.0]]) * 2.0**1000
    assert mean_variance(X, 2.0**1000) == 1.0


def test_variance_makes_no_copy_of_the_data() -> None:
    X = np.random.default_rng(0).standard_normal((200_000, 16)).astype(np.float32)
    tracemalloc.start()
    mean_variance(X, 1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 3
