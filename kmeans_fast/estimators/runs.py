"""One run from given centers to the end: scikit-learn's stop rule over the engine's generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..backends.protocol import Array, Backend, Labels, Rows
from ..engine.algorithms.lloyd import assign
from ..engine.inertia import Spread, mean_variance
from ..engine.loop import Iteration, finish, iterate
from ..engine.metrics import METRICS, Metric
from ..engine.shard import Shard, in_data_units, inertia, inertia_of_data
from ..engine.swaps import SwapSearch
from .callbacks import Task

Entry = tuple[float, float, int, float, str]
"""Of an iteration: inertia, shift, labels changed, seconds, algorithm."""


@dataclass
class Run:
    centers: Array
    labels: Labels
    inertia: float
    """Of the metric, in units of the rows."""
    n_iter: int
    converged: bool
    history: dict[str, Array]
    share: float = 1.0
    """Of a squared distance, by which the metric counts it."""

    def inertia_of(self, rows: Rows) -> float:
        """What ``inertia_`` becomes."""
        return inertia_of_data(self.inertia, rows, self.centers, self.labels, self.share)

    def results(self, rows: Rows) -> dict[str, Any]:
        """The attributes of an estimator that this run fitted."""
        return {
            "cluster_centers_": self.centers,
            "labels_": self.labels,
            "inertia_": self.inertia_of(rows),
            "n_iter_": self.n_iter,
            "converged_": self.converged,
            "history_": self.history,
        }


class Runner:
    """What all runs over the same rows share: the stop rule, and what it must know about the data."""

    def __init__(
        self,
        backend: Backend,
        rows: Rows,
        *,
        algorithm: str,
        max_iter: int,
        tol: float,
        n_threads: int,
        say: Callable[[str], None] | None = None,
        metric: Metric = METRICS["euclidean"],
    ) -> None:
        self.backend = backend
        self.rows = rows
        self.algorithm = algorithm
        self.max_iter = max_iter
        self.tol = tol
        self.n_threads = n_threads
        self.say = say
        self.metric = metric
        self._spread: Spread | None = None
        self._threshold = 0.0

    def refined(self, run: Run) -> Run:
        """The run that goes on from better placed centers; this one where none are found."""
        shard = self._shard(len(run.centers))
        centers: Array | None = None
        for better in SwapSearch(shard, self.metric.stored).search(run.centers, run.labels, run.n_iter):
            centers = better.centers
            if self.say:
                self.say(f"Swapped centers, inertia {in_data_units(better.inertia * self.metric.share, self.rows)}.")
        if centers is None:
            return run
        other = self.run(centers, shard=shard)
        return other if other.inertia < run.inertia else run

    def _shard(self, k: int) -> Shard:
        return Shard(self.backend, self.rows, k, algorithm=self.algorithm, n_threads=self.n_threads)

    def run(self, centers: Array, task: Task | None = None, shard: Shard | None = None) -> Run:
        """Iterate until the labels stay, the centers move little, max_iter is reached or a callback says so."""
        task = task or Task()
        shard = shard or self._shard(len(centers))
        entries: list[Entry] = []
        reason = ""
        part = task.begin("iteration")
        for step in iterate(shard, centers, self.max_iter, stored=self.metric.stored, enough=self._enough):
            value = self._spread_of(shard, step).inertia(shard, step)
            value = in_data_units(value * self.metric.share, self.rows)
            shift = math.sqrt(step.sq_shift) * self.rows.data_unit
            entries.append((value, shift, step.n_changed, step.seconds, step.algorithm))
            reason = self._reason_to_stop(step)
            if self.say:
                self.say(f"Iteration {step.n_iter - 1}, inertia {value}.")
            is_stopped = part.end(partial(self._results_if_ended, step, bool(reason), entries))
            if reason or is_stopped or step.n_iter == self.max_iter:
                break
            part = task.begin("iteration")
        if self.say and reason:
            self.say(f"Converged at iteration {step.n_iter - 1}: {reason}")
        centers, labels, final = finish(shard, step, self.metric.stored)
        share = self.metric.share
        return Run(centers, labels, final * share, step.n_iter, bool(reason), as_history(entries), share)

    def _results_if_ended(self, step: Iteration, converged: bool, entries: list[Entry]) -> dict[str, Any]:
        """The results if this step were the last one; the labels of the run stay as they are."""
        centers, labels = step.new_centers, np.full(self.rows.n, -1, dtype=np.int32)
        assign(self.backend, self.rows, centers, labels, self.n_threads)
        final = inertia(self.backend, self.rows, centers, labels, self.n_threads)
        share = self.metric.share
        run = Run(centers, labels, final * share, step.n_iter, converged, as_history(entries), share)
        return run.results(self.rows)

    def _spread_of(self, shard: Shard, step: Iteration) -> Spread:
        """The spread of the rows and the threshold of the tolerance, found in the first iteration of the first run."""
        if self._spread is None:
            assert step.totals is not None
            self._spread = Spread(shard, step.totals)
            if self.tol > 0:
                variance = self._spread.mean_variance
                if math.isnan(variance):
                    variance = mean_variance(self.rows.X, self.rows.data_unit)
                self._threshold = self.tol * variance
        return self._spread

    def _enough(self) -> float | None:
        """The threshold, where it is known and inertias need no labels."""
        return self._threshold if self._spread is not None and self._spread.is_precise else None

    def _reason_to_stop(self, step: Iteration) -> str:
        if step.is_settled:
            return "strict convergence."
        if step.is_within(self._threshold):
            shift, threshold = (math.sqrt(value) * self.rows.data_unit for value in (step.sq_shift, self._threshold))
            return f"center shift {shift} within tolerance {threshold}."
        return ""


def as_history(entries: list[Entry]) -> dict[str, Array]:
    """One array a column, one entry an iteration."""
    inertia, shift, n_changed, seconds, algorithm = zip(*entries, strict=True)
    return {
        "inertia": np.array(inertia),
        "shift": np.array(shift),
        "n_changed": np.array(n_changed, dtype=np.int64),
        "seconds": np.array(seconds),
        "algorithm": np.array(algorithm),
    }
