"""How long do whole mini-batch fits take? Default parameters, the same random state: the same batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from kmeans_fast import MiniBatchKMeans
from kmeans_fast.backends import get_backend

from . import check, datasets, peers
from .datasets import Array
from .report import Row
from .runner import Case, Contender, Settings, in_turns, median_ratio

BENCH = "minibatch"
QUICK_WORK = 3e8

FITS = (
    # data, (n, d), k, dtype
    ("blobs", (500_000, 32), 100, "float32"),
    ("blobs", (500_000, 32), 100, "float64"),
    ("noise", (100_000, 128), 256, "float32"),
    ("blobs", (20_000, 8), 10, "float64"),
)


def cases() -> Iterator[Case]:
    for data, (n, d), k, dtype in FITS:
        work = float(n) * d * k
        name = f"{data}-{n}x{d}-k{k}-{dtype}"
        yield Case(BENCH, name, work, partial(run_fit, name, data, (n, d), k, dtype), work <= QUICK_WORK)


def run_fit(name: str, data: str, shape: tuple[int, int], k: int, dtype: str, settings: Settings) -> Iterator[Row]:
    X = np.ascontiguousarray(datasets.GENERATORS[data](*shape), dtype=dtype)
    n, d = shape
    backends = settings.contenders(float(n) * d * k)
    contenders = {backend: Contender(ours(backend, X, k, settings.n_threads)) for backend in backends}
    contenders[peers.NAME] = Contender(partial(peers.fitted_on_batches, X, k, random_state=0))
    measured = in_turns(contenders, settings.repeat)
    theirs = measured[peers.NAME]
    peer_n_wrong = count_wrong(X, theirs.result)
    for backend in backends:
        result = measured[backend].result
        yield Row(
            bench=BENCH,
            case=name,
            backend=backend,
            isa=get_backend(backend).isa,
            n=n,
            d=d,
            k=k,
            dtype=dtype,
            threads=settings.n_threads,
            seconds=measured[backend].median,
            peer_seconds=theirs.median,
            ratio=median_ratio(measured[backend], theirs),
            inertia=float(result.inertia_),
            peer_inertia=float(theirs.result.inertia_),
            n_iter=int(result.n_steps_),
            peer_n_iter=int(theirs.result.n_steps_),
            n_wrong=count_wrong(X, result),
            peer_n_wrong=peer_n_wrong,
        )


def ours(backend: str, X: Array, k: int, n_threads: int) -> Callable[[], Any]:
    return lambda: MiniBatchKMeans(k, backend=backend, n_threads=n_threads, random_state=0).fit(X)


def count_wrong(X: Array, model: Any) -> int:
    return check.count_not_nearest(X, model.cluster_centers_, model.labels_)
