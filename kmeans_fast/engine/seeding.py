"""Where the centers begin: the table SEEDINGS, a given array, or the caller's own function.

The draws are scikit-learn's, in its order, so that the same random state picks the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

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
    n_trials = 2 + int(np.log(k)) if n_local_trials is None else n_local_trials
    chosen = np.empty(k, dtype=np.int64)
    chosen[0] = first_row(rows, random_state)
    if k == 1:
        return chosen
    seeds = backend.make_seeds(rows, int(chosen[0]), np.empty(rows.n), n_threads=n_threads)
    candidates, gains = np.empty(n_trials, dtype=np.int64), np.empty(n_trials, dtype=np.int64)
    # A few candidates at a time where all of them would keep an interrupt waiting.
    at_once = list(slices.row_slices(0, n_trials, slices.work_of_row(rows, rows.n), slices.WORK, alignment=1))
    for i in range(1, k):
        backend.draw_rows(rows, seeds, random_state.uniform(size=n_trials), candidates)
        for first, stop in at_once:
            backend.candidate_gains(
                rows, seeds, candidates[first:stop], gains[first:stop], n_threads=n_threads
            )
        row = int(candidates[gains.argmax()])
        chosen[i] = row
        if i < k - 1:
            backend.add_seed(rows, seeds, row, n_threads=n_threads)
    return chosen


def first_row(rows: Rows, random_state: RandomState) -> int:
    """One row, by weight."""
    if rows.weights is None and isinstance(random_state, np.random.RandomState):
        return int(equally_likely_rows(rows.n, 1, random_state)[0])
    return int(random_state.choice(rows.n, p=probabilities(rows)))


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
