"""Does one refined run beat ten runs of scikit-learn, in less time than one of them? Default parameters otherwise.

``inertia`` is ours with refine='swap', ``peer_inertia`` that of scikit-learn's n_init=10, measured in float64 from
its labels; ``peer_seconds`` and ``ratio`` are of its n_init=1. The other figures are in the note, after the verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np

from kmeans_fast import KMeans
from kmeans_fast.backends import get_backend

from . import check, datasets, peers
from .datasets import Array
from .report import Row
from .runner import Case, Contender, Settings, in_turns, median_ratio

BENCH = "refine"
N_MANY = 10
N_PASSES = 50
"""Passes over all rows of a refined fit, roughly."""
QUICK_WORK = 2e9
ROUNDING = 1e-12
"""Relative difference of inertias that are the same."""


@dataclass(frozen=True)
class Workload:
    name: str
    make: Callable[[], Array]
    shape: tuple[int, int]
    k: int

    @property
    def work(self) -> float:
        return float(self.shape[0]) * self.shape[1] * self.k * N_PASSES


def noise() -> Array:
    return datasets.noise(20_000, 16)


WORKLOADS = (
    Workload("birch1", datasets.birch1, (100_000, 2), 100),
    Workload("uniform-square", datasets.uniform_square, (20_000, 2), 100),
    Workload("norm25", datasets.norm25, (10_000, 15), 25),
    Workload("fifteen-gaussians", datasets.fifteen_gaussians, (5000, 2), 15),
    Workload("digits", datasets.digits, (1797, 64), 10),
    Workload("digits", datasets.digits, (1797, 64), 64),
    Workload("china-pixels", datasets.china_pixels, (273_280, 3), 64),
    Workload("grey-patches", datasets.grey_patches, (20_000, 64), 128),
    Workload("overlapping-blobs", datasets.overlapping_blobs, (50_000, 32), 200),
    Workload("noise", noise, (20_000, 16), 100),
)


def cases() -> Iterator[Case]:
    for workload in WORKLOADS:
        name = f"{workload.name}-k{workload.k}"
        yield Case(BENCH, name, workload.work, partial(run, name, workload), workload.work <= QUICK_WORK)


@cache
def many_runs(make: Callable[[], Array], k: int) -> tuple[float, float]:
    """Inertia and seconds of scikit-learn's n_init=10; once, for it takes long."""
    X = make()
    began = time.perf_counter()
    model = peers.fitted(X, k, n_init=N_MANY, random_state=0)
    seconds = time.perf_counter() - began
    return check.inertia(X, model.cluster_centers_, model.labels_), seconds


def run(name: str, workload: Workload, settings: Settings) -> Iterator[Row]:
    X, k = np.ascontiguousarray(workload.make()), workload.k
    backends = settings.contenders(workload.work)
    contenders = {backend: Contender(ours(backend, X, k, settings.n_threads)) for backend in backends}
    contenders[peers.NAME] = Contender(partial(peers.fitted, X, k, random_state=0))
    measured = in_turns(contenders, settings.repeat)
    theirs = measured[peers.NAME]
    single = check.inertia(X, theirs.result.cluster_centers_, theirs.result.labels_)
    many, many_seconds = many_runs(workload.make, k)
    for backend in backends:
        model, seconds = measured[backend].result, measured[backend].median
        verdict = f"{verdict_of(model.inertia_, many, seconds, theirs.median)}: {model.inertia_ / many - 1:+.2e} to"
        yield Row(
            bench=BENCH,
            case=name,
            backend=backend,
            isa=get_backend(backend).isa,
            n=X.shape[0],
            d=X.shape[1],
            k=k,
            dtype=X.dtype.name,
            threads=settings.n_threads,
            seconds=seconds,
            peer_seconds=theirs.median,
            ratio=median_ratio(measured[backend], theirs),
            inertia=float(model.inertia_),
            peer_inertia=many,
            n_iter=int(model.n_iter_),
            peer_n_iter=int(theirs.result.n_iter_),
            n_wrong=check.count_not_nearest(X, model.cluster_centers_, model.labels_),
            peer_n_wrong=check.count_not_nearest(X, theirs.result.cluster_centers_, theirs.result.labels_),
            note=f"{verdict} {N_MANY} runs ({many_seconds:.3g} s), {single / many - 1:+.2e} one run",
        )


def verdict_of(inertia: float, many: float, seconds: float, single_seconds: float) -> str:
    """'yes', or what is missing."""
    missing = [
        word
        for word, is_missing in (
            ("inertia", inertia > many * (1 + ROUNDING)),
            ("time", seconds >= single_seconds),
        )
        if is_missing
    ]
    return f"no ({', '.join(missing)})" if missing else "yes"


def ours(backend: str, X: Array, k: int, n_threads: int) -> Callable[[], Any]:
    return lambda: KMeans(k, random_state=0, refine="swap", backend=backend, n_threads=n_threads).fit(X)
