"""How long does each kernel take? One call over all rows, beside what scikit-learn runs in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from kmeans_fast.backends import get_backend
from kmeans_fast.backends.ordered_sums import group_borders
from kmeans_fast.backends.protocol import KERNELS, PREFIX_STEP, Backend, Drift, Rows, take_rows

from . import check, datasets, peers
from .datasets import Array
from .report import Row
from .runner import Case, Contender, Settings, in_turns, median_ratio

BENCH = "kernels"
QUICK_WORK = 5e6
MOST_DISTANCES = 4e7
COPY_BUDGET = 1.5
DTYPES = ("float32", "float64")
SHAPES = (
    (1000, 2, 3),
    (1000, 10, 5),
    (10_000, 50, 10),
    (200_000, 2, 64),
    (100_000, 16, 16),
    (100_000, 128, 256),
    (50_000, 768, 1000),
)
"""(n, d, k) of noise."""


@dataclass(frozen=True)
class Problem:
    """Data, centers and nearest labels that all contenders share; each contender gets its own outputs."""

    X: Array
    centers: Array
    labels: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        return (*self.X.shape, len(self.centers))


@lru_cache(maxsize=1)
def make_problem(n: int, d: int, k: int, dtype: str) -> Problem:
    X = np.ascontiguousarray(datasets.noise(n, d), dtype=dtype)
    centers = datasets.distinct_rows(X, k)
    labels = np.zeros(n, dtype=np.int32)
    n_chunk = max(1, 4_000_000 // k)
    half_norms = 0.5 * (centers * centers).sum(axis=1)
    for start in range(0, n, n_chunk):
        part = slice(start, start + n_chunk)
        labels[part] = (half_norms - X[part] @ centers.T).argmin(axis=1)
    return Problem(X, centers, labels)


# --- one builder per kernel: allocates the outputs and returns the call that is timed -----------------------

Call = Callable[[], Any]
Build = Callable[[Backend, Rows, Problem, int], Call]


def nearest(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    labels = np.full(rows.n, -1, dtype=np.int32)

    def call() -> Array:
        backend.nearest(rows, 0, rows.n, problem.centers, labels, n_threads=n_threads)
        return labels

    return call


def nearest_and_sum(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    _, d, k = problem.shape
    labels, sums, mass = np.full(rows.n, -1, dtype=np.int32), np.zeros((2, k, d)), np.zeros((2, k))
    borders = group_borders(rows.n, k)

    def call() -> Array:
        backend.nearest_and_sum(rows, borders, problem.centers, labels, sums, mass, n_threads=n_threads)
        return labels

    return call


def sum_by_label(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    _, d, k = problem.shape
    sums, mass, borders = np.zeros((2, k, d)), np.zeros((2, k)), group_borders(rows.n, k)
    return lambda: backend.sum_by_label(rows, borders, problem.labels, sums, mass, n_threads=n_threads)


def move(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    """One row of twenty leaves its cluster for the next."""
    _, d, k = problem.shape
    moved = np.arange(0, rows.n, 20)
    before, sums, mass = problem.labels[moved], np.zeros((2, k, d)), np.zeros((2, k))
    after = (before + 1) % np.int32(k)
    return lambda: backend.move(rows, moved, before, after, sums, mass, n_threads=n_threads)


def move_centers(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    _, d, k = problem.shape
    sums, mass, borders = np.zeros((2, k, d)), np.zeros((2, k)), group_borders(rows.n, k)
    backend.sum_by_label(rows, borders, problem.labels, sums, mass, n_threads=n_threads)
    mass[0] += 1.0
    new_centers, sq_shifts = np.empty_like(problem.centers), np.empty(k)

    def call() -> None:
        backend.move_centers(rows, sums, mass, problem.centers, new_centers, sq_shifts, n_threads=n_threads)

    return call


def iterate(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    """Four of them, from the same centers in each call."""
    _, d, k = problem.shape
    path, steps = np.stack([problem.centers] * 5), np.empty((4, 4))
    labels, sums, mass = problem.labels.copy(), np.zeros((2, k, d)), np.zeros((2, k))
    borders = group_borders(rows.n, k)

    def call() -> None:
        backend.iterate(rows, borders, path, labels, sums, mass, steps, -1.0, n_threads=n_threads)

    return call


def make_blocks(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    def call() -> None:
        backend.make_blocks(rows, problem.labels, n_threads=n_threads)

    return call


def nearest_in_blocks(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    """Two calls: centers move by a hundredth of their spread, there and back."""
    labels = np.full(rows.n, -1, dtype=np.int32)
    blocks = backend.make_blocks(rows, labels, n_threads=n_threads)
    spread = problem.centers.std(axis=0)
    others = problem.centers + (0.01 * spread).astype(spread.dtype)

    def call() -> Array:
        for centers in (others, problem.centers):
            backend.nearest_in_blocks(rows, blocks, centers, labels, n_threads=n_threads)
        return labels

    return call


def iterate_in_blocks(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    """Four of them, from the same centers and labels in each call, with blocks and sums of their own."""
    n, d, k = problem.shape
    path, steps, rounding = np.stack([problem.centers] * 5), np.empty((4, 4)), np.zeros(3)
    moved, before, sums, mass = np.empty(n, np.int64), np.empty(n, np.int32), np.zeros((2, k, d)), np.zeros((2, k))
    borders, threads = group_borders(rows.n, k), {"n_threads": n_threads}

    def call() -> Array:
        labels, sums[:], mass[:] = problem.labels.copy(), 0.0, 0.0
        blocks = backend.make_blocks(rows, labels, **threads)
        backend.sum_by_label(rows, borders, labels, sums, mass, **threads)
        room = (labels, moved, before, sums, mass, steps, rounding)
        backend.iterate_in_blocks(rows, blocks, path, *room, -1.0, n, np.inf, **threads)
        return labels

    return call


def plan_prefix(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    def call() -> None:
        backend.plan_prefix(backend.take(rows, np.arange(rows.n)), problem.centers)

    return call


def make_prefix(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    """A quarter of the coordinates, with the search for the axes."""
    p = max(1, rows.d // (4 * PREFIX_STEP)) * PREFIX_STEP

    def call() -> None:
        backend.make_prefix(backend.take(rows, np.arange(rows.n)), p, n_threads=n_threads)

    return call


def nearest_by_prefix(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    """With a quarter of the coordinates, from labels that are right and no bounds."""
    p = max(1, rows.d // (4 * PREFIX_STEP)) * PREFIX_STEP
    prefix, labels = backend.make_prefix(rows, p, n_threads=n_threads), problem.labels.astype(np.int32)
    drift, bounds = Drift(np.arange(len(problem.centers), dtype=np.int32)), np.empty((2, rows.n), dtype=np.float32)

    def call() -> Array:
        backend.nearest_by_prefix(
            rows, prefix, p, 0, rows.n, problem.centers, drift, labels, *bounds, n_threads=n_threads
        )
        return labels

    return call


def two_nearest(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    chosen, labels = np.arange(rows.n), np.full(rows.n, -1, dtype=np.int32)
    upper, lower = np.empty(rows.n, dtype=np.float32), np.empty(rows.n, dtype=np.float32)

    def call() -> Array:
        backend.two_nearest(rows, chosen, problem.centers, labels, upper, lower, n_threads=n_threads)
        return labels

    return call


def make_bounds(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    def call() -> None:
        backend.make_bounds(rows, problem.centers, n_threads=n_threads)

    return call


def nearest_with_bounds(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    """A pass after one in which the centers hardly moved: most rows are passed over."""
    labels, bounds = problem.labels.copy(), backend.make_bounds(rows, problem.centers, n_threads=n_threads)
    sq_shifts = np.full(len(problem.centers), 1e-12)

    def call() -> Array:
        backend.nearest_with_bounds(
            rows, bounds, 0, rows.n, problem.centers, sq_shifts, labels, n_threads=n_threads
        )
        return labels

    call()
    return call


def make_seeds(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    sq_dists = np.empty(rows.n)

    def call() -> None:
        backend.make_seeds(rows, 0, sq_dists, n_threads=n_threads)

    return call


def some_seeds(backend: Backend, rows: Rows, n_threads: int) -> Any:
    """Twenty rows: of so many, the rows are sorted by them where that helps."""
    seeds = backend.make_seeds(rows, 0, np.empty(rows.n), n_threads=n_threads)
    for row in range(1, 20):
        backend.add_seed(rows, seeds, row, n_threads=n_threads)
    return seeds


def draw_rows(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    seeds, shares = some_seeds(backend, rows, n_threads), np.linspace(0.1, 0.9, peers.n_trials(len(problem.centers)))
    drawn = np.empty(len(shares), dtype=np.int64)
    return lambda: backend.draw_rows(rows, seeds, shares, drawn)


def candidate_gains(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    candidates = np.arange(100, 100 + peers.n_trials(len(problem.centers)))
    seeds, gains = some_seeds(backend, rows, n_threads), np.empty(len(candidates), dtype=np.int64)
    return lambda: backend.candidate_gains(rows, seeds, candidates, gains, n_threads=n_threads)


def add_seed(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    """The same row again and again: nothing is nearer to it after the first time."""
    seeds = some_seeds(backend, rows, n_threads)
    return lambda: backend.add_seed(rows, seeds, 100, n_threads=n_threads)


def sq_spread(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    def call() -> None:
        backend.sq_spread(rows, rows.origin, n_threads=n_threads)

    return call


def label_sq_dists(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    out = np.empty(rows.n)
    return lambda: backend.label_sq_dists(rows, 0, rows.n, problem.centers, problem.labels, out, n_threads=n_threads)


def inertia(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    def call() -> None:
        backend.inertia(rows, 0, rows.n, problem.centers, problem.labels, n_threads=n_threads)

    return call


def distances(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    n, _, k = problem.shape
    out = np.empty((n, k), dtype=problem.X.dtype)
    return lambda: backend.distances(rows, 0, n, problem.centers, out, n_threads=n_threads)


def sum_distances(backend: Backend, rows: Rows, problem: Problem, n_threads: int) -> Call:
    """To four rows a cluster, sorted by cluster."""
    n, _, k = problem.shape
    chosen = np.arange(min(n, 4 * k))
    chosen = chosen[np.argsort(problem.labels[chosen], kind="stable")]
    points = take_rows(problem.X, chosen)
    starts = np.searchsorted(problem.labels[chosen], np.arange(k + 1)).astype(np.int64)
    starts[-1], sums = len(chosen), np.zeros((n, k))
    return lambda: backend.sum_distances(rows, 0, n, points, starts, sums, n_threads=n_threads)


BUILDS: tuple[Build, ...] = (
    nearest, nearest_and_sum, sum_by_label, move, move_centers, iterate, make_blocks, nearest_in_blocks,
    iterate_in_blocks, plan_prefix, make_prefix, nearest_by_prefix, two_nearest, make_bounds, nearest_with_bounds,
    make_seeds, draw_rows, candidate_gains, add_seed, sq_spread, label_sq_dists, inertia, distances, sum_distances,
)

KERNEL_CALLS = {build.__name__: build for build in BUILDS}


OF_FEW_FEATURES = ("make_blocks", "nearest_in_blocks", "iterate_in_blocks")

OF_MANY_FEATURES = ("plan_prefix", "make_prefix", "nearest_by_prefix")


# --- cases ------------------------------------------------------------------------------------------------


def cases() -> Iterator[Case]:
    for n, d, k in SHAPES:
        for dtype in DTYPES:
            for kernel in KERNELS:
                work = float(n) * d * k
                name = f"{kernel}-{n}x{d}-k{k}-{dtype}"
                run = partial(run_kernel, kernel, (n, d, k), dtype)
                yield Case(BENCH, name, work, run, is_quick=work <= QUICK_WORK)


def run_kernel(kernel: str, shape: tuple[int, int, int], dtype: str, settings: Settings) -> Iterator[Row]:
    n, d, k = shape
    if kernel in ("distances", "sum_distances") and n * k > MOST_DISTANCES:
        raise datasets.Skipped(f"would write {n} x {k} distances; the smaller shapes measure this kernel")
    if kernel in OF_FEW_FEATURES and d > 4:
        raise datasets.Skipped("blocks are for up to four features")
    if kernel in OF_MANY_FEATURES and d < PREFIX_STEP:
        raise datasets.Skipped(f"a prefix has at least {PREFIX_STEP} coordinates")
    yield from measured_rows(BENCH, f"{kernel}-{n}x{d}-k{k}-{dtype}", kernel, make_problem(n, d, k, dtype), settings)


def measured_rows(bench: str, case: str, kernel: str, problem: Problem, settings: Settings) -> Iterator[Row]:
    """One kernel on one problem, a row for each backend that has it."""
    n, d, k = problem.shape
    backends = [name for name in settings.contenders(float(n) * d * k) if is_its_own(kernel, name)]
    contenders = {name: Contender(ours(kernel, name, problem, settings.n_threads)) for name in backends}
    peer_call = peers.kernel_call(kernel, problem.X, problem.centers, problem.labels, settings.n_threads)
    if peer_call is not None:
        is_blas = kernel in ("distances", "candidate_gains")
        contenders[peers.NAME] = Contender(peer_call) if is_blas else Contender(peer_call, peers.one_blas_thread())
    measured = in_turns(contenders, settings.repeat)

    theirs = measured.get(peers.NAME)
    for name in backends:
        labels = measured[name].result
        yield Row(
            bench=bench,
            case=case,
            backend=name,
            isa=get_backend(name).isa,
            n=n,
            d=d,
            k=k,
            dtype=str(problem.X.dtype),
            threads=settings.n_threads,
            seconds=measured[name].median,
            peer_seconds=None if theirs is None else theirs.median,
            ratio=median_ratio(measured[name], theirs),
            inertia=check.inertia(problem.X, problem.centers, problem.labels if labels is None else labels),
            n_wrong=None if labels is None else check.count_not_nearest(problem.X, problem.centers, labels),
        )


def is_its_own(kernel: str, backend_name: str) -> bool:
    """Whether the backend has the kernel itself; NumPy backends borrow some from each other, as they say openly."""
    backend, reference = get_backend(backend_name), get_backend("identity")
    return backend is reference or getattr(backend, kernel) is not getattr(reference, kernel)


def ours(kernel: str, backend_name: str, problem: Problem, n_threads: int) -> Call:
    backend = get_backend(backend_name)
    rows = backend.prepare(problem.X, copy_budget=COPY_BUDGET, n_threads=n_threads)
    return KERNEL_CALLS[kernel](backend, rows, problem, n_threads)
