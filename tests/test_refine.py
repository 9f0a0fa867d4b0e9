"""refine='swap' and inertias_: lower inertia, the same on every backend, and nothing else changes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from exact import inertia_error, undecided_labels, wrong_centers
from scipy.sparse import csr_array
from sklearn.base import clone
from tables import Row, every_backend, in_use

from kmeans_fast import KMeans, k_means
from kmeans_fast.backends import get_backend

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal((900, 3))
WEIGHTS = np.where(np.arange(900) % 5 == 0, 0.0, RNG.random(900))
GRID = np.array([[x, y] for x in range(6) for y in range(6)]) * 8.0
CLUSTERS = GRID[RNG.integers(36, size=1800)] + RNG.standard_normal((1800, 2))


def fitted(X: Any, k: int = 30, weights: Any = None, **options: Any) -> KMeans:
    return KMeans(k, random_state=0, **options).fit(X, sample_weight=weights)


@every_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_inertia_falls_to_the_same_bits_everywhere(row: Row, metric: str, weighted: bool, dtype: type) -> None:
    n = row.rows(400)
    X, weights = NOISE[:n].astype(dtype), WEIGHTS[:n] if weighted else None
    reference = fitted(X, 25, weights, refine="swap", metric=metric, backend="identity")
    assert reference.inertia_ < 0.995 * reference.inertias_[0], "nothing was refined"
    with in_use(row) as backend:
        model = fitted(X, 25, weights, refine="swap", metric=metric, backend=backend)
    for name in ("labels_", "cluster_centers_", "inertia_", "inertias_", "n_iter_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(reference, name))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_it_finds_is_certified(dtype: type, weighted: bool) -> None:
    X, weights = NOISE.astype(dtype), WEIGHTS if weighted else None
    model = fitted(X, weights=weights, refine="swap", tol=0)
    assert model.inertia_ < model.inertias_[0] and model.converged_
    assert undecided_labels(X, model.cluster_centers_, model.labels_) == 0
    assert wrong_centers(X, model.labels_, weights, model.cluster_centers_) == []
    assert inertia_error(X, model.labels_, weights, model.cluster_centers_, model.inertia_) < 1e-14
    assert {len(column) for column in model.history_.values()} == {model.n_iter_}


@pytest.mark.parametrize("seed", range(5))
def test_clusters_that_a_run_misses_are_found(seed: int) -> None:
    best = KMeans(36, init=GRID).fit(CLUSTERS).inertia_
    model = KMeans(36, init="random", n_init=1, refine="swap", random_state=seed).fit(CLUSTERS)
    assert model.inertias_[0] > 1.5 * best, "the run alone finds them"
    assert model.inertia_ == pytest.approx(best, rel=1e-3)


def test_the_default_is_one_run_and_nothing_more() -> None:
    plain, named = fitted(NOISE), fitted(NOISE, refine=None, metric="euclidean")
    np.testing.assert_array_equal(plain.cluster_centers_, named.cluster_centers_)
    assert plain.inertias_.tolist() == [plain.inertia_]


@pytest.mark.parametrize("options", [{"init": "random", "n_init": 4}, {"n_init": 3}, {"init": NOISE[:30]}])
def test_inertias_are_those_of_the_runs(options: dict[str, Any]) -> None:
    plain, refined = fitted(NOISE, **options), fitted(NOISE, **options, refine="swap")
    assert plain.inertias_.dtype == np.float64 and plain.inertias_.shape == (options.get("n_init", 1),)
    assert plain.inertias_.min() == plain.inertia_ > refined.inertia_
    np.testing.assert_array_equal(plain.inertias_, refined.inertias_)
    if "n_init" in options:
        rng = np.random.RandomState(0)
        alone = [KMeans(30, **{**options, "n_init": 1}, random_state=rng).fit(NOISE).inertia_ for _ in plain.inertias_]
        assert plain.inertias_.tolist() == alone
    half = fitted(NOISE, metric="cosine", **options)
    assert half.inertias_.min() == half.inertia_


def test_runs_share_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    backend, calls = get_backend("identity"), []
    for name in ("prepare", "sum_by_label", "sq_spread"):
        original = getattr(backend, name)
        monkeypatch.setattr(
            backend, name, lambda *a, name=name, original=original, **o: calls.append(name) or original(*a, **o)
        )
    validated = []
    monkeypatch.setattr("kmeans_fast.estimators.base.check_X", lambda X, *a, **o: validated.append(1) or X)
    fitted(NOISE, 8, n_init=5, backend="identity")
    assert calls.count("prepare") == len(validated) == 1 and "sum_by_label" in calls


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_threads_change_no_bit(n_threads: int) -> None:
    X = np.random.default_rng(1).standard_normal((6000, 8)).astype(np.float32)
    assert X.size * 50 > 7 * 2**18, "too little work for seven threads"
    plain, model = (fitted(X, 50, max_iter=20, n_threads=t, refine="swap") for t in (1, n_threads))
    assert plain.inertia_ < plain.inertias_[0]
    np.testing.assert_array_equal(model.cluster_centers_, plain.cluster_centers_)
    np.testing.assert_array_equal(model.labels_, plain.labels_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_and_memmapped_rows_are_refined(dtype: type, tmp_path: Any) -> None:
    X = np.where(np.abs(NOISE) > 0.4, NOISE, 0).astype(dtype)
    dense, sparse = fitted(X, refine="swap"), fitted(csr_array(X), refine="swap")
    assert dense.inertia_ < dense.inertias_[0]
    np.testing.assert_array_equal(sparse.labels_, dense.labels_)
    np.save(tmp_path / "X.npy", X)
    mapped = fitted(np.load(tmp_path / "X.npy", mmap_mode="r"), refine="swap")
    np.testing.assert_array_equal(mapped.cluster_centers_, dense.cluster_centers_)


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-500, 2.0**500, 2.0**1015])
def test_no_magnitude_is_special(scale: float) -> None:
    plain, model = fitted(NOISE, refine="swap", tol=0), fitted(NOISE * scale, refine="swap", tol=0)
    assert np.isfinite(NOISE * scale).all()
    assert plain.inertia_ < plain.inertias_[0]
    np.testing.assert_array_equal(model.labels_, plain.labels_)


def test_repeated_rows_and_few_clusters_end() -> None:
    X = np.repeat(np.arange(12.0)[:, None], 20, axis=0)
    assert fitted(X, 12, refine="swap").inertia_ == 0
    for k in (1, 2, 3):
        model = fitted(NOISE, k, refine="swap")
        assert model.inertia_ <= model.inertias_[0]
    with pytest.warns(sklearn.exceptions.ConvergenceWarning, match="distinct clusters"):
        assert fitted(X, 14, refine="swap").inertia_ == 0


@pytest.mark.parametrize("kernel", ["take", "label_sq_dists", "nearest"])
def test_an_interrupt_leaves_the_estimator_as_it_was(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = get_backend("identity")
    take, original = backend.take, getattr(backend, kernel)
    begun: list[int] = []

    def taken(*args: Any, **options: Any) -> Any:
        begun.append(1)
        return take(*args, **options)

    def interrupt(*args: Any, **options: Any) -> Any:
        if begun or kernel == "take":
            begun.append(2)
            raise KeyboardInterrupt
        return original(*args, **options)

    model = fitted(NOISE, refine="swap", backend="identity")
    before = dict(model.__dict__)
    monkeypatch.setattr(backend, "take", taken)
    monkeypatch.setattr(backend, kernel, interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(NOISE[:, :2])
    assert model.__dict__ == before and 2 in begun


def test_it_is_cloned_pickled_told_and_a_function_too(capsys: pytest.CaptureFixture[str]) -> None:
    model = fitted(NOISE, refine="swap")
    assert clone(model).refine == "swap"
    for twin in (pickle.loads(pickle.dumps(model)), clone(model).fit(NOISE)):
        np.testing.assert_array_equal(twin.predict(NOISE), model.labels_)
        np.testing.assert_array_equal(twin.inertias_, model.inertias_)
    centers, labels, inertia = k_means(NOISE, 30, random_state=0, refine="swap")
    np.testing.assert_array_equal(centers, model.cluster_centers_)
    assert inertia == model.inertia_ and (labels == model.labels_).all()
    fitted(NOISE, refine="swap", verbose=1)
    assert "Swapped centers, inertia " in capsys.readouterr().out
