"""Explicit loops over rows and centers: the slowest backend and the easiest to read."""

from __future__ import annotations

import math
from itertools import repeat

from .decider import decide, is_safe, sq_dists_direct
from .identity import (
    NumpyRows,
    add_seed,
    candidate_gains,
    distances,
    draw_rows,
    inertia,
    label_sq_dists,
    make_blocks,
    make_bounds,
    make_prefix,
    make_seeds,
    move_centers,
    nearest_by_prefix,
    nearest_in_blocks,
    nearest_with_bounds,
    part_of,
    plan_prefix,
    prepare,
    sq_spread,
    sum_distances,
    take,
    two_nearest,
)
from .iterations import iterations_in_blocks_of, iterations_of
from .protocol import Array, Floats, Indices, Labels

__all__ = [
    "add_seed",
    "candidate_gains",
    "distances",
    "draw_rows",
    "inertia",
    "iterate",
    "iterate_in_blocks",
    "label_sq_dists",
    "make_blocks",
    "make_bounds",
    "make_prefix",
    "make_seeds",
    "move",
    "move_centers",
    "nearest",
    "nearest_and_sum",
    "nearest_by_prefix",
    "nearest_in_blocks",
    "nearest_with_bounds",
    "part_of",
    "plan_prefix",
    "prepare",
    "sq_spread",
    "sum_by_label",
    "sum_distances",
    "take",
    "two_nearest",
]

name = "loop"
isa = "numpy"


def nearest(
    rows: NumpyRows,
    start: int,
    stop: int,
    centers: Array,
    labels: Labels,
    moved: Indices | None = None,
    before: Labels | None = None,
    *,
    n_threads: int = 1,
) -> int:
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
        if labels[i - start] == label:
            continue
        if moved is not None and before is not None:
            moved[n_changed], before[n_changed] = i, labels[i - start]
        n_changed += 1
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


iterate = iterations_of(nearest_and_sum, move_centers)


def sum_by_label(
    rows: NumpyRows, borders: Indices, labels: Labels, sums: Floats, mass: Floats, *, n_threads: int = 1
) -> None:
    chosen = range(int(borders[0]), int(borders[-1]))
    add_terms(rows, list(zip(chosen, labels.tolist(), repeat(1.0))), sums, mass)


def move(
    rows: NumpyRows,
    moved: Indices,
    before: Labels,
    after: Labels,
    sums: Floats,
    mass: Floats,
    *,
    n_threads: int = 1,
) -> None:
    leaving = zip(moved.tolist(), before.tolist(), repeat(-1.0))
    joining = zip(moved.tolist(), after.tolist(), repeat(1.0))
    add_terms(rows, [*leaving, *joining], sums, mass)


iterate_in_blocks = iterations_in_blocks_of(nearest_in_blocks, move, move_centers)


def add_terms(rows: NumpyRows, moves: list[tuple[int, int, float]], sums: Floats, mass: Floats) -> None:
    """Add (or, with sign -1, take away) each of the moves (row, cluster, sign); rounded once, by math.fsum."""
    k, d = sums.shape[1:]
    of_sums: list[list[list[float]]] = [[sums[:, j, t].tolist() for t in range(d)] for j in range(k)]
    of_mass: list[list[float]] = [mass[:, j].tolist() for j in range(k)]
    for row, cluster, sign in moves:
        weight = sign if rows.weights is None else sign * float(rows.weights[row])
        of_mass[cluster].append(weight)
        for t, value in enumerate(rows.part(slice(row, row + 1))[0].tolist()):
            of_sums[cluster][t].append(weight * (value / rows.data_unit))
    for j in range(k):
        mass[:, j] = rounded_pair(of_mass[j])
        for t in range(d):
            sums[:, j, t] = rounded_pair(of_sums[j][t])


def rounded_pair(terms: list[float]) -> tuple[float, float]:
    """The sum of terms, rounded, and what is left of it."""
    total = math.fsum(terms)
    return total, math.fsum([*terms, -total])
