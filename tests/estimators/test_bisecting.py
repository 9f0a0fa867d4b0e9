"""BisectingKMeans as a drop-in for scikit-learn's: the contract, on every backend where a backend could matter."""

from __future__ import annotations

import inspect
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.cluster
from hostile import CASES
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from kmeans_fast import BisectingKMeans, KMeans
from kmeans_fast.backends import BACKENDS, get_backend
from kmeans_fast.engine.algorithms import ALGORITHMS

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_strategy = pytest.mark.parametrize("strategy", ["biggest_inertia", "largest_cluster"])
NOISE = np.random.default_rng(0).standard_normal((300, 4))
WEIGHTED_SEEDS = "the seeds of weighted rows are other draws than those of repeated rows, as in scikit-learn"


def drawn_rows(X: np.ndarray, n_clusters: int, random_state: Any) -> np.ndarray:
    return X[random_state.choice(X.shape[0], n_clusters, replace=False)]


@parametrize_with_checks(
    [BisectingKMeans(3), BisectingKMeans(3, backend="identity")],
    expected_failed_checks=lambda estimator: {
        f"check_sample_weight_equivalence_on_{kind}_data": WEIGHTED_SEEDS for kind in ("dense", "sparse")
    },
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


# ---- parameters and bad input -----------------------------------------------------------------------------------


def test_signature_is_scikit_learns_and_additions_come_after() -> None:
    theirs, ours = (
        {name: (p.default, p.kind) for name, p in inspect.signature(cls).parameters.items()}
        for cls in (sklearn.cluster.BisectingKMeans, BisectingKMeans)
    )
    assert list(ours.items())[: len(theirs)] == list(theirs.items())
    assert list(ours)[len(theirs) :] == ["backend", "n_threads", "copy_budget"]
    assert all(ours[name][1] is inspect.Parameter.KEYWORD_ONLY for name in list(ours)[1:])


BAD = {
    "n_clusters": [0, 2.5],
    "init": ["kmeans", NOISE[:2]],
    "n_init": [0, "auto"],
    "tol": [-1],
    "bisecting_strategy": ["smallest"],
    "n_threads": [0, 1.5],
    **{name: ["neither"] for name in ("verbose", "copy_x", "algorithm", "backend", "random_state")},
    **{"max_iter": [0], "copy_budget": [-0.5]},
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_parameters_are_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter of BisectingKMeans must be"):
        BisectingKMeans(**{name: value}).fit(NOISE)


def test_too_few_rows() -> None:
    with pytest.raises(ValueError, match=r"n_samples=300 should be >= n_clusters=400\."):
        BisectingKMeans(400).fit(NOISE)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(299), "shape"),
        (np.zeros(300), "zero"),
        (np.r_[np.ones(299), -1], r"sample_weight\[299\]=-1.0 is negative"),
        (np.r_[np.ones(299), np.nan], "NaN"),
        (np.r_[np.ones(2), np.zeros(298)], r"2 of n_samples=300 have a positive weight, .* init='k-means\+\+'"),
    ],
)
def test_bad_weights_are_refused(weights: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BisectingKMeans(3).fit(NOISE, sample_weight=weights)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((9, 2), np.nan), "NaN"),
        (np.full((9, 2), np.inf), "infinity"),
        (np.ones(9), "Expected 2D array"),
        (np.ones((0, 2)), "0 sample"),
        (np.ones((9, 0)), "0 feature"),
        (np.ones((9, 2), complex), "Complex data not supported"),
        (np.array([["a"], ["b"]]), "could not convert"),
    ],
)
def test_bad_rows_have_scikit_learns_errors(X: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BisectingKMeans(2).fit(X)
    if X.shape != (0, 2):
        with pytest.raises(ValueError):
            BisectingKMeans(2, random_state=0).fit(NOISE[:, :2]).predict(X)


@pytest.mark.parametrize(
    ("centers", "message"),
    [
        (NOISE[:3], r"initial centers \(3, 4\) does not match the number of clusters 2"),
        (NOISE[:2, :3], r"centers \(2, 3\) does not match the number of features of the data 4"),
        (np.full((2, 4), np.nan), "NaN"),
        (NOISE[0], "Expected 2D array"),
    ],
)
def test_what_a_callable_returns_is_checked(centers: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BisectingKMeans(3, init=lambda X, n_clusters, random_state: centers).fit(NOISE)


def test_an_unfitted_model_says_so_and_a_fitted_one_counts_features() -> None:
    for method in ("predict", "transform", "score"):
        with pytest.raises(NotFittedError, match="not fitted"):
            getattr(BisectingKMeans(), method)(NOISE)
        with pytest.raises(ValueError, match="X has 2 features, but BisectingKMeans is expecting 4"):
            getattr(BisectingKMeans(2).fit(NOISE), method)(NOISE[:, :2])


@every_backend
def test_nothing_given_is_changed(backend: str) -> None:
    X, weights = NOISE[:100].copy(), np.random.default_rng(1).random(100)
    X.flags.writeable = weights.flags.writeable = False
    before = X.copy(), weights.copy()
    for copy_x in (True, False):
        model = BisectingKMeans(5, copy_x=copy_x, backend=backend).fit(X, sample_weight=weights)
        model.predict(X), model.transform(X), model.score(X, sample_weight=weights)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(weights, before[1])


# ---- the same tree as scikit-learn's -----------------------------------------------------------------------------

DATA = {
    "noise": NOISE,
    "offset": np.random.default_rng(1).standard_normal((250, 3)) + 100,
    "blobs": np.random.default_rng(2).standard_normal((400, 5))
    + 6 * np.random.default_rng(3).integers(-1, 2, (400, 5)),
    "one feature": np.random.default_rng(4).standard_normal((200, 1)),
}


@pytest.mark.parametrize("name", DATA)
@every_strategy
@pytest.mark.parametrize("init", ["random", "k-means++", drawn_rows], ids=["random", "k-means++", "callable"])
@pytest.mark.parametrize("weighted", [False, True])
def test_float64_fits_are_scikit_learns(weighted: bool, init: Any, strategy: str, name: str) -> None:
    """Its rows are less their mean, which only rounds otherwise: no near-tie is in these data."""
    X = DATA[name]
    weights = np.random.default_rng(9).random(len(X)) if weighted else None
    for random_state in range(10):
        settings = {
            "n_clusters": 9,
            "init": init,
            "bisecting_strategy": strategy,
            "random_state": random_state,
            "n_init": 1 + random_state % 2,
            "tol": [1e-4, 0.0][random_state % 3 == 0],
        }
        ours = BisectingKMeans(**settings).fit(X, sample_weight=weights)
        with threadpool_limits(1):  # of which each would wait for the other after every short step
            theirs = sklearn.cluster.BisectingKMeans(**settings).fit(X, sample_weight=weights)
        np.testing.assert_array_equal(ours.labels_, theirs.labels_)
        np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-9, atol=1e-12)
        assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
        fresh = X[::3] * 1.5
        np.testing.assert_array_equal(ours.predict(fresh), theirs.predict(fresh))
        assert ours.score(X) == pytest.approx(theirs.score(X), rel=1e-9)
        assert shape_of(ours._bisecting_tree) == shape_of(theirs._bisecting_tree)


def shape_of(node: Any) -> Any:
    """The tree as nested pairs of labels, by the names of scikit-learn."""
    return node.label if node.left is None else (shape_of(node.left), shape_of(node.right))


def test_float32_draws_are_those_of_float64() -> None:
    X = NOISE.astype(np.float32)
    for random_state in range(5):
        narrow, wide = (BisectingKMeans(6, random_state=random_state).fit(A) for A in (X, X.astype(np.float64)))
        np.testing.assert_array_equal(narrow.labels_, wide.labels_)
        np.testing.assert_allclose(narrow.cluster_centers_, wide.cluster_centers_, rtol=1e-5, atol=1e-6)


def test_a_callable_sees_the_original_rows_of_the_cluster() -> None:
    """And may keep them. scikit-learn hands it rows less their mean."""
    seen = []

    def start(X: np.ndarray, n_clusters: int, random_state: Any) -> np.ndarray:
        assert n_clusters == 2 and isinstance(random_state, np.random.RandomState)
        seen.append(X)
        return X[:n_clusters].copy()

    X = NOISE + 5
    BisectingKMeans(4, init=start, n_init=2).fit(X)
    assert len(seen) == 3 * 2 and (seen[0] == X).all()
    given = {tuple(row) for row in X}
    assert all(len(rows) < len(X) and {tuple(row) for row in rows} < given for rows in seen[2:])
    assert len({rows.tobytes() for rows in seen[2:]}) == 2


def test_one_cluster_is_about_the_weighted_mean() -> None:
    """scikit-learn forgets the weights here."""
    weights = np.random.default_rng(1).random(300)
    model, expected = BisectingKMeans(1).fit(NOISE, sample_weight=weights), KMeans(1).fit(NOISE, sample_weight=weights)
    np.testing.assert_array_equal(model.cluster_centers_, expected.cluster_centers_)
    assert model.inertia_ == expected.inertia_ and not model.labels_.any() and not model.predict(NOISE).any()


def test_a_generator_may_draw() -> None:
    first, again = (BisectingKMeans(5, random_state=np.random.default_rng(3)).fit(NOISE) for _ in range(2))
    np.testing.assert_array_equal(first.labels_, again.labels_)


# ---- outputs --------------------------------------------------------------------------------------------------


@every_backend
@every_strategy
def test_labels_are_those_of_predict(strategy: str, backend: str) -> None:
    X = NOISE[:120].astype(np.float32) + 1e4
    weights = np.arange(120) % 3
    for max_iter in (1, 2, 300):
        model = BisectingKMeans(6, random_state=0, max_iter=max_iter, bisecting_strategy=strategy, backend=backend)
        for given in (None, weights):
            model.fit(X, sample_weight=given)
            np.testing.assert_array_equal(model.labels_, model.predict(X))
            w = 1.0 if given is None else given
            sq_dists = ((X.astype(float) - model.cluster_centers_[model.labels_]) ** 2).sum(axis=1)
            assert model.inertia_ == pytest.approx((w * sq_dists).sum(), rel=1e-12)


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.name)
def test_labels_are_those_of_predict_on_hostile_data(case: Any) -> None:
    for dtype in case.dtypes:
        X, _, weights = case.build(dtype, 300)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = BisectingKMeans(6, init="k-means++", random_state=0).fit(X, sample_weight=weights)
        assert np.isfinite(model.cluster_centers_).all()
        np.testing.assert_array_equal(model.labels_, model.predict(X))


@every_backend
def test_every_backend_gives_the_same_bits(backend: str) -> None:
    ours, reference = (BisectingKMeans(5, random_state=0, backend=b).fit(NOISE) for b in (backend, "identity"))
    for name in ("labels_", "cluster_centers_", "inertia_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(reference, name))


@pytest.mark.parametrize("algorithm", ["auto", "elkan", *ALGORITHMS])
def test_every_algorithm_gives_the_same_answer(algorithm: str) -> None:
    ours, plain = (BisectingKMeans(7, random_state=1, algorithm=a).fit(NOISE) for a in (algorithm, "lloyd"))
    np.testing.assert_array_equal(ours.labels_, plain.labels_)


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7, -1, None])
@pytest.mark.parametrize("copy_budget", [0.0, 1.5])
def test_threads_and_copies_change_no_bit(copy_budget: float, n_threads: int | None) -> None:
    X = np.random.default_rng(1).standard_normal((40_000, 8)).astype(np.float32)
    assert X.size * 8 > 7 * 2**18, "too little work for seven threads"
    plain = BisectingKMeans(8, random_state=0, n_threads=1).fit(X)
    model = BisectingKMeans(8, random_state=0, n_threads=n_threads, copy_budget=copy_budget).fit(X)
    for name in ("labels_", "cluster_centers_", "inertia_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(plain, name))
    np.testing.assert_array_equal(model.predict(X), plain.labels_)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("float16", "float32"), ("float32", "float32"), ("float64", "float64"), ("int32", "float64"), (">f8", "float64")],
)
def test_dtypes_of_results(given: str, expected: str) -> None:
    X = (NOISE * 4).astype(given)
    model = BisectingKMeans(3, random_state=0).fit(X)
    assert model.cluster_centers_.dtype == expected and model.cluster_centers_.flags.c_contiguous
    assert model.labels_.dtype == model.predict(X).dtype == np.int32
    assert model.transform(X).dtype == expected and type(model.inertia_) is float


@every_backend
def test_models_label_rows_of_another_dtype(backend: str) -> None:
    X = NOISE[:100] + 1e4
    for fitted, other in [(np.float32, np.float64), (np.float64, np.float32)]:
        model = BisectingKMeans(4, random_state=0, backend=backend).fit(X.astype(fitted))
        labels = model.predict(X.astype(other))
        for i, x in enumerate(X.astype(other).astype(np.longdouble)):
            node = model._bisecting_tree
            while node.left is not None:
                left, right = (((x - branch.center) ** 2).sum() for branch in (node.left, node.right))
                node = node.right if right < left else node.left
            assert labels[i] == node.label


@every_backend
@every_strategy
@pytest.mark.parametrize("init", ["random", "k-means++", drawn_rows], ids=["random", "k-means++", "callable"])
@pytest.mark.parametrize("values", [[0, 1, 1, 1], [1, 0, 0], [2, 2, 2], [0, 1, 2] * 4])
def test_too_few_distinct_rows_warn_and_end(values: list[float], init: Any, strategy: str, backend: str) -> None:
    """scikit-learn stops with an error if it is a single row's turn."""
    X, n_distinct = np.array(values)[:, None], len(set(values))
    for k in range(n_distinct + 1, min(len(X), n_distinct + 2) + 1):
        model = BisectingKMeans(k, init=init, random_state=0, bisecting_strategy=strategy, backend=backend)
        with pytest.warns(ConvergenceWarning, match=rf"distinct clusters \({n_distinct}\) found smaller"):
            model.fit(X)
        assert model.inertia_ == 0 and np.isfinite(model.cluster_centers_).all()
        np.testing.assert_array_equal(model.labels_, model.predict(X))


@pytest.mark.parametrize("init", ["k-means++", drawn_rows])
def test_rows_of_weight_zero_do_not_count(init: Any) -> None:
    X, weights = NOISE[:6], np.array([0, 0, 1.0, 0, 2.0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = BisectingKMeans(4, init=init, random_state=0, bisecting_strategy="largest_cluster")
        model.fit(X, sample_weight=weights)
    assert np.isfinite(model.cluster_centers_).all()
    np.testing.assert_array_equal(model.labels_, model.predict(X))


@every_strategy
def test_scaling_the_weights_changes_nothing(strategy: str) -> None:
    weights = np.random.default_rng(1).random(300)
    model = BisectingKMeans(6, random_state=0, bisecting_strategy=strategy)
    for scale in (2.0**-1000, 2.0**-3, 2.0**900):
        first, second = (clone(model).fit(NOISE, sample_weight=w) for w in (weights, weights * scale))
        np.testing.assert_array_equal(first.cluster_centers_, second.cluster_centers_)
        np.testing.assert_array_equal(first.labels_, second.labels_)


def test_verbose_tells_of_iterations_and_splits(capsys: pytest.CaptureFixture[str]) -> None:
    BisectingKMeans(3, random_state=0, verbose=1, tol=0).fit(NOISE)
    said = capsys.readouterr().out
    assert "Iteration 0, inertia " in said and said.count("New centroids from bisection: [[") == 2
    assert said.count(": strict convergence.") == 2
    BisectingKMeans(2, random_state=0, verbose=1, tol=0.1).fit(NOISE)
    assert "within tolerance 0.1." in capsys.readouterr().out


def test_names_go_in_and_out() -> None:
    frame = pd.DataFrame(NOISE, columns=list("wxyz"))
    model = BisectingKMeans(2, random_state=0).fit(frame)
    assert model.feature_names_in_.tolist() == list("wxyz")
    assert model.get_feature_names_out().tolist() == ["bisectingkmeans0", "bisectingkmeans1"]
    out = BisectingKMeans(2).set_output(transform="pandas").fit_transform(frame)
    assert list(out) == model.get_feature_names_out().tolist()


def test_clone_pickle_and_refit_give_the_same_model() -> None:
    model = BisectingKMeans(5, random_state=0).fit(NOISE)
    again, copied = clone(model).fit(NOISE), pickle.loads(pickle.dumps(model))
    for other in (again, copied, model.fit(NOISE)):
        np.testing.assert_array_equal(other.predict(NOISE), model.labels_)
        np.testing.assert_array_equal(other.cluster_centers_, model.cluster_centers_)
    assert all(leaf.indices is None for leaf in model._bisecting_tree.iter_leaves())


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_fit_leaves_the_estimator_as_it_was(error: type[BaseException]) -> None:
    backend, calls = get_backend("identity"), []
    original = backend.nearest

    def interrupt(*args: Any, **kwargs: Any) -> int:
        calls.append(1)
        if len(calls) > 20:
            raise error
        return original(*args, **kwargs)

    model = BisectingKMeans(6, random_state=0, backend="identity").fit(NOISE)
    before, labels = dict(model.__dict__), model.predict(NOISE)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(error):
        patch.setattr(backend, "nearest", interrupt)
        model.fit(NOISE[:, :2])
    assert model.__dict__ == before and len(calls) == 21
    np.testing.assert_array_equal(model.predict(NOISE), labels)


def test_a_read_only_memmap_is_enough(tmp_path: Any) -> None:
    np.save(tmp_path / "X.npy", NOISE)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    model = BisectingKMeans(4, random_state=0).fit(X)
    np.testing.assert_array_equal(model.predict(X), BisectingKMeans(4, random_state=0).fit(NOISE).labels_)
