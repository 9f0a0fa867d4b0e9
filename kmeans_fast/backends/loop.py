"""Explicit loops over rows and centers: the slowest backend and the easiest to read."""

from __future__ import annotations

import math

import numpy as np

from .decider import decide, is_safe, sq_dists_direct
from .identity import (
    NumpyRows,
    candidate_potentials,
    distances,
    label_sq_dists,
    lower_sq_dists,
    prepare,
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

name = "loop"
isa = "numpy"


def nearest(rows: NumpyRows, start: int, stop: int, centers: Array, labels: Labels, *, n_threads: int = 1) -> int:
    n_changed = 0
    for i in range(start, stop):
        x = rows.part(slice(i, i + 1))[0]
        label, least = 0, math.inf
        for j, center in enumerate(centers):
            sq_dist = float(sq_dists_direct(x, center, rows.data_unit))
            if sq_dist < least:
                label, least = j, sq_dist
        if not is_safe(least):
            label = decide(x, centers, rows.data_unit)
        n_changed += int(labels[i - start] != label)
        labels[i - start] = label
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


def sum_by_label(
    rows: NumpyRows, borders: Indices, labels: Labels, sums: Floats, mass: Floats, *, n_threads: int = 1
) -> None:
    for group in range(len(borders) - 1):
        group_sums, group_mass = np.zeros_like(sums), np.zeros_like(mass)
        for i in range(borders[group], borders[group + 1]):
            label = labels[i - borders[0]]
            weight = 1.0 if rows.weights is None else rows.weights[i]
            group_sums[label] += weight * (rows.part(slice(i, i + 1))[0].astype(np.float64) / rows.data_unit)
            group_mass[label] += weight
        sums += group_sums
        mass += group_mass
