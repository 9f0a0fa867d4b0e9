"""How long do bisecting fits and their predictions take? Default parameters, the same draws on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from kmeans_fast import BisectingKMeans
from kmeans_fast.backends import get_backend

from . import check, datasets, peers
from .datasets import Array
from .report import Row
from .runner import Case, Contender, Settings, in_turns, median_ratio

BENCH = "bisecting"
N_PASSES = 100
"""Passes over all rows that a fit makes, roughly: a level of the tree takes some ten iterations."""


@dataclass(frozen=True)
class Fit:
    data: str
    shape: tuple[int, int]
    k: int
    dtype: str

    @property
    def name(self) -> str:
        return f"{self.data}-{self.shape[0]}x{self.shape[1]}-k{self.k}-{self.dtype}"


FITS = (
    Fit("blobs", (1000, 2), 8, "float64"),
    Fit("blobs", (200_000, 16), 64, "float32"),
    Fit("blobs", (200_000, 16), 64, "float64"),
    Fit("noise", (200_000, 16), 64, "float32"),
    Fit("noise", (200_000, 16), 64, "float64"),
    Fit("embedding-like", (20_000, 256), 64, "float32"),
)


def cases() -> Iterator[Case]:
    for fit in FITS:
        work = work_of(*fit.shape)
        yield Case(BENCH, f"fit-{fit.name}", work, partial(run, fit, "fit"), is_quick=work < 1e8)
        yield Case(BENCH, f"predict-{fit.name}", work, partial(run, fit, "predict"), is_quick=work < 1e8)


def work_of(n: int, d: int) -> float:
    return 2.0 * n * d * N_PASSES


def run(fit: Fit, what: str, settings: Settings) -> Iterator[Row]:
    """Rows for a fit, or for the prediction of its training rows by a model that is fitted."""
    n, d = fit.shape
    X = np.ascontiguousarray(datasets.GENERATORS[fit.data](n, d), dtype=fit.dtype)
    backends = settings.contenders(work_of(n, d))
    models = {name: ours(name, X, fit.k, settings.n_threads) for name in backends}
    models[peers.NAME] = partial(peers.bisected, X, fit.k, random_state=0)
    fitted: dict[str, Any] = {}
    if what == "predict":
        fitted = {name: build() for name, build in models.items()}
        contenders = {name: Contender(partial(model.predict, X)) for name, model in fitted.items()}
    else:
        contenders = {name: Contender(build) for name, build in models.items()}
    measured = in_turns(contenders, settings.repeat)

    results = {name: fitted.get(name, measured[name].result) for name in models}
    theirs = results[peers.NAME]
    peer_n_wrong = count_wrong_turns(X, theirs)
    for name in backends:
        yield Row(
            bench=BENCH,
            case=f"{what}-{fit.name}",
            backend=name,
            isa=get_backend(name).isa,
            n=n,
            d=d,
            k=fit.k,
            dtype=fit.dtype,
            threads=settings.n_threads,
            seconds=measured[name].median,
            peer_seconds=measured[peers.NAME].median,
            ratio=median_ratio(measured[name], measured[peers.NAME]),
            inertia=float(results[name].inertia_),
            peer_inertia=float(theirs.inertia_),
            n_wrong=count_wrong_turns(X, results[name]),
            peer_n_wrong=peer_n_wrong,
        )


def ours(backend: str, X: Array, k: int, n_threads: int) -> Callable[[], Any]:
    return lambda: BisectingKMeans(k, random_state=0, backend=backend, n_threads=n_threads).fit(X)


def count_wrong_turns(X: Array, model: Any) -> int:
    """How often the label of a row says that it went to the farther center at a split."""
    n_wrong, waiting = 0, [model._bisecting_tree]
    while waiting:
        node = waiting.pop()
        if node.left is None:
            continue
        waiting += [node.left, node.right]
        is_left, is_right = (np.isin(model.labels_, leaf_labels(side)) for side in (node.left, node.right))
        is_here = is_left | is_right
        # scikit-learn keeps the centers of its tree less the mean of X.
        centers = (np.stack([node.left.center, node.right.center]) + getattr(model, "_X_mean", 0)).astype(X.dtype)
        n_wrong += check.count_not_nearest(X[is_here], centers, is_right[is_here].astype(np.int32))
    return n_wrong


def leaf_labels(node: Any) -> list[int]:
    return [leaf.label for leaf in node.iter_leaves()]
