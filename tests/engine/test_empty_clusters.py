"""What becomes of a cluster that nobody joined."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine.empty_clusters import keep_center, take_farthest
from kmeans_fast.engine.shard import Shard

every_backend = pytest.mark.parametrize("name", BACKENDS)


def filled(rule: Any, name: str, X: list[float], centers: list[float], weights: list[float] | None = None) -> Any:
    backend = get_backend(name)
    rows = backend.prepare(np.array(X)[:, None], None if weights is None else np.array(weights))
    shard, first = Shard(backend, rows, len(centers)), np.array(centers)[:, None]
    totals = shard.step(first, None)
    before = totals.sums.copy(), totals.mass.copy()
    new_centers, n_filled = rule(totals, shard, first)
    assert np.array_equal(totals.sums, before[0]) and np.array_equal(totals.mass, before[1]), "totals were changed"
    return new_centers[:, 0].tolist(), n_filled


@every_backend
def test_the_farthest_row_leaves_its_donor(name: str) -> None:
    assert filled(take_farthest, name, [0.0, 1.0, 5.0, 21.0, 22.0], [0.0, 21.0, 99.0]) == ([0.5, 21.5, 5.0], 1)


@every_backend
def test_several_go_by_decreasing_distance(name: str) -> None:
    assert filled(take_farthest, name, [0.0, 1.0, 5.0, 6.0], [0.0, 99.0, -99.0]) == ([0.5, 6.0, 5.0], 2)


@every_backend
def test_rows_without_weight_never_fill(name: str) -> None:
    assert filled(take_farthest, name, [0.0, 1.0, 5.0], [0.0, 99.0], [1.0, 1.0, 0.0]) == ([0.0, 1.0], 1)


@every_backend
def test_where_all_distances_are_zero_the_heaviest_cluster_lends_its_place(name: str) -> None:
    assert filled(take_farthest, name, [2.0, 7.0, 7.0], [2.0, 7.0, 9.0]) == ([2.0, 7.0, 7.0], 0)


@every_backend
def test_a_donor_that_gave_its_last_row_takes_the_heaviest_place(name: str) -> None:
    assert filled(take_farthest, name, [0.0, 0.1, 9.0], [0.0, 5.0, 99.0]) == ([0.05, 0.05, 9.0], 1)


@every_backend
def test_an_empty_cluster_may_keep_its_center(name: str) -> None:
    assert filled(keep_center, name, [0.0, 1.0, 5.0], [0.0, 99.0]) == ([2.0, 99.0], 0)
