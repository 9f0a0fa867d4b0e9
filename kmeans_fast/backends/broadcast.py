"""NumPy broadcasting: differences (n, 1, d) - (1, k, d), squared and summed over the last axis, in row chunks."""

from __future__ import annotations

from .decider import decide_rows
from .identity import (
    NumpyRows,
    add_seed,
    candidate_gains,
    chunks,
    distances,
    draw_rows,
    inertia,
    label_sq_dists,
    make_blocks,
    make_bounds,
    make_prefix,
    make_seeds,
    move,
    move_centers,
    nearest_by_prefix,
    nearest_in_blocks,
    nearest_with_bounds,
    part_of,
    plan_prefix,
    prepare,
    relabel,
    sq_spread,
    sum_by_label,
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

name = "broadcast"
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
    for part in chunks(start, stop, centers.size):
        new = decide_rows(rows.part(part), centers, rows.data_unit)
        n_changed = relabel(labels[part.start - start : part.stop - start], new, part.start, n_changed, moved, before)
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
iterate_in_blocks = iterations_in_blocks_of(nearest_in_blocks, move, move_centers)
