"""Pieces of work cover all rows once, and none is too large."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from kmeans_fast.backends.ordered_sums import group_borders
from kmeans_fast.engine.slices import group_runs, row_slices


@pytest.mark.parametrize("work", [1, 640, 6400, 10**9])
@pytest.mark.parametrize("n", [1, 64, 65, 5000])
def test_row_slices_cover_every_row_once(n: int, work: int) -> None:
    slices = list(row_slices(0, n, 10, work))
    assert [i for start, stop in slices for i in range(start, stop)] == list(range(n))
    assert all((stop - start) * 10 <= max(work, 640) for start, stop in slices)


def test_slices_need_not_begin_at_groups() -> None:
    assert list(row_slices(0, 7, 10, 30, alignment=1)) == [(0, 3), (3, 6), (6, 7)]


@pytest.mark.parametrize("work", [1, 6400, 20_000, 10**9])
def test_runs_of_groups_keep_the_borders_and_the_limit(work: int) -> None:
    borders = group_borders(5000, 3)
    runs = list(group_runs(borders, 10, work))
    assert [runs[0][0], *(b for run in runs for b in run[1:])] == borders.tolist()
    assert all(len(run) == 2 or (run[-1] - run[0]) * 10 <= work for run in runs)
    assert all(np.array_equal(a[-1:], b[:1]) for a, b in pairwise(runs))
