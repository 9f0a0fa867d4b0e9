"""Where the centers begin: the table SEEDINGS, a given array, or the caller's own function.

The draws are scikit-learn's, in its order, so that the same random state picks the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..backends.ordered_sums import ordered_sum
from ..backends.protocol import Backend, Floats, Indices, Rows, take_rows
from . import slices

RandomState = np.random.RandomState | np.random.Generator


def probabilities(rows: Rows) -> Floats:
    """Chance (n,) of each row to be drawn: its share of the weights."""
    if rows.weights is None:
        return np.full(rows.n, 1.0 / rows.n)
    shares: Floats = rows.weights / rows.weights.sum()
    return shares


def random_rows(backend: Backend, rows: Rows, k: int, random_state: RandomState, *, n_threads: int = 1) -> Indices:
    """k distinct rows, by weight."""
    if rows.weights is None and isinstance(random_state, np.random.RandomState):
        return equally_likely_rows(rows.n, k, random_state)
    chosen = random_state.choice(rows.n, size=k, replace=False, p=probabilities(rows))
    return chosen.astype(np.int64, copy=False)


def equally_likely_rows(n: int, k: int, random_state: np.random.RandomState) -> Indices:
    """``random_state.choice(n, size=k, replace=False, p=np.full(n, 1 / n))``, mostly without a pass over n chances.

    The stream of RandomState is frozen: choice looks uniform numbers up in the running sums of the chances, and draws
    again in place of repeated rows. These sums are within ``2 (n + 3) 2**-53`` of ``1 / n, 2 / n, ..., 1``.
    """
    drawn = random_state.random_sample(k)
    places = drawn * n
    chosen = places.astype(np.int64)
    above, doubt = places - chosen, 2.5 * n * (n + 4) * 2.0**-53
    if above.min() > doubt and above.max() < 1.0 - doubt and len(set(chosen.tolist())) == k:
        return chosen
    chances = np.full(n, 1.0 / n)
    chosen = chosen[:0]
    while True:
        running = np.cumsum(chances)
        running /= running[-1]
        found = running.searchsorted(drawn, side="right")
        first_places = np.unique(found, return_index=True)[1]
        chosen = np.concatenate([chosen, found[np.sort(first_places)]])
        if len(chosen) == k:
            return chosen
        chances[chosen] = 0.0
        drawn = random_state.random_sample(k - len(chosen))


def plus_plus(
    backend: Backend,
    rows: Rows,
    k: int,
    random_state: RandomState,
    *,
    n_local_trials: int | None = None,
    n_threads: int = 1,
) -> Indices:
    """Greedy k-means++: each next row is the best of a few, drawn by weight times squared distance to the others.

    Source: Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, 2007.
    """
    X, weights = rows.X, rows.weights
    n_trials = 2 + int(np.log(k)) if n_local_trials is None else n_local_trials
    first_row, last_row = weighted_ends(weights, rows.n)
    chosen = np.empty(k, dtype=np.int64)
    chosen[0] = random_state.choice(rows.n, p=probabilities(rows))
    sq_dists = np.full(rows.n, np.inf)
    potentials = np.empty(n_trials)
    backend.lower_sq_dists(rows, take_rows(X, chosen[:1])[0], sq_dists, n_threads=n_threads)
    potential = ordered_sum(sq_dists if weights is None else sq_dists * weights)
    for i in range(1, k):
        drawn = random_state.uniform(size=n_trials) * potential
        running = np.cumsum(sq_dists) if weights is None else np.multiply(sq_dists, weights)
        if weights is not None:
            np.cumsum(running, out=running)
        candidates = np.minimum(np.maximum(np.searchsorted(running, drawn), first_row), last_row)
        del running
        seeds = take_rows(X, candidates)
        # A few candidates at a time where all of them would keep an interrupt waiting.
        for first, stop in slices.row_slices(0, n_trials, rows.n * rows.values_per_row, slices.WORK, alignment=1):
            part = slice(first, stop)
            backend.candidate_potentials(rows, sq_dists, seeds[part], potentials[part], n_threads=n_threads)
        best = int(potentials.argmin())
        chosen[i], potential = candidates[best], float(potentials[best])
        backend.lower_sq_dists(rows, seeds[best], sq_dists, n_threads=n_threads)
    return chosen


def weighted_ends(weights: Floats | None, n: int) -> tuple[int, int]:
    """First and last row of positive weight: a draw at either end of rounding falls on these."""
    if weights is None:
        return 0, n - 1
    return int((weights > 0).argmax()), n - 1 - int((weights[::-1] > 0).argmax())


SEEDINGS: dict[str, Callable[..., Indices]] = {"k-means++": plus_plus, "random": random_rows}


def seed(
    init: str | npt.ArrayLike | Callable[..., Any],
    backend: Backend,
    rows: Rows,
    k: int,
    random_state: RandomState,
    *,
    n_threads: int = 1,
) -> Any:
    """First centers (k, d): by name from SEEDINGS, a copy of a given array, or what ``init(X, k, ...)`` returns."""
    if isinstance(init, str):
        return take_rows(rows.X, SEEDINGS[init](backend, rows, k, random_state, n_threads=n_threads))
    if callable(init):
        return init(rows.X, k, random_state=random_state)
    return np.array(init, dtype=rows.X.dtype, order="C")
