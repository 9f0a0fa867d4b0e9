"""MiniBatchKMeans as a drop-in for scikit-learn's: the same steps from the same draws, and what is better."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.cluster
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks

from kmeans_fast import MiniBatchKMeans
from kmeans_fast.backends import BACKENDS, get_backend

Theirs = sklearn.cluster.MiniBatchKMeans
every_backend = pytest.mark.parametrize("backend", BACKENDS)
NOISE = np.random.default_rng(0).standard_normal((600, 4))
WEIGHTED_SEEDS = "weighted rows are other draws than repeated rows, as in scikit-learn"


@parametrize_with_checks(
    [MiniBatchKMeans(3), MiniBatchKMeans(3, backend="identity")],
    expected_failed_checks=lambda estimator: {
        f"check_sample_weight_equivalence_on_{kind}_data": WEIGHTED_SEEDS for kind in ("dense", "sparse")
    },
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


# ---- parameters -----------------------------------------------------------------------------------------------


def test_signature_is_scikit_learns_and_additions_come_after() -> None:
    theirs, ours = (inspect.signature(cls).parameters for cls in (Theirs, MiniBatchKMeans))
    assert list(ours) == [*theirs, "backend", "n_threads", "copy_budget"]
    assert all(ours[name].default == p.default and ours[name].kind is p.kind for name, p in theirs.items())
    assert all(ours[name].kind is inspect.Parameter.KEYWORD_ONLY for name in ("backend", "n_threads", "copy_budget"))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_clusters", 0),
        ("init", "kmeans"),
        ("n_init", 0),
        ("n_init", "warn"),
        ("max_iter", 0),
        ("batch_size", 0),
        ("batch_size", 10.5),
        ("compute_labels", "yes"),
        ("tol", -1e-9),
        ("verbose", "loud"),
        ("max_no_improvement", -1),
        ("init_size", 0),
        ("init_size", 2.5),
        ("reassignment_ratio", -0.1),
        ("random_state", "dice"),
        ("backend", "gpu"),
        ("n_threads", 0),
        ("copy_budget", -0.5),
    ],
)
def test_bad_parameters_are_named(name: str, value: Any, method: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of MiniBatchKMeans must be"):
        getattr(MiniBatchKMeans(**{name: value}), method)(NOISE)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", ["array", "callable"])
def test_bad_rows_weights_and_centers_are_refused(kind: str, method: str) -> None:
    def refused(message: str, X: Any = NOISE, weights: Any = None, **options: Any) -> None:
        model = MiniBatchKMeans(**{"n_clusters": 3, **options})
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(X, sample_weight=weights)
        with pytest.raises(NotFittedError):
            model.predict(NOISE)

    def start(centers: Any) -> Any:
        return centers if kind == "array" else lambda X, n_clusters, random_state: centers

    refused(r"n_samples=600 should be >= n_clusters=601\.", n_clusters=601)
    refused("NaN", np.full((9, 2), np.nan))
    refused("Expected 2D array", NOISE[0])
    refused("0 sample", NOISE[:0])
    refused(r"centers \(2, 4\) does not match the number of clusters 3", init=start(NOISE[:2]))
    refused(r"centers \(3, 2\) does not match the number of features of the data 4", init=start(NOISE[:3, :2]))
    refused("NaN", init=start(np.full((3, 4), np.nan)))
    refused("shape", weights=np.ones(599))
    refused("zero", weights=np.zeros(600))
    refused(r"sample_weight\[599\]=-1.0 is negative", weights=np.r_[np.ones(599), -1])
    refused("NaN", weights=np.r_[np.ones(599), np.nan])


def test_batches_must_have_the_same_features() -> None:
    frame = pd.DataFrame(NOISE, columns=list("abcd"))
    model = MiniBatchKMeans(3).partial_fit(NOISE)
    with pytest.raises(ValueError, match="X has 2 features, but MiniBatchKMeans is expecting 4"):
        model.partial_fit(NOISE[:, :2])
    model = MiniBatchKMeans(3).partial_fit(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        model.partial_fit(frame.rename(columns={"a": "z"}))
    assert model.n_steps_ == 1 and model.feature_names_in_.tolist() == list("abcd")
    assert model.fit(NOISE[:, :2]).n_features_in_ == 2, "fit may start anew"


def test_an_init_size_below_the_clusters_warns() -> None:
    with pytest.warns(RuntimeWarning, match=r"init_size=10 should be larger than n_clusters=20") as caught:
        model = MiniBatchKMeans(20, init_size=10).fit(NOISE)
    assert model._init_size == 60 and caught[0].filename == __file__


@pytest.mark.parametrize(
    ("options", "expected"),
    [({"batch_size": 5}, 15), ({"batch_size": 1}, 30), ({"init_size": 601}, 600), ({"init_size": 10}, 10), ({}, 600)],
)
def test_rows_of_an_initialization(options: dict[str, int], expected: int) -> None:
    model = MiniBatchKMeans(10, **options).fit(NOISE)
    assert model._init_size == expected == Theirs(10, **options).fit(NOISE)._init_size


@pytest.mark.parametrize(
    ("init", "expected"), [("k-means++", 1), ("random", 3), (NOISE[:8], 1), (lambda X, k, random_state: X[:k], 3)]
)
def test_automatic_number_of_initializations(init: Any, expected: int) -> None:
    assert MiniBatchKMeans(init=init, max_iter=1).fit(NOISE)._n_init == expected


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_more_initializations_from_given_centers_warn(method: str) -> None:
    with pytest.warns(RuntimeWarning, match="performing only one init in MiniBatchKMeans") as caught:
        model = getattr(MiniBatchKMeans(init=NOISE[:8], n_init=3), method)(NOISE)
    assert model._n_init == 1 and caught[0].filename == __file__


@every_backend
def test_nothing_given_is_changed(backend: str) -> None:
    X, init, weights = NOISE[:100].copy(), NOISE[:5].copy(), np.random.default_rng(1).random(100)
    for array in (X, init, weights):
        array.flags.writeable = False
    for start in (init, lambda X, k, random_state: init):
        model = MiniBatchKMeans(5, init=start, batch_size=20, max_iter=2, n_init=1, backend=backend)
        assert model.fit(X, sample_weight=weights).init is start
        for fitted in (model, clone(model).set_params(init=start).partial_fit(X, sample_weight=weights)):
            assert not np.shares_memory(fitted.cluster_centers_, init)
    view = X.copy()
    MiniBatchKMeans(5, init=lambda X, k, random_state: X[:k], max_iter=2, backend=backend).fit(view).partial_fit(view)
    np.testing.assert_array_equal(view, X)


# ---- results ----------------------------------------------------------------------------------------------------


@every_backend
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_are_certified_far_from_zero(dtype: type, backend: str) -> None:
    X = (NOISE[:200] * 0.01 + 1e4 * np.sign(NOISE[:200, :1])).astype(dtype)
    model = MiniBatchKMeans(6, random_state=0, batch_size=50, max_iter=3, backend=backend).fit(X)
    for rows, fitted in ((X, model), (X[:40], clone(model).fit(X).partial_fit(X[:40]))):
        differences = rows[:, None].astype(np.longdouble) - fitted.cluster_centers_
        sq_dists = (differences**2).sum(axis=2)
        np.testing.assert_array_equal(fitted.labels_, sq_dists.argmin(axis=1))
        np.testing.assert_array_equal(fitted.labels_, fitted.predict(rows))
        assert fitted.inertia_ == pytest.approx(float(sq_dists.min(axis=1).sum()), rel=1e-12)
        assert fitted.inertia_ == -fitted.score(rows)


@every_backend
def test_every_backend_gives_the_same_bits(backend: str) -> None:
    ours, reference = (MiniBatchKMeans(4, random_state=0, batch_size=100, max_iter=2, backend=b).fit(NOISE)
                       for b in (backend, "identity"))  # fmt: skip
    for name in ("labels_", "cluster_centers_", "inertia_", "n_steps_", "_counts"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(reference, name))
    np.testing.assert_array_equal(ours.history_["inertia"], reference.history_["inertia"])


@pytest.mark.parametrize("n_threads", [2, 3, 7, -1, None])
def test_threads_change_no_bit(n_threads: int | None) -> None:
    X = np.random.default_rng(1).standard_normal((6000, 16)).astype(np.float32)
    assert 5000 * X.shape[1] * 40 > 7 * 2**18, "too little work for seven threads"
    plain, model = (MiniBatchKMeans(40, random_state=0, batch_size=5000, max_iter=4, n_threads=t).fit(X)
                    for t in (1, n_threads))  # fmt: skip
    for name in ("labels_", "cluster_centers_", "inertia_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(plain, name))


def test_steps_and_passes_are_counted() -> None:
    model = MiniBatchKMeans(3, batch_size=70, max_no_improvement=None, max_iter=10).fit(NOISE)
    assert (model.n_steps_, model.n_iter_, model.converged_) == (10 * 600 // 70, 10, False)
    assert {len(column) for column in model.history_.values()} == {model.n_steps_}
    assert type(model.n_steps_) is type(model.n_iter_) is int
    assert model.partial_fit(NOISE[:9]).n_steps_ == 86
    early = MiniBatchKMeans(3, batch_size=70, max_no_improvement=1).fit(NOISE)
    assert early.converged_ and early.n_iter_ == -(-early.n_steps_ * 70 // 600)


def test_without_labels_none_are_there_and_the_inertia_is_an_estimate() -> None:
    model = MiniBatchKMeans(3, random_state=0).fit(NOISE)
    exact = model.inertia_
    model.set_params(compute_labels=False, batch_size=400).fit(NOISE)
    assert not hasattr(model, "labels_") and model.inertia_ == pytest.approx(exact, rel=0.3)
    single = MiniBatchKMeans(3, compute_labels=False, max_iter=1).fit(NOISE)
    assert single.n_steps_ == 1 and single.inertia_ == pytest.approx(single.history_["inertia"][0] * 600)
    assert not hasattr(MiniBatchKMeans(3, compute_labels=False).partial_fit(NOISE), "labels_")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("float16", "float32"), ("float32", "float32"), ("float64", "float64"), ("int32", "float64"), (">f8", "float64")],
)
def test_dtypes_of_results(given: str, expected: str) -> None:
    X = (NOISE * 4).astype(given)
    for model in (MiniBatchKMeans(3, random_state=0).fit(X), MiniBatchKMeans(3, random_state=0).partial_fit(X)):
        assert model.cluster_centers_.dtype == expected and model.cluster_centers_.flags.c_contiguous
        assert model.labels_.dtype == np.int32 and type(model.inertia_) is float
        assert model.partial_fit(X[:5]).cluster_centers_.dtype == expected


def test_a_batch_of_a_wider_dtype_widens_the_model() -> None:
    model = MiniBatchKMeans(3, random_state=0).partial_fit(NOISE.astype(np.float32))
    assert model.partial_fit(NOISE).cluster_centers_.dtype == np.float64
    assert model.partial_fit(NOISE.astype(np.float32)).cluster_centers_.dtype == np.float64
    np.testing.assert_array_equal(model.labels_, model.predict(NOISE.astype(np.float32)))


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**-600, 2.0**600, 2.0**1000])
def test_scale_changes_nothing_but_the_centers(scale: float) -> None:
    plain, scaled = (MiniBatchKMeans(4, random_state=0, batch_size=50, tol=1e-4).fit(X) for X in (NOISE, NOISE * scale))
    assert (plain.labels_ == scaled.labels_).all() and plain.n_steps_ == scaled.n_steps_
    assert (plain.cluster_centers_ * scale == scaled.cluster_centers_).all()


# ---- weights, draws, interrupts ----------------------------------------------------------------------------------


def test_a_callable_sees_the_rows_as_they_are() -> None:
    seen = []

    def start(X: np.ndarray, n_clusters: int, random_state: Any) -> np.ndarray:
        seen.append(X)
        return X[:n_clusters]

    MiniBatchKMeans(3, init=start).fit(NOISE + 5)
    assert len(seen) == 3 and all((X == NOISE + 5).all() for X in seen), "init_size is all rows: all are seen"
    MiniBatchKMeans(3, init=start, init_size=40, random_state=1).fit(NOISE + 5)
    rows = {tuple(row) for row in NOISE + 5}
    assert len(seen) == 6 and all(len(X) == 40 and {tuple(row) for row in X} <= rows for X in seen[3:])


@every_backend
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_rows_of_weight_zero_move_nothing(init: str, backend: str) -> None:
    X, weights = np.arange(400.0)[:, None], np.where(np.arange(400) % 40 == 7, 1.0, 0.0)
    allowed = X[weights > 0, 0]
    model = MiniBatchKMeans(4, init=init, init_size=8, batch_size=30, backend=backend, reassignment_ratio=0.5)
    for seed in range(5):
        model.set_params(random_state=seed, max_iter=2).fit(X, sample_weight=weights)
        assert (allowed.min() <= model.cluster_centers_).all() and (model.cluster_centers_ <= allowed.max()).all()
        twins = clone(model), clone(model)
        twins[0].set_params(init=X[:4] * 99).partial_fit(X, sample_weight=weights)
        twins[1].set_params(init=X[:4] * 99).partial_fit(X[weights > 0])
        np.testing.assert_array_equal(twins[0].cluster_centers_, twins[1].cluster_centers_)


def test_a_generator_may_draw() -> None:
    for method in ("fit", "partial_fit"):
        models = [MiniBatchKMeans(5, random_state=np.random.default_rng(seed), init_size=50) for seed in (3, 3, 4)]
        first, again, other = (getattr(model, method)(NOISE) for model in models)
        np.testing.assert_array_equal(first.cluster_centers_, again.cluster_centers_)
        assert (first.cluster_centers_ != other.cluster_centers_).any()


@pytest.mark.parametrize("make", [lambda: 0, lambda: np.random.RandomState(0), lambda: np.random.default_rng(0)])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_interrupt_leaves_the_estimator_as_it_was(
    method: str, error: type[BaseException], make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = get_backend("identity")
    options = {"backend": "identity", "batch_size": 50, "reassignment_ratio": 0.5}
    model, twin = (MiniBatchKMeans(3, random_state=make(), **options).partial_fit(NOISE) for _ in range(2))
    before, state = dict(model.__dict__), pickle.dumps(model.cluster_centers_)
    fresh = MiniBatchKMeans(3, random_state=make(), **options)

    def interrupt(*args: Any, **kwargs: Any) -> Any:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(backend, "label_sq_dists", interrupt)
        for interrupted in (model, fresh):
            with pytest.raises(error):
                getattr(interrupted, method)(NOISE if interrupted is fresh else NOISE[::-1])
    assert model.__dict__ == before and pickle.dumps(model.cluster_centers_) == state
    assert not hasattr(fresh, "cluster_centers_") and not hasattr(fresh, "_random_state")
    for one in (model, twin):
        one.partial_fit(NOISE[:30])
    if method == "partial_fit":
        np.testing.assert_array_equal(model.cluster_centers_, twin.cluster_centers_)
        assert pickle.dumps(model._random_state) == pickle.dumps(twin._random_state)


def test_numpys_global_draws_are_not_rewound(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MiniBatchKMeans(3, init=lambda X, k, random_state: random_state.random((k, 99)))
    before = np.random.get_state()[2]
    with pytest.raises(ValueError, match="initial centers"):
        model.partial_fit(NOISE)
    assert np.random.get_state()[2] != before


def test_clone_pickle_and_refit_give_the_same_model() -> None:
    model = MiniBatchKMeans(4, random_state=0, batch_size=60).fit(NOISE)
    for twin in (pickle.loads(pickle.dumps(model)), clone(model).fit(NOISE), model.fit(NOISE)):
        np.testing.assert_array_equal(twin.predict(NOISE), model.labels_)
    stream = MiniBatchKMeans(4, random_state=0).partial_fit(NOISE[:50])
    twin = pickle.loads(pickle.dumps(stream))
    for one in (stream, twin):
        one.partial_fit(NOISE[50:200])
    np.testing.assert_array_equal(stream.cluster_centers_, twin.cluster_centers_)


def test_weights_of_partial_fit_are_routed() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        routing = MiniBatchKMeans(2).set_partial_fit_request(sample_weight=True).get_metadata_routing()
    assert routing.partial_fit.requests["sample_weight"] is True
