"""Partials add up, and their means are rounded once."""

from __future__ import annotations

import numpy as np

from kmeans_fast.engine.partials import Partials


def test_partials_add_up() -> None:
    total = Partials.zeros(2, 1)
    total += Partials(np.array([[1.0], [2.0]]), np.array([1.0, 0.0]), 3)
    total += Partials(np.array([[4.0], [8.0]]), np.array([1.0, 4.0]), 2)
    assert (total.sums.tolist(), total.mass.tolist(), total.n_changed) == ([[5.0], [10.0]], [2.0, 4.0], 5)


def test_means_are_in_the_units_of_the_data() -> None:
    means = Partials(np.array([[3.0], [1.0]]), np.array([2.0, 4.0])).means(2.0**600, np.float64)
    assert means.tolist() == [[1.5 * 2.0**600], [0.25 * 2.0**600]]


def test_no_mass_gives_no_mean() -> None:
    means = Partials(np.array([[0.0], [1.0]]), np.array([0.0, 3.0])).means(1.0, np.float32)
    assert np.isnan(means[0, 0]) and means[1, 0] == np.float32(1 / 3) and means.dtype == np.float32
