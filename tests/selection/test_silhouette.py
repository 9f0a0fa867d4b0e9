"""Silhouettes: scikit-learn's numbers, samples, the simplified ones by their definition, and memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import metrics
from sklearn.cluster import DBSCAN
from sklearn.datasets import load_digits, make_blobs

from kmeans_fast import KMeans
from kmeans_fast.selection import (
    silhouette_samples,
    silhouette_score,
    simplified_silhouette_samples,
    simplified_silhouette_score,
)

DIGITS = load_digits().data[:700]
BLOBS = make_blobs(900, 5, centers=4, random_state=0)[0]


def labellings(X: np.ndarray) -> dict[str, Any]:
    rng, n = np.random.default_rng(0), len(X)
    one_alone = np.r_[0, np.repeat([1, 2], [n // 2, n - 1 - n // 2])]
    return {
        "fitted": KMeans(4, random_state=0).fit(X).labels_,
        "random": rng.integers(0, 6, n),
        "names": np.array(["b", "a", "c"])[rng.integers(0, 3, n)],
        "gaps and noise": rng.choice([-1, 5, 1000], n),
        "one alone": one_alone,
        "many": np.arange(n) // 2,
    }


@pytest.mark.parametrize("name", labellings(BLOBS))
@pytest.mark.parametrize("X", [DIGITS, BLOBS], ids=["digits", "blobs"])
def test_exact_silhouettes_are_scikit_learns(X: np.ndarray, name: str) -> None:
    labels = labellings(X)[name]
    np.testing.assert_allclose(silhouette_samples(X, labels), metrics.silhouette_samples(X, labels), atol=1e-9, rtol=0)
    assert abs(silhouette_score(X, labels) - metrics.silhouette_score(X, labels)) < 1e-9


def test_a_sample_is_the_one_that_scikit_learn_draws() -> None:
    labels = labellings(DIGITS)["fitted"]
    ours = silhouette_score(DIGITS, labels, sample_size=200, random_state=3)
    assert abs(ours - metrics.silhouette_score(DIGITS, labels, sample_size=200, random_state=3)) < 1e-9
    assert ours != silhouette_score(DIGITS, labels, sample_size=200, random_state=4)
    rng = [np.random.default_rng(7) for _ in range(2)]
    scores = [silhouette_score(DIGITS, labels, sample_size=200, random_state=r) for r in rng]
    assert scores[0] == scores[1]


def test_float32_rows_lose_nothing_but_their_own_rounding() -> None:
    X = (BLOBS + 1e3).astype(np.float32)
    labels = labellings(BLOBS)["random"]
    exact = silhouette_samples(X.astype(np.float64), labels)
    np.testing.assert_allclose(silhouette_samples(X, labels), exact, atol=1e-12, rtol=0)


def test_an_offset_does_not_blur_silhouettes() -> None:
    X = np.round(BLOBS * 2**20) / 2**20
    labels = labellings(BLOBS)["fitted"]
    assert ((X + 2.0**20) - 2.0**20 == X).all()
    ours = silhouette_samples(X + 2.0**20, labels) - silhouette_samples(X, labels)
    assert np.abs(ours).max() < 1e-12
    theirs = metrics.silhouette_samples(X + 2.0**20, labels) - metrics.silhouette_samples(X, labels)
    assert np.abs(theirs).max() > 1e-9, "the offset does not show what the norm identity loses"


def test_duplicates_are_at_distance_zero() -> None:
    X = np.repeat([[0.1, 1e6], [0.7, 1e6]], 5, axis=0)
    assert (silhouette_samples(X, np.repeat([0, 1], 5)) == 1).all()
    assert (silhouette_samples(np.ones((6, 2)), [0, 0, 0, 1, 1, 1]) == 0).all()


@pytest.mark.parametrize("n_threads", [2, 3])
def test_no_thread_count_changes_a_bit(n_threads: int) -> None:
    X, labels = DIGITS, labellings(DIGITS)["random"]
    for samples in (silhouette_samples, simplified_silhouette_samples):
        np.testing.assert_array_equal(samples(X, labels, n_threads=1), samples(X, labels, n_threads=n_threads))


@pytest.mark.parametrize("backend", ["compiled", "identity"])
def test_sparse_rows_have_the_silhouettes_of_the_same_array(backend: str) -> None:
    X = sp.random_array((80, 50), density=0.2, format="csr", rng=np.random.default_rng(0))
    labels = np.arange(80) % 3
    for samples in (silhouette_samples, simplified_silhouette_samples):
        np.testing.assert_allclose(samples(X, labels, backend=backend), samples(X.toarray(), labels), atol=1e-10)


def test_memory_grows_with_rows_times_clusters_only() -> None:
    n, k = 6000, 5
    X, labels = np.random.default_rng(0).random((n, 2)), np.arange(n) % k
    silhouette_samples(X[:100], labels[:100])
    tracemalloc.start()
    silhouette_samples(X, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * n * (k + 2) * 8 < n * n, "distances of all rows to all rows would take n^2 values"


def test_simplified_silhouettes_are_those_of_the_definition() -> None:
    labels = labellings(BLOBS)["one alone"]
    means = np.stack([BLOBS[labels == j].mean(axis=0) for j in range(3)])
    dists = np.sqrt(((BLOBS[:, None] - means) ** 2).sum(axis=2))
    own = dists[np.arange(len(BLOBS)), labels].copy()
    dists[np.arange(len(BLOBS)), labels] = np.inf
    other = dists.min(axis=1)
    expected = (other - own) / np.maximum(own, other)
    expected[0] = 0
    np.testing.assert_allclose(simplified_silhouette_samples(BLOBS, labels), expected, atol=1e-12)
    assert simplified_silhouette_score(BLOBS, labels) == pytest.approx(expected.mean(), abs=1e-12)


def test_any_fitted_estimator_with_labels_will_do() -> None:
    ours, theirs = KMeans(4, random_state=0).fit(BLOBS), DBSCAN(eps=2).fit(BLOBS)
    assert silhouette_score(BLOBS, ours) == silhouette_score(BLOBS, ours.labels_)
    assert len(set(theirs.labels_)) > 1
    assert silhouette_score(BLOBS, theirs) == silhouette_score(BLOBS, theirs.labels_)


@pytest.mark.parametrize("score", [silhouette_score, silhouette_samples, simplified_silhouette_score])
@pytest.mark.parametrize(
    ("labels", "error", "words"),
    [
        (np.zeros(900), ValueError, "Number of labels is 1"),
        (np.arange(900), ValueError, "Number of labels is 900"),
        (np.zeros(5), ValueError, r"shape \(5,\), expected \(900,\)"),
        (np.full(900, np.nan), ValueError, "NaN"),
        (KMeans(3), ValueError, "not fitted"),
        (KMeans, TypeError, "class KMeans"),
        (KMeans(3, random_state=0).fit(BLOBS[:50]), ValueError, r"KMeans.labels_ has shape \(50,\)"),
    ],
)
def test_wrong_labels_are_refused(score: Any, labels: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        score(BLOBS, labels)


@pytest.mark.parametrize("size", [0, -3, 2.5, True, "all"])
def test_wrong_sample_sizes_are_refused(size: Any) -> None:
    with pytest.raises(ValueError, match="sample_size="):
        silhouette_score(BLOBS, np.arange(900) % 2, sample_size=size)
