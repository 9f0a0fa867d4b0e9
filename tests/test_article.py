"""The article's functions against its steps in plain NumPy."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from kmeans_fast import article
from kmeans_fast.backends import BACKENDS

every_function = pytest.mark.parametrize("name", article.FUNCTIONS)
RNG = np.random.default_rng(0)
BLOBS = RNG.standard_normal((150, 3)) + 4 * RNG.standard_normal((5, 3))[RNG.integers(0, 5, 150)]


def replay(X: np.ndarray, K: int, max_iterations: int = 100, random_state: int = 42, stored: Any = None) -> Any:
    """Draw, assign, average, compare: step by step."""
    stored = stored or X.dtype
    centroids = X[np.random.RandomState(random_state).choice(len(X), K, replace=False)].astype(stored)
    for _ in range(max_iterations):
        sq_dists = ((X[:, None].astype(np.longdouble) - centroids[None]) ** 2).sum(axis=2)
        assignments = sq_dists.argmin(axis=1)
        means = [X[assignments == j].mean(axis=0) if (assignments == j).any() else centroids[j] for j in range(K)]
        old, centroids = centroids, np.array(means).astype(stored)
        if np.allclose(old, centroids):
            break
    return centroids.astype(X.dtype), assignments


@every_function
@pytest.mark.parametrize("random_state", [0, 7, 42])
@pytest.mark.parametrize("max_iterations", [1, 2, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_steps_are_the_articles(dtype: type, max_iterations: int, random_state: int, name: str) -> None:
    X = BLOBS.astype(dtype)
    stored = np.float32 if name == "identity" else dtype
    expected_centroids, expected = replay(X, 5, max_iterations, random_state, stored)
    centroids, assignments = article.FUNCTIONS[name](X, 5, max_iterations, random_state)
    np.testing.assert_array_equal(assignments, expected)
    np.testing.assert_allclose(centroids, expected_centroids, rtol=1e-5 if stored == np.float32 else 1e-13)
    assert centroids.dtype == dtype and assignments.dtype == np.int64
    if name == "identity":
        np.testing.assert_array_equal(centroids, centroids.astype(np.float32))


@every_function
def test_an_empty_cluster_keeps_its_center(name: str) -> None:
    X = np.array([[0.0], [0.0], [0.0], [8.0]])
    seeds = [s for s in range(50) if 3 not in np.random.RandomState(s).choice(4, 2, replace=False)]
    centroids, assignments = article.FUNCTIONS[name](X, 2, random_state=seeds[0])
    assert centroids.tolist() == [[2.0], [0.0]] or centroids.tolist() == [[8.0], [0.0]]
    expected_centroids, expected = replay(X, 2, random_state=seeds[0])
    assert (centroids.tolist(), assignments.tolist()) == (expected_centroids.tolist(), expected.tolist())
    single, _ = article.FUNCTIONS[name](X[:3], 2)
    assert single.tolist() == [[0.0], [0.0]], "the second of two equal centers had no rows and was to stay"


def test_signatures_are_the_articles() -> None:
    for function in article.FUNCTIONS.values():
        assert str(inspect.signature(function)).startswith("(X: 'Any', K: 'int', max_iterations: 'int' = 100, random")
        assert inspect.signature(function).parameters["random_state"].default == 42
    assert set(article.FUNCTIONS) == set(BACKENDS) - {"compiled"}


@every_function
def test_integers_become_float64_and_nothing_else_is_touched(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    X = (BLOBS * 10).astype(int)
    before, state = X.copy(), np.random.get_state()[1].copy()
    centroids, _ = article.FUNCTIONS[name](X, 3)
    assert centroids.dtype == np.float64
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert capsys.readouterr().out == ""


@every_function
@pytest.mark.parametrize(
    ("X", "K", "message"),
    [(BLOBS, 151, "K=151 exceeds n_samples=150"), (BLOBS, 0, "K=0 is no positive"), (BLOBS * np.nan, 2, "NaN")],
)
def test_bad_input_is_refused(X: np.ndarray, K: int, message: str, name: str) -> None:
    with pytest.raises(ValueError, match=message):
        article.FUNCTIONS[name](X, K)


def test_optimized_refuses_what_float32_cannot_hold() -> None:
    with pytest.raises(ValueError, match=r"beyond 3\.4e38"):
        article.kmeans_optimized(BLOBS * 1e300, 2)
