"""Groups and ordered sums, the promises that make every backend give the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from kmeans_fast.backends.ordered_sums import (
    GROUP_ALIGNMENT,
    MAX_GROUPS,
    ROWS_OF_GROUP,
    group_borders,
    ordered_sum,
    strided_sum,
)

LENGTHS = [0, 1, 7, 8, 9, 64, 511, 512, 513, 1024, 5000]


def plain_strided_sum(terms: list[float]) -> float:
    p = [0.0] * 8
    for t, term in enumerate(terms):
        p[t % 8] += term
    return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))


def mixed(n: int) -> np.ndarray:
    rng = np.random.default_rng(n)
    return rng.random(n) * 10.0 ** rng.integers(-2, 3, n)


@pytest.mark.parametrize("n", LENGTHS)
def test_strided_sum_adds_in_the_order_of_a_plain_loop(n: int) -> None:
    terms = np.stack([mixed(n), mixed(n + 1)[:n]])
    for array in (terms, np.asfortranarray(terms)):
        assert strided_sum(array).tolist() == [plain_strided_sum(row.tolist()) for row in terms]
    assert float(strided_sum(terms[0])) == plain_strided_sum(terms[0].tolist())


@pytest.mark.parametrize("n", LENGTHS)
def test_ordered_sum_adds_blocks_of_512_in_order(n: int) -> None:
    terms, total = mixed(n), 0.0
    for first in range(0, n, 512):
        total += plain_strided_sum(terms[first : first + 512].tolist())
    assert ordered_sum(terms) == total


def test_the_order_shows_in_the_bits() -> None:
    assert any(ordered_sum(mixed(n)) != float(mixed(n).sum()) for n in range(5000, 5040)), "terms too tame"


@pytest.mark.parametrize("n", [1, 63, 64, 65, 1000, 4096, 100_003])
@pytest.mark.parametrize("k", [1, 5, 64, 1000])
def test_groups_cover_the_rows_on_aligned_borders(n: int, k: int) -> None:
    borders = group_borders(n, k)
    assert borders[0] == 0 and borders[-1] == n
    assert (np.diff(borders) > 0).all()
    assert (borders[1:-1] % GROUP_ALIGNMENT == 0).all()
    assert len(borders) - 1 <= max(1, min(MAX_GROUPS, n // max(4 * k, ROWS_OF_GROUP)))


def test_groups_cannot_be_changed_by_who_asks() -> None:
    with pytest.raises(ValueError, match="read-only"):
        group_borders(1000, 5)[0] = 3
