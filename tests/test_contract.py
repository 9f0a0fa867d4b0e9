"""The same random state gives what it gives in scikit-learn: seeds, labels, centers, iterations, inertia."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from sklearn.datasets import load_digits, load_iris, load_wine, make_blobs
from threadpoolctl import threadpool_limits

from kmeans_fast import KMeans, k_means, kmeans_plusplus
from kmeans_fast.backends import get_backend
from kmeans_fast.engine.loop import iterate
from kmeans_fast.engine.shard import Shard

NOISE = np.random.default_rng(5).standard_normal((400, 6))
SEEDS = range(50)
INITS = ("k-means++", "random", "array", "callable")
weighted_or_not = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """scikit-learn's threads wait busily for each other: thousands of small fits take long on a machine in use."""
    get_backend()  # its threads can be limited once it is loaded
    with threadpool_limits(1):
        yield


@cache
def untied() -> dict[str, np.ndarray]:
    """Data in which no row is as far from one center as from another, not even nearly."""
    return {
        "blobs": make_blobs(500, n_features=4, centers=9, cluster_std=2.0, random_state=3)[0],
        "noise": NOISE,
        "wine": load_wine().data,
    }


@cache
def tied() -> dict[str, np.ndarray]:
    """Data rounded to a grid: rows recur, and some lie in the middle between two others."""
    return {"iris": load_iris().data, "digits": load_digits().data[:600]}


def drawn_rows(X: np.ndarray, k: int, random_state: Any) -> np.ndarray:
    return X[random_state.choice(len(X), k, replace=False)]


def settings(kind: str, X: np.ndarray, seed: int, weighted: bool) -> tuple[dict[str, Any], np.ndarray | None]:
    """Parameters that both libraries understand, and weights; from 2 to 10 clusters."""
    rng, k = np.random.default_rng(seed), 2 + seed % 9
    init: Any = {"array": X[rng.choice(len(X), k, replace=False)], "callable": drawn_rows}.get(kind, kind)
    n_init = 1 if kind == "array" else 1 + seed % 3
    parameters = {"n_clusters": k, "init": init, "n_init": n_init, "random_state": seed}
    return parameters, rng.random(len(X)) if weighted else None


def both(X: np.ndarray, parameters: dict[str, Any], weights: np.ndarray | None) -> tuple[Any, Any]:
    ours = KMeans(**parameters).fit(X, sample_weight=weights)
    return ours, sklearn.cluster.KMeans(**parameters).fit(X, sample_weight=weights)


# ---- the same fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["blobs", "noise", "wine"])
@pytest.mark.parametrize("kind", INITS)
@weighted_or_not
def test_without_ties_every_seed_gives_scikit_learns_fit(weighted: bool, kind: str, name: str) -> None:
    X = untied()[name]
    for seed in SEEDS:
        ours, theirs = both(X, *settings(kind, X, seed, weighted))
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
        np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-10, atol=1e-12)
        assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-10)
        assert (ours.n_iter_, ours._n_init) == (theirs.n_iter_, theirs._n_init)


def narrowest_gap(X: np.ndarray, weights: np.ndarray | None, init: np.ndarray, max_iter: int) -> float:
    """Least difference of a row's squared distances to its two nearest centers in any iteration, by the data's size."""
    backend = get_backend("identity")
    shard, gap = Shard(backend, backend.prepare(X, weights), len(init)), np.inf
    for step in iterate(shard, init, max_iter):
        sq_dists = np.sort(((X[:, None] - step.centers) ** 2).sum(axis=2), axis=1)
        gap = min(gap, float((sq_dists[:, 1] - sq_dists[:, 0]).min()))
        if step.is_settled:
            break
    return gap / float(((X - X.mean(axis=0)) ** 2).sum(axis=1).max())


@pytest.mark.parametrize("name", ["iris", "digits"])
@weighted_or_not
def test_what_differs_was_decided_by_a_tie(weighted: bool, name: str) -> None:
    """scikit-learn subtracts the mean first, so that rounding breaks its ties; ours go to the lower index."""
    X, n_different = tied()[name], 0
    for seed in SEEDS:
        parameters, weights = settings("array", X, seed, weighted)
        ours, theirs = both(X, parameters, weights)
        if ours.n_iter_ != theirs.n_iter_ or (ours.labels_ != theirs.labels_).any():
            n_different += 1
            n_iter = max(ours.n_iter_, theirs.n_iter_) + 1
            assert narrowest_gap(X, weights, parameters["init"], n_iter) < 1e-13, f"seed {seed} differs without a tie"
    assert 0 < n_different < 10, "differences are not there, or are the rule"


@weighted_or_not
def test_the_data_without_ties_have_none(weighted: bool) -> None:
    for X in untied().values():
        gaps = []
        for seed in SEEDS:
            parameters, weights = settings("array", X, seed, weighted)
            gaps.append(narrowest_gap(X, weights, parameters["init"], 50))
        assert min(gaps) > 1e-12


@pytest.mark.parametrize("name", ["blobs", "noise"])
@weighted_or_not
def test_float32_rows_give_scikit_learns_fit_of_the_same_values_in_float64(weighted: bool, name: str) -> None:
    """scikit-learn's own fit of float32 rows is another: it adds up in float32."""
    X = untied()[name].astype(np.float32)
    spread = float(np.abs(X).max())
    for seed in SEEDS:
        parameters, weights = settings("array", X, seed, weighted)
        ours = KMeans(**parameters).fit(X, sample_weight=weights)
        parameters["init"] = parameters["init"].astype(np.float64)
        theirs = sklearn.cluster.KMeans(**parameters).fit(X.astype(np.float64), sample_weight=weights)
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
        assert ours.n_iter_ == theirs.n_iter_
        assert ours.cluster_centers_.dtype == np.float32
        np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-6, atol=1e-6 * spread)
        assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-6)


# ---- seeds and draws ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["blobs", "noise", "wine", "iris", "digits"])
@weighted_or_not
def test_kmeans_plusplus_picks_scikit_learns_rows(weighted: bool, name: str) -> None:
    X = {**untied(), **tied()}[name]
    for seed in SEEDS:
        parameters, weights = settings("k-means++", X, seed, weighted)
        options = {"n_clusters": parameters["n_clusters"], "random_state": seed, "sample_weight": weights}
        centers, indices = kmeans_plusplus(X, **options)
        np.testing.assert_array_equal(indices, sklearn.cluster.kmeans_plusplus(X, **options)[1])
        np.testing.assert_array_equal(centers, X[indices])


def test_up_to_1000_rows_of_float32_are_seeded_as_scikit_learn_seeds_float32() -> None:
    X = np.random.default_rng(0).standard_normal((1000, 5)).astype(np.float32)
    for seed in SEEDS:
        _, indices = kmeans_plusplus(X, 10, random_state=seed)
        np.testing.assert_array_equal(indices, sklearn.cluster.kmeans_plusplus(X, 10, random_state=seed)[1])


@pytest.mark.parametrize("kind", ["k-means++", "random", "callable"])
@weighted_or_not
def test_a_fit_draws_as_much_as_scikit_learns(weighted: bool, kind: str) -> None:
    """A state that is handed on from fit to fit goes on alike: runs draw in order, iterations draw nothing."""
    X, states = NOISE, [np.random.RandomState(7), np.random.RandomState(7)]
    weights = np.random.default_rng(1).random(len(X)) if weighted else None
    init: Any = drawn_rows if kind == "callable" else kind
    for _ in range(3):
        for cls, state in zip((KMeans, sklearn.cluster.KMeans), states, strict=True):
            cls(5, init=init, n_init=3, random_state=state, max_iter=4).fit(X, sample_weight=weights)
        assert states[0].randint(2**31) == states[1].randint(2**31)


def test_the_global_state_is_used_where_none_is_given() -> None:
    fits = []
    for cls in (KMeans, sklearn.cluster.KMeans):
        np.random.seed(11)
        fits.append(cls(7).fit(NOISE).labels_)
    np.testing.assert_array_equal(*fits)


@pytest.mark.parametrize(
    "make",
    [
        lambda g: KMeans(5, random_state=g).fit(NOISE).cluster_centers_,
        lambda g: k_means(NOISE, 5, random_state=g, init="random")[0],
        lambda g: kmeans_plusplus(NOISE, 5, random_state=g)[0],
    ],
    ids=["KMeans", "k_means", "kmeans_plusplus"],
)
def test_a_generator_draws_for_fits_and_for_seeds(make: Callable[[Any], np.ndarray]) -> None:
    shared = np.random.default_rng(3)
    first, second = make(shared), make(shared)
    np.testing.assert_array_equal(first, make(np.random.default_rng(3)))
    assert (first != second).any()


# ---- k_means -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", INITS)
@weighted_or_not
def test_k_means_returns_what_scikit_learns_returns(weighted: bool, kind: str) -> None:
    X = untied()["blobs"]
    for seed in range(10):
        parameters, weights = settings(kind, X, seed, weighted)
        options = {**parameters, "sample_weight": weights, "return_n_iter": True}
        ours, theirs = k_means(X, **options), sklearn.cluster.k_means(X, **options)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-10, atol=1e-12)
        np.testing.assert_array_equal(ours[1], theirs[1])
        assert ours[2] == pytest.approx(theirs[2], rel=1e-10) and ours[3] == theirs[3]
        assert [type(value) for value in ours] == [type(value) for value in theirs]
        options["return_n_iter"] = False
        assert len(k_means(X, **options)) == 3


# ---- the tolerance, empty clusters and ties ----------------------------------------------------------------------


@weighted_or_not
@pytest.mark.parametrize("tol", [0.0, 1e-8, 1e-3, 0.03, 0.3])
def test_every_tolerance_ends_where_scikit_learn_ends(tol: float, weighted: bool) -> None:
    X = untied()["wine"]
    n_iters = set()
    for seed in range(20):
        parameters, weights = settings("random", X, seed, weighted)
        ours, theirs = both(X, {**parameters, "tol": tol}, weights)
        assert ours.n_iter_ == theirs.n_iter_
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
        n_iters.add(ours.n_iter_)
    assert len(n_iters) > 2, "the tolerance decides nothing"


@weighted_or_not
def test_empty_clusters_are_filled_as_in_scikit_learn(weighted: bool) -> None:
    """Where scikit-learn's labels are not stale: its tolerance may end a run in the iteration that filled a cluster."""
    X = NOISE
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        init = X[:6].copy()
        init[rng.choice(6, 1 + seed % 3, replace=False)] += 40.0
        nearest = ((X[:, None] - init) ** 2).sum(axis=2).argmin(axis=1)
        assert len(set(nearest.tolist())) == 5 - seed % 3, "no cluster is empty"
        weights = rng.random(len(X)) if weighted else None
        ours, theirs = both(X, {"n_clusters": 6, "init": init, "tol": 0.0}, weights)
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
        np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-10, atol=1e-12)
        assert ours.n_iter_ == theirs.n_iter_


def test_ties_go_to_the_lowest_index() -> None:
    X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    assert KMeans(2, init=[[4.0], [0.0]], max_iter=1).fit(X).cluster_centers_.tolist() == [[3.0], [0.5]]
    model = KMeans(3, init=X[:3]).fit(X)
    model.cluster_centers_ = np.array([[4.0], [0.0], [0.0]])
    assert model.predict(X).tolist() == [1, 1, 0, 0, 0]
