"""Blocks drop centers, and are given up where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from tables import Row, every_isa

from kmeans_fast.backends import get_backend
from kmeans_fast.engine.algorithms.boxes import Boxes
from kmeans_fast.engine.algorithms.lloyd import Lloyd


def stepped(X: np.ndarray, k: int, n_steps: int) -> Boxes:
    backend = get_backend("compiled")
    rows = backend.prepare(X, copy_budget=1.0)
    boxes = Boxes(backend, rows, np.full(len(X), -1, np.int32), 1)
    centers, shifts = X[:k].copy(), None
    for _ in range(n_steps):
        totals = boxes.step(centers, shifts)
        centers, shifts = totals.means(1.0, X.dtype), np.ones(k)
    return boxes


def test_most_centers_are_dropped_where_blocks_are_small() -> None:
    X = np.random.default_rng(0).standard_normal((50_000, 2)).astype(np.float32)
    boxes = stepped(X, 64, 3)
    assert boxes._blocks is not None and boxes._blocks.n_scored < 0.15 * 64 * len(X)


def test_blocks_that_drop_nothing_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).standard_normal((500, 4))
    assert stepped(X, 64, 3)._is_worth_it is False
    monkeypatch.setattr(Lloyd, "step", lambda self, centers, shifts: pytest.fail("blocks were given up"))
    stepped(np.random.default_rng(0).standard_normal((50_000, 2)), 64, 3)


def test_without_a_budget_there_is_no_copy_and_no_block() -> None:
    X = np.random.default_rng(0).standard_normal((5000, 2))
    backend = get_backend("compiled")
    sparse = backend.prepare(csr_array(X), copy_budget=9.0)
    for rows in (backend.prepare(X), backend.prepare(X, copy_budget=0.9), sparse):
        boxes = Boxes(backend, rows, np.full(len(X), -1, np.int32), 1)
        boxes.step(X[:16].copy(), None)
        assert boxes._blocks is None


@every_isa
def test_one_outlier_does_not_spoil_the_blocks(row: Row) -> None:
    X = np.random.default_rng(0).standard_normal((20_000, 2))
    X[7] = 1e9
    backend = row.open()
    rows, labels = backend.prepare(X), np.full(len(X), -1, np.int32)
    blocks = backend.make_blocks(rows, labels)
    backend.nearest_in_blocks(rows, blocks, X[100:164].copy(), labels)
    assert blocks.n_scored < 0.2 * 64 * len(X)


@pytest.mark.parametrize("d", [5, 8])
def test_more_features_are_left_to_lloyd(d: int) -> None:
    assert stepped(np.random.default_rng(0).standard_normal((500, d)), 4, 2)._blocks is None
    backend = get_backend("compiled")
    with pytest.raises(ValueError, match="up to four"):
        backend.make_blocks(backend.prepare(np.ones((10, d))), np.zeros(10, np.int32))
