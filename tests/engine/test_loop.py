"""The generator: what each iteration says, and the end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from tables import Row

from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine.loop import Iteration, finish, iterate, squared_shifts
from kmeans_fast.engine.shard import Shard

every_backend = pytest.mark.parametrize("name", BACKENDS)


def shard_of(name: str, X: np.ndarray, k: int) -> Shard:
    backend = get_backend(name)
    return Shard(backend, backend.prepare(X), k)


@every_backend
def test_iterations_follow_from_each_other_as_in_plain_numpy(name: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(-20, 21, (200, 3)).astype(float)
    shard = shard_of(name, X, 4)
    old, centers = np.full(200, -1), X[:4]
    for step in itertools.islice(iterate(shard, centers.copy(), 100), 6):
        labels = ((X[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
        np.testing.assert_array_equal(shard.labels, labels)
        np.testing.assert_array_equal(step.centers, centers)
        assert step.totals.n_changed == np.count_nonzero(labels != old)
        assert step.is_settled == (step.totals.n_changed == 0)
        old, centers = labels, np.stack([X[labels == j].mean(axis=0) for j in range(4)])
        np.testing.assert_allclose(step.new_centers, centers, rtol=1e-14)
        centers = step.new_centers
    assert step.n_iter == 6


@every_backend
def test_finish_labels_for_the_final_centers(name: str) -> None:
    X = np.random.default_rng(1).standard_normal((300, 2))
    shard = shard_of(name, X, 5)
    (last,) = iterate(shard, X[:5].copy(), 1)
    before = shard.labels.copy()
    centers, labels, inertia = finish(shard, last)
    np.testing.assert_array_equal(centers, last.new_centers)
    assert (labels != before).any(), "the first iteration was already final"
    sq_dists = ((X[:, None] - last.new_centers) ** 2).sum(axis=2)
    np.testing.assert_array_equal(labels, sq_dists.argmin(axis=1))
    assert inertia == pytest.approx(sq_dists.min(axis=1).sum(), rel=1e-13)


@every_backend
def test_a_cluster_that_nothing_can_fill_has_a_place_at_the_end_too(name: str) -> None:
    X = np.array([0.0, 0.0, 3.0, 3.0])[:, None]
    shard = shard_of(name, X, 3)
    (last,) = iterate(shard, np.array([0.0, 3.0, 3.0])[:, None], 1)
    assert last.totals is not None and last.n_filled == 0
    last.totals.is_rounded = True  # as after rows that came and went
    centers, labels, inertia = finish(shard, last)
    assert centers[:, 0].tolist() == [0.0, 3.0, 0.0] and labels.tolist() == [0, 0, 1, 1] and inertia == 0.0


AHEAD = [("int", 400, 3, 7), ("float", 900, 6, 5), ("weights", 500, 4, 6), ("large", 300, 5, 4), ("empty", 200, 2, 9)]


@every_backend
@pytest.mark.parametrize(("kind", "n", "d", "k"), AHEAD)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_iterations_made_at_once_are_those_made_one_by_one(
    name: str, kind: str, n: int, d: int, k: int, dtype: type
) -> None:
    rng, backend, n = np.random.default_rng(0), get_backend(name), Row(name).rows(n, broadcast=n, loop=250)
    X = rng.integers(-20, 21, (n, d)).astype(dtype) if kind == "int" else rng.standard_normal((n, d)).astype(dtype)
    X *= 1e30 if kind == "large" else 1
    centers = X[:k].copy()
    if kind == "empty":
        centers[1] = centers[0]
    rows = backend.prepare(X, rng.random(n) if kind == "weights" else None)
    plain, ahead = Shard(backend, rows, k), Shard(backend, rows, k)
    assert ahead.algorithm.steps_at_once(k) > 1
    singles = list(until_settled(iterate(plain, centers.copy(), 50)))
    several = list(until_settled(iterate(ahead, centers.copy(), 50, enough=lambda: 0.0)))
    assert len(singles) == len(several) > 4
    assert any(step.totals is None for step in several), "none were made at once"
    for one, other in zip(singles, several, strict=True):
        assert (one.n_iter, one.n_changed, one.n_filled) == (other.n_iter, other.n_changed, other.n_filled)
        np.testing.assert_array_equal(one.new_centers, other.new_centers)
        assert one.sq_shift == other.sq_shift and one.moments == other.moments
    assert sum(step.n_filled for step in several) == (1 if kind == "empty" else 0)
    for found, expected in zip(finish(ahead, several[-1]), finish(plain, singles[-1]), strict=True):
        np.testing.assert_array_equal(found, expected)


def until_settled(steps: Iterator[Iteration]) -> Iterator[Iteration]:
    for step in steps:
        yield step
        if step.is_settled:
            return


@every_backend
def test_who_stops_between_iterations_made_at_once_gets_the_right_labels(name: str) -> None:
    X = np.random.default_rng(1).standard_normal((300, 5))
    shard, plain = shard_of(name, X, 5), shard_of(name, X, 5)
    third = next(step for step in iterate(shard, X[:5].copy(), 9, enough=lambda: 0.0) if step.n_iter == 3)
    assert third.totals is None and (shard.labels >= 0).all()
    *_, expected = iterate(plain, X[:5].copy(), 3)
    for found, wanted in zip(finish(shard, third), finish(plain, expected), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert third.new_centers.base is not None and finish(shard, third)[0].base is None, "all centers are kept"


def test_iterations_made_at_once_end_below_the_limit() -> None:
    X = np.random.default_rng(2).standard_normal((500, 5))
    steps = list(iterate(shard_of("compiled", X, 5), X[:5].copy(), 12))
    limit = steps[5].sq_shift
    shard = shard_of("compiled", X, 5)
    _, made, _ = shard.algorithm.run_ahead(X[:5].copy(), 12, limit)
    assert len(made) == next(i for i, step in enumerate(steps) if step.sq_shift <= limit) + 1 < 12


def test_shifts_are_in_the_unit_of_the_data() -> None:
    unit = 2.0**1000
    assert squared_shifts(np.array([[3.0]]) * unit, np.array([[1.0]]) * unit, unit).tolist() == [4.0]


@every_backend
def test_a_move_whose_square_is_zero_is_a_move(name: str) -> None:
    """The third row has changed its label, and its new center moves by 1e-200: the run is not at rest."""
    X = np.array([[1.0], [1e-200], [3e-200], [9e-200]])
    shard = shard_of(name, X, 3)
    steps = list(itertools.islice(iterate(shard, np.array([[1.0], [1e-200], [5e-200]]), 10), 4))
    assert [step.sq_shift for step in steps] == [0.0] * 4, "the squares don't vanish"
    assert steps[0].has_moved and not steps[0].is_settled and not steps[0].is_within(0.0) and steps[0].is_within(1e-9)
    assert not steps[3].has_moved and steps[3].is_settled and steps[3].is_within(0.0)
    centers, labels, _ = finish(shard, steps[3])
    assert labels.tolist() == [0, 1, 1, 2]
    np.testing.assert_allclose(centers.ravel(), [1.0, 2e-200, 9e-200])
