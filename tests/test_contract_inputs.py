"""The contract on what comes in and goes out: containers, dtypes, parameters, errors, scikit-learn's machinery."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import sklearn.cluster
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import parametrize_with_checks

from kmeans_fast import KMeans, k_means, kmeans_plusplus

ROOT = Path(__file__).parent.parent
NOISE = np.random.default_rng(0).standard_normal((200, 3))
WEIGHTS = np.random.default_rng(1).random(200)


def swapped(X: np.ndarray) -> np.ndarray:
    return X.astype(X.dtype.newbyteorder())


def strided(X: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]


def read_only(X: np.ndarray) -> np.ndarray:
    X = X.copy()
    X.flags.writeable = False
    return X


def in_pandas(X: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(X, columns=["a", "b", "c"])


def in_polars(X: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame(X, schema=["a", "b", "c"])


MAKERS = [strided, read_only, swapped, np.asfortranarray, np.ndarray.tolist, in_pandas, in_polars]
every_make = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


# ---- containers and dtypes ---------------------------------------------------------------------------------------


@every_make
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_take_inputs_of_every_make(dtype: type, make: Any) -> None:
    X = NOISE.astype(dtype)
    if make is np.ndarray.tolist:
        X = X.astype(np.float64)
    given = make(X)
    for ours, plain in [
        (kmeans_plusplus(given, 4, random_state=0), kmeans_plusplus(X, 4, random_state=0)),
        (k_means(given, 4, random_state=0), k_means(X, 4, random_state=0)),
    ]:
        np.testing.assert_array_equal(ours[1], plain[1])
        if make is not swapped:
            np.testing.assert_array_equal(ours[0], plain[0])
            assert ours[0].dtype == plain[0].dtype == X.dtype


@every_make
def test_a_model_scores_and_transforms_inputs_of_every_make(make: Any) -> None:
    given = make(NOISE)
    model = KMeans(4, random_state=0).fit(given if hasattr(given, "columns") else NOISE, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(model.predict(given), model.labels_)
    plain = KMeans(4, random_state=0).fit(NOISE, sample_weight=WEIGHTS)
    np.testing.assert_array_equal(model.transform(given), plain.transform(NOISE))
    assert model.score(given, sample_weight=WEIGHTS) == -model.inertia_


@pytest.mark.parametrize("make", [list, pd.Series, pl.Series, read_only, lambda w: w.astype(np.float32)])
def test_weights_of_every_make(make: Any) -> None:
    weights = np.arange(200.0) % 4
    plain, model = (KMeans(4, random_state=0).fit(NOISE, sample_weight=w) for w in (weights, make(weights)))
    np.testing.assert_array_equal(model.labels_, plain.labels_)
    np.testing.assert_array_equal(model.cluster_centers_, plain.cluster_centers_)


@pytest.mark.parametrize("make", [np.ndarray.tolist, in_pandas, in_polars, read_only, strided, np.asfortranarray])
def test_initial_centers_of_every_make(make: Any) -> None:
    plain, model = (KMeans(4, init=init).fit(NOISE) for init in (NOISE[:4], make(NOISE[:4])))
    np.testing.assert_array_equal(model.labels_, plain.labels_)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (in_polars(NOISE).cast(pl.Float32), "float32"),
        (in_polars(NOISE), "float64"),
        (in_polars(NOISE).with_columns(pl.col("a").cast(pl.Float32)), "float64"),
        (in_pandas(NOISE).astype("float32"), "float32"),
        (in_pandas(NOISE).astype("float16"), "float32"),
        (in_pandas(NOISE).astype({"a": "float32"}), "float64"),
        ((in_pandas(NOISE) * 9).astype("int64"), "float64"),
        (NOISE.astype(np.float16), "float32"),
        (NOISE > 0, "float64"),
    ],
)
def test_dtype_of_the_centers_of_frames(frame: Any, expected: str) -> None:
    model = KMeans(3, random_state=0).fit(frame)
    assert model.cluster_centers_.dtype == expected and model.transform(frame).dtype == expected
    assert kmeans_plusplus(frame, 3, random_state=0)[0].dtype == expected


def test_float16_is_taken_as_the_same_float32_values() -> None:
    half = NOISE.astype(np.float16)
    fits = [KMeans(4, random_state=0).fit(X) for X in (half, half.astype(np.float32))]
    np.testing.assert_array_equal(fits[0].cluster_centers_, fits[1].cluster_centers_)


@pytest.mark.parametrize("mode", ["r", "c"])
def test_memmaps_stay_as_they_are(mode: str, tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", NOISE)
    X = np.load(tmp_path / "X.npy", mmap_mode=mode)
    model = KMeans(4, random_state=0, copy_x=False).fit(X, sample_weight=WEIGHTS)
    for call in (model.predict, model.transform, model.score, lambda X: k_means(X, 3), lambda X: kmeans_plusplus(X, 3)):
        call(X)
    np.testing.assert_array_equal(np.load(tmp_path / "X.npy"), NOISE)
    np.testing.assert_array_equal(X, NOISE)


def test_a_model_on_disk_predicts_read_only(tmp_path: Path) -> None:
    model = KMeans(4, random_state=0).fit(NOISE)
    expected = model.predict(NOISE)
    np.save(tmp_path / "centers.npy", model.cluster_centers_)
    model.cluster_centers_ = np.load(tmp_path / "centers.npy", mmap_mode="r")
    np.testing.assert_array_equal(model.predict(NOISE), expected)
    assert model.transform(NOISE).shape == (200, 4) and model.score(NOISE) < 0


# ---- parameters and errors ---------------------------------------------------------------------------------------


def test_signature_of_k_means_is_scikit_learns_and_additions_come_after() -> None:
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()]
        for f in (k_means, sklearn.cluster.k_means)
    )
    assert ours[: len(theirs)] == theirs
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    assert ours[len(theirs) :] == [("metric", keyword_only, "euclidean"), ("refine", keyword_only, None)]


@pytest.mark.parametrize(
    "bad", [{"n_clusters": 0}, {"init": "far"}, {"n_init": 0}, {"tol": -1}, {"return_n_iter": "yes"}, {"max_iter": 1.5}]
)
def test_bad_parameters_of_k_means_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError, match=f"The '{next(iter(bad))}' parameter of"):
        k_means(NOISE, **{"n_clusters": 3, **bad})


@pytest.mark.parametrize(
    "bad", [{"n_clusters": 0}, {"n_local_trials": 0}, {"random_state": "dice"}, {"sample_weight": 3}, {"X": 3}]
)
def test_bad_parameters_of_kmeans_plusplus_are_named(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError, match=f"The '{next(iter(bad))}' parameter of kmeans_plusplus"):
        kmeans_plusplus(**{"X": NOISE, "n_clusters": 3, **bad})


@pytest.mark.parametrize("call", [k_means, kmeans_plusplus], ids=["k_means", "kmeans_plusplus"])
@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (NOISE, {"n_clusters": 201}, r"n_samples=200 should be >= n_clusters=201\. Use at most 200"),
        (np.full((9, 2), np.nan), {}, "NaN"),
        (np.ones(9), {}, "Expected 2D array"),
        (np.ones((9, 2), complex), {}, "Complex data not supported"),
        (NOISE, {"sample_weight": -WEIGHTS}, r"sample_weight\[\d+\]=-0\.\d+ is negative; weights must be >= 0"),
        (NOISE, {"sample_weight": 0 * WEIGHTS}, "[Ss]ample.?weight.*zero"),
        (NOISE, {"sample_weight": WEIGHTS[:3]}, "shape"),
    ],
)
def test_functions_refuse_bad_data(X: Any, options: dict[str, Any], message: str, call: Any) -> None:
    with pytest.raises(ValueError, match=message):
        call(X, **{"n_clusters": 3, **options})


def test_parameters_are_kept_as_given() -> None:
    init, n_clusters, state = NOISE[:3].tolist(), np.int64(3), np.random.RandomState(0)
    model = KMeans(n_clusters, init=init, random_state=state, tol=np.float32(0), verbose=False).fit(NOISE)
    assert model.init is init and model.n_clusters is n_clusters and model.random_state is state


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KMeans(3, init=NOISE[:3], n_init=4), "performing only one init in KMeans, not n_init=4; use n_init=1"),
        (KMeans(1, algorithm="elkan"), r"doesn't make sense for a single cluster.* Using 'lloyd'; use algorithm="),
    ],
)
def test_warnings_point_at_the_caller(model: KMeans, message: str) -> None:
    with pytest.warns(RuntimeWarning, match=message):
        model.fit(NOISE)
    with pytest.warns(ConvergenceWarning, match="Possibly due to duplicate points"):
        KMeans(2).fit([[1.0], [1.0], [1.0]])


def test_predict_takes_no_weights() -> None:
    with pytest.raises(TypeError, match="sample_weight"):
        KMeans(2).fit(NOISE).predict(NOISE, sample_weight=WEIGHTS)


def test_scores_are_weighted() -> None:
    model = KMeans(4, random_state=0).fit(NOISE)
    sq_dists = ((NOISE - model.cluster_centers_[model.labels_]) ** 2).sum(axis=1)
    assert model.score(NOISE) == pytest.approx(-sq_dists.sum(), rel=1e-12)
    assert model.score(NOISE, sample_weight=WEIGHTS) == pytest.approx(-(sq_dists * WEIGHTS).sum(), rel=1e-12)


@pytest.mark.parametrize("factor", [0.5, 3.0, 1e30, 1e-30])
def test_scaled_weights_give_the_same_clusters(factor: float) -> None:
    plain, scaled = (KMeans(4, random_state=0).fit(NOISE, sample_weight=w) for w in (WEIGHTS, WEIGHTS * factor))
    np.testing.assert_array_equal(plain.labels_, scaled.labels_)
    np.testing.assert_allclose(plain.cluster_centers_, scaled.cluster_centers_, rtol=1e-12)
    assert scaled.inertia_ == pytest.approx(plain.inertia_ * factor, rel=1e-12)


# ---- scikit-learn's machinery ------------------------------------------------------------------------------------


def by_place(X: np.ndarray, n_clusters: int, random_state: Any) -> np.ndarray:
    """First centers that depend neither on the order nor on the number of rows."""
    return np.linspace(0.2, 0.8, n_clusters)[:, None] * np.ones(X.shape[1])


@parametrize_with_checks([KMeans(3, init=by_place, n_init=1, tol=0)])
def test_with_fixed_first_centers_every_check_passes_also_that_of_weights(estimator: Any, check: Any) -> None:
    """None is expected to fail: of draws alone, those for weighted rows are other ones than for repeated rows."""
    check(estimator)


def test_pickles_keep_everything() -> None:
    model = KMeans(4, random_state=0).fit(in_pandas(NOISE), sample_weight=WEIGHTS)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        twin = pickle.loads(pickle.dumps(model, protocol))
        assert set(vars(twin)) == set(vars(model)) and twin.get_params() == model.get_params()
        np.testing.assert_array_equal(twin.cluster_centers_, model.cluster_centers_)
        np.testing.assert_array_equal(twin.history_["inertia"], model.history_["inertia"])
        assert twin.feature_names_in_.tolist() == ["a", "b", "c"]


def test_a_clone_knows_the_parameters_and_nothing_of_the_fit() -> None:
    model = KMeans(4, random_state=3, tol=1e-3, n_threads=1, copy_budget=0.5).fit(NOISE)
    twin = clone(model)
    assert twin.get_params() == model.get_params() and not hasattr(twin, "cluster_centers_")
    assert repr(twin) == "KMeans(copy_budget=0.5, n_clusters=4, n_threads=1, random_state=3, tol=0.001)"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_output_frames_in_pipelines(library: str) -> None:
    pipe = make_pipeline(StandardScaler(), KMeans(3, random_state=0)).set_output(transform=library)
    frame = pipe.fit_transform(in_pandas(NOISE))
    assert list(frame.columns) == ["kmeans0", "kmeans1", "kmeans2"] == pipe.get_feature_names_out().tolist()
    plain = KMeans(3, random_state=0).fit_transform(StandardScaler().fit_transform(NOISE))
    np.testing.assert_allclose(np.asarray(frame), plain, rtol=1e-12)


def test_weights_are_routed_to_fit_and_score() -> None:
    weights = np.where(NOISE[:, 0] > 0, 1.0, 0.0)
    with sklearn.config_context(enable_metadata_routing=True):
        asks = KMeans(3, random_state=0).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asks)
        pipe.fit(NOISE, sample_weight=weights)
        routed = pipe.score(NOISE, sample_weight=weights)
        scores = cross_val_score(asks, NOISE, params={"sample_weight": weights}, cv=2)
    scaled = StandardScaler().fit_transform(NOISE)
    direct = KMeans(3, random_state=0).fit(scaled, sample_weight=weights)
    assert routed == direct.score(scaled, sample_weight=weights) != direct.score(scaled)
    half = KMeans(3, random_state=0).fit(NOISE[100:], sample_weight=weights[100:])
    assert scores[0] == half.score(NOISE[:100], sample_weight=weights[:100])


def test_a_search_finds_what_it_finds_with_scikit_learns() -> None:
    results = []
    for cls in (KMeans, sklearn.cluster.KMeans):
        search = GridSearchCV(cls(random_state=0), {"n_clusters": [2, 3, 5], "init": ["random", "k-means++"]}, cv=3)
        results.append(search.fit(NOISE).cv_results_["mean_test_score"])
    np.testing.assert_allclose(*results, rtol=1e-10)


# ---- defects that are not copied ---------------------------------------------------------------------------------


def test_a_fit_without_memory_is_a_memory_error_not_a_crash() -> None:
    pytest.importorskip("resource")
    program = """
import resource, numpy as np
from kmeans_fast import KMeans
X = np.random.default_rng(0).random((200_000, 10))
model = KMeans(30, n_threads=1, max_iter=25, tol=0, init="random", n_init=1, random_state=0, copy_budget=10)
model.fit(X[:2000])
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
outcomes = set()
for megabytes in (0, 1, 2, 3, 5, 8, 12, 20, 30, 60):
    resource.setrlimit(resource.RLIMIT_AS, (now + megabytes * 2**20, resource.RLIM_INFINITY))
    before = dict(vars(model))
    try:
        model.fit(X)
        outcomes.add("fitted")
    except MemoryError:
        outcomes.add("refused")
        assert set(vars(model)) == set(before) and all(vars(model)[name] is before[name] for name in before)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(*sorted(outcomes))
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell the size of a process")
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "refused" in run.stdout, "memory never ran out"


def test_the_history_tells_whether_a_run_was_cut_short() -> None:
    cut, whole = (KMeans(8, random_state=0, tol=0, max_iter=max_iter).fit(NOISE) for max_iter in (2, 300))
    assert (cut.converged_, cut.n_iter_) == (False, 2) and whole.converged_ and whole.n_iter_ > 2
    np.testing.assert_array_equal(cut.history_["inertia"], whole.history_["inertia"][:2])


def test_inertia_is_added_up_in_float64() -> None:
    X = np.full((200_000, 1), 0.1, dtype=np.float32)
    X[::2] += np.float32(1e-3)
    model = KMeans(1).fit(X)
    exact = ((X.astype(np.longdouble) - model.cluster_centers_.astype(np.longdouble)) ** 2).sum()
    assert model.inertia_ == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("offset", [1e3, 1e4, 1e5])
def test_labels_of_offset_float32_rows_are_those_of_predict(offset: float) -> None:
    X = (np.random.default_rng(0).standard_normal((3000, 16)) + offset).astype(np.float32)
    model = KMeans(20, random_state=0).fit(X)
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    sq_dists = ((X[:, None].astype(np.float64) - model.cluster_centers_.astype(np.float64)) ** 2).sum(axis=2)
    np.testing.assert_array_equal(model.labels_, sq_dists.argmin(axis=1))
