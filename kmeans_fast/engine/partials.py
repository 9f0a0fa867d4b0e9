"""What one step over some rows gives: it adds up over rows, and the new centers follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..backends.ordered_sums import add_pairs, quotients
from ..backends.protocol import Array, Floats
from .slices import cache_slices


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
        means: Array = np.empty(self.sums.shape, dtype=dtype)
        for part in cache_slices(*self.sums.shape):
            means[part] = quotients(self.sum_pairs[:, part], self.mass_pairs[:, part], data_unit, dtype)
        return means
