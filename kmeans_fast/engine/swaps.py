"""After a run: centers that do little go where much is to be gained, several at a time, until nothing gains.

A swap removes one center and splits another's cluster in two. What a removal costs is what its rows lose to the
nearest of the other centers; what a split gains comes from two-means among the rows of the cluster. Both are exact
for a swap by itself, and a short descent decides for several. No random numbers: the rows alone say what is tried.

Sources: Fritzke, Breathing k-means, 2020 (several at once, neighbours frozen, fewer at a time once that fails);
Ismkhan, I-k-means-+, 2018 (cheap removals paired with gainful splits).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..backends.ordered_sums import group_borders, ordered_sum
from ..backends.protocol import Array, Floats, Indices, Labels, Rows, take_rows
from .algorithms.lloyd import assign
from .empty_clusters import keep_center
from .loop import iterate
from .metrics import Stored
from .partials import Partials
from .shard import Shard, label_sq_dists
from .slices import cache_slices

STEPS = 12
"""Iterations after which a swap is judged: most of what it gains has come by then."""

SHARE = 2 / 3
"""Iterations of the search, as a share of those of the run: with noise alone there is always a bit more to gain."""

SPLIT_STEPS = 3
"""Iterations of the two-means of a split: a descent of all centers goes on from there."""

SURE = 0.8
"""Gain / cost of swaps that are taken together, however many there are: the descent adds about as much again."""

PROMISING = 0.25
"""Least gain / cost of a swap that is tried."""

FROZEN = 3
"""Neighbours of a removed center that stay, so that what the removal costs stays true; fewer with few clusters."""

QUANTILE = 0.7
"""Of the distances in a cluster: the row by which a split begins, neither in the middle nor an outlier."""

MOST_FAILED = 3
"""Single swaps that may fail one after the other before the search ends."""

PIECE_VALUES = 1 << 20
"""Values of X that are copied at a time."""

BETTER = 1 - 1e-6
"""An inertia below this share of the best is a gain."""


@dataclass
class Clustering:
    centers: Array
    labels: Labels
    """(n,): nearest centers."""
    terms: Floats
    """(n,): weighted squared distances, in units."""

    @property
    def inertia(self) -> float:
        return ordered_sum(self.terms)


@dataclass
class Swap:
    removed: int
    split: int
    children: Array
    """(2, d): what takes the places of both."""
    cost: float
    gain: float

    @property
    def is_sure(self) -> bool:
        return self.gain >= SURE * self.cost


class SwapSearch:
    """Better places for the centers of one clustering of the rows of a shard, whose labels it overwrites."""

    def __init__(self, shard: Shard, stored: Stored | None = None) -> None:
        self.shard = shard
        self.rows = shard.rows
        self.k = shard.k
        self.stored = stored
        self.n_frozen = min(FROZEN, shard.k // 16)
        self.n_iter = 0
        """Iterations of all descents."""

    def search(self, centers: Array, labels: Labels, n_iter: int) -> Iterator[Clustering]:
        """Yield one better clustering after the other than that to which a run of n_iter iterations led."""
        enough = max(STEPS, SHARE * n_iter)
        best = self._measured(centers, labels.copy())
        size, n_failed = 1 + self.k // 24, 0
        swaps: list[Swap] | None = None
        while self.k > 1:
            if swaps is None:
                swaps = self._swaps(best, size)
                size = max(size, sum(swap.is_sure for swap in swaps))
            tried = swaps[:size] if size > 1 else swaps[n_failed : n_failed + 1]
            if self.n_iter >= enough:
                tried = [swap for swap in tried if swap.is_sure]
            if not tried:
                return
            after = self._descended(best, tried)
            if after.inertia < best.inertia * BETTER:
                best, swaps, n_failed = after, None, 0
                yield best
                continue
            n_failed += len(tried) == 1
            if n_failed == MOST_FAILED:
                return
            size = max(1, len(tried) // 2)

    def _measured(self, centers: Array, labels: Labels) -> Clustering:
        return Clustering(centers, labels, self._terms(self.rows, centers, labels, None))

    def _terms(self, rows: Rows, centers: Array, labels: Labels, indices: Indices | None) -> Floats:
        """Weighted squared distances of rows, which are those of the shard or its ``indices``."""
        terms = label_sq_dists(self.shard.backend, rows, centers, labels, self.shard.n_threads)
        weights = self.rows.weights
        if weights is not None:
            terms *= weights if indices is None else weights[indices]
        return terms

    def _descended(self, best: Clustering, swaps: Sequence[Swap]) -> Clustering:
        """Where a short descent leads after these swaps."""
        centers = best.centers.copy()
        for swap in swaps:
            centers[[swap.removed, swap.split]] = swap.children
        for step in iterate(self.shard, centers, STEPS, stored=self.stored):
            if step.is_settled:
                break
        self.n_iter += step.n_iter
        return self._measured(step.centers, self.shard.labels.copy())

    # ---- what to try --------------------------------------------------------------------------------------------

    def _swaps(self, best: Clustering, size: int) -> list[Swap]:
        """Swaps that do not touch each other, cheap removals paired with large gains; the best first."""
        mass, errors = bincount(best.labels, self.rows.weights, self.k), bincount(best.labels, best.terms, self.k)
        merge_costs, neighbours = merging(best.centers, mass, self.rows.data_unit, self.n_frozen)
        n_listed = min(self.k // 2, max(8, 3 * size))
        removed = apart(np.argsort(merge_costs, kind="stable"), neighbours, n_listed)
        # Together they are cheaper to measure; but without frozen neighbours, one may be the nearest of the other.
        groups = [removed] if self.n_frozen else removed[:, None]
        costs = np.concatenate([self._costs(best, group) for group in groups])
        split = np.argsort(-errors, kind="stable")[:n_listed]
        # A split gains less than all of a cluster's inertia.
        split = split[(errors[split] > 0) & (errors[split] >= PROMISING * costs.min())]
        if not split.size:
            return []
        gains, children = self._splits(best, split)
        order = np.argsort(-gains, kind="stable")
        swaps: list[Swap] = []
        used: set[int] = set()
        for place in np.argsort(costs, kind="stable").tolist():
            goes = int(removed[place])
            near = {goes, *neighbours[goes].tolist()}
            if goes in used:
                continue
            free = (i for i in order.tolist() if int(split[i]) not in used and int(split[i]) not in near)
            i = next(free, -1)
            if i < 0:
                continue
            cost, gain = float(costs[place]), float(gains[i])
            if not gain > 0 or gain < PROMISING * cost:
                break
            swaps.append(Swap(goes, int(split[i]), children[2 * i : 2 * i + 2], cost, gain))
            used |= {int(split[i]), *near}
        return sorted(swaps, key=lambda swap: swap.cost - swap.gain)

    def _members(self, best: Clustering, clusters: Indices) -> Indices:
        """Rows of these clusters that weigh something, increasing."""
        is_asked = np.zeros(self.k, dtype=bool)
        is_asked[clusters] = True
        found = np.flatnonzero(is_asked[best.labels])
        return found if self.rows.weights is None else found[self.rows.weights[found] > 0]

    def _parts(self, indices: Indices) -> Iterator[tuple[slice, Rows]]:
        """Places in indices, and copies of the rows there, of bounded size."""
        step = max(1, PIECE_VALUES // self.rows.values_per_row)
        for first in range(0, len(indices), step):
            piece = slice(first, min(first + step, len(indices)))
            yield piece, self.shard.backend.take(self.rows, indices[piece])

    def _costs(self, best: Clustering, removed: Indices) -> Floats:
        """What the inertia rises (m,) if the rows of each removed center go to the nearest that is not removed."""
        indices = self._members(best, removed)
        kept = np.delete(best.centers, removed, axis=0)
        lost = np.empty(len(indices))
        for piece, part in self._parts(indices):
            labels = np.full(part.n, -1, dtype=np.int32)
            assign(self.shard.backend, part, kept, labels, self.shard.n_threads)
            lost[piece] = self._terms(part, kept, labels, indices[piece]) - best.terms[indices[piece]]
        return bincount(best.labels[indices], lost, self.k)[removed]

    def _splits(self, best: Clustering, split: Indices) -> tuple[Floats, Array]:
        """What the inertia falls (m,) if each of these clusters becomes two, and the centers (2 m, d) of both."""
        indices = self._members(best, split)
        place = np.empty(self.k, dtype=np.int32)
        place[split] = np.arange(len(split))
        left = 2 * place[best.labels[indices]]
        children = self._first_children(best, split, indices, left)
        one = list(self._parts(indices)) if len(indices) * self.rows.values_per_row <= PIECE_VALUES else None
        for _ in range(SPLIT_STEPS):
            totals = Partials.zeros(len(children), self.rows.d)
            for piece, part in one or self._parts(indices):
                sides = [self._terms(part, children, left[piece] + side, indices[piece]) for side in (0, 1)]
                self.shard.backend.sum_by_label(
                    part,
                    group_borders(part.n, len(children)),
                    left[piece] + (sides[1] < sides[0]),
                    totals.sum_pairs,
                    totals.mass_pairs,
                    n_threads=self.shard.n_threads,
                )
            children = self._means(totals, children)
        rest = np.empty(len(indices))
        for piece, part in one or self._parts(indices):
            sides = [self._terms(part, children, left[piece] + side, indices[piece]) for side in (0, 1)]
            np.minimum(sides[0], sides[1], out=rest[piece])
        gains = bincount(left // 2, best.terms[indices] - rest, len(split))
        return gains, children

    def _means(self, totals: Partials, before: Array) -> Array:
        """Means (m, d); those of no rows stay where they were."""
        means, _ = keep_center(totals, self.shard, before)
        return means if self.stored is None else self.stored(means, before)

    def _first_children(self, best: Clustering, split: Indices, indices: Indices, left: Labels) -> Array:
        """Two points (2 m, d) about each center, on the line through a row that is rather far from it."""
        by_distance = np.lexsort((best.terms[indices], left))
        borders = left[by_distance].searchsorted(2 * np.arange(len(split) + 1))
        n_rows = np.diff(borders)
        unit, limit = self.rows.data_unit, np.finfo(best.centers.dtype).max
        centers = best.centers[split].astype(np.float64) / unit
        halves = np.zeros_like(centers)
        there = np.flatnonzero(n_rows)
        rows = indices[by_distance[borders[there] + (QUANTILE * (n_rows[there] - 1)).astype(np.int64)]]
        halves[there] = (take_rows(self.rows.X, rows).astype(np.float64) / unit - centers[there]) / 2
        with np.errstate(over="ignore"):
            both = np.stack([centers - halves, centers + halves], axis=1).reshape(-1, self.rows.d) * unit
        return np.clip(both, -limit, limit).astype(best.centers.dtype)


def bincount(labels: Labels, values: Floats | None, k: int) -> Floats:
    """Sums (k,) of values (n,), or of ones, by label."""
    return np.bincount(labels, values, minlength=k).astype(np.float64, copy=False)


def merging(centers: Array, mass: Floats, data_unit: float, n_neighbours: int) -> tuple[Floats, Indices]:
    """What the inertia gains (k,) if a cluster joins the one next to it, in units; and each center's nearest others
    (k, n_neighbours). Source: Ward, Hierarchical grouping to optimize an objective function, 1963.
    """
    k, d = centers.shape
    wide = centers.astype(np.float64) / data_unit
    costs, neighbours = np.empty(k), np.empty((k, n_neighbours), dtype=np.int64)
    for part in cache_slices(k, k * d):
        moves = wide[part, None, :] - wide
        sq_dists = np.einsum("ijk,ijk->ij", moves, moves)
        own = np.arange(part.start, part.stop)
        sq_dists[own - part.start, own] = np.inf
        neighbours[part] = np.argsort(sq_dists, axis=1, kind="stable")[:, :n_neighbours]
        both = mass[part, None] + mass
        shares = np.divide(mass[part, None] * mass, both, out=np.zeros_like(both), where=both > 0)
        costs[part] = np.multiply(shares, sq_dists, out=sq_dists, where=shares > 0).min(axis=1)
    costs[mass == 0] = 0.0
    return costs, neighbours


def apart(ranking: Indices, neighbours: Indices, count: int) -> Indices:
    """The first ``count`` of a ranking that are not near one before them."""
    found: list[int] = []
    near: set[int] = set()
    for j in ranking.tolist():
        if j not in near:
            found.append(j)
            near.update(neighbours[j].tolist())
        if len(found) == count:
            break
    return np.array(found)
