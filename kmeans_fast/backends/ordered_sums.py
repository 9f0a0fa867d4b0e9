"""Sums whose bits are fixed by the number of terms alone: the order of groups, strided sums, and pairs of float64."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .data import Floats, Indices

GROUP_ALIGNMENT = 64
"""Groups begin on multiples of this many rows, so that a tile of a kernel never spans two groups."""

MAX_GROUPS = 64

ROWS_OF_GROUP = 512
"""Rows that a group has at least, if there are so many: with fewer, adding groups up costs as much as their rows."""

LANES = 8
"""Strided partial sums of ``strided_sum``."""

SUM_BLOCK = 512
"""Values that ``ordered_sum`` adds up before it goes on to the next block."""


@lru_cache(maxsize=64)
def group_borders(n: int, k: int) -> Indices:
    """Borders of the groups in which the rows of an (n, d) array are summed for k centers.

    At most 64 groups, and few enough that each has about 512 rows and four rows a center; group g holds the rows
    ``borders[g]:borders[g + 1]``. It depends on n and k alone.

    >>> group_borders(2000, 250).tolist()
    [0, 1024, 2000]
    """
    n_tiles = -(-n // GROUP_ALIGNMENT)
    n_groups = max(1, min(MAX_GROUPS, n // max(4 * k, ROWS_OF_GROUP)))
    borders = np.arange(n_groups + 1, dtype=np.int64) * n_tiles // n_groups * GROUP_ALIGNMENT
    np.minimum(borders, n, out=borders)
    borders.flags.writeable = False
    return borders


def strided_sum(terms: Floats) -> Floats:
    """Sum over the last axis: eight strided partial sums, each added in order, then joined in one fixed order."""
    *lead, length = terms.shape
    n_whole = length // LANES
    # A reduction over an axis that is not the last adds in order (no pairwise summation).
    p = np.add.reduce(terms[..., : n_whole * LANES].reshape(*lead, n_whole, LANES), axis=-2)
    p[..., : length - n_whole * LANES] += terms[..., n_whole * LANES :]
    return ((p[..., 0] + p[..., 4]) + (p[..., 2] + p[..., 6])) + ((p[..., 1] + p[..., 5]) + (p[..., 3] + p[..., 7]))


def ordered_sum(terms: Floats, total: float = 0.0) -> float:
    """``total`` plus terms (n,): the ``strided_sum`` of each block of 512, blocks in order."""
    n_whole = len(terms) // SUM_BLOCK * SUM_BLOCK
    blocks = strided_sum(terms[:n_whole].reshape(-1, SUM_BLOCK)).tolist()
    if n_whole < len(terms):
        blocks.append(float(strided_sum(terms[n_whole:])))
    for block in blocks:
        total += block
    return total


def in_order(terms: Floats) -> float:
    """Terms (n,), n > 0, added up one after the other."""
    return float(np.add.accumulate(terms)[-1])


def add_pairs(pairs: Floats, terms: Floats) -> None:
    """Add terms (m, ...) to pairs (2, ...), and make pairs[0] the rounded sum."""
    high, low = pairs[0].copy(), pairs[1].copy()
    for term in terms:
        total = high + term
        rest = total - high
        low += (high - (total - rest)) + (term - rest)
        high = total
    pairs[0] = high + low
    pairs[1] = low - (pairs[0] - high)


def are_rounded(rounding: Floats, sums: Floats, n_moved: int, largest: float) -> bool:
    """Whether sums (k, d) may have lost more than is tolerated over so many moves of rows of values up to ``largest``.

    ``rounding`` is as in the protocol's ``iterate_in_blocks``; its first number grows.
    """
    sizes = np.abs(sums).max(axis=1)
    smallest = float(np.min(sizes, where=sizes > 0, initial=np.inf))
    rounding[0] += rounding[1] * n_moved * (float(sizes.max()) + n_moved * largest)
    return not rounding[0] <= rounding[2] * smallest


SPLITTER = 2.0**27 + 1
"""Cuts a float64 into two halves of 26 digits (Dekker, A floating-point technique, 1971)."""


def quotients(sums: Floats, mass: Floats, data_unit: float, dtype: npt.DTypeLike) -> Floats:
    """Means (k, d) of pairs of sums (2, k, d) and mass (2, k), in X's own unit, not yet rounded; nan without mass.

    For float64 the rest of the division is added, so that rows that are all alike have just this mean.
    """
    m = np.where(mass[0] == 0, np.nan, mass[0])[:, None]
    means: Floats = sums[0] / m
    if np.dtype(dtype) == np.float64:
        product = m * means
        mass_high, means_high = upper_half(m), upper_half(means)
        mass_low, means_low = m - mass_high, means - means_high
        error = (mass_high * means_high - product) + mass_high * means_low + mass_low * means_high
        error += mass_low * means_low
        rest = ((sums[0] - product) - error) + sums[1]
        means += (rest - mass[1, :, None] * means) / m
    if data_unit != 1.0:
        means *= data_unit
    return means


def upper_half(values: Floats) -> Floats:
    """The leading 26 digits of values."""
    scaled = SPLITTER * values
    halves: Floats = scaled - (scaled - values)
    return halves
