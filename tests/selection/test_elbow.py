"""The elbow by its stated rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kmeans_fast.selection import elbow


def test_the_elbow_is_farthest_below_the_chord() -> None:
    assert elbow([1, 2, 3, 4, 5], [100, 50, 10, 8, 7]) == 3
    assert elbow([1, 2, 3, 4, 5], [1e9, 5e8, 1e8, 8e7, 7e7]) == 3, "no unit matters"
    assert elbow([2, 10, 50], [9, 2, 1]) == 10


def test_of_equally_far_points_the_first() -> None:
    assert elbow([1, 2, 3, 4], [6, 2, 1, 0]) == 2
    assert elbow([1, 2, 3], [5, 5, 5]) == 1


@pytest.mark.parametrize(("ks", "inertias"), [([1, 2], [2, 1]), ([1, 2, 3], [1, 2]), ([3, 2, 1], [1, 2, 3])])
def test_what_has_no_elbow_is_refused(ks: Any, inertias: Any) -> None:
    with pytest.raises(ValueError, match="at least 3 increasing ks"):
        elbow(ks, inertias)


def test_inertias_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="inertias hold inf"):
        elbow([1, 2, 3], [np.inf, np.inf, 1.0])
