"""The main job on real data that ships with scikit-learn: every backend, the same labels, and a picture.

Handwritten digits (1797 x 64, k=10) and the colours of a photo (273,280 x 3, k=64).
It ends by asking how many clusters the digits make.
"""

from __future__ import annotations

import contextlib
import statistics
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import KMeans, kmeans_plusplus, plots
from ._threads import resolve_n_threads
from .backends import BACKENDS, get_backend
from .backends.protocol import Array, Floats, Labels
from .selection import choose_k

REFERENCE = "identity"
PEER = "scikit-learn"
N_ITER = 10
SEED = 0
CHOOSE_BY = ("silhouette", "simplified_silhouette", "calinski_harabasz", "davies_bouldin", "elbow")
MOST_FITS, ENOUGH_SECONDS = 9, 0.5
"""A time is the median of this many fits, or of as many as fit into half a second."""


@dataclass(frozen=True)
class Data:
    name: str
    X: Array
    k: int
    samples: Mapping[str, int] = field(default_factory=dict)
    """Backend -> number of rows to give it, where all rows would take minutes."""

    def rows_for(self, backend: str) -> Array:
        """All rows, or about as many as ``samples`` says, spread over the data."""
        step = -(-len(self.X) // self.samples.get(backend, len(self.X)))
        return np.ascontiguousarray(self.X[::step])


@dataclass(frozen=True)
class Run:
    """One fit, ours or scikit-learn's."""

    labels: Labels
    centers: Array
    inertia: float
    n_iter: int
    seconds: float


def run(output: Path, *, n_threads: int | None = None, shrink: int = 1) -> None:
    """Print the tables and write the picture; ``shrink`` keeps every so many digits and pixels each way."""
    plots.require_matplotlib()
    digits, photo = load_digits(shrink), load_photo(shrink)
    pixels = photo.reshape(-1, 3)
    digit_data = Data("handwritten digits", digits, 10, {"loop": 600})
    photo_data = Data("colours of china.jpg", pixels, 64, {"broadcast": 40_000, "loop": 400})
    with peer_threads(n_threads):
        for data in (digit_data, photo_data):
            compare_backends(data, n_threads)
        print_title("the whole default fit: k-means++ seeds, until converged, random_state=0")
        digit_fit = compare_fits(digit_data, n_threads)
        photo_fit = compare_fits(photo_data, n_threads)
    draw(output, photo, photo_fit, digit_fit)
    print(f"\nwrote {output}: the photo in {photo_data.k} colours, and the centers of the digits")
    choose_digits(digits, n_threads)


# --- data -------------------------------------------------------------------------------------------------


def load_digits(shrink: int = 1) -> Array:
    """Handwritten digits, (1797, 64) float64: 8 x 8 pixels from 0 to 16."""
    from sklearn.datasets import load_digits as load

    return np.ascontiguousarray(load().data[::shrink])


def load_photo(shrink: int = 1) -> npt.NDArray[np.float32]:
    """A photo of the Summer Palace in Beijing, (427, 640, 3) float32 from 0 to 1."""
    from sklearn.datasets import load_sample_image

    try:
        photo = load_sample_image("china.jpg")
    except ImportError as error:
        raise ImportError(
            'reading the photo needs pillow, which is not installed; install it with: pip install "kmeans_fast[plot]"'
        ) from error
    return np.ascontiguousarray(photo[::shrink, ::shrink], dtype=np.float32) / np.float32(255)


# --- the same iterations on every backend -----------------------------------------------------------------


def compare_backends(data: Data, n_threads: int | None) -> None:
    """Print what each backend and scikit-learn make of the same iterations from one init."""
    n, d = data.X.shape
    print_title(f"{data.name}: {n} x {d} {data.X.dtype}, k={data.k}; {N_ITER} iterations from one init")
    print_row("backend", "rows", "seconds", "inertia", "iterations", f"labels equal to {REFERENCE}'s?")
    init, _ = kmeans_plusplus(data.X, data.k, random_state=SEED)
    options: dict[str, Any] = {"init": init, "n_init": 1, "max_iter": N_ITER, "tol": 0.0}
    references: dict[int, Run] = {}

    def run_ours(backend: str, X: Array) -> Run:
        return timed_fit(KMeans(data.k, backend=backend, n_threads=n_threads, **options), X)

    def reference(X: Array) -> Run:
        if len(X) not in references:
            references[len(X)] = run_ours(REFERENCE, X)
        return references[len(X)]

    for backend in BACKENDS:
        X = data.rows_for(backend)
        ours = reference(X) if backend == REFERENCE else run_ours(backend, X)
        print_run(backend, ours, "is the reference" if backend == REFERENCE else agreement(ours, reference(X)))
    theirs = timed_fit(peer_kmeans(data.k, **options), data.X)
    print_run(PEER, theirs, agreement(theirs, reference(data.X), data.X))
    for backend in data.samples:
        X = data.rows_for(backend)
        if len(X) < n:
            print(
                f"  {backend} ran on a sub-sample of {len(X)} rows, and so did the reference that it is compared with."
            )


def timed_fit(model: Any, X: Array) -> Run:
    """Fit a few times if that is soon done, and take the median; a short run before it starts the threads."""
    with warnings.catch_warnings(action="ignore"):  # the few rows of the short run may repeat
        type(model)(**{**model.get_params(), "max_iter": 1}).fit(X[: 4 * model.n_clusters])
    seconds: list[float] = []
    while len(seconds) < MOST_FITS and sum(seconds) < ENOUGH_SECONDS:
        began = time.perf_counter()
        model.fit(X)
        seconds.append(time.perf_counter() - began)
    median = statistics.median(seconds)
    return Run(model.labels_, model.cluster_centers_, float(model.inertia_), int(model.n_iter_), median)


def agreement(found: Run, reference: Run, X: Array | None = None) -> str:
    """'yes', or how many labels differ; with X also how many of those are not the nearest of their own centers."""
    n_different = int(np.count_nonzero(found.labels != reference.labels))
    if n_different == 0:
        return "yes"
    if X is None:
        return f"NO: {n_different} differ"
    n_wrong = count_not_nearest(X, found.centers, found.labels)
    return f"no: {n_different} differ; {n_wrong} of its labels are not the nearest of its own centers"


def count_not_nearest(X: Array, centers: Array, labels: Labels) -> int:
    """Labels whose center is farther than the nearest one: by the reference kernels; a tie is not an error."""
    backend = get_backend(REFERENCE)
    rows = backend.prepare(X)
    centers = np.ascontiguousarray(centers, dtype=X.dtype)
    nearest: Labels = np.full(len(X), -1, dtype=np.int32)
    backend.nearest(rows, 0, len(X), centers, nearest)

    def sq_dists(labels: Labels) -> Floats:
        out = np.empty(len(X))
        backend.label_sq_dists(rows, 0, len(X), centers, labels, out)
        return out

    return int(np.count_nonzero(sq_dists(labels) > sq_dists(nearest)))


# --- whole fits -------------------------------------------------------------------------------------------


def compare_fits(data: Data, n_threads: int | None) -> Run:
    """Print our default fit and scikit-learn's, and return ours."""
    ours = timed_fit(KMeans(data.k, random_state=SEED, n_threads=n_threads), data.X)
    theirs = timed_fit(peer_kmeans(data.k, random_state=SEED), data.X)
    n, d = data.X.shape
    print(f"\n{data.name}, {n} x {d} {data.X.dtype}, k={data.k}: {theirs.seconds / ours.seconds:.1f} times as fast")
    print_row("", "rows", "seconds", "inertia", "iterations", "labels that are not the nearest center")
    for name, found in (("kmeans_fast", ours), (PEER, theirs)):
        print_run(name, found, str(count_not_nearest(data.X, found.centers, found.labels)))
    return ours


def peer_kmeans(k: int, **options: Any) -> Any:
    from sklearn.cluster import KMeans as PeerKMeans

    return PeerKMeans(k, **options)


def peer_threads(n_threads: int | None) -> contextlib.AbstractContextManager[object]:
    """Hold scikit-learn to the threads that we use."""
    import sklearn.cluster  # noqa: F401  (its thread pools must be loaded to be limited)
    from threadpoolctl import threadpool_limits

    limits: contextlib.AbstractContextManager[object] = threadpool_limits(resolve_n_threads(n_threads))
    return limits


# --- how many clusters? ------------------------------------------------------------------------------------


def choose_digits(digits: Array, n_threads: int | None) -> None:
    """Print what the criteria say of 2 to 15 clusters."""
    print_title("how many clusters do the digits make? * marks the best")
    began = time.perf_counter()
    model = KMeans(n_init=3, n_threads=n_threads)
    found = choose_k(digits, range(2, 16), CHOOSE_BY, estimator=model, random_state=SEED)
    seconds = time.perf_counter() - began
    print(f"{found}\n{len(found.ks)} values of k with 3 starts each, and {len(CHOOSE_BY)} criteria: {seconds:.2f} s")


# --- output -----------------------------------------------------------------------------------------------


def print_title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def print_row(name: str, rows: str, seconds: str, inertia: str, n_iter: str, remark: str) -> None:
    print(f"{name:<13} {rows:>8} {seconds:>9} {inertia:>14} {n_iter:>11}   {remark}", flush=True)


def print_run(name: str, found: Run, remark: str) -> None:
    print_row(name, str(len(found.labels)), f"{found.seconds:.4f}", f"{found.inertia:.8g}", str(found.n_iter), remark)


def draw(output: Path, photo: Array, photo_fit: Run, digit_fit: Run) -> None:
    palette = photo_fit.centers[np.argsort(photo_fit.centers.sum(axis=1))]
    reduced = photo_fit.centers[photo_fit.labels].reshape(photo.shape)
    digits = [center.reshape(8, 8) for center in digit_fit.centers]
    sizes = np.bincount(digit_fit.labels, minlength=len(digits)).tolist()
    figure = plots.demo_picture(photo, np.clip(reduced, 0, 1), np.clip(palette[None], 0, 1), digits, sizes)
    plots.save(figure, output)
