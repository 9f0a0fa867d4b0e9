"""The table of packages that fit k-means: how each is asked for the same work, each row in a process of its own.

Nothing is imported before a row is run, so that a process holds the libraries of one package only.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np

from .datasets import BENCH_HINT, Array

FIT = "fit"
"""From given centers, with tol=0, until no label changes or for max_iter iterations."""
DEFAULT = "default"
"""``KMeans(k, random_state=0).fit(X)``, seeding and stop rule included."""
SEEDING = "seeding"
"""Greedy k-means++ with ``random_state=0`` and nothing else."""

OURS = "kmeans_fast"
OUR_LLOYD = "kmeans_fast-lloyd"

NO_SAMPLING = 2**30
"""More rows a center than any workload has."""


@dataclass(frozen=True)
class Job:
    kind: str
    k: int
    max_iter: int
    n_threads: int
    init: Array | None = None


class Outcome(NamedTuple):
    centers: Array
    labels: Array | None
    """None where the package gives centers only."""
    n_iter: int | None


@dataclass(frozen=True)
class Package:
    distribution: str
    """What pip calls it."""
    module: str
    run: Callable[[Array, Job], Outcome]
    kinds: tuple[str, ...] = (FIT,)
    dtypes: tuple[str, ...] = ("float32", "float64")
    has_stop: bool = True
    """Whether it ends when no label changes; others run as many iterations as we needed."""
    assign: Callable[[Array, Array, Job], Array] | None = None
    """(X, centers, job) -> labels, where ``run`` gives none; not part of the time of ``run``."""
    is_approximate: bool = False
    note: str = ""
    most_bounds: float = float("inf")
    """Rows times centers above which its bounds would fill the memory."""

    def obstacle(self) -> str | None:
        """Why it cannot run here, and what to install; None if it can."""
        if importlib.util.find_spec(self.module) is None:
            return f"needs {self.distribution}; {BENCH_HINT} (or {self.distribution} alone, with pip)"
        return None

    def version(self) -> str:
        """The version that is imported: of ours, the checkout's."""
        if self.module == OURS:
            from kmeans_fast import __version__

            return __version__
        try:
            return version(self.distribution)
        except PackageNotFoundError:
            return "not installed"

    def does(self, kind: str, dtype: str, bounds: float) -> str | None:
        """Why it takes no part in a workload of that kind, dtype and rows times centers; None if it does."""
        if kind not in self.kinds:
            return f"has no {kind}"
        if dtype not in self.dtypes:
            return f"has no {dtype}"
        if bounds > self.most_bounds:
            return f"would keep {bounds:.2g} bounds"
        return None


# --- how each is called -----------------------------------------------------------------------------------


def estimator_options(job: Job) -> dict[str, Any]:
    if job.kind == DEFAULT:
        return {"random_state": 0}
    return {"init": job.init, "n_init": 1, "max_iter": job.max_iter, "tol": 0.0}


def outcome_of(model: Any) -> Outcome:
    return Outcome(model.cluster_centers_, model.labels_, int(model.n_iter_))


def ours(X: Array, job: Job) -> Outcome:
    from kmeans_fast import KMeans, kmeans_plusplus

    if job.kind == SEEDING:
        return Outcome(kmeans_plusplus(X, job.k, random_state=0)[0], None, None)
    return outcome_of(KMeans(job.k, n_threads=job.n_threads, **estimator_options(job)).fit(X))


def our_lloyd(X: Array, job: Job) -> Outcome:
    from kmeans_fast import KMeans

    options = estimator_options(job)
    return outcome_of(KMeans(job.k, n_threads=job.n_threads, algorithm="lloyd", **options).fit(X))


def scikit_learn(X: Array, job: Job) -> Outcome:
    from sklearn.cluster import KMeans, kmeans_plusplus

    if job.kind == SEEDING:
        return Outcome(kmeans_plusplus(X, job.k, random_state=0)[0], None, None)
    return outcome_of(KMeans(job.k, **estimator_options(job)).fit(X))


def scikit_learn_elkan(X: Array, job: Job) -> Outcome:
    from sklearn.cluster import KMeans

    return outcome_of(KMeans(job.k, algorithm="elkan", **estimator_options(job)).fit(X))


def intelex(X: Array, job: Job) -> Outcome:
    """Raises RuntimeError where it hands the work to scikit-learn, whose time has a row already."""
    import daal4py
    from sklearnex.cluster import KMeans

    if daal4py.num_threads() != job.n_threads:
        daal4py.daalinit(job.n_threads)
    model = KMeans(job.k, **estimator_options(job)).fit(X)
    if not hasattr(model, "_onedal_estimator"):
        raise RuntimeError("scikit-learn-intelex left this fit to scikit-learn")
    return outcome_of(model)


def faiss(X: Array, job: Job, *, use_super_kmeans: bool = False) -> Outcome:
    import faiss

    faiss.omp_set_num_threads(job.n_threads)
    options = {"use_super_kmeans": True} if use_super_kmeans else {}
    model = faiss.Kmeans(
        X.shape[1],
        job.k,
        niter=job.max_iter,
        min_points_per_centroid=1,
        max_points_per_centroid=NO_SAMPLING,
        **options,
    )
    model.train(X, init_centroids=job.init)
    return Outcome(np.asarray(model.centroids), None, len(np.asarray(model.obj)))


def faiss_super(X: Array, job: Job) -> Outcome:
    return faiss(X, job, use_super_kmeans=True)


def faiss_labels(X: Array, centers: Array, job: Job) -> Array:
    import faiss

    index = faiss.IndexFlatL2(X.shape[1])
    index.add(np.ascontiguousarray(centers))
    labels: Array = index.search(X, 1)[1].ravel()
    return labels


def super_kmeans_model(X: Array, job: Job) -> Any:
    from superkmeans import SuperKMeans

    return SuperKMeans(
        job.k,
        X.shape[1],
        hierarchical=False,
        iters=job.max_iter,
        sampling_fraction=1.0,
        max_points_per_cluster=NO_SAMPLING,
        early_termination=False,
        n_threads=job.n_threads,
    )


def super_kmeans(X: Array, job: Job) -> Outcome:
    model = super_kmeans_model(X, job)
    centers = model.train(X)
    return Outcome(centers, None, len(model.iteration_stats))


def super_kmeans_labels(X: Array, centers: Array, job: Job) -> Array:
    return super_kmeans_model(X, job).assign(X, centers).astype(np.int64)


# --- the table --------------------------------------------------------------------------------------------

PACKAGES: dict[str, Package] = {
    OURS: Package("kmeans_fast", "kmeans_fast", ours, kinds=(FIT, DEFAULT, SEEDING)),
    OUR_LLOYD: Package("kmeans_fast", "kmeans_fast", our_lloyd, note="our own plain Lloyd"),
    "scikit-learn-lloyd": Package("scikit-learn", "sklearn", scikit_learn, kinds=(FIT, DEFAULT, SEEDING)),
    "scikit-learn-elkan": Package(
        "scikit-learn", "sklearn", scikit_learn_elkan, kinds=(FIT, DEFAULT), most_bounds=5e8
    ),
    "scikit-learn-intelex": Package("scikit-learn-intelex", "sklearnex", intelex, kinds=(FIT, DEFAULT)),
    "faiss": Package(
        "faiss-cpu",
        "faiss",
        faiss,
        dtypes=("float32",),
        has_stop=False,
        assign=faiss_labels,
        note="without its sub-sampling",
    ),
    "faiss-super": Package(
        "faiss-cpu",
        "faiss",
        faiss_super,
        dtypes=("float32",),
        has_stop=False,
        assign=faiss_labels,
        note="use_super_kmeans=True, without its sub-sampling",
    ),
    "SuperKMeans": Package(
        "superkmeans",
        "superkmeans",
        super_kmeans,
        dtypes=("float32",),
        has_stop=False,
        assign=super_kmeans_labels,
        is_approximate=True,
        note="flat, all rows, its own first centers (it takes none); drops centers by an estimate of the distance",
    ),
}
