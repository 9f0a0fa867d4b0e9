"""Sparse rows (CSR): how long do each kernel, seeding and whole fits take, beside scikit-learn on the same matrix?"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from kmeans_fast import KMeans
from kmeans_fast.backends import get_backend
from kmeans_fast.backends.protocol import KERNELS
from kmeans_fast.engine.seeding import plus_plus

from . import bench_kernels, check, datasets, peers
from .bench_fits import N_ITER, count_wrong
from .report import Row
from .runner import Case, Contender, Settings, in_turns, median_ratio

BENCH = "sparse"
QUICK_WORK = 5e7
DTYPES = ("float32", "float64")
SHAPES = ((2000, 500, 8, 0.02), (50_000, 5000, 64, 0.005))
"""(n, d, k, density) of word counts."""

Shape = tuple[int, int, int, float]


@lru_cache(maxsize=2)
def make_problem(shape: Shape, dtype: str) -> bench_kernels.Problem:
    """Word counts, and the means of random thirds of their rows: dense centers, as those of a fit are."""
    n, d, k, density = shape
    X = datasets.word_counts(n, d, density).astype(dtype)
    drawn = np.random.default_rng(0).permutation(n)[: n // 3]
    centers = np.stack([np.asarray(X[drawn[j::k]].mean(axis=0)).ravel() for j in range(k)]).astype(dtype)
    half_norms = 0.5 * (centers * centers).sum(axis=1)
    labels = np.asarray(half_norms - X @ centers.T).argmin(axis=1).astype(np.int32)
    return bench_kernels.Problem(X, centers, labels)


def cases() -> Iterator[Case]:
    for shape in SHAPES:
        n, d, k, density = shape
        work = n * d * density * k
        for dtype in DTYPES:
            size = f"{n}x{d}-k{k}-{dtype}"
            is_quick = work * N_ITER <= QUICK_WORK
            for kernel in KERNELS:
                run = partial(run_kernel, kernel, shape, dtype)
                yield Case(BENCH, f"{kernel}-{size}", work, run, is_quick=is_quick)
            yield Case(BENCH, f"seeding-{size}", work, partial(run_seeding, shape, dtype), is_quick=is_quick)
            yield Case(BENCH, f"fit-{size}", work * N_ITER, partial(run_fit, shape, dtype), is_quick=is_quick)


def run_kernel(kernel: str, shape: Shape, dtype: str, settings: Settings) -> Iterator[Row]:
    case = f"{kernel}-{shape[0]}x{shape[1]}-k{shape[2]}-{dtype}"
    yield from bench_kernels.measured_rows(BENCH, case, kernel, make_problem(shape, dtype), settings)


def contenders_of(shape: Shape, settings: Settings) -> list[str]:
    """The NumPy backends go through all columns, a chunk of rows at a time."""
    return settings.contenders(float(shape[0]) * shape[1] * shape[2])


def run_seeding(shape: Shape, dtype: str, settings: Settings) -> Iterator[Row]:
    from sklearn.cluster import kmeans_plusplus

    X, (n, d, k, _) = make_problem(shape, dtype).X, shape

    def ours(name: str) -> Any:
        backend = get_backend(name)
        rows = backend.prepare(X, n_threads=settings.n_threads)
        return plus_plus(backend, rows, k, np.random.RandomState(0), n_threads=settings.n_threads)

    names = contenders_of(shape, settings)
    contenders = {name: Contender(partial(ours, name)) for name in names}
    contenders[peers.NAME] = Contender(partial(kmeans_plusplus, X, k, random_state=0))
    measured = in_turns(contenders, settings.repeat)
    for name in names:
        yield Row(
            bench=BENCH,
            case=f"seeding-{n}x{d}-k{k}-{dtype}",
            backend=name,
            isa=get_backend(name).isa,
            n=n,
            d=d,
            k=k,
            dtype=dtype,
            threads=settings.n_threads,
            seconds=measured[name].median,
            peer_seconds=measured[peers.NAME].median,
            ratio=median_ratio(measured[name], measured[peers.NAME]),
        )


def run_fit(shape: Shape, dtype: str, settings: Settings) -> Iterator[Row]:
    """Ten iterations from one init, with tol=0."""
    X, (n, d, k, _) = make_problem(shape, dtype).X, shape
    init = datasets.word_topics(X, k)
    options: dict[str, Any] = {"init": init, "n_init": 1, "max_iter": N_ITER, "tol": 0.0}
    names = contenders_of(shape, settings)
    contenders = {
        name: Contender(KMeans(k, backend=name, n_threads=settings.n_threads, **options).fit) for name in names
    }
    contenders = {name: Contender(partial(contender.call, X)) for name, contender in contenders.items()}
    contenders[peers.NAME] = Contender(partial(peers.fitted, X, k, **options))
    measured = in_turns(contenders, settings.repeat)
    theirs = measured[peers.NAME]
    for name in names:
        result = measured[name].result
        yield Row(
            bench=BENCH,
            case=f"fit-{n}x{d}-k{k}-{dtype}",
            backend=name,
            isa=get_backend(name).isa,
            n=n,
            d=d,
            k=k,
            dtype=dtype,
            threads=settings.n_threads,
            seconds=measured[name].median,
            peer_seconds=theirs.median,
            ratio=median_ratio(measured[name], theirs),
            inertia=check.inertia(X, result.cluster_centers_, result.labels_),
            peer_inertia=check.inertia(X, theirs.result.cluster_centers_, theirs.result.labels_),
            n_iter=int(result.n_iter_),
            peer_n_iter=int(theirs.result.n_iter_),
            n_wrong=count_wrong(X, result),
            peer_n_wrong=count_wrong(X, theirs.result),
        )
