"""The generator: what each iteration says, and the end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine.loop import finish, iterate, squared_shifts
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
