"""The one loop: assign and sum, fill what is empty, move the centers, and say what happened."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..backends.ordered_sums import in_order
from ..backends.protocol import Array, Floats, Labels
from .empty_clusters import Rule, keep_center, take_farthest
from .partials import Partials
from .shard import Shard
from .slices import cache_slices


class Iteration(NamedTuple):
    """What one iteration did. A tuple: small data make thousands a second; a frozen dataclass takes 2 us more each."""

    n_iter: int
    centers: Array
    """(k, d): the centers that the rows were assigned to."""
    new_centers: Array
    """(k, d): the means of these rows."""
    totals: Partials | None
    """None where later iterations were made at once with this one: the labels of the shard are theirs too."""
    n_changed: int
    n_filled: int
    """Empty clusters that were given a row."""
    sq_shift: float
    """Sum of the squared moves of the centers, in ``data_unit**2``."""
    seconds: float
    algorithm: str
    """Name of the way that it went, in the table of algorithms."""
    moments: tuple[float, float] | None
    """What ``move_centers`` says of the inertia; None where a cluster was empty."""

    @property
    def is_settled(self) -> bool:
        """No label changed, no cluster was filled and no center moved: the labels are right for the new centers too."""
        return self.n_changed == 0 and self.n_filled == 0 and not self.has_moved

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
    enough: Callable[[], float | None] = lambda: None,
) -> Iterator[Iteration]:
    """Yield one Iteration after the other; who consumes them decides when to stop.

    ``stored`` says how new centers are kept, if not as they are; it is given them and the centers before. ``enough``
    says at which sum of squared moves the consumer will stop: iterations of little work are then made several at once.
    """
    sq_shifts, n_iter = None, 0
    while n_iter < max_iter:
        began, totals = time.perf_counter(), None
        limit = enough() if stored is None else None
        most = min(shards.algorithm.steps_at_once(shards.k), max_iter - n_iter)
        if limit is not None and most > 1:
            path, steps, totals = shards.algorithm.run_ahead(centers, most, limit)
            n_moved = len(steps) - math.isnan(steps[-1][1])
            seconds = (time.perf_counter() - began) / len(steps)
            for i, (n_changed, sq_shift, from_sums, from_means) in enumerate(steps[:n_moved]):
                of_last = totals if i == len(steps) - 1 else None
                n_iter += 1
                moments = from_sums, from_means
                before, after = path[i : i + 2]
                used = shards.algorithm.used
                yield Iteration(n_iter, before, after, of_last, int(n_changed), 0, sq_shift, seconds, used, moments)
            centers, sq_shifts = path[n_moved], None
            if n_moved == len(steps):
                continue
        if totals is None:
            shards.algorithm.n_left = max_iter - n_iter
            totals = shards.step(centers, sq_shifts)
        if totals.n_changed == 0:
            totals = shards.added_up(totals)
        if totals.mass.all():
            n_filled = 0
            new_centers, sq_shifts, moved = shards.moved_centers(totals, centers)
        else:
            new_centers, n_filled = fill_empty(totals, shards, centers)
            sq_shifts, moved = squared_shifts(new_centers, centers, shards.data_unit), None
        if stored is not None:
            new_centers = stored(new_centers, centers)
            sq_shifts = squared_shifts(new_centers, centers, shards.data_unit)
        n_iter += 1
        seconds = time.perf_counter() - began
        yield Iteration(
            n_iter,
            centers,
            new_centers,
            totals,
            totals.n_changed,
            n_filled,
            in_order(sq_shifts),
            seconds,
            shards.algorithm.used,
            moved,
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
    # Of several that were made at once, it would keep all others in memory.
    centers = last.new_centers if last.new_centers.base is None else last.new_centers.copy()
    if last.totals is not None and last.totals.is_rounded and last.n_filled == 0:
        centers, _ = keep_center(shards.added_up(last.totals), shards, centers)  # nothing could fill what is empty
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
