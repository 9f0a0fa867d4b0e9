"""The one loop: assign and sum, fill what is empty, move the centers, and say what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..backends.protocol import Array, Floats, Labels
from .empty_clusters import Rule, take_farthest
from .partials import Partials
from .shard import Shard
from .slices import cache_slices


@dataclass(frozen=True, slots=True)
class Iteration:
    n_iter: int
    centers: Array
    """(k, d): the centers that the rows were assigned to."""
    new_centers: Array
    """(k, d): the means of these rows."""
    totals: Partials
    n_filled: int
    """Empty clusters that were given a row."""
    sq_shifts: Floats
    """(k,): squared moves of the centers, in ``data_unit**2``."""
    sq_shift: float
    """Their sum."""
    moments: tuple[float, float] | None
    """What ``move_centers`` says of the inertia; None where a cluster was empty."""

    @property
    def is_settled(self) -> bool:
        """No label changed, no cluster was filled and no center moved: the labels are right for the new centers too."""
        return self.totals.n_changed == 0 and self.n_filled == 0 and not self.has_moved

    @property
    def has_moved(self) -> bool:
        """Whether a center is elsewhere now, be it so near that the square of its move is zero."""
        return self.sq_shift > 0.0 or not np.array_equal(self.new_centers, self.centers)

    def is_within(self, threshold: float) -> bool:
        """Whether no cluster was filled and the squared moves add up to at most ``threshold``; for 0, none moved."""
        is_near = self.n_filled == 0 and self.sq_shift <= threshold
        return is_near and (threshold > 0.0 or not self.has_moved)


def iterate(
    shards: Shard,
    centers: Array,
    max_iter: int,
    fill_empty: Rule = take_farthest,
    stored: Callable[[Array, Array], Array] | None = None,
) -> Iterator[Iteration]:
    """Yield one Iteration after the other; who consumes them decides when to stop.

    ``stored`` says how new centers are kept, if not as they are; it is given them and the centers before.
    """
    sq_shifts = None
    for n_iter in range(1, max_iter + 1):
        totals = shards.step(centers, sq_shifts)
        if totals.n_changed == 0:
            totals = shards.added_up(totals)
        if totals.mass.all():
            n_filled = 0
            new_centers, sq_shifts, moments = shards.moved_centers(totals, centers)
        else:
            new_centers, n_filled = fill_empty(totals, shards, centers)
            sq_shifts, moments = squared_shifts(new_centers, centers, shards.data_unit), None
        if stored is not None:
            new_centers = stored(new_centers, centers)
            sq_shifts = squared_shifts(new_centers, centers, shards.data_unit)
        yield Iteration(
            n_iter, centers, new_centers, totals, n_filled, sq_shifts, float(np.add.reduce(sq_shifts)), moments
        )
        centers = new_centers


def squared_shifts(new_centers: Array, centers: Array, data_unit: float) -> Floats:
    """Squared distances (k,) that the stored centers moved, in ``data_unit**2``."""
    sq_shifts: Floats = np.empty(len(centers))
    for part in cache_slices(*centers.shape):
        moved = new_centers[part].astype(np.float64)
        if data_unit == 1.0:
            moved -= centers[part]
        else:
            moved /= data_unit
            moved -= centers[part] / data_unit
        np.einsum("ij,ij->i", moved, moved, out=sq_shifts[part])
    return sq_shifts


def settle(shards: Shard, last: Iteration, stored: Callable[[Array, Array], Array] | None = None) -> Array:
    """Final centers (k, d); the labels of the rows are then theirs."""
    centers = last.new_centers
    if last.totals.is_rounded and last.n_filled == 0:
        centers = shards.added_up(last.totals).means(shards.data_unit, centers.dtype)
        centers = centers if stored is None else stored(centers, last.centers)
    if not last.is_settled:
        shards.assign(centers)
    return centers


def finish(
    shards: Shard, last: Iteration, stored: Callable[[Array, Array], Array] | None = None
) -> tuple[Array, Labels, float]:
    """Final centers (k, d), with their labels (n,) and inertia, in units."""
    centers = settle(shards, last, stored)
    return centers, shards.labels, shards.inertia(centers)
