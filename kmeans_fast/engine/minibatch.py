"""Mini-batches: a few rows at a time, and every center the mean of all rows that it was given so far.

Source: Sculley, Web-scale k-means clustering, 2010; with scikit-learn's draws, stop rules and reassignment of
centers that were given few rows, so that the same random state gives the same steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backends.ordered_sums import ordered_sum
from ..backends.protocol import Array, Backend, Floats, Indices, Rows, take_rows
from .loop import squared_shifts
from .partials import Partials
from .seeding import RandomState, probabilities, seed
from .shard import Shard, in_data_units
from .slices import cache_slices

ROWS_OF_A_CENTER = 10
"""Centers with few rows are looked for each time that so many rows a center were drawn."""

MOST_COUNTED = 2.0**500
"""In units of a batch's weights: whatever was seen before counts no more than this, so that no product overflows."""


def random_integers(random_state: RandomState, n: int, size: int) -> Indices:
    """``size`` numbers below n, with replacement."""
    draw = random_state.integers if isinstance(random_state, np.random.Generator) else random_state.randint
    return np.asarray(draw(0, n, size), dtype=np.int64)


class Draws:
    """Rows drawn by weight, with replacement: bit for bit ``random_state.choice(n, size, p=probabilities(rows))``.

    ``choice`` adds up all probabilities in each call; here that is done once.
    """

    def __init__(self, rows: Rows) -> None:
        self.running = probabilities(rows)
        np.cumsum(self.running, out=self.running)
        self.running /= self.running[-1]
        self.is_even = rows.weights is None

    def __call__(self, random_state: RandomState, size: int) -> Indices:
        uniform = random_state.random(size)
        return self._guessed(uniform) if self.is_even else self._searched(uniform)

    def _searched(self, uniform: Floats) -> Indices:
        """A search in increasing order finds the last one's way in the cache."""
        order = uniform.argsort()
        found = np.empty(uniform.shape[0], dtype=np.int64)
        found[order] = self.running.searchsorted(uniform[order], side="right")
        return found

    def _guessed(self, uniform: Floats) -> Indices:
        """Equal weights: the row is known, but for the rounding of the running sums."""
        n = self.running.shape[0]
        found = (uniform * n).astype(np.int64)
        np.minimum(found, n - 1, out=found)
        # Before row 0 comes the last one, whose running sum is 1: row 0 is searched for.
        is_wrong = self.running[found] <= uniform
        is_wrong |= self.running[found - 1] > uniform
        if is_wrong.any():
            found[is_wrong] = self.running.searchsorted(uniform[is_wrong], side="right")
        return found


def first_centers(
    init: Any, backend: Backend, rows: Rows, k: int, random_state: RandomState, *, init_size: int, n_threads: int = 1
) -> Any:
    """First centers (k, d), or what a callable init returns, from ``init_size`` rows drawn with replacement."""
    if init_size < rows.n:
        chosen = random_integers(random_state, rows.n, init_size)
        if rows.weights is not None and isinstance(init, str):
            n_needed = 1 if init == "k-means++" else k
            if np.count_nonzero(rows.weights[chosen]) < n_needed:
                weighted = np.flatnonzero(rows.weights)
                chosen = weighted[random_integers(random_state, weighted.shape[0], init_size)]
        rows = some_rows(backend, rows, chosen, n_threads=n_threads)
    return seed(init, backend, rows, k, random_state, n_threads=n_threads)


def some_rows(backend: Backend, rows: Rows, chosen: Indices, *, n_threads: int = 1) -> Rows:
    """The chosen rows, with their weights, as data of their own."""
    weights = None if rows.weights is None else rows.weights[chosen]
    if weights is not None and not weights.any():
        weights = None
    return backend.prepare(rows.X[chosen], weights, n_threads=n_threads)


def inertia_of_sample(backend: Backend, rows: Rows, chosen: Indices, centers: Array, *, n_threads: int = 1) -> float:
    """Weighted inertia of the chosen rows about their nearest centers, in units of ``rows``."""
    sample = backend.take(rows, chosen)
    shard = Shard(backend, sample, len(centers), n_threads=n_threads)
    shard.assign(centers)
    terms = shard.sq_dists(centers)
    if rows.weights is not None:
        terms *= rows.weights[chosen]
    return ordered_sum(terms)


@dataclass(frozen=True, slots=True)
class Step:
    centers: Array
    """(k, d): the centers that the rows of the batch were assigned to."""
    new_centers: Array
    inertia: float
    """Of the batch about ``centers``, in units of its rows."""
    n_reassigned: int


class Learner:
    """Centers that learn from one batch after the other."""

    def __init__(
        self,
        backend: Backend,
        centers: Array,
        counts: Floats,
        *,
        random_state: RandomState,
        batch_size: int,
        reassignment_ratio: float,
        n_since_reassigned: int = 0,
        n_threads: int = 1,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.backend = backend
        self.centers = centers
        self.counts = counts
        """(k,): weight of the rows that each center was given."""
        self.random_state = random_state
        self.batch_size = batch_size
        self.reassignment_ratio = reassignment_ratio
        self.n_since_reassigned = n_since_reassigned
        self.n_threads = n_threads
        self.say = say

    def learn(self, batch: Rows) -> Step:
        """Move the centers by one batch; neither the centers nor the counts that were there are written to."""
        is_due = self._is_reassignment_due()
        shard = Shard(self.backend, batch, len(self.centers), n_threads=self.n_threads)
        totals = shard.step(self.centers, None)
        inertia = shard.inertia(self.centers)
        counts = scaled(self.counts, 1 / batch.weight_unit, MOST_COUNTED)
        new_centers = moved(self.centers, counts, totals, batch.data_unit)
        counts = counts + totals.mass
        n_reassigned = self._reassign(new_centers, counts, batch) if is_due else 0
        step = Step(self.centers, new_centers, inertia, n_reassigned)
        self.centers = new_centers
        self.counts = scaled(counts, batch.weight_unit, np.finfo(np.float64).max)
        return step

    def _is_reassignment_due(self) -> bool:
        self.n_since_reassigned += self.batch_size
        if self.n_since_reassigned < ROWS_OF_A_CENTER * len(self.counts) and self.counts.all():
            return False
        self.n_since_reassigned = 0
        return True

    def _reassign(self, centers: Array, counts: Floats, batch: Rows) -> int:
        """Put centers that were given few rows on rows of the batch; they count as the least of the others does.

        At most half as many as the batch has rows, all of positive weight; never the center with the most.
        """
        candidates = None if batch.weights is None else np.flatnonzero(batch.weights)
        n_candidates = batch.n if candidates is None else candidates.shape[0]
        is_poor = counts < self.reassignment_ratio * counts.max()
        if is_poor.sum() > 0.5 * n_candidates:
            is_poor[np.argsort(counts)[int(0.5 * n_candidates) :]] = False
        if is_poor.all():
            is_poor[counts.argmax()] = False
        n_poor = int(is_poor.sum())
        if n_poor:
            drawn = self.random_state.choice(n_candidates, replace=False, size=n_poor)
            if self.say:
                self.say(f"[MiniBatchKMeans] Reassigning {n_poor} cluster centers.")
            centers[is_poor] = take_rows(batch.X, drawn if candidates is None else candidates[drawn])
            counts[is_poor] = counts[~is_poor].min()
        return n_poor


def scaled(counts: Floats, factor: float, most: float) -> Floats:
    """``counts * factor``, at most ``most``; counts themselves where the factor is 1."""
    if factor == 1.0:
        return counts
    with np.errstate(over="ignore"):
        return np.minimum(counts * factor, most)


def moved(centers: Array, counts: Floats, totals: Partials, data_unit: float) -> Array:
    """Centers (k, d) as means of the ``counts`` that they stand for and of ``totals``; as they are without new rows.

    Computed in float64, rounded once to the dtype of the centers.
    """
    new_centers = centers.copy()
    given = totals.mass > 0
    total = np.where(given, counts + totals.mass, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        for part in cache_slices(*centers.shape):
            means = centers[part].astype(np.float64)
            if data_unit != 1.0:
                means /= data_unit
            means *= counts[part, None]
            means += totals.sums[part]
            means /= total[part, None]
            if data_unit != 1.0:
                means *= data_unit
            np.copyto(new_centers[part], means, where=given[part, None], casting="same_kind")
    overflown = np.flatnonzero(~np.isfinite(new_centers).all(axis=1))
    if overflown.size:
        kept = (counts / total)[overflown, None]
        means = totals.sums[overflown] / totals.mass[overflown, None] * data_unit
        new_centers[overflown] = centers[overflown] * kept + means * (1 - kept)
    return new_centers


def iterate(learner: Learner, rows: Rows, n_steps: int) -> Iterator[Step]:
    """Yield one Step after the other; who consumes them decides when to stop."""
    draw = Draws(rows)
    for _ in range(n_steps):
        yield learner.learn(learner.backend.take(rows, draw(learner.random_state, learner.batch_size)))


class StopRule:
    """When to stop: the centers move little, or the inertia of the batches, smoothed, has long not fallen."""

    def __init__(self, n: int, batch_size: int, *, threshold: float, max_no_improvement: int | None) -> None:
        """``threshold`` is for the summed squared moves of the centers, in units; 0 never stops."""
        self.threshold = threshold
        self.max_no_improvement = max_no_improvement
        self.smoothed: float | None = None
        """Exponentially weighted mean of the inertia of a row, without the first step: that one shows the start."""
        self._n_steps = 0
        self._newest_share = min(batch_size * 2.0 / (n + 1), 1.0)
        self._least = math.inf
        self._n_without_improvement = 0

    def reason_to_stop(self, inertia: float, sq_shift: float) -> str:
        """Takes the mean inertia of the rows of the next batch; empty: go on."""
        self._n_steps += 1
        if self._n_steps == 1:
            return ""
        if self.smoothed is None:
            self.smoothed = inertia
        else:
            self.smoothed = self.smoothed * (1 - self._newest_share) + inertia * self._newest_share
        if self.threshold > 0 and sq_shift <= self.threshold:
            return "small centers change"
        if self.smoothed < self._least:
            self._least = self.smoothed
            self._n_without_improvement = 0
        else:
            self._n_without_improvement += 1
        if self.max_no_improvement is not None and self._n_without_improvement >= self.max_no_improvement:
            return "lack of improvement in inertia"
        return ""


@dataclass(frozen=True)
class Run:
    n_steps: int
    converged: bool
    smoothed: float
    """Smoothed mean inertia of a row of weight one, in units; of the only step, if there was one only."""
    history: dict[str, Array]
    """By step: mean 'inertia' of the batch in the units of the data, 'n_reassigned', 'seconds'."""


def learn_until(stop: StopRule, learner: Learner, rows: Rows, n_steps: int) -> Run:
    """Take steps until the rule says stop, but at most n_steps > 0; tell what happens."""
    entries: list[tuple[float, int, float]] = []
    began, reason = time.perf_counter(), ""
    for step in iterate(learner, rows, n_steps):
        inertia = step.inertia / learner.batch_size
        moves = squared_shifts(step.new_centers, step.centers, rows.data_unit).sum() if stop.threshold > 0 else 0.0
        reason = stop.reason_to_stop(inertia, float(moves))
        now = time.perf_counter()
        entries.append((of_a_row(inertia, rows), step.n_reassigned, now - began))
        began = now
        if learner.say:
            smoothed = "" if stop.smoothed is None else f", ewa inertia: {of_a_row(stop.smoothed, rows)}"
            learner.say(f"Minibatch step {len(entries)}/{n_steps}: mean batch inertia: {entries[-1][0]}{smoothed}")
            if reason:
                learner.say(f"Converged ({reason}) at step {len(entries)}/{n_steps}")
        if reason:
            break
    columns = zip(("inertia", "n_reassigned", "seconds"), zip(*entries, strict=True), strict=True)
    history = {name: np.array(column) for name, column in columns}
    return Run(len(entries), bool(reason), inertia if stop.smoothed is None else stop.smoothed, history)


def of_a_row(inertia: float, rows: Rows) -> float:
    """The inertia of a row of weight one, in the units of the caller's data."""
    return in_data_units(inertia / rows.weight_unit, rows)
