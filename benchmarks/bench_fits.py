"""How long do whole fits take? The same iterations from one init, and the default fit with its seeding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from kmeans_fast import KMeans
from kmeans_fast.backends import get_backend

from . import check, datasets, peers
from .datasets import Array
from .report import Row
from .runner import Case, Contender, Settings, in_turns, median_ratio

BENCH = "fits"
QUICK_WORK = 3e8
N_ITER = 10


@dataclass(frozen=True)
class Fit:
    data: str
    k: int
    dtype: str
    shape: tuple[int, int] | None = None
    """(n, d) of data that is made; None for real data."""
    is_default: bool = False
    """The default fit (k-means++, until converged); otherwise ten iterations from one init, with tol=0."""

    @property
    def name(self) -> str:
        size = "" if self.shape is None else f"-{self.shape[0]}x{self.shape[1]}"
        return f"{self.data}{size}-k{self.k}-{self.dtype}{'-default' if self.is_default else ''}"

    def load(self, settings: Settings) -> Array:
        if self.shape is not None:
            X = datasets.GENERATORS[self.data](*self.shape)
        elif self.data == "file":
            X = datasets.from_file(settings.data_file)
        else:
            X = datasets.REAL[self.data]()
        return np.ascontiguousarray(X, dtype=self.dtype)


FITS = (
    # The sizes of the article that this package answers.
    Fit("noise", 3, "float64", (1000, 2)),
    Fit("noise", 10, "float64", (10_000, 50)),
    Fit("noise", 5, "float64", (1000, 10)),
    Fit("noise", 5, "float64", (1000, 10), is_default=True),
    Fit("blobs", 3, "float64", (1000, 2), is_default=True),
    # One shape for each kind of kernel: few features, few centers, many of both.
    Fit("noise", 64, "float32", (200_000, 2)),
    Fit("noise", 16, "float32", (100_000, 16)),
    Fit("noise", 10, "float32", (10_000, 50)),
    Fit("noise", 256, "float32", (100_000, 128)),
    Fit("blobs", 256, "float32", (100_000, 128)),
    Fit("noise", 1000, "float32", (50_000, 768)),
    Fit("embedding-like", 1000, "float32", (50_000, 768)),
    Fit("noise", 256, "float64", (100_000, 128)),
    # Real data.
    Fit("digits", 10, "float64"),
    Fit("digits", 10, "float64", is_default=True),
    Fit("china-pixels", 64, "float32"),
    Fit("china-pixels", 64, "float32", is_default=True),
    Fit("photo-patches", 100, "float32"),
    Fit("flights", 50, "float64"),
    Fit("MplsStops", 20, "float64"),
    Fit("MplsStops", 20, "float32"),
    Fit("diamonds", 8, "float64"),
    Fit("diamonds", 8, "float32"),
    Fit("file", 500, "float32"),
)


def cases() -> Iterator[Case]:
    for fit in FITS:
        n, d = fit.shape or (0, 0)
        work = float(n) * d * fit.k * N_ITER
        is_quick = work <= QUICK_WORK if fit.shape else fit.data == "digits"
        yield Case(BENCH, fit.name, work, partial(run_fit, fit), is_quick)


def run_fit(fit: Fit, settings: Settings) -> Iterator[Row]:
    X = fit.load(settings)
    n, d = X.shape
    if fit.is_default:
        options: dict[str, Any] = {"random_state": 0}
    else:
        options = {"init": datasets.distinct_rows(X, fit.k), "n_init": 1, "max_iter": N_ITER, "tol": 0.0}
    backends = settings.contenders(float(n) * d * fit.k * N_ITER)
    contenders = {name: Contender(ours(name, X, fit.k, settings.n_threads, options)) for name in backends}
    contenders[peers.NAME] = Contender(partial(peers.fitted, X, fit.k, **options))
    measured = in_turns(contenders, settings.repeat)

    theirs = measured[peers.NAME]
    peer_n_wrong = count_wrong(X, theirs.result)
    for name in backends:
        result = measured[name].result
        yield Row(
            bench=BENCH,
            case=fit.name,
            backend=name,
            isa=get_backend(name).isa,
            n=n,
            d=d,
            k=fit.k,
            dtype=fit.dtype,
            threads=settings.n_threads,
            seconds=measured[name].median,
            peer_seconds=theirs.median,
            ratio=median_ratio(measured[name], theirs),
            inertia=float(result.inertia_),
            peer_inertia=float(theirs.result.inertia_),
            n_iter=int(result.n_iter_),
            peer_n_iter=int(theirs.result.n_iter_),
            n_wrong=count_wrong(X, result),
            peer_n_wrong=peer_n_wrong,
        )


def ours(backend: str, X: Array, k: int, n_threads: int, options: dict[str, Any]) -> Callable[[], Any]:
    return lambda: KMeans(k, backend=backend, n_threads=n_threads, **options).fit(X)


def count_wrong(X: Array, model: Any) -> int:
    return check.count_not_nearest(X, model.cluster_centers_, model.labels_)
