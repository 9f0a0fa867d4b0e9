"""Cells along the curve: neighbours are close, and cells hold about as many rows each."""

from __future__ import annotations

import numpy as np
import pytest

from kmeans_fast.backends.curve import BUCKETS, places_on_curve


def cells(X: np.ndarray) -> tuple[np.ndarray, int]:
    curve = places_on_curve(X)
    buckets = np.clip((X - curve.least) * curve.step, 0, BUCKETS - 1).astype(int)
    return curve.bits[np.arange(X.shape[1]), buckets].sum(axis=1), curve.n_cells


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_cells_hold_about_as_many_rows_each(d: int) -> None:
    X = np.exp(np.random.default_rng(d).standard_normal((20_000, d)))
    cell, n_cells = cells(X)
    assert cell.min() >= 0 and cell.max() < n_cells <= 1 << 14
    assert np.bincount(cell).max() < 40 * len(X) / min(n_cells, BUCKETS) + 40


def test_rows_of_a_cell_are_close() -> None:
    X = np.random.default_rng(0).random((20_000, 2))
    cell, n_cells = cells(X)
    spread = [np.ptp(X[cell == c], axis=0).max() for c in np.unique(cell)]
    assert np.median(spread) < 3 / np.sqrt(n_cells)


def test_the_bits_of_the_features_take_turns() -> None:
    curve = places_on_curve(np.random.default_rng(0).random((20_000, 2)))
    assert (curve.bits[0] & 0b10_1010_1010_1010).max() == 0 and (curve.bits[1] & 0b1_0101_0101_0101).max() == 0


def test_a_constant_feature_has_one_level() -> None:
    X = np.ones((500, 2))
    X[:, 1] = np.arange(500)
    curve = places_on_curve(X)
    assert curve.step[0] == 0 and np.isfinite(curve.step).all()
    assert len(np.unique(cells(X)[0])) > 20


def test_one_row_will_do() -> None:
    assert cells(np.zeros((1, 3)))[0].shape == (1,)
