"""What one step over some rows gives: it adds up over rows, and the new centers follow from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..backends.protocol import Array, Floats
from .slices import cache_slices


@dataclass
class Partials:
    sums: Floats
    """(k, d): sum of ``w * x / data_unit`` of each cluster."""
    mass: Floats
    """(k,): sum of the weights of each cluster, in ``weight_unit``."""
    n_changed: int = 0
    """Rows whose label is not what it was before the step."""

    @classmethod
    def zeros(cls, k: int, d: int) -> Partials:
        return cls(np.zeros((k, d)), np.zeros(k))

    def __iadd__(self, other: Partials) -> Partials:
        self.sums += other.sums
        self.mass += other.mass
        self.n_changed += other.n_changed
        return self

    def means(self, data_unit: float, dtype: npt.DTypeLike) -> Array:
        """Centers (k, d), computed in float64 and rounded once to dtype; nan where the mass is 0."""
        mass = self.mass if self.mass.all() else np.where(self.mass == 0, np.nan, self.mass)
        means: Array = np.empty(self.sums.shape, dtype=dtype)
        for part in cache_slices(*self.sums.shape):
            exact = self.sums[part] / mass[part, None]
            if data_unit != 1.0:
                exact *= data_unit
            means[part] = exact
        return means
