"""Every estimator and algorithm, dense and sparse: the same bits however it is run, on rows enough for seven threads.

KMeans on dense rows is in test_laws.py for every backend; small rows of all kinds are in test_hostile_numbers.py.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from tables import Row, in_use, isas_available
from threadpoolctl import threadpool_limits

from kmeans_fast import BisectingKMeans, KMeans, MiniBatchKMeans, kmeans_plusplus
from kmeans_fast._threads import resolve_n_threads, worthwhile
from kmeans_fast.backends import get_backend
from kmeans_fast.engine.algorithms import ALGORITHMS

K, THREADS = 12, (1, 2, 3, 7)
RNG = np.random.default_rng(0)
WIDE = (RNG.standard_normal((16_000, 10)) + 3 * RNG.standard_normal((K, 10))[RNG.integers(0, K, 16_000)]).astype("f4")
FLAT = np.ascontiguousarray(WIDE[:, :4])
HOSTILE = WIDE + np.where(np.arange(len(WIDE)) % 2, 1e4, -1e4)[:, None].astype("f4")
SPARSE = csr_array(np.where(RNG.random(WIDE.shape) < 0.3, WIDE, 0))
WEIGHTS = RNG.choice([0.0, 1e-30, 0.7, 1e30], len(WIDE))

FITS: dict[str, tuple[Any, Any, Callable[..., Any]]] = {
    **{
        f"{name} in 10": (WIDE, None, lambda algorithm=name, **o: KMeans(K, algorithm=algorithm, **o))
        for name in ALGORITHMS
    },
    "boxes": (FLAT, None, lambda **o: KMeans(K, algorithm="boxes", **o)),
    "weighted": (WIDE, WEIGHTS, lambda **o: KMeans(K, **o)),
    "hostile": (HOSTILE, None, lambda **o: KMeans(K, **o)),
    "sparse": (SPARSE, None, lambda **o: KMeans(K, **o)),
    "sparse, weighted": (SPARSE, WEIGHTS, lambda **o: KMeans(K, algorithm="hamerly", **o)),
    "swapped": (WIDE, None, lambda **o: KMeans(K, refine="swap", **o)),
    "mini batches": (WIDE, WEIGHTS, lambda **o: MiniBatchKMeans(K, batch_size=16_000, **o)),
    "bisecting": (WIDE, WEIGHTS, lambda **o: BisectingKMeans(K, **o)),
}

every_fit = pytest.mark.parametrize("name", FITS)


@pytest.fixture(autouse=True, scope="module")
def seven_threads() -> Iterator[None]:
    with threadpool_limits(7, user_api="openmp"):
        backend = get_backend("compiled")
        assert not backend.facts()["openmp"] or resolve_n_threads(7, backend) == 7
        assert worthwhile(7, FLAT.size * K) >= 2 and worthwhile(7, WIDE.size * K) == 7
        yield


def fitted(name: str, X: Any = None, **options: Any) -> Any:
    given, weights, make = FITS[name]
    return make(random_state=0, max_iter=3, **options).fit(given if X is None else X, sample_weight=weights)


def bits(model: Any, X: Any) -> list[bytes]:
    """All that a model knows and says."""
    found = [
        model.labels_,
        model.cluster_centers_,
        model.inertia_,
        model.predict(X),
        model.transform(X),
        model.score(X),
    ]
    # A clock's, and the way that rows went: those of a file have no copies, so no boxes.
    besides = ("seconds", "algorithm")
    found += [values for column, values in getattr(model, "history_", {}).items() if column not in besides]
    return [np.asarray(values).tobytes() for values in found]


@every_fit
def test_threads_and_pickles_change_no_bit(name: str) -> None:
    X = FITS[name][0]
    one = bits(fitted(name, n_threads=1), X)
    for n_threads in THREADS:
        model = fitted(name, n_threads=n_threads)
        assert bits(model, X) == one, f"{n_threads=}"
    assert bits(pickle.loads(pickle.dumps(model)), X) == one


@pytest.mark.parametrize("name", ["hostile", "sparse, weighted", "mini batches", "bisecting"])
def test_instruction_sets_give_the_same_labels_and_centers(name: str) -> None:
    models = []
    for isa in isas_available():
        with in_use(Row("compiled", isa)):
            models.append(fitted(name, n_threads=2))
    assert len(models) >= 2, "there is nothing to compare"
    for model in models[1:]:
        assert model.labels_.tobytes() == models[0].labels_.tobytes()
        assert model.cluster_centers_.tobytes() == models[0].cluster_centers_.tobytes()
        assert model.inertia_ == models[0].inertia_


@pytest.mark.parametrize("name", [name for name, (X, *_) in FITS.items() if isinstance(X, np.ndarray)])
def test_rows_in_a_file_have_the_same_bits(name: str, tmp_path: Path) -> None:
    X = FITS[name][0]
    np.save(tmp_path / "X.npy", X)
    assert bits(fitted(name, np.load(tmp_path / "X.npy", mmap_mode="r")), X) == bits(fitted(name), X)


@pytest.mark.parametrize("X", [WIDE, HOSTILE, SPARSE], ids=["plain", "hostile", "sparse"])
def test_seeds_are_the_same_for_every_number_of_threads(X: Any) -> None:
    seeds = []
    for n_threads in THREADS:
        with threadpool_limits(n_threads, user_api="openmp"):
            seeds.append(kmeans_plusplus(X, K, random_state=1)[1].tolist())
    assert seeds == [seeds[0]] * len(THREADS)
