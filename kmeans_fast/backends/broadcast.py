"""NumPy broadcasting: differences (n, 1, d) - (1, k, d), squared and summed over the last axis, in row chunks."""

from __future__ import annotations

import numpy as np

from .decider import decide_rows
from .identity import (
    NumpyRows,
    candidate_potentials,
    chunks,
    distances,
    label_sq_dists,
    lower_sq_dists,
    prepare,
    sum_by_label,
    two_nearest,
)
from .protocol import Array, Floats, Indices, Labels

__all__ = [
    "candidate_potentials",
    "distances",
    "label_sq_dists",
    "lower_sq_dists",
    "nearest",
    "nearest_and_sum",
    "prepare",
    "sum_by_label",
    "two_nearest",
]

name = "broadcast"
isa = "numpy"


def nearest(rows: NumpyRows, start: int, stop: int, centers: Array, labels: Labels, *, n_threads: int = 1) -> int:
    n_changed = 0
    for part in chunks(start, stop, centers.size):
        old = labels[part.start - start : part.stop - start]
        new = decide_rows(rows.part(part), centers, rows.data_unit)
        n_changed += int(np.count_nonzero(old != new))
        old[:] = new
    return n_changed


def nearest_and_sum(
    rows: NumpyRows,
    borders: Indices,
    centers: Array,
    labels: Labels,
    sums: Floats,
    mass: Floats,
    *,
    n_threads: int = 1,
) -> int:
    n_changed = nearest(rows, int(borders[0]), int(borders[-1]), centers, labels)
    sum_by_label(rows, borders, labels, sums, mass)
    return n_changed
