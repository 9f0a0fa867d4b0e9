"""Partials add up, and their means are rounded once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from kmeans_fast.engine.partials import Partials


def partials(sums: list[list[float]], mass: list[float], n_changed: int = 0) -> Partials:
    zeros = Partials.zeros(len(mass), len(sums[0]))
    return Partials(
        zeros.sum_pairs + np.array([sums, zeros.sums]), zeros.mass_pairs + np.array([mass, zeros.mass]), n_changed
    )


def test_partials_add_up() -> None:
    total = Partials.zeros(2, 1)
    total += partials([[1.0], [2.0]], [1.0, 0.0], 3)
    total += partials([[4.0], [8.0]], [1.0, 4.0], 2)
    assert (total.sums.tolist(), total.mass.tolist(), total.n_changed) == ([[5.0], [10.0]], [2.0, 4.0], 5)


def test_nothing_is_lost_when_large_partials_come_and_go() -> None:
    total = partials([[4.95]], [1.0])
    total += partials([[1e30]], [1.0])
    total += partials([[-1e30]], [-1.0])
    assert (total.sums.tolist(), total.mass.tolist()) == ([[4.95]], [1.0])


@pytest.mark.parametrize("n", [3, 49, 1_000_003])
def test_float64_rows_that_are_alike_have_themselves_as_mean(n: int) -> None:
    values = np.random.default_rng(0).standard_normal((1000, 1))
    exact = [Fraction(value) * n for value in values[:, 0].tolist()]
    high = [float(value) for value in exact]
    low = [float(value - Fraction(rounded)) for value, rounded in zip(exact, high, strict=True)]
    pairs = np.array([high, low])[:, :, None]
    mass = np.array([[float(n)] * 1000, [0.0] * 1000])
    plain = pairs[0] / n
    assert (plain != values).any() or n == 3, "plain division would do as well"
    np.testing.assert_array_equal(Partials(pairs, mass).means(1.0, np.float64), values)


def test_means_are_in_the_units_of_the_data() -> None:
    means = partials([[3.0], [1.0]], [2.0, 4.0]).means(2.0**600, np.float64)
    assert means.tolist() == [[1.5 * 2.0**600], [0.25 * 2.0**600]]


def test_no_mass_gives_no_mean() -> None:
    means = partials([[0.0], [1.0]], [0.0, 3.0]).means(1.0, np.float32)
    assert np.isnan(means[0, 0]) and means[1, 0] == np.float32(1 / 3) and means.dtype == np.float32
