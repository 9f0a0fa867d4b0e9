"""NumPy with ||x||^2 - 2 x.c + ||c||^2: every kernel, plainly. The specification of all other backends.

A row's label comes from scores ``s_j = ||c_j||^2 / 2 - x.c_j`` of shifted and scaled copies, first in X's dtype.
Where the two best scores are too close for their error bound, the row goes on: from float32 to float64, and
from float64 to the decider.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .csr import identity_sq_dists, is_wide, sums_by_label
from .decider import decide_rows, direct_dists, dists_paired, sq_dists_paired
from .iterations import iterations_in_blocks_of, iterations_of
from .numpy_rows import NumpyRows, chunks, conditioned, part_of as part_of, prepare as prepare, take as take
from .ordered_sums import add_pairs, ordered_sum, quotients, strided_sum
from .pairs import add_runs, exact_bincount
from .principal import NumpyPrefix, Principal
from .protocol import Array, Drift, Floats, Indices, Labels, PrefixPlan
from .seeds import (
    add_seed as add_seed,
    candidate_gains as candidate_gains,
    draw_rows as draw_rows,
    make_seeds as make_seeds,
    sq_spread as sq_spread,
)

name = "identity"
isa = "numpy"

POINTS_AT_ONCE = 256
"""Of ``sum_distances``, whose temporaries hold this many rows of points for each row."""

SMALLEST = 2.0**-1074
"""What an upper bound becomes that is not zero but too small for float64."""


def norms_up(vectors: Array) -> Floats:
    """Euclidean norms of vectors (m, d), a little too large rather than too small."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        values = vectors.astype(np.float64, copy=False)
        norms = np.sqrt(np.einsum("ij,ij->i", values, values))
        return norms * (1 + (vectors.shape[1] + 8) * 2.0**-52) + 2.0**-530


def gamma(m: int, unit: float) -> float:
    return m * unit / (1 - m * unit) if m * unit < 1 else np.inf


def certified_labels(x: Array, centers: Array) -> tuple[Labels, npt.NDArray[np.bool_]]:
    """Best label by score for conditioned x (m, d) and centers (k, d) of one dtype, and where that is proven."""
    dtype = np.finfo(x.dtype)
    unit, d, k = float(dtype.eps) / 2, x.shape[1], len(centers)
    with np.errstate(all="ignore"):
        scores = x @ centers.T
        np.subtract(np.einsum("ij,ij->i", centers, centers) / 2, scores, out=scores)
        labels = scores.argmin(axis=1).astype(np.int32)
        every = np.arange(len(x))
        best = scores[every, labels].astype(np.float64)
        scores[every, labels] = np.inf
        second = scores.min(axis=1).astype(np.float64) if k > 1 else np.inf
        x_norms, largest = norms_up(x), float(norms_up(centers).max())
        bound = gamma(d + 4, unit) * (x_norms * largest + largest * largest / 2)
        bound += 4 * (d + 1) * float(dtype.smallest_normal) * (1 + x_norms + largest)
        slack = 2 * bound + (d + 3) * 2.0**-53 * (x_norms + largest) ** 2
        return labels, (second - best) * (1 - unit) > slack


def nearest_of(rows: NumpyRows, part: slice, centers: Array) -> Labels:
    """Labels of one chunk: the cascade from X's dtype through float64 to the decider."""
    x, conditioning = rows.part(part), rows.conditioning
    shifted = conditioned(x, conditioning, x.dtype) if rows.shifted is None else rows.shifted[part]
    labels, is_certain = certified_labels(shifted, conditioned(centers, conditioning, x.dtype))
    open_rows = np.flatnonzero(~is_certain)
    if open_rows.size and x.dtype == np.float32:
        wide = conditioned(x[open_rows], conditioning, np.float64)
        labels[open_rows], is_certain = certified_labels(wide, conditioned(centers, conditioning, np.float64))
        open_rows = open_rows[~is_certain]
    for some in chunks(0, len(open_rows), centers.size):
        chosen = open_rows[some]
        labels[chosen] = decide_rows(x[chosen], centers, rows.data_unit)
    return labels


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
    for part in chunks(start, stop, rows.d + len(centers)):
        new = nearest_of(rows, part, centers) if len(centers) > 1 else np.zeros(part.stop - part.start, np.int32)
        old = labels[part.start - start : part.stop - start]
        n_changed = relabel(old, new, part.start, n_changed, moved, before)
    return n_changed


def relabel(
    labels: Labels, new: Labels, first: int, n_changed: int, moved: Indices | None, before: Labels | None
) -> int:
    """Write new to labels, the rows (numbered from first) that change and their old labels to moved and before."""
    changed = np.flatnonzero(labels != new)
    stop = n_changed + len(changed)
    if moved is not None and before is not None:
        moved[n_changed:stop] = changed + first
        before[n_changed:stop] = labels[changed]
    labels[changed] = new[changed]
    return stop


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
    for first, last in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        clusters = labels[first - int(borders[0]) : last - int(borders[0])].astype(np.intp)
        weights = None if rows.weights is None else rows.weights[first:last]
        add_by_cluster(rows, rows.X[first:last], weights, clusters, sums, mass)


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
    weights = np.ones(len(moved)) if rows.weights is None else rows.weights[moved]
    both = np.concatenate([moved, moved])
    clusters = np.concatenate([before, after]).astype(np.intp)
    add_by_cluster(rows, rows.X[both], np.concatenate([-weights, weights]), clusters, sums, mass)


def move_centers(
    rows: NumpyRows,
    sums: Floats,
    mass: Floats,
    centers: Array,
    new_centers: Array,
    sq_shifts: Floats,
    *,
    n_threads: int = 1,
) -> tuple[float, float]:
    from_sums, from_means = np.empty(len(centers)), np.empty(len(centers))
    origin = rows.origin.astype(np.float64) / rows.data_unit
    for part in chunks(0, len(centers), rows.d):
        new_centers[part] = quotients(sums[:, part], mass[:, part], rows.data_unit, rows.X.dtype)
        old = centers[part].astype(np.float64) / rows.data_unit
        moves = new_centers[part].astype(np.float64) / rows.data_unit - old
        about = old - origin
        with np.errstate(over="ignore"):
            sq_shifts[part] = strided_sum(moves * moves)
            from_sums[part] = strided_sum(about * (mass[0, part, None] * origin - sums[0, part]))
            from_means[part] = strided_sum(about * about) * mass[0, part]
    return float(np.cumsum(from_sums)[-1]), float(np.cumsum(from_means)[-1])


iterate = iterations_of(nearest_and_sum, move_centers)


def add_by_cluster(
    rows: NumpyRows, X: Any, weights: Floats | None, clusters: npt.NDArray[np.intp], sums: Floats, mass: Floats
) -> None:
    """Add weights * X / data_unit (m, d) and weights (m,) to the pairs of their clusters (m,)."""
    k = sums.shape[1]
    add_pairs(mass, exact_bincount(clusters, np.ones(X.shape[0]) if weights is None else weights, k))
    if rows.is_sparse:
        add_pairs(sums, sums_by_label(X, weights, rows.data_unit, clusters, k))
        return
    for feature in range(rows.d):
        terms = X[:, feature].astype(np.float64)
        if rows.data_unit != 1.0:
            terms /= rows.data_unit
        if weights is not None:
            terms *= weights
        add_pairs(sums[:, :, feature], exact_bincount(clusters, terms, k))


def two_nearest(
    rows: NumpyRows,
    chosen: Indices,
    centers: Array,
    labels: Labels,
    upper: npt.NDArray[np.float32],
    lower: npt.NDArray[np.float32],
    *,
    n_threads: int = 1,
) -> int:
    n_changed = 0
    slack = 2 * gamma(rows.d + 4, 2.0**-53)
    for some in chunks(0, len(chosen), centers.size):
        part = chosen[some]
        x = rows.part(part)
        new = decide_rows(x, centers, rows.data_unit)
        n_changed += int(np.count_nonzero(labels[part] != new))
        labels[part] = new
        dists = direct_dists(x, centers, rows.data_unit)
        every = np.arange(len(part))
        best = dists[every, new]
        dists[every, new] = np.inf
        best = np.maximum(best, SMALLEST, where=(x != centers[new]).any(axis=1), out=best)
        upper[part] = round_to_float32(best * (1 + slack), np.inf)
        lower[part] = round_to_float32(dists.min(axis=1) * (1 - slack), -np.inf)
    return n_changed


def round_to_float32(values: Floats, towards: float) -> npt.NDArray[np.float32]:
    """values >= 0 as float32, rounded outward to inf or down to -inf (but not below 0)."""
    with np.errstate(over="ignore", under="ignore"):
        near = values.astype(np.float32)
        wrong = near < values if towards > 0 else near > values
        return np.where(wrong, np.nextafter(near, np.float32(towards)), near)


@dataclass
class NumpyBlocks:
    n_scored: float = 0.0


def make_blocks(rows: NumpyRows, labels: Labels, *, n_threads: int = 1) -> NumpyBlocks:
    return NumpyBlocks()


def nearest_in_blocks(
    rows: NumpyRows,
    blocks: NumpyBlocks,
    centers: Array,
    labels: Labels,
    moved: Indices | None = None,
    before: Labels | None = None,
    *,
    n_threads: int = 1,
) -> int:
    blocks.n_scored = float(rows.n) * len(centers)
    return nearest(rows, 0, rows.n, centers, labels, moved, before)


iterate_in_blocks = iterations_in_blocks_of(nearest_in_blocks, move, move_centers)


@dataclass
class NumpyBounds:
    n_measured: float = 0.0
    n_scored: float = 0.0


def make_bounds(rows: NumpyRows, centers: Array, *, by_group: bool = True, n_threads: int = 1) -> NumpyBounds:
    return NumpyBounds()


def nearest_with_bounds(
    rows: NumpyRows,
    bounds: NumpyBounds,
    start: int,
    stop: int,
    centers: Array,
    sq_shifts: Floats,
    labels: Labels,
    moved: Indices | None = None,
    before: Labels | None = None,
    *,
    n_threads: int = 1,
) -> int:
    bounds.n_scored = float(rows.n) * len(centers)
    return nearest(rows, start, stop, centers, labels, moved, before)


def plan_prefix(rows: NumpyRows, centers: Array, most_work: float = 1.0) -> PrefixPlan | None:
    return None if rows.is_sparse else Principal.of(rows.X, rows.origin).plan(centers, most_work)


def make_prefix(rows: NumpyRows, p: int, *, n_threads: int = 1) -> NumpyPrefix:
    return NumpyPrefix(p)


def nearest_by_prefix(
    rows: NumpyRows,
    prefix: NumpyPrefix,
    first_p: int,
    start: int,
    stop: int,
    centers: Array,
    drift: Drift,
    labels: Labels,
    upper: npt.NDArray[np.float32],
    lower: npt.NDArray[np.float32],
    moved: Indices | None = None,
    before: Labels | None = None,
    *,
    n_threads: int = 1,
) -> int:
    prefix.n_met = float(stop - start) * len(centers)
    upper[:], lower[:] = np.inf, 0.0
    return nearest(rows, start, stop, centers, labels, moved, before)


def label_sq_dists(
    rows: NumpyRows, start: int, stop: int, centers: Array, labels: Labels, sq_dists: Floats, *, n_threads: int = 1
) -> None:
    for part in chunks(start, stop, rows.d):
        here = slice(part.start - start, part.stop - start)
        sq_dists[here] = sq_dists_paired(rows.part(part), centers[labels[here]], rows.data_unit)
    if rows.is_sparse:
        x = rows.X[start:stop]
        wide = is_wide(x)
        sq_dists[wide] = identity_sq_dists(x[wide], centers, labels[wide], rows.data_unit)


def inertia(
    rows: NumpyRows, start: int, stop: int, centers: Array, labels: Labels, total: float = 0.0, *, n_threads: int = 1
) -> float:
    sq_dists = np.empty(stop - start)
    label_sq_dists(rows, start, stop, centers, labels, sq_dists)
    if rows.weights is not None:
        sq_dists *= rows.weights[start:stop]
    return ordered_sum(sq_dists, total)


def distances(rows: NumpyRows, start: int, stop: int, centers: Array, out: Array, *, n_threads: int = 1) -> None:
    conditioning, limit = rows.conditioning, kept_share(rows.X.dtype)
    shifted_centers = conditioned(centers, conditioning, np.float64)
    center_sq_norms = np.einsum("ij,ij->i", shifted_centers, shifted_centers)
    for part in chunks(start, stop, rows.d + 2 * len(centers)):
        x = rows.part(part)
        shifted = conditioned(x, conditioning, np.float64)
        with np.errstate(all="ignore"):
            sq_norms = np.einsum("ij,ij->i", shifted, shifted)[:, None]
            sq_dists = sq_norms - 2 * (shifted @ shifted_centers.T) + center_sq_norms
            np.maximum(sq_dists, 0.0, out=sq_dists)
            is_kept = sq_dists > 2 * limit * (sq_norms + center_sq_norms) + 2.0**-900
            is_kept &= sq_dists < np.inf
            dists = np.sqrt(sq_dists) / conditioning.scale
        redo_row, redo_col = np.nonzero(~is_kept)
        for some in chunks(0, len(redo_row), 3 * rows.d):
            row, col = redo_row[some], redo_col[some]
            dists[row, col] = dists_paired(x[row], centers[col], rows.data_unit, 1.0)
        with np.errstate(over="ignore", under="ignore"):
            out[part.start - start : part.stop - start] = dists


def sum_distances(
    rows: NumpyRows, start: int, stop: int, points: Array, starts: Indices, sums: Floats, *, n_threads: int = 1
) -> None:
    for first in range(0, len(points), POINTS_AT_ONCE):
        some = points[first : first + POINTS_AT_ONCE]
        for part in chunks(start, stop, some.size):
            dists = direct_dists(rows.part(part), some, rows.data_unit)
            add_runs(dists, first, starts, sums[part.start - start : part.stop - start])


def kept_share(dtype: npt.DTypeLike) -> float:
    """Least ``||x - c||^2 / (||x|| + ||c||)^2`` at which the float64 identity is precise enough for dtype.

    The caller compares with ``2 (||x||^2 + ||c||^2)``, which is never less than that square.
    """
    return 2.0**-20 if dtype == np.float32 else 0.25
