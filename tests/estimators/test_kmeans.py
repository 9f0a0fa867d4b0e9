"""KMeans as a drop-in for scikit-learn's: the contract, on every backend where a backend could matter."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError

from kmeans_fast import KMeans
from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine.algorithms import ALGORITHMS
from kmeans_fast.estimators.kmeans import is_renaming

every_backend = pytest.mark.parametrize("backend", BACKENDS)
NOISE = np.random.default_rng(0).standard_normal((300, 4))


def params(cls: type) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(cls).parameters.items()}


# ---- parameters -----------------------------------------------------------------------------------------------


def test_signature_is_scikit_learns_and_additions_come_after() -> None:
    theirs, ours = params(sklearn.cluster.KMeans), params(KMeans)
    assert list(ours)[: len(theirs)] == list(theirs)
    assert list(ours)[len(theirs) :] == ["backend", "n_threads", "copy_budget", "metric", "refine"]
    assert {name: ours[name] for name in theirs if name != "algorithm"} == {
        name: default for name, default in theirs.items() if name != "algorithm"
    }
    assert all(p.kind is p.KEYWORD_ONLY for p in list(inspect.signature(KMeans).parameters.values())[1:])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_clusters", 0),
        ("n_clusters", 2.5),
        ("init", "kmeans"),
        ("n_init", 0),
        ("max_iter", 0),
        ("tol", -1),
        ("verbose", "loud"),
        ("copy_x", "yes"),
        ("algorithm", "full"),
        ("backend", "gpu"),
        ("n_threads", 0),
        ("n_threads", -2),
        ("n_threads", 1.5),
        ("copy_budget", -0.5),
        ("metric", "manhattan"),
        ("refine", "shake"),
        ("random_state", "dice"),
    ],
)
def test_bad_parameters_are_named(name: str, value: Any) -> None:
    model = KMeans(**{name: value})
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of KMeans must be"):
        model.fit(NOISE)
    assert isinstance(InvalidParameterError(), ValueError)


def test_too_few_rows() -> None:
    with pytest.raises(ValueError, match=r"n_samples=300 should be >= n_clusters=400\."):
        KMeans(400).fit(NOISE)


@pytest.mark.parametrize("how", ["array", "callable"])
def test_initial_centers_must_have_the_right_shape(how: str) -> None:
    def start(centers: np.ndarray) -> Any:
        return centers if how == "array" else lambda X, k, random_state: centers

    with pytest.raises(ValueError, match=r"initial centers \(2, 4\) does not match the number of clusters 3"):
        KMeans(3, init=start(NOISE[:2])).fit(NOISE)
    with pytest.raises(ValueError, match=r"centers \(3, 2\) does not match the number of features of the data 4"):
        KMeans(3, init=start(NOISE[:3, :2])).fit(NOISE)
    with pytest.raises(ValueError, match="NaN"):
        KMeans(1, init=start(np.full((1, 4), np.nan))).fit(NOISE)


def test_a_callable_sees_the_original_rows() -> None:
    seen = []

    def start(X: np.ndarray, n_clusters: int, random_state: Any) -> np.ndarray:
        assert isinstance(random_state, np.random.RandomState)
        seen.append(X.copy())
        return X[:n_clusters]

    model = KMeans(3, init=start).fit(NOISE + 5)
    assert len(seen) == model._n_init == 10 and all((X == NOISE + 5).all() for X in seen)
    assert (model.cluster_centers_ == KMeans(3, init=NOISE[:3] + 5).fit(NOISE + 5).cluster_centers_).all()


@pytest.mark.parametrize(
    ("init", "expected"), [("k-means++", 1), ("random", 10), (NOISE[:8], 1), (lambda X, k, random_state: X[:k], 10)]
)
def test_automatic_number_of_runs(init: Any, expected: int) -> None:
    assert KMeans(init=init, max_iter=2).fit(NOISE)._n_init == expected


def test_more_runs_from_given_centers_warn() -> None:
    with pytest.warns(RuntimeWarning, match="performing only one init in KMeans, not n_init=3"):
        model = KMeans(init=NOISE[:8], n_init=3).fit(NOISE)
    assert model._n_init == 1


def test_elkan_with_one_cluster_warns() -> None:
    with pytest.warns(RuntimeWarning, match="doesn't make sense for a single cluster"):
        model = KMeans(1, algorithm="elkan").fit(NOISE)
    np.testing.assert_allclose(model.cluster_centers_[0], NOISE.mean(axis=0))


@every_backend
def test_nothing_given_is_changed(backend: str) -> None:
    X, init, weights = NOISE[:100].copy(), NOISE[:5].copy(), np.random.default_rng(1).random(100)
    for array in (X, init, weights):
        array.flags.writeable = False
    before = X.copy(), init.copy(), weights.copy()
    for copy_x in (True, False):
        model = KMeans(5, init=init, copy_x=copy_x, backend=backend).fit(X, sample_weight=weights)
        model.predict(X), model.transform(X), model.score(X, sample_weight=weights)
    for after, copy in zip((X, init, weights), before, strict=True):
        np.testing.assert_array_equal(after, copy)
    assert not np.shares_memory(model.cluster_centers_, init)
    assert model.init is init


# ---- weights --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(299), "shape"),
        (np.zeros(300), "zero"),
        (np.r_[np.ones(299), -1], r"sample_weight\[299\]=-1.0 is negative"),
        (np.r_[np.ones(299), np.nan], "NaN"),
    ],
)
def test_bad_weights_are_refused(weights: np.ndarray, message: str) -> None:
    for call in (KMeans(3).fit, KMeans(3).fit(NOISE).score, KMeans(3).fit_predict):
        with pytest.raises(ValueError, match=message):
            call(NOISE, sample_weight=weights)


# ---- the same run as scikit-learn's ------------------------------------------------------------------------------


@pytest.mark.parametrize("random_state", range(4))
@pytest.mark.parametrize("options", [{}, {"tol": 0.0}, {"init": "random"}, {"n_init": 3}, {"tol": 0.05}])
@pytest.mark.parametrize("weighted", [False, True])
def test_float64_fits_are_scikit_learns(weighted: bool, options: dict[str, Any], random_state: int) -> None:
    weights = np.random.default_rng(9).random(300) if weighted else None
    settings = {"n_clusters": 6, "random_state": random_state, **options}
    ours = KMeans(**settings).fit(NOISE, sample_weight=weights)
    theirs = sklearn.cluster.KMeans(**settings).fit(NOISE, sample_weight=weights)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-10)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-12)
    assert ours.n_iter_ == theirs.n_iter_


@every_backend
def test_every_backend_gives_the_same_bits(backend: str) -> None:
    ours, reference = (KMeans(4, random_state=0, backend=b).fit(NOISE) for b in (backend, "identity"))
    for name in ("labels_", "cluster_centers_", "inertia_", "n_iter_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(reference, name))
    np.testing.assert_array_equal(ours.history_["inertia"], reference.history_["inertia"])


@pytest.mark.parametrize("algorithm", ["auto", "elkan", *ALGORITHMS])
@pytest.mark.parametrize("tol", [0.0, 1e-4, 0.1])
def test_every_algorithm_gives_the_same_answer(tol: float, algorithm: str) -> None:
    ours, plain = (KMeans(7, random_state=1, tol=tol, algorithm=a).fit(NOISE) for a in (algorithm, "lloyd"))
    assert ours.n_iter_ == plain.n_iter_
    np.testing.assert_array_equal(ours.labels_, plain.labels_)


def test_a_generator_may_draw() -> None:
    first, again = (KMeans(5, random_state=np.random.default_rng(3)).fit(NOISE) for _ in range(2))
    np.testing.assert_array_equal(first.labels_, again.labels_)


def test_a_renamed_clustering_is_the_same() -> None:
    assert is_renaming(np.array([0, 1, 1, 2], np.int32), np.array([2, 0, 0, 1], np.int32))
    assert not is_renaming(np.array([0, 1, 1, 2], np.int32), np.array([2, 0, 1, 1], np.int32))


def test_a_later_run_that_only_renames_does_not_win() -> None:
    X = np.array([[0.0], [0.1], [5.0], [5.3], [9.0], [9.2]])
    starts = iter([X[[0, 2, 4]], X[[4, 2, 0]], X[[2, 0, 4]]])
    model = KMeans(3, init=lambda X, k, random_state: next(starts), n_init=3).fit(X)
    assert model.labels_.tolist() == [0, 0, 1, 1, 2, 2]


def test_the_best_run_wins() -> None:
    starts = [NOISE[first : first + 6] for first in (0, 20, 40, 60)]
    single = [KMeans(6, init=start).fit(NOISE).inertia_ for start in starts]
    assert min(single) not in (single[0], single[-1]) and len(set(single)) == 4, "the first or last run is the best"
    remaining = iter(starts)
    model = KMeans(6, init=lambda X, k, random_state: next(remaining), n_init=4).fit(NOISE)
    assert model.inertia_ == min(single)


# ---- iteration ------------------------------------------------------------------------------------------------


@every_backend
def test_labels_are_those_of_predict(backend: str) -> None:
    X = NOISE[:120].astype(np.float32) + 1e4
    for max_iter in (1, 2, 300):
        model = KMeans(5, random_state=0, max_iter=max_iter, backend=backend).fit(X)
        np.testing.assert_array_equal(model.labels_, model.predict(X))
        np.testing.assert_array_equal(model.predict(model.cluster_centers_), np.arange(5))
        assert model.inertia_ == model.inertia(X) == -model.score(X)


def test_the_confirming_iteration_counts() -> None:
    model = KMeans(2, init=[[0.0], [10.0]], tol=0).fit([[0.0], [1.0], [10.0], [11.0]])
    assert (model.n_iter_, model.converged_) == (2, True)
    cut = KMeans(2, init=[[0.0], [10.0]], tol=0, max_iter=1).fit([[0.0], [1.0], [10.0], [11.0]])
    assert (cut.n_iter_, cut.converged_) == (1, False)


def test_no_tolerance_ends_before_max_iter_on_noise() -> None:
    X = np.random.default_rng(42).standard_normal((5000, 10))
    model = KMeans(5, tol=0, random_state=42, n_init=1, max_iter=300).fit(X)
    assert model.n_iter_ < 300 and model.converged_


@every_backend
def test_labels_are_fresh_after_an_empty_cluster_was_filled(backend: str) -> None:
    model = KMeans(3, init=[[4.0], [0.0], [1.0]], backend=backend).fit([[1.0], [2.0], [3.0]])
    assert sorted(model.labels_.tolist()) == [0, 1, 2] and model.inertia_ == 0


def test_an_iteration_that_filled_a_cluster_is_not_converged() -> None:
    X = np.array([[0.0], [1.0], [2.0], [50.0]])
    model = KMeans(3, init=[[0.0], [99.0], [98.0]], tol=1e9).fit(X)
    assert model.n_iter_ >= 2 and len(set(model.labels_)) == 3


@every_backend
def test_too_few_distinct_rows_warn_and_end(backend: str) -> None:
    X = np.array([[0.0], [1.0], [2.0]] * 4)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(3\) found smaller than n_clusters \(4\)"):
        model = KMeans(4, random_state=0, backend=backend).fit(X)
    assert model.n_iter_ < 300 and model.inertia_ == 0


def test_refit_from_converged_centers_changes_nothing() -> None:
    first = KMeans(6, random_state=0, tol=0).fit(NOISE)
    again = KMeans(6, init=first.cluster_centers_, tol=0).fit(NOISE)
    np.testing.assert_array_equal(first.cluster_centers_, again.cluster_centers_)
    assert again.n_iter_ <= 2


# ---- outputs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [("float16", "float32"), ("float32", "float32"), ("float64", "float64"), ("int32", "float64"), (">f8", "float64")],
)
def test_dtypes_of_results(given: str, expected: str) -> None:
    X = (NOISE * 4).astype(given)
    model = KMeans(3, random_state=0).fit(X)
    assert model.cluster_centers_.dtype == expected and model.cluster_centers_.flags.c_contiguous
    assert model.labels_.dtype == model.predict(X).dtype == np.int32
    assert model.transform(X).dtype == expected
    assert type(model.inertia_) is float and type(model.n_iter_) is int and type(model.converged_) is bool


def test_history_tells_every_iteration() -> None:
    model = KMeans(5, random_state=0, tol=0).fit(NOISE)
    history = model.history_
    assert set(history) == {"inertia", "shift", "n_changed", "seconds", "algorithm"}
    assert set(history["algorithm"]) == {"lloyd"}
    assert {len(column) for column in history.values()} == {model.n_iter_}
    assert (np.diff(history["inertia"]) <= 0).all() and history["inertia"][-1] == pytest.approx(model.inertia_)
    assert history["n_changed"][0] == 300 and history["n_changed"][-1] == 0 and history["shift"][-1] == 0
    assert (history["seconds"] > 0).all()


@every_backend
def test_transform_is_euclidean_and_zero_at_the_centers(backend: str) -> None:
    model = KMeans(4, random_state=0, backend=backend).fit(NOISE)
    expected = np.sqrt(((NOISE[:, None] - model.cluster_centers_) ** 2).sum(axis=2))
    np.testing.assert_allclose(model.transform(NOISE), expected, rtol=1e-14)
    np.testing.assert_array_equal(np.diag(model.transform(model.cluster_centers_)), 0)
    np.testing.assert_array_equal(model.fit_transform(NOISE), model.transform(NOISE))


@every_backend
def test_models_measure_rows_of_another_dtype(backend: str) -> None:
    X = NOISE[:100] + 1e4
    for fitted, other in [(np.float32, np.float64), (np.float64, np.float32)]:
        model = KMeans(4, random_state=0, backend=backend).fit(X.astype(fitted))
        sq_dists = ((X.astype(other)[:, None].astype(np.longdouble) - model.cluster_centers_) ** 2).sum(axis=2)
        np.testing.assert_array_equal(model.predict(X.astype(other)), sq_dists.argmin(axis=1))
        assert model.score(X.astype(other)) == pytest.approx(-float(sq_dists.min(axis=1).sum()), rel=1e-12)


def test_inertia_is_finite_or_infinite_but_never_wrong() -> None:
    X = np.array([[1.0], [3.0], [100.0]])
    for scale in (2.0**-500, 2.0**500, 2.0**1000):
        model = KMeans(2, init=X[[0, 2]] * scale, tol=1e-4).fit(X * scale)
        assert model.labels_.tolist() == [0, 0, 1]
        assert (model.cluster_centers_ == np.array([[2.0], [100.0]]) * scale).all()
        assert model.inertia_ == 2 * scale * scale if scale < 2.0**600 else model.inertia_ == np.inf


# ---- the estimator --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_fit_leaves_the_estimator_as_it_was(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, calls = get_backend("identity"), []
    original = backend.nearest

    def interrupt(*args: Any, **kwargs: Any) -> int:
        calls.append(1)
        if len(calls) > 2:
            raise error
        return original(*args, **kwargs)

    model = KMeans(3, random_state=0, backend="identity").fit(NOISE)
    before = dict(model.__dict__)
    monkeypatch.setattr(backend, "nearest", interrupt)
    with pytest.raises(error):
        model.fit(NOISE[:, :2])
    assert model.__dict__ == before and len(calls) == 3


def test_clone_pickle_and_refit_give_the_same_model() -> None:
    model = KMeans(4, random_state=0).fit(NOISE)
    for twin in (pickle.loads(pickle.dumps(model)), clone(model).fit(NOISE), model.fit(NOISE)):
        np.testing.assert_array_equal(twin.predict(NOISE), model.labels_)


def test_verbose_tells_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    KMeans(4, random_state=0, verbose=1, tol=0).fit(NOISE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Initialization complete" and lines[1].startswith("Iteration 0, inertia ")
    assert "strict convergence" in lines[-1] and lines[-1].startswith("Converged at iteration ")
    KMeans(4, random_state=0, verbose=1, tol=0.1).fit(NOISE)
    assert "within tolerance" in capsys.readouterr().out
    KMeans(4, random_state=0).fit(NOISE)
    assert capsys.readouterr().out == ""


@every_backend
def test_init_centroids_is_there_for_those_who_call_it(backend: str) -> None:
    model = KMeans(3, backend=backend)
    centers = model._init_centroids(NOISE, None, "k-means++", np.random.RandomState(0), np.ones(300))
    _, indices = sklearn.cluster.kmeans_plusplus(NOISE, 3, random_state=0)
    np.testing.assert_array_equal(centers, NOISE[indices])
