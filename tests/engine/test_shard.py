"""A shard finds its farthest rows, adds up anew, and measures in units."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine.shard import Shard, in_data_units, inertia, inertia_of_data

every_backend = pytest.mark.parametrize("name", BACKENDS)


def shard_of(name: str, X: list[list[float]], centers: list[list[float]], weights: list[float] | None = None) -> Shard:
    backend = get_backend(name)
    rows = backend.prepare(np.array(X, dtype=float), None if weights is None else np.array(weights))
    shard = Shard(backend, rows, len(centers))
    shard.assign(np.array(centers, dtype=float))
    return shard


@every_backend
def test_farthest_rows_come_by_distance_and_of_equal_ones_the_last_first(name: str) -> None:
    centers = [[0.0]]
    shard = shard_of(name, [[1], [-3], [2], [3], [3], [0]], centers)
    for count, expected in [(1, [4]), (2, [4, 3]), (4, [4, 3, 1, 2]), (6, [4, 3, 1, 2, 0])]:
        sq_dists, rows = shard.farthest(count, np.array(centers))
        assert rows.tolist() == expected
        assert sq_dists.tolist() == [[9, 9, 9, 4, 1][i] for i in range(len(expected))]


@every_backend
def test_a_row_without_weight_is_never_far(name: str) -> None:
    shard = shard_of(name, [[1], [-3], [2]], [[0.0]], [1, 0, 1])
    assert shard.farthest(3, np.zeros((1, 1)))[1].tolist() == [2, 0]


@every_backend
def test_moving_an_outlier_leaves_no_rounding_behind(name: str) -> None:
    shard = shard_of(name, [[1e30], [4.9], [5.0]], [[0.0], [1e31]], None)
    assert shard.labels.tolist() == [0, 0, 0]
    assert 1e30 + 4.9 + 5.0 - 1e30 == 0, "subtraction would do"
    totals = shard.totals_after_moving(np.array([0]), np.array([1]))
    assert totals.sums.tolist() == [[9.9], [1e30]] and totals.mass.tolist() == [2, 1]
    assert shard.labels.tolist() == [0, 0, 0]


@every_backend
def test_inertia_is_weighted(name: str) -> None:
    shard = shard_of(name, [[1], [2], [7]], [[0.0], [6.0]], [1, 2, 3])
    value = shard.inertia(np.array([[0.0], [6.0]]))
    assert in_data_units(value, shard.rows) == 1 + 2 * 4 + 3


def test_inertia_is_finite_wherever_float64_can_hold_it() -> None:
    rows = get_backend("identity").prepare(np.array([[1e200], [0.0]]), np.array([1e-100, 1e-100]))
    assert rows.data_unit != 1 and rows.weight_unit != 1
    value = inertia(get_backend("identity"), rows, np.array([[0.0]]), np.zeros(2, np.int32), 1)
    assert in_data_units(value, rows) == pytest.approx(1e300)
    rows = get_backend("identity").prepare(np.array([[1e200], [0.0]]))
    assert in_data_units(rows.largest**2, rows) == math.inf


@every_backend
@pytest.mark.parametrize("weight", [1.0, 1e30])
def test_inertia_is_not_lost_in_the_unit_of_one_row_that_needs_none(name: str, weight: float) -> None:
    """The row that sets the unit is its own center; squares of all others vanish in that unit."""
    X, centers = [[1e300], [3e-140], [1e-140]], [[1e300], [0.0]]
    shard = shard_of(name, X, centers, [weight] * 3)
    in_units = shard.inertia(np.array(centers))
    found = inertia_of_data(in_units, shard.rows, np.array(centers), shard.labels)
    assert found == pytest.approx(1e-279 * weight, rel=1e-14, abs=0)
    assert in_data_units(in_units, shard.rows) == 0
    assert inertia_of_data(in_units, shard.rows, np.array(centers), shard.labels, 0.5) == found / 2
    assert inertia_of_data(0.0, shard.rows, np.array(X), np.arange(3), 0.5) == 0.0
