"""Calls of the public functions that faults are tried on: small, and of every way through the package."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from kmeans_fast import BisectingKMeans, KMeans, MiniBatchKMeans, choose_k, kmeans_plusplus
from kmeans_fast.selection import (
    bic_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    gap_statistic,
    silhouette_samples,
    simplified_silhouette_samples,
)

CLOCKS = {"seconds"}
"""What no two calls have alike."""


@dataclass
class Scenario:
    """``call(model, X)``, for a model that was fitted on other rows, or for None."""

    X: Any
    call: Callable[[Any, Any], Any]
    model: Any = None


Make = Callable[[], Scenario]


def rows(n: int, d: int, dtype: str, *, sparse: bool = False) -> Any:
    """Normal deviates about five points; as CSR a third of them, and one in each row at least."""
    rng = np.random.default_rng([n, d])
    X = rng.standard_normal((n, d)) + 3 * rng.standard_normal((5, d))[rng.integers(0, 5, n)]
    if not sparse:
        return X.astype(dtype)
    is_kept = rng.random((n, d)) < 0.3
    is_kept[:, 0] = True
    return csr_array(np.where(is_kept, X, 0).astype(dtype))


def fading(n: int, d: int, dtype: str) -> Any:
    """Rows of which the first few features are nearly all, as of embeddings."""
    return (np.random.default_rng([n, d]).standard_normal((n, d)) * 0.8 ** np.arange(d)).astype(dtype)


def fitting(kind: Any, X: Any, weights: Any = None, k: int = 4, **settings: Any) -> Make:
    def make() -> Scenario:
        model = kind(k, random_state=1, **settings).fit((X[: X.shape[0] // 2] * 2).astype(X.dtype))
        return Scenario(X, lambda model, X: vars(model.fit(X, sample_weight=weights)), model)

    return make


def asking(what: str, X: Any, kind: Any = KMeans, **settings: Any) -> Make:
    def make() -> Scenario:
        model = kind(5, random_state=1, **settings).fit(X)
        return Scenario(X, lambda model, X: getattr(model, what)(X), model)

    return make


def learning(X: Any, model: Any) -> Make:
    return lambda: Scenario(X, lambda model, X: vars(model.partial_fit(X)), model)


def scoring(score: Any, X: Any, **settings: Any) -> Make:
    def make() -> Scenario:
        labels = KMeans(5, random_state=1).fit(X).labels_
        return Scenario(X, lambda _, X: score(X, labels, **settings))

    return make


def calling(function: Callable[[Any], Any], X: Any) -> Make:
    return lambda: Scenario(X, lambda _, X: function(X))


def all_scenarios(n: int = 300) -> dict[str, Make]:
    """By name; n rows, more where threads are to share them."""
    found: dict[str, Make] = {}
    for dtype, (algorithm, d) in product(("float32", "float64"), [("lloyd", 8), ("hamerly", 8), ("boxes", 3)]):
        settings = {"algorithm": algorithm, "init": "random", "n_init": 2}
        found[f"{algorithm} {dtype}"] = fitting(KMeans, rows(n, d, dtype), **settings)
    for dtype, algorithm in product(("float32", "float64"), ("lloyd", "hamerly")):
        X = rows(n, 20, dtype, sparse=True)
        found[f"sparse {algorithm} {dtype}"] = fitting(KMeans, X, algorithm=algorithm)
    for dtype in ("float32", "float64"):  # as small as these are chosen for
        many = {"init": "random", "n_init": 1, "n_threads": 1}
        found[f"groups {dtype}"] = fitting(KMeans, rows(1500, 32, dtype), k=100, algorithm="groups", **many)
        found[f"prefix {dtype}"] = fitting(KMeans, fading(600, 48, dtype), k=64, algorithm="prefix", **many)
        # where the instruction set has a filter, rows go through it and are copied for it
        found[f"filter {dtype}"] = fitting(KMeans, rows(600, 64, dtype), k=48, algorithm="lloyd", **many)
    plain, sparse = rows(n, 8, "float64"), rows(n, 20, "float64", sparse=True)
    few, few_sparse = rows(100, 8, "float64"), rows(100, 20, "float64", sparse=True)
    found |= {
        "weights": fitting(KMeans, plain, np.arange(n) % 3.0),
        "swap": fitting(KMeans, plain, refine="swap"),
        "cosine": fitting(KMeans, plain, metric="cosine"),
        "sparse cosine": fitting(KMeans, sparse, metric="cosine"),
        "other order": fitting(KMeans, np.asfortranarray(plain)),
        "float16": fitting(KMeans, plain.astype("float16")),
        "empty clusters": fitting(KMeans, plain, init=np.vstack([plain[:2], plain[:2] + 1e3]), n_init=1),
        "callable init": fitting(KMeans, plain, init=lambda X, k, random_state: X[:k]),
        "huge values": fitting(KMeans, plain * 1e200),
        "offset": fitting(KMeans, rows(n, 8, "float32") + np.float32(1e4)),
        "threads": fitting(KMeans, rows(9_000, 16, "float32"), n_threads=2, max_iter=3),
        "sparse threads": fitting(KMeans, rows(9_000, 16, "float32", sparse=True), n_threads=2, max_iter=3),
        "mini-batch": fitting(MiniBatchKMeans, plain, batch_size=64, max_iter=5),
        "sparse mini-batch": fitting(MiniBatchKMeans, sparse, batch_size=64, max_iter=5),
        "partial_fit": learning(plain, MiniBatchKMeans(5, random_state=0).partial_fit(plain[::-1].copy())),
        "first partial_fit": learning(plain, MiniBatchKMeans(5, random_state=np.random.RandomState(0))),
        "bisecting": fitting(BisectingKMeans, plain),
        "sparse bisecting": fitting(BisectingKMeans, sparse),
        "float64 rows, float32 model": lambda: Scenario(
            plain, lambda model, X: model.transform(X), KMeans(5, random_state=0).fit(plain.astype("float32"))
        ),
        "bic_score": scoring(bic_score, plain),
        "gap_statistic": scoring(gap_statistic, plain, n_references=2, random_state=0),
        "choose_k": calling(lambda X: vars(choose_k(X, range(2, 5), random_state=0)), plain),
        "identity": fitting(KMeans, few, backend="identity"),
        "identity transform": asking("transform", few, backend="identity"),
        "sparse identity": fitting(KMeans, few_sparse, backend="identity"),
        "broadcast": fitting(KMeans, few, backend="broadcast"),
        "broadcast transform": asking("transform", few, backend="broadcast"),
    }
    for what, kind, (name, X) in product(
        ("predict", "transform", "score"), (KMeans, BisectingKMeans), (("dense", plain), ("sparse", sparse))
    ):
        found[f"{name} {what} {kind.__name__}"] = asking(what, X, kind)
    for name, X in (("dense", plain), ("sparse", sparse)):
        found[f"{name} k-means++"] = calling(lambda X: kmeans_plusplus(X, 9, random_state=0), X)
        for score in (silhouette_samples, simplified_silhouette_samples, calinski_harabasz_score, davies_bouldin_score):
            found[f"{name} {score.__name__}"] = scoring(score, X)
    return found


def frozen(value: Any) -> Any:
    """Everything that a caller can see of a value, as something to compare by ==."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, dict):
        return {name: frozen(item) for name, item in value.items() if name not in CLOCKS}
    if isinstance(value, list | tuple):
        return [frozen(item) for item in value]
    if isinstance(value, np.random.RandomState):
        return frozen(value.get_state())
    if hasattr(value, "toarray"):
        return frozen([value.data, value.indices, value.indptr])
    if type(value).__module__.startswith("kmeans_fast") and hasattr(value, "__dict__"):
        return frozen(vars(value))
    return repr(value)


def main(names: Sequence[str]) -> None:
    """Call the named scenarios once each, or all of them."""
    warnings.simplefilter("ignore")
    scenarios = all_scenarios()
    for name in names or scenarios:
        scenario = scenarios[name]()
        scenario.call(scenario.model, scenario.X)
    print(f"{len(names or scenarios)} calls made")


if __name__ == "__main__":
    main(sys.argv[1:])
