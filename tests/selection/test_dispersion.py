"""Calinski-Harabasz, Davies-Bouldin, inertia and BIC: scikit-learn's numbers and the definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import multivariate_normal
from sklearn import metrics
from sklearn.datasets import load_digits, make_blobs

from kmeans_fast import KMeans
from kmeans_fast.selection import bic_score, calinski_harabasz_score, davies_bouldin_score, inertia_score

DIGITS = load_digits().data[:700]
BLOBS = make_blobs(900, 5, centers=4, random_state=0)[0]
SCORES = [
    (calinski_harabasz_score, metrics.calinski_harabasz_score),
    (davies_bouldin_score, metrics.davies_bouldin_score),
]


@pytest.mark.parametrize(("ours", "theirs"), SCORES)
@pytest.mark.parametrize("X", [DIGITS, BLOBS], ids=["digits", "blobs"])
def test_scores_are_scikit_learns(X: np.ndarray, ours: Any, theirs: Any) -> None:
    rng = np.random.default_rng(0)
    for labels in (KMeans(6, random_state=0).fit(X).labels_, rng.integers(0, 5, len(X)), rng.choice([-1, 7], len(X))):
        assert ours(X, labels) == pytest.approx(theirs(X, labels), rel=1e-9)


@pytest.mark.parametrize("score", [calinski_harabasz_score, davies_bouldin_score, bic_score])
def test_neither_an_offset_nor_threads_nor_csr_matter(score: Any) -> None:
    labels = np.random.default_rng(0).integers(0, 3, len(BLOBS))
    value = score(BLOBS, labels)
    assert score(BLOBS + 1e4, labels) == pytest.approx(value, rel=1e-7)
    assert score(BLOBS, labels, n_threads=3) == score(BLOBS, labels, n_threads=1)
    assert score(sp.csr_array(BLOBS), labels) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("scale", [2.0**-600, 2.0**600])
def test_extreme_units_change_no_ratio(scale: float) -> None:
    labels = np.arange(len(BLOBS)) % 3
    for ours, _ in SCORES:
        assert ours(BLOBS * scale, labels) == pytest.approx(ours(BLOBS, labels), rel=1e-9)


def test_inertia_is_that_of_the_fit() -> None:
    model = KMeans(4, random_state=0, tol=0).fit(BLOBS)
    assert inertia_score(BLOBS, model) == pytest.approx(model.inertia_, rel=1e-12)


def test_clusters_of_equal_rows_have_the_scores_of_the_limit() -> None:
    X, labels = np.repeat([[0.0], [1.0]], 3, axis=0), np.repeat([0, 1], 3)
    assert calinski_harabasz_score(X, labels) == metrics.calinski_harabasz_score(X, labels) == 1.0
    assert davies_bouldin_score(X, labels) == metrics.davies_bouldin_score(X, labels) == 0.0
    assert bic_score(X, labels) == np.inf


def test_bic_is_the_likelihood_of_spherical_gaussians_less_their_parameters() -> None:
    model = KMeans(4, random_state=0, tol=0).fit(BLOBS)
    (n, d), k, labels = BLOBS.shape, 4, model.labels_
    variance = model.inertia_ / (d * (n - k))
    log_likelihood = sum(
        multivariate_normal(model.cluster_centers_[j], variance * np.eye(d)).logpdf(BLOBS[labels == j]).sum()
        + (labels == j).sum() * np.log((labels == j).mean())
        for j in range(k)
    )
    assert bic_score(BLOBS, model) == pytest.approx(log_likelihood - k * (d + 1) / 2 * np.log(n), rel=1e-9)


@pytest.mark.parametrize("score", [calinski_harabasz_score, davies_bouldin_score, bic_score])
def test_as_many_clusters_as_rows_are_refused(score: Any) -> None:
    with pytest.raises(ValueError, match="Number of labels is 4"):
        score(np.arange(8.0).reshape(4, 2), [0, 1, 2, 3])
