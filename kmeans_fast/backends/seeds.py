"""The rows while seeds are picked among them: how far each is from its nearest seed, and by what share it is drawn.

A row is drawn in proportion to its term, weight times squared distance. Terms are whole numbers of ``1 / scale``, cut
off: so their sums are exact, and neither order nor threads nor what was left out as unchanged can be seen in them. The
scale gives the sum of all terms 60 or 61 binary digits, and is chosen anew when it has fewer than 52.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .csr import identity_sq_dists
from .data import Array, Floats, Indices
from .decider import sq_dists_paired
from .numpy_rows import NumpyRows, chunks
from .ordered_sums import ordered_sum

DIGITS = 61
FEWEST_DIGITS = 52
MOST_EXPONENT = 1000


@dataclass
class NumpySeeds:
    sq_dists: Floats
    """(n,)"""
    weights: Floats | None
    scale: float = 0.0
    whole: int = 0
    """Sum of all terms."""
    is_spent: bool = False
    """Whether all of them are 0, at any scale."""

    def of_term(self, sq_dists: Floats) -> Indices:
        """Terms (n,) that these squared distances would have."""
        terms = sq_dists if self.weights is None else sq_dists * self.weights
        return (terms * self.scale).astype(np.int64)

    def weigh(self) -> None:
        """Choose the scale, and add up."""
        total = ordered_sum(self.sq_dists if self.weights is None else self.sq_dists * self.weights)
        self.scale = math.ldexp(1.0, min(DIGITS - math.frexp(total)[1], MOST_EXPONENT))
        self.whole, self.is_spent = int(self.of_term(self.sq_dists).sum()), total == 0.0

    def lower(self, sq_dists: Floats) -> None:
        """Take over squared distances (n,), none greater than before."""
        self.sq_dists[:] = sq_dists
        self.whole = int(self.of_term(sq_dists).sum())
        if self.whole < 2**FEWEST_DIGITS and not self.is_spent:
            self.weigh()

    def draw(self, shares: Floats) -> Indices:
        """The first rows with which the sum of terms reaches these shares of the whole, all of positive weight."""
        targets = np.ceil(shares * float(self.whole)).astype(np.int64)
        found = np.searchsorted(np.cumsum(self.of_term(self.sq_dists)), targets)
        first, last = weighted_ends(self.weights, len(self.sq_dists))
        return np.minimum(np.maximum(found, first), last)


def weighted_ends(weights: Floats | None, n: int) -> tuple[int, int]:
    """First and last row of positive weight: a draw at either end of rounding falls on these."""
    if weights is None:
        return 0, n - 1
    return int((weights > 0).argmax()), n - 1 - int((weights[::-1] > 0).argmax())


def make_seeds(rows: NumpyRows, row: int, sq_dists: Floats, *, n_threads: int = 1) -> NumpySeeds:
    sq_dists[:] = sq_dists_to(rows, row)
    seeds = NumpySeeds(sq_dists, rows.weights)
    seeds.weigh()
    return seeds


def draw_rows(rows: NumpyRows, seeds: NumpySeeds, shares: Floats, drawn: Indices) -> None:
    drawn[:] = seeds.draw(shares)


def candidate_gains(
    rows: NumpyRows, seeds: NumpySeeds, candidates: Indices, gains: Indices, *, n_threads: int = 1
) -> None:
    for i, row in enumerate(candidates.tolist()):
        left = seeds.of_term(np.minimum(sq_dists_to(rows, row), seeds.sq_dists))
        gains[i] = seeds.whole - int(left.sum())


def add_seed(rows: NumpyRows, seeds: NumpySeeds, row: int, *, n_threads: int = 1) -> None:
    seeds.lower(np.minimum(sq_dists_to(rows, row), seeds.sq_dists))


def sq_dists_to(rows: NumpyRows, row: int) -> Floats:
    """Squared distances (n,) to a row."""
    return sq_dists_to_center(rows, rows.part(slice(row, row + 1))[0])


def sq_dists_to_center(rows: NumpyRows, center: Array) -> Floats:
    """Squared distances (n,) to center (d,)."""
    sq_dists = np.empty(rows.n)
    for part in chunks(0, rows.n, rows.values_per_row):
        x = rows.X[part]
        if rows.is_sparse:
            labels = np.zeros(x.shape[0], dtype=np.intp)
            sq_dists[part] = identity_sq_dists(x, center[None], labels, rows.data_unit)
        else:
            sq_dists[part] = sq_dists_paired(x, np.broadcast_to(center, x.shape), rows.data_unit)
    return sq_dists


def sq_spread(rows: NumpyRows, center: Array, *, n_threads: int = 1) -> float:
    sq_dists = sq_dists_to_center(rows, center)
    return ordered_sum(sq_dists if rows.weights is None else sq_dists * rows.weights)
