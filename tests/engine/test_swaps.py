"""The search for better places of centers: what swaps cost and gain, which are tried, and when it ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from kmeans_fast.backends import get_backend
from kmeans_fast.engine import swaps as module
from kmeans_fast.engine.loop import finish, iterate
from kmeans_fast.engine.shard import Shard
from kmeans_fast.engine.swaps import SwapSearch, apart, merging

NOISE = np.random.default_rng(0).standard_normal((900, 3))
WEIGHTS = np.where(np.arange(900) % 5 == 0, 0.0, np.random.default_rng(1).random(900))


def sq_dists(X: np.ndarray, centers: np.ndarray) -> np.ndarray:
    return ((X[:, None] - centers[None]) ** 2).sum(axis=2)


def search_of(X: np.ndarray, k: int, weights: np.ndarray | None = None, sparse: bool = False) -> SwapSearch:
    backend = get_backend("identity")
    return SwapSearch(Shard(backend, backend.prepare(csr_array(X) if sparse else X, weights), k))


def converged(search: SwapSearch, centers: np.ndarray) -> module.Clustering:
    for step in iterate(search.shard, centers, 300):
        if step.is_settled:
            break
    centers, labels, _ = finish(search.shard, step)
    return search._measured(centers, labels.copy())


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("piece_values", [64, 1 << 20])
def test_costs_and_gains_are_those_of_their_definitions(
    piece_values: int, sparse: bool, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PIECE_VALUES", piece_values)
    weights = WEIGHTS if weighted else None
    search = search_of(NOISE, 12, weights, sparse)
    best = converged(search, NOISE[1:13].copy())
    w = np.ones(900) if weights is None else weights / search.rows.weight_unit
    chosen = np.array([7, 2])
    kept = np.delete(best.centers, chosen, axis=0)
    for j, cost in zip(chosen, search._costs(best, chosen), strict=True):
        here = best.labels == j
        now = sq_dists(NOISE[here], best.centers)[:, j]
        expected = (w[here] * (sq_dists(NOISE[here], kept).min(axis=1) - now)).sum()
        assert cost == pytest.approx(expected, rel=1e-12) and cost > 0
    gains, children = search._splits(best, chosen)
    for place, j in enumerate(chosen):
        here = best.labels == j
        two = sq_dists(NOISE[here], children[2 * place : 2 * place + 2])
        before = (w[here] * sq_dists(NOISE[here], best.centers)[:, j]).sum()
        assert gains[place] == pytest.approx(before - (w[here] * two.min(axis=1)).sum(), rel=1e-12)
        assert gains[place] > 0.2 * before, "two-means found no good split"


def test_merging_two_clusters_costs_what_ward_says() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(5, size=200)
    X = rng.standard_normal((200, 2)) + 3 * labels[:, None]
    centers = np.stack([X[labels == j].mean(axis=0) for j in range(5)])
    costs, neighbours = merging(centers, np.bincount(labels).astype(float), 1.0, 2)

    def inertia(rows: np.ndarray) -> float:
        return float(((rows - rows.mean(axis=0)) ** 2).sum())

    for j in range(5):
        increases = [
            inertia(X[(labels == j) | (labels == i)]) - inertia(X[labels == j]) - inertia(X[labels == i])
            for i in range(5)
            if i != j
        ]
        assert costs[j] == pytest.approx(min(increases))
        assert neighbours[j].tolist() == np.argsort(sq_dists(centers[j : j + 1], centers)[0])[1:3].tolist()
    costs, _ = merging(centers, np.array([0.0, 1, 1, 1, 1]), 1.0, 0)
    assert costs[0] == 0 < costs[1:].min()


def test_frozen_neighbours_are_left_out() -> None:
    neighbours = np.array([[1], [0], [3], [2], [0]])
    assert apart(np.array([1, 0, 2, 3, 4]), neighbours, 5).tolist() == [1, 2, 4]
    assert apart(np.array([1, 0, 2, 3, 4]), neighbours, 2).tolist() == [1, 2]


def test_a_center_goes_from_a_shared_cluster_to_one_that_lacks_it() -> None:
    rng = np.random.default_rng(3)
    middles = np.array([[0.0, 0], [20, 0], [40, 0], [60, 0]])
    X = np.repeat(middles, 100, axis=0) + rng.standard_normal((400, 2))
    search = search_of(X, 4)
    best = converged(search, np.array([[0.0, 1], [0, -1], [20, 0], [50, 0]]))
    found = list(search.search(best.centers, best.labels, 10))
    assert len(found) == 1
    centers = found[0].centers[np.argsort(found[0].centers[:, 0])]
    np.testing.assert_allclose(centers, middles, atol=0.5)
    np.testing.assert_array_equal(found[0].labels, sq_dists(X, found[0].centers).argmin(axis=1))


def test_every_clustering_is_better_than_the_one_before() -> None:
    search = search_of(NOISE, 40)
    best = converged(search, NOISE[:40].copy())
    inertias = [best.inertia, *(found.inertia for found in search.search(best.centers, best.labels, 300))]
    assert len(inertias) > 3 and (np.diff(inertias) < 0).all()


def test_unsure_swaps_end_with_the_iterations() -> None:
    search = search_of(NOISE, 40)
    best = converged(search, NOISE[:40].copy())
    list(search.search(best.centers, best.labels, 0))
    assert module.STEPS <= search.n_iter < 3 * module.STEPS
    longer = search_of(NOISE, 40)
    list(longer.search(best.centers, best.labels, 300))
    assert longer.n_iter > search.n_iter


@pytest.mark.parametrize("k", [1, 2])
def test_few_centers_are_no_special_case(k: int) -> None:
    search = search_of(NOISE, k)
    best = converged(search, NOISE[:k].copy())
    assert list(search.search(best.centers, best.labels, 50)) == []


def test_clusters_without_rows_or_inertia_are_no_special_case() -> None:
    X = np.repeat(np.arange(4.0)[:, None], 5, axis=0)
    search = search_of(X, 6)
    best = search._measured(np.array([[0.0], [1], [2], [3], [9], [9]]), np.repeat(np.arange(4), 5).astype(np.int32))
    assert best.inertia == 0
    assert list(search.search(best.centers, best.labels, 50)) == []
    lacking = search._measured(np.array([[0.5], [2], [3], [9], [9], [9]]), np.repeat([0, 0, 1, 2], 5).astype(np.int32))
    found = list(search.search(lacking.centers, lacking.labels, 50))
    assert found[-1].inertia == 0
