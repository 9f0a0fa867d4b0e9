"""Several iterations in one call, made of the kernels of one: what ``iterate`` and ``iterate_in_blocks`` mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .ordered_sums import are_rounded, in_order
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


def iterations_in_blocks_of(
    nearest_in_blocks: Callable[..., int], move: Callable[..., None], move_centers: Callable[..., tuple[float, float]]
) -> Any:
    """The kernel ``iterate_in_blocks`` of a backend that has these three."""

    def iterate_in_blocks(
        rows: Any,
        blocks: Any,
        centers: Array,
        labels: Labels,
        moved: Indices,
        before: Labels,
        sums: Floats,
        mass: Floats,
        steps: Floats,
        rounding: Floats,
        sq_shift: float,
        most_moved: int,
        most_scored: float,
        *,
        n_threads: int = 1,
    ) -> int:
        sq_shifts = np.empty(centers.shape[1])
        for done, step in enumerate(steps):
            old, new = centers[done], centers[done + 1]
            n_changed = nearest_in_blocks(rows, blocks, old, labels, moved, before, n_threads=n_threads)
            step[0], step[1] = n_changed, np.nan
            if n_changed == 0 or n_changed > most_moved:
                return done + 1
            places = moved[:n_changed]
            move(rows, places, before[:n_changed], labels[places], sums, mass, n_threads=n_threads)
            has_lost = not rows.sums_are_exact and are_rounded(rounding, sums[0], n_changed, rows.largest)
            if has_lost or not mass[0].all():
                return done + 1
            step[2:] = move_centers(rows, sums, mass, old, new, sq_shifts, n_threads=n_threads)
            step[1] = in_order(sq_shifts)
            if step[1] <= sq_shift or blocks.n_scored > most_scored:
                return done + 1
        return len(steps)

    return iterate_in_blocks
