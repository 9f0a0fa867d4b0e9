"""Origin, scale and units."""

from __future__ import annotations

import numpy as np
import pytest

from kmeans_fast.backends.conditioning import condition, power_of_two_below


@pytest.mark.parametrize(
    ("dtype", "power"),
    [(np.float32, p) for p in (-140, -120, 0, 100, 127)] + [(np.float64, p) for p in (-1070, -600, 0, 500, 1023)],
)
def test_scaled_data_lie_within_what_the_dtype_squares(dtype: type, power: int) -> None:
    X = np.ldexp(np.array([[1.0, -1.75], [0.5, 1.0]]), power).astype(dtype)
    conditioning = condition(X)
    scale = X.dtype.type(conditioning.scale)
    assert np.frexp(conditioning.scale)[0] == 0.5 and scale >= np.finfo(dtype).smallest_normal
    scaled = np.abs(X * scale).max()
    assert scaled <= 4 and scaled**2 > 0


def test_one_outlier_does_not_move_the_origin() -> None:
    X = np.random.default_rng(0).standard_normal((1000, 3))
    X[0] = 1e30
    assert np.abs(condition(X).origin).max() < 3


def test_ordinary_data_need_no_unit() -> None:
    X = np.array([[1e-60], [1e60]])
    conditioning = condition(X)
    assert (conditioning.data_unit, conditioning.weight_unit, conditioning.weights) == (1.0, 1.0, None)
    assert condition(X * 1e140).data_unit == power_of_two_below(1e200, 1022)


@pytest.mark.parametrize("largest", [1e-300, 1e-5, 1.0, 3.0, 1e300])
def test_weights_are_scaled_exactly(largest: float) -> None:
    weights = np.array([largest / 3, largest, 0.0])
    conditioning = condition(np.zeros((3, 1)), weights)
    assert 0.5 <= conditioning.weights.max() < 1
    assert (conditioning.weights * conditioning.weight_unit == weights).all()
