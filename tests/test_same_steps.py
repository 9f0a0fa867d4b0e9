"""MiniBatchKMeans takes scikit-learn's steps: the same draws, batches, labels and stops; centers to rounding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from sklearn.datasets import load_iris, make_blobs
from threadpoolctl import threadpool_limits

from kmeans_fast import MiniBatchKMeans

Theirs = sklearn.cluster.MiniBatchKMeans
IRIS = load_iris().data


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Thousands of short steps: threads would wait for each other more than they would work."""
    with threadpool_limits(1):
        yield


DATA = {
    "noise": np.random.default_rng(1).standard_normal((2000, 5)),
    "blobs": make_blobs(3000, 8, centers=12, random_state=1)[0],
    "flowers": IRIS + 1e-6 * np.random.default_rng(2).standard_normal(IRIS.shape),
}
"""The measures of the flowers are multiples of 0.1: without the noise, rows halfway between centers decide."""

INITS = {"array": lambda X: X[:10], "callable": lambda X: lambda X, k, rng=None, random_state=None: X[-k:].copy()}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"batch_size": 100},
    {"batch_size": 64, "tol": 1e-3, "max_no_improvement": None, "max_iter": 10},
    {"batch_size": 100, "n_init": 2, "init_size": 150, "reassignment_ratio": 0.1},
]


def weights_of(n: int, seed: int) -> np.ndarray:
    weights = np.random.default_rng(seed).random(n)
    weights[::5] = 0
    return weights


def assert_same(ours: Any, theirs: Any, X: np.ndarray) -> None:
    assert (ours.n_steps_, getattr(ours, "n_iter_", 0)) == (theirs.n_steps_, getattr(theirs, "n_iter_", 0))
    np.testing.assert_allclose(ours._counts, theirs._counts, rtol=1e-12)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.labels_, ours.predict(X))
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-9, atol=1e-11)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-11)


@pytest.mark.filterwarnings("ignore:Explicit initial center")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("init", ["k-means++", "random", *INITS])
@pytest.mark.parametrize("name", DATA)
def test_float64_fits_are_scikit_learns(name: str, init: str, weighted: bool, options: dict[str, Any]) -> None:
    X = DATA[name]
    start = INITS[init](X) if init in INITS else init
    for seed in range(4):
        weights = weights_of(len(X), seed) if weighted else None
        settings = {"n_clusters": 10, "init": start, "random_state": seed, **options}
        ours, theirs = (cls(**settings).fit(X, sample_weight=weights) for cls in (MiniBatchKMeans, Theirs))
        assert_same(ours, theirs, X)
        estimates = [cls(**settings, compute_labels=False).fit(X, sample_weight=weights).inertia_
                     for cls in (MiniBatchKMeans, Theirs)]  # fmt: skip
        assert estimates[0] == pytest.approx(estimates[1], rel=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("init", ["k-means++", "random", *INITS])
@pytest.mark.parametrize("name", DATA)
def test_float64_partial_fits_are_scikit_learns(name: str, init: str, weighted: bool) -> None:
    X = DATA[name]
    start = INITS[init](X) if init in INITS else init
    for seed in range(4):
        settings = {"n_clusters": 10, "init": start, "random_state": seed, "batch_size": 40, "reassignment_ratio": 0.05}
        ours, theirs = MiniBatchKMeans(**settings), Theirs(**settings)
        for first in range(0, 150, 30):
            batch = X[first : first + 30]
            weights = np.random.default_rng(first).random(30) + 0.1 if weighted else None
            for model in (ours, theirs):
                model.partial_fit(batch, sample_weight=weights)
            assert_same(ours, theirs, batch)
        assert ours._n_since_last_reassign == theirs._n_since_last_reassign


def test_only_ties_part_us_from_scikit_learn() -> None:
    """Row 2 is as near to 0 as to 0.2: ours takes the lower index, scikit-learn what its rounding says."""
    X = np.array([[0.0], [0.2], [0.1]])
    assert abs(X[2] - X[0]) == abs(X[1] - X[2])
    model = MiniBatchKMeans(2, init=X[[1, 0]], n_init=1, compute_labels=True).partial_fit(X)
    assert model._counts.tolist() == [2, 1]
    parted = 0
    for seed in range(6):
        ours, theirs = (cls(10, random_state=seed).fit(IRIS) for cls in (MiniBatchKMeans, Theirs))
        parted += not np.allclose(ours.cluster_centers_, theirs.cluster_centers_)
    assert parted > 0, "no tie decided: the noise in the flowers is not needed"


def test_messages_are_scikit_learns(capsys: pytest.CaptureFixture[str]) -> None:
    everything = ""
    for options in ({"batch_size": 100, "init": "random"}, {"batch_size": 100, "tol": 0.01, "reassignment_ratio": 0.9}):
        told = []
        for cls in (MiniBatchKMeans, Theirs):
            cls(10, random_state=0, verbose=1, **options).fit(DATA["noise"])
            told.append(re.split(r"(\d+\.\d+(?:e-?\d+)?)", capsys.readouterr().out))
        ours, theirs = told
        assert ours[::2] == theirs[::2]
        everything += "".join(ours)
        np.testing.assert_allclose([float(x) for x in ours[1::2]], [float(x) for x in theirs[1::2]], rtol=1e-9)
    assert all(word in everything for word in ("Init 3/3", "Reassigning 1", "Converged (small", "Converged (lack"))
    MiniBatchKMeans(3).fit(IRIS).partial_fit(IRIS)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("weighted", [False, True])
def test_float32_fits_take_the_steps_of_their_float64_values(weighted: bool) -> None:
    X = DATA["blobs"].astype(np.float32)
    weights = weights_of(len(X), 0) if weighted else None
    for seed in range(4):
        ours = MiniBatchKMeans(10, random_state=seed, batch_size=100).fit(X, sample_weight=weights)
        theirs = Theirs(10, random_state=seed, batch_size=100).fit(X.astype(np.float64), sample_weight=weights)
        assert ours.cluster_centers_.dtype == np.float32 and type(ours.inertia_) is float
        assert ours.n_steps_ == theirs.n_steps_ and (ours.labels_ == theirs.labels_).all()
        np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-4, atol=1e-4)
