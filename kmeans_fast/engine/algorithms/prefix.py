"""Few coordinates along the principal axes rule out most centers, as in embeddings; the others are measured.

Cauchy and Schwarz bound what the other coordinates can add. With an upper and a lower bound, a row need only meet the
centers that moved far. Where the axes tell little, the steps are those of groups.py.
"""

from __future__ import annotations

import numpy as np

from ...backends.protocol import Array, Backend, Drift, Floats, Indices, Labels, Prefix as Coordinates, PrefixPlan, Rows
from ..moving_sums import close_up
from ..partials import Partials
from ..slices import row_slices
from . import groups
from .groups import Groups
from .hamerly import Bounds, shifts_up, up
from .lloyd import Lloyd

LEAST_FEATURES = 96

LEAST_CENTERS = 64

ROWS_OF_FEATURE = 10
"""Pairs of a row and a center for each pair of features: with fewer, finding the axes costs more than is spared."""

PLANS = (1, 2)
"""Steps that look for the best number of coordinates: for centers as they are drawn, and for means of rows."""

SETTLED = 4
"""The first step whose work tells what those that follow will cost."""

PAYS_AT_ONCE = 0.4
"""Share of the work of plain Lloyd: with more of it left, the first step is better done without coordinates."""

PAYS_LATER = 0.8
"""The same for the second step and those that follow."""

PAYS = 1.0
"""Share of the work of plain Lloyd: with more of it left, coordinates are given up."""

PAIR = 3000.0
"""Multiply-adds in the time that a pair costs which is looked at by itself."""


class Prefix(Groups):
    def __init__(self, backend: Backend, rows: Rows, labels: Labels, n_threads: int) -> None:
        super().__init__(backend, rows, labels, n_threads)
        self._is_possible = rows.may_copy and rows.data_unit == 1.0
        self._plan: PrefixPlan | None = None
        self._coordinates: Coordinates | None = None
        self._of_rows: tuple[Bounds, Bounds] | None = None
        self._n_steps = 0

    def step(self, centers: Array, sq_shifts: Floats | None) -> Partials:
        self._n_steps += 1
        if not self._has_coordinates(centers):
            return super().step(centers, sq_shifts)
        self.used = "prefix"
        self._n_plain += 1
        self._n_passes += 1
        drift = self._drift_of(sq_shifts, *centers.shape)
        if sq_shifts is None or not self.totals.are_near:
            return self.totals.add_up(len(centers), self._nearest(centers, drift, None, None))
        return self.totals.follow(self._nearest(centers, drift, *self.totals.room()))

    def assign(self, centers: Array) -> None:
        if self._coordinates is None:
            super().assign(centers)
        else:
            self._nearest(centers, Drift(np.arange(len(centers), dtype=np.int32)), None, None)
            self._of_rows = None

    def _has_coordinates(self, centers: Array) -> bool:
        """Whether there are coordinates that tell the centers apart; the first steps look for them."""
        k, d = centers.shape
        if self._is_possible and self._n_steps in PLANS and self.rows.n * k >= ROWS_OF_FEATURE * d * d:
            pays = PAYS_AT_ONCE if self._n_steps == 1 else PAYS_LATER
            plan = self.backend.plan_prefix(self.rows, centers, pays)
            if self._coordinates is None and plan is not None:
                self._coordinates = self.backend.make_prefix(self.rows, plan.p, n_threads=self.n_threads)
            self._plan = plan or self._plan
        return self._coordinates is not None

    def _drift_of(self, sq_shifts: Floats | None, k: int, d: int) -> Drift:
        if sq_shifts is None or self._of_rows is None:
            return Drift(np.arange(k, dtype=np.int32))
        shifts = up(shifts_up(sq_shifts, d))
        return Drift(np.argsort(-shifts, kind="stable").astype(np.int32), shifts)

    def _nearest(self, centers: Array, drift: Drift, moved: Indices | None, before: Labels | None) -> int:
        k, d = centers.shape
        coordinates, plan = self._coordinates, self._plan
        assert coordinates is not None and plan is not None
        if self._of_rows is None:
            self._of_rows = np.empty(self.rows.n, dtype=np.float32), np.empty(self.rows.n, dtype=np.float32)
        upper, lower = self._of_rows
        n_changed, work, first_p = 0, 0.0, min(plan.first_p, coordinates.p)
        for start, stop in row_slices(0, self.rows.n, k * first_p * self.rows.slowness):
            room = (None, None) if moved is None or before is None else (moved[start:stop], before[start:stop])
            n_new = self.backend.nearest_by_prefix(
                self.rows,
                coordinates,
                first_p,
                start,
                stop,
                centers,
                drift,
                self.labels[start:stop],
                upper[start:stop],
                lower[start:stop],
                *room,
                n_threads=self.n_threads,
            )
            if moved is not None and before is not None:
                close_up(moved, before, n_changed, start, n_new)
            n_changed += n_new
            work += first_p * coordinates.n_met + PAIR * (coordinates.n_found + coordinates.n_scored)
        if self._n_steps >= SETTLED and work > PAYS * self.rows.n * k * d:
            self._is_possible, self._coordinates, self._of_rows = False, None, None
            self._bounds = self._centers = None
        return n_changed


def build(backend: Backend, rows: Rows, labels: Labels, n_threads: int) -> Lloyd:
    """Rows in CSR have no axes."""
    return (groups.build if rows.is_sparse else Prefix)(backend, rows, labels, n_threads)
