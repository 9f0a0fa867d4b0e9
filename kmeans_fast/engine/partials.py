"""What one step over some rows gives: it adds up over rows, and the new centers follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..backends.protocol import Array, Floats, add_pairs
from .slices import cache_slices

SPLITTER = 2.0**27 + 1
"""Cuts a float64 into two halves of 26 digits (Dekker, A floating-point technique, 1971)."""


@dataclass
class Partials:
    sum_pairs: Floats
    """(2, k, d): sum of ``w * x / data_unit`` of each cluster, as pairs (backends/protocol.py)."""
    mass_pairs: Floats
    """(2, k): sum of the weights of each cluster, in ``weight_unit``, as pairs."""
    n_changed: int = 0
    """Rows whose label is not what it was before the step."""
    is_rounded: bool = False
    """Whether rows came and went, and the pairs may have lost a digit over it."""

    @classmethod
    def zeros(cls, k: int, d: int) -> Partials:
        return cls(np.zeros((2, k, d)), np.zeros((2, k)))

    @property
    def sums(self) -> Floats:
        """(k, d): the rounded sums."""
        sums: Floats = self.sum_pairs[0]
        return sums

    @property
    def mass(self) -> Floats:
        """(k,): the rounded mass."""
        mass: Floats = self.mass_pairs[0]
        return mass

    def copy(self) -> Partials:
        return Partials(self.sum_pairs.copy(), self.mass_pairs.copy(), self.n_changed, self.is_rounded)

    def __iadd__(self, other: Partials) -> Partials:
        add_pairs(self.sum_pairs, other.sum_pairs)
        add_pairs(self.mass_pairs, other.mass_pairs)
        self.n_changed += other.n_changed
        self.is_rounded |= other.is_rounded
        return self

    def means(self, data_unit: float, dtype: npt.DTypeLike) -> Array:
        """Centers (k, d), computed in float64 or better and rounded once to dtype; nan where the mass is 0."""
        mass = self.mass if self.mass.all() else np.where(self.mass == 0, np.nan, self.mass)
        means: Array = np.empty(self.sums.shape, dtype=dtype)
        for part in cache_slices(*self.sums.shape):
            exact = self.sums[part] / mass[part, None]
            if means.dtype == np.float64:
                exact += self._remainders(part, exact) / mass[part, None]
            if data_unit != 1.0:
                exact *= data_unit
            means[part] = exact
        return means

    def _remainders(self, part: slice, means: Floats) -> Floats:
        """``sums - mass * means`` to full precision: float64 rows that are all alike have just this mean."""
        mass = self.mass[part, None]
        product = mass * means
        mass_high, means_high = upper_half(mass), upper_half(means)
        mass_low, means_low = mass - mass_high, means - means_high
        error = (mass_high * means_high - product) + mass_high * means_low + mass_low * means_high
        error += mass_low * means_low
        remainders: Floats = (self.sums[part] - product) - error
        remainders += self.sum_pairs[1, part]
        remainders -= self.mass_pairs[1, part, None] * means
        return remainders


def upper_half(values: Floats) -> Floats:
    """The leading 26 digits of values."""
    scaled = SPLITTER * values
    halves: Floats = scaled - (scaled - values)
    return halves
