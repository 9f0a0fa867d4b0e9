"""A step in one call, in runs of groups, and in pieces of groups: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
from tables import Row, every_backend

from kmeans_fast.backends.ordered_sums import group_borders
from kmeans_fast.engine import slices
from kmeans_fast.engine.algorithms import lloyd


@every_backend
@pytest.mark.parametrize("work", [1, 64 * 12, 130 * 12])
def test_small_pieces_change_no_bit(work: int, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).standard_normal((3100, 4))
    weights = np.random.default_rng(1).random(3100)
    backend, centers, results = row.open(), X[:3].copy(), []
    assert len(group_borders(3100, 3)) > 5, "too few groups"
    for limit in (slices.WORK, work):
        monkeypatch.setattr(slices, "WORK", limit)
        monkeypatch.setattr(slices, "MOST_WORK", limit)
        labels = np.full(3100, -1, np.int32)
        totals = lloyd.Lloyd(backend, backend.prepare(X, weights), labels, 1).step(centers, None)
        results.append((labels, totals.sums, totals.mass, totals.n_changed))
    for whole, pieces in zip(*results, strict=True):
        np.testing.assert_array_equal(whole, pieces)
