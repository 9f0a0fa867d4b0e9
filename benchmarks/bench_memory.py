"""How much memory does a fit need beyond X? Each fit in a child process of its own, by its peak resident size."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kmeans_fast.backends import get_backend

from . import datasets, peers
from .report import Row
from .runner import Case, Settings

BENCH = "memory"
N_ITER = 5
CHUNK_ROWS = 100_000
CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Fit:
    """One fit in one child process; ``backend`` is scikit-learn for the peer."""

    n: int
    d: int
    k: int
    backend: str
    copy_budget: float | None
    """None: the default."""
    n_threads: int
    dtype: str = "float32"
    n_more: int = 0
    """Fits after the one whose peak is measured; the seconds are the median of all."""


SHAPES = ((2_000_000, 16, 64), (200_000, 16, 64))
COPY_BUDGETS = {"copies": None, "no-copies": 0.0}
BACKEND = "compiled"


def cases() -> Iterator[Case]:
    for n, d, k in SHAPES:
        for variant, copy_budget in COPY_BUDGETS.items():
            run = partial(run_fit, f"{variant}-{n}x{d}-k{k}-float32", (n, d, k), copy_budget)
            yield Case(BENCH, f"{variant}-{n}x{d}-k{k}-float32", float(n) * d * k * N_ITER, run, is_quick=n < 1e6)


def run_fit(name: str, shape: tuple[int, int, int], copy_budget: float | None, settings: Settings) -> Iterator[Row]:
    """Rows for the compiled backend, or for all that are chosen if it is not among them."""
    n, d, k = shape
    backends = settings.contenders(float(n) * d * k * N_ITER)
    backends = [BACKEND] if BACKEND in backends else backends
    if not backends:
        raise datasets.Skipped(f"needs a backend that is quick enough; build the backend {BACKEND!r} and choose it")
    theirs = in_child(Fit(n, d, k, peers.NAME, None, settings.n_threads))
    for backend in backends:
        ours = in_child(Fit(n, d, k, backend, copy_budget, settings.n_threads))
        yield Row(
            bench=BENCH,
            case=name,
            backend=backend,
            isa=get_backend(backend).isa,
            n=n,
            d=d,
            k=k,
            dtype="float32",
            threads=settings.n_threads,
            seconds=ours["seconds"],
            peer_seconds=theirs["seconds"],
            inertia=ours["inertia"],
            peer_inertia=theirs["inertia"],
            n_iter=ours["n_iter"],
            peer_n_iter=theirs["n_iter"],
            peak=ours["peak"],
            peer_peak=theirs["peak"],
        )


def in_child(fit: Fit) -> dict[str, Any]:
    command = [sys.executable, "-m", __name__, json.dumps(fit.__dict__)]
    done = subprocess.run(command, cwd=CHECKOUT, env=os.environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise datasets.Skipped(f"its child process failed: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout.splitlines()[-1])


# --- in the child -----------------------------------------------------------------------------------------


def measure(fit: Fit) -> dict[str, Any]:
    """Fit and return seconds, inertia, n_iter and the peak beyond X in multiples of X's bytes.

    A small fit comes first, so that libraries and thread stacks are not counted.
    """
    import time

    model = build(fit)
    X = filled(fit.n, fit.d)
    init = X[:: fit.n // fit.k][: fit.k].copy()
    model.set_params(init=init, n_init=1)
    with peers.limited(fit.n_threads):
        model.set_params(max_iter=1).fit(X[: 20 * fit.k])
        before = peak_bytes()
        model.set_params(max_iter=N_ITER)
        seconds, peaks = [], []
        for _ in range(1 + fit.n_more):
            began = time.perf_counter()
            model.fit(X)
            seconds.append(time.perf_counter() - began)
            peaks.append(peak_bytes() - before)
    return {
        "seconds": statistics.median(seconds),
        "inertia": float(model.inertia_),
        "n_iter": int(model.n_iter_),
        "peak": peaks[0] / X.nbytes,
    }


def build(fit: Fit) -> Any:
    if fit.backend == peers.NAME:
        from sklearn.cluster import KMeans as PeerKMeans

        return PeerKMeans(fit.k, tol=0.0)
    from kmeans_fast import KMeans

    options: dict[str, Any] = {} if fit.copy_budget is None else {"copy_budget": fit.copy_budget}
    return KMeans(fit.k, tol=0.0, backend=fit.backend, n_threads=fit.n_threads, **options)


def filled(n: int, d: int) -> datasets.Array:
    """Noise (n, d) float32 made in chunks, so that making it needs no memory beyond it."""
    rng = np.random.default_rng(0)
    X = np.empty((n, d), dtype=np.float32)
    for start in range(0, n, CHUNK_ROWS):
        rng.standard_normal(dtype=np.float32, out=X[start : start + CHUNK_ROWS])
    return X


def peak_bytes() -> int:
    """The largest resident size of this process so far.

    Linux hands a parent's ru_maxrss on to its child; VmHWM is the same figure for this process alone.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    print(json.dumps(measure(Fit(**json.loads(sys.argv[1])))))
