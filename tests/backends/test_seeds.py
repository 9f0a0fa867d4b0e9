"""Terms as whole numbers: what is drawn by them, and how many digits they keep."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from kmeans_fast.backends.seeds import DIGITS, FEWEST_DIGITS, NumpySeeds, weighted_ends


def made(sq_dists: list[float], weights: list[float] | None = None) -> NumpySeeds:
    seeds = NumpySeeds(np.array(sq_dists), None if weights is None else np.array(weights))
    seeds.weigh()
    return seeds


@pytest.mark.parametrize("scale", [1.0, 2.0**-300, 2.0**300])
def test_the_sum_of_all_terms_has_all_digits_at_any_scale(scale: float) -> None:
    seeds = made((np.random.default_rng(0).random(1000) * scale).tolist())
    assert seeds.whole + 1000 >= 2 ** (DIGITS - 1) and seeds.whole < 2**DIGITS
    exact = sum(Fraction(value) for value in seeds.sq_dists.tolist()) * Fraction(seeds.scale)
    assert 0 <= exact - seeds.whole <= 1000, "each term is cut off"


def test_the_scale_is_chosen_anew_once_little_is_left() -> None:
    seeds = made([2.0**40, 1.0, 3.0])
    before = seeds.scale
    seeds.lower(np.array([2.0**39, 1.0, 3.0]))
    assert seeds.scale == before
    seeds.lower(np.array([0.0, 1.0, 3.0]))
    assert seeds.scale == 2.0 ** (DIGITS - 3) and 2**FEWEST_DIGITS < seeds.whole == 4 * int(seeds.scale)


def test_nothing_is_left_of_rows_that_are_all_alike() -> None:
    seeds = made([0.0] * 5, [0.0, 1.0, 1.0, 1.0, 0.0])
    assert seeds.whole == 0 and seeds.is_spent
    assert seeds.draw(np.array([0.0, 0.5, 0.99])).tolist() == [1, 1, 1]


def test_draws_are_the_first_rows_whose_sum_reaches_the_share() -> None:
    seeds = made([1.0, 0.0, 2.0, 5.0, 0.0], [0.0, 1.0, 1.0, 1.0, 1.0])
    shares = np.array([0.0, 2 / 7 - 1e-9, 2 / 7 + 1e-9, 1 - 2.0**-53])
    assert seeds.draw(shares).tolist() == [1, 2, 3, 3]


def test_ends_are_rows_of_positive_weight() -> None:
    assert weighted_ends(None, 7) == (0, 6)
    assert weighted_ends(np.array([0.0, 0.0, 2.0, 0.0, 1.0, 0.0]), 6) == (2, 4)
