"""One upper bound a row and one lower bound per group of centers: most rows, and most groups, are passed over.

Source: Ding et al., Yinyang k-means: a drop-in replacement of the classic k-means with consistent speedup, 2015.

Bounds take at most half as many bytes as X and 12 a row (without a ``copy_budget`` for a copy, 12 a row), from the pass
on for which they are expected to pay: a sample of the rows, copied for as long as it is asked, says so. Before it, and
after it did not, a step is Lloyd's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...backends.protocol import Array, Backend, Bounds, Floats, Indices, Labels, Rows
from ..moving_sums import close_up
from ..partials import Partials
from ..slices import row_slices, work_of_row
from .hamerly import Hamerly
from .lloyd import Lloyd

LEAST_WORK = 256
"""Products of a row in a step of plain Lloyd: with fewer, bounds would never pay."""

FEW_MOVED = 1 / 20
"""Share of the rows that moved last: with more of them, centers go so far that bounds hold for few rows."""

OF_A_SCORE = 6
"""What a score costs beside its d products, in products of the dense kernel in X's precision."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What passes with bounds cost, in the same unit: measured on two CPUs, and nearer to the one where it is more."""

    row: float
    """That bounds pass over."""
    measured_row: float
    """The others, beside ``feature`` for each feature and the scores of the groups that they meet."""
    feature: float
    score: float
    """Beside its d products."""


COSTS = {4: Costs(150, 3300, 80, 60), 8: Costs(110, 600, 170, 135)}
"""By the bytes of a value."""

CENTERS_IN_CACHE = 1 << 20
"""Bytes of all centers: with more of them, a score in groups costs BEYOND_CACHE times as much."""

BEYOND_CACHE = 2

FEWEST_ASKED, SHARE_ASKED, MOST_ASKED = 64, 1 / 128, 512
"""Rows that have bounds before all do, to tell what they would spare: such a share of all, but not fewer or more."""

PATIENCE = 1.25
"""Where bounds were not promising, or given up, the sample is asked again after so many times the passes so far."""

PASSES_ASKED = 8
"""In the later half of them their bounds are old: what these rows spare then is what all would."""

LEAST_ASKED = 3
"""Of these passes: where bounds do not pay in the last two, they are asked no further, for they get older."""

MANY_MEASURED = 0.5
"""Share of the rows expected to be measured: with more of them, the first pass finds a bound of each group."""

FIRST, FIRST_BY_GROUP = 1 / 3, 2
"""What one bound for all groups costs in the first pass, and one of each group: in passes that measure all rows."""

RISK = 1 / 5
"""What making bounds may cost, as a share of Lloyd's passes so far: the run may end before they pay."""

MARGIN = 1.15
"""What bounds are taken to cost, as a multiple of what the sample tells, which is rough."""

LOSSES = 2
"""Passes in a row that cost more than LOSS times Lloyd's, after which bounds are given up."""

LOSS = 1.15
"""Less may be made up for: from pass to pass, centers move less."""


class Groups(Lloyd):
    def __init__(self, backend: Backend, rows: Rows, labels: Labels, n_threads: int) -> None:
        super().__init__(backend, rows, labels, n_threads)
        self._bounds: Bounds | None = None
        self._centers: Array | None = None
        self._n_losses = self._n_plain = self._n_passes = self._passes_to_wait = 0
        self._expected = 1.0
        """Share of the rows that bounds made now are expected to leave to be measured."""
        self._aging = 1.0
        """Grows where bounds did not pay."""

    def steps_at_once(self, k: int) -> int:
        return 1

    def step(self, centers: Array, sq_shifts: Floats | None) -> Partials:
        self._n_passes += 1
        if sq_shifts is None or (self._bounds is None and not self._is_promising(centers, sq_shifts)):
            self._bounds = None
            self._n_plain += 1
            return super().step(centers, sq_shifts)
        self.used = "groups"
        is_first = self._bounds is None
        bounds = self._bounds
        if bounds is None:
            by_group = self._expected > MANY_MEASURED
            bounds = self.backend.make_bounds(self.rows, centers, by_group=by_group, n_threads=self.n_threads)
        are_near = self.totals.are_near
        n_changed = self._pass(bounds, centers, sq_shifts, *self.totals.room())
        self._bounds, self._centers = bounds, centers.copy()
        if not is_first:
            self._judge(bounds, len(centers))
        return self.totals.follow(n_changed) if are_near else self.totals.add_up(len(centers), n_changed)

    def assign(self, centers: Array) -> None:
        if self._bounds is None or self._centers is None:
            super().assign(centers)
            return
        moves = centers.astype(np.float64) - self._centers
        self._pass(self._bounds, centers, np.einsum("ij,ij->i", moves, moves), None, None)
        self._centers = centers.copy()

    def _pass(
        self, bounds: Bounds, centers: Array, sq_shifts: Floats, moved: Indices | None, before: Labels | None
    ) -> int:
        n_changed = 0
        for start, stop in row_slices(0, self.rows.n, work_of_row(self.rows, len(centers))):
            n_new = self.backend.nearest_with_bounds(
                self.rows,
                bounds,
                start,
                stop,
                centers,
                sq_shifts,
                self.labels[start:stop],
                None if moved is None else moved[start:stop],
                None if before is None else before[start:stop],
                n_threads=self.n_threads,
            )
            if moved is not None and before is not None:
                close_up(moved, before, n_changed, start, n_new)
            n_changed += n_new
        return n_changed

    def _is_promising(self, centers: Array, sq_shifts: Floats) -> bool:
        """Whether bounds are expected to make up for their first pass, and that is little beside the run so far."""
        is_early = self.totals.share_moved > FEW_MOVED or self._n_passes <= self._passes_to_wait
        if is_early or self.rows.data_unit != 1.0:
            return False
        k = len(centers)
        of_lloyd, later = self._cost_of_lloyd(k), self.n_left - 1
        may_spend = self._n_plain * of_lloyd * RISK
        if self._cost_of_first(k, FIRST) > min(may_spend, later * of_lloyd):
            return False
        self._expected, scored = self._ask_sample(centers, sq_shifts, of_lloyd / MARGIN)
        of_first = self._cost_of_first(k, FIRST_BY_GROUP if self._expected > MANY_MEASURED else FIRST)
        pays = of_first <= min(may_spend, later * (of_lloyd - MARGIN * self._cost(k, self._expected, scored)))
        if not pays:
            self._passes_to_wait = int(PATIENCE * self._n_passes)
        return pays

    def _ask_sample(self, centers: Array, sq_shifts: Floats, most_cost: float) -> tuple[float, float]:
        """Shares of the rows, and of pairs, that bounds would leave if centers always go as far as they went last.

        All of them, where a pass would cost more than ``most_cost`` a row.
        """
        k = len(centers)
        size = min(self.rows.n, MOST_ASKED, max(FEWEST_ASKED, int(SHARE_ASKED * self.rows.n)))
        chosen = np.arange(size, dtype=np.int64) * self.rows.n // size
        sample = self.backend.part_of(self.rows, chosen, copy_budget=float(self.rows.may_copy))
        if sample.data_unit != 1.0:
            return 1.0, 1.0
        labels = np.zeros(sample.n, dtype=np.int32)
        bounds = self.backend.make_bounds(sample, centers, n_threads=self.n_threads)
        shares: list[tuple[float, float]] = []
        for _ in range(PASSES_ASKED):
            self.backend.nearest_with_bounds(
                sample, bounds, 0, sample.n, centers, sq_shifts, labels, n_threads=self.n_threads
            )
            shares.append((bounds.n_measured / sample.n, bounds.n_scored / sample.n / k))
            if len(shares) >= LEAST_ASKED and sum(self._cost(k, *share) for share in shares[-2:]) > 2 * most_cost:
                return 1.0, 1.0
        measured, scored = np.mean(shares[PASSES_ASKED // 2 :], axis=0).tolist()
        return min(1.0, self._aging * measured), min(1.0, self._aging * scored)

    def _judge(self, bounds: Bounds, k: int) -> None:
        """Give bounds up where they cost more than they spare; what was seen says when to try again."""
        measured, scored = bounds.n_measured / self.rows.n, bounds.n_scored / self.rows.n / k
        self._n_losses = 1 + self._n_losses if self._cost(k, measured, scored) > LOSS * self._cost_of_lloyd(k) else 0
        if self._n_losses >= LOSSES:
            self._n_losses = self._n_plain = 0
            self._passes_to_wait = int(PATIENCE * self._n_passes)
            self._bounds, self._centers = None, None
            self._aging *= 2

    def _cost(self, k: int, measured: float, scored: float) -> float:
        """Of a row, where so many of the rows are measured and so many of all pairs are scored."""
        d, itemsize = self.rows.d, self.rows.X.dtype.itemsize
        of = COSTS[itemsize]
        far = BEYOND_CACHE if k * d * itemsize > CENTERS_IN_CACHE else 1
        return of.row + measured * (of.measured_row + of.feature * d) + scored * k * (d + of.score) * far

    def _cost_of_first(self, k: int, measured: float) -> float:
        """Of a row in the first pass, beyond what it costs in a step of Lloyd's."""
        return self._cost(k, measured, 0.0) + self._cost_of_dense(k) - self._cost_of_lloyd(k)

    def _cost_of_lloyd(self, k: int) -> float:
        return self._cost_of_dense(k) * self.rows.pass_cost

    def _cost_of_dense(self, k: int) -> float:
        return float(k * (self.rows.d + OF_A_SCORE))


def build(backend: Backend, rows: Rows, labels: Labels, n_threads: int) -> Lloyd:
    """Rows in CSR have one lower bound each."""
    return (Hamerly if rows.is_sparse else Groups)(backend, rows, labels, n_threads)
