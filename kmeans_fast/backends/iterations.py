"""Several iterations in one call, made of the kernels of one: what ``iterate`` means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .ordered_sums import in_order
from .protocol import Array, Floats, Indices, Labels


def iterations_of(nearest_and_sum: Callable[..., int], move_centers: Callable[..., tuple[float, float]]) -> Any:
    """The kernel ``iterate`` of a backend that has these two."""

    def iterate(
        rows: Any,
        borders: Indices,
        centers: Array,
        labels: Labels,
        sums: Floats,
        mass: Floats,
        steps: Floats,
        sq_shift: float,
        *,
        n_threads: int = 1,
    ) -> int:
        sq_shifts = np.empty(centers.shape[1])
        for done, step in enumerate(steps):
            sums[:], mass[:] = 0.0, 0.0
            before, after = centers[done], centers[done + 1]
            step[0] = nearest_and_sum(rows, borders, before, labels, sums, mass, n_threads=n_threads)
            if not mass[0].all():
                step[1:] = np.nan
                return done + 1
            step[2:] = move_centers(rows, sums, mass, before, after, sq_shifts, n_threads=n_threads)
            step[1] = in_order(sq_shifts)
            if step[1] <= sq_shift or (step[0] == 0 and step[1] == 0):
                return done + 1
        return len(steps)

    return iterate
