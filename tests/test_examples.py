"""The programs of scikit-learn's example gallery on k-means give the same answer with the import changed.

Data and parameters are those of the examples that their docstrings name; the programs are our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import sklearn.cluster
from sklearn.datasets import load_digits, load_iris, load_sample_image, make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score, v_measure_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle
from threadpoolctl import threadpool_limits

import kmeans_fast
from kmeans_fast.backends import get_backend


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait busily for each other take long on a machine in use."""
    get_backend()  # its threads can be limited once it is loaded
    with threadpool_limits(1):
        yield


def fitted(name: str, X: Any, **parameters: Any) -> tuple[Any, Any]:
    """Our estimator and scikit-learn's of this name; skipped as long as the package has none."""
    if not hasattr(kmeans_fast, name):
        pytest.skip(f"kmeans_fast.{name} does not exist")
    ours, theirs = (getattr(module, name)(**parameters) for module in (kmeans_fast, sklearn.cluster))
    return ours.fit(X), theirs.fit(X)


def assert_same_up_to_names(ours: Any, theirs: Any) -> None:
    """The same partition and centers, however the clusters are numbered."""
    names = np.full(ours.n_clusters, -1)
    names[ours.labels_] = theirs.labels_
    assert sorted(names.tolist()) == list(range(ours.n_clusters)), "the clusters do not correspond one to one"
    np.testing.assert_array_equal(names[ours.labels_], theirs.labels_)
    size = np.abs(theirs.cluster_centers_).max()
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_[names], rtol=1e-9, atol=1e-12 * size)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)


# ---- plot_kmeans_assumptions -------------------------------------------------------------------------------------


@cache
def assumptions() -> dict[str, np.ndarray]:
    X, y = make_blobs(1500, random_state=170)
    return {
        "round": X,
        "stretched": X @ np.array([[0.60834549, -0.63667341], [-0.40887718, 0.85253229]]),
        "uneven widths": make_blobs(1500, cluster_std=[1.0, 2.5, 0.5], random_state=170)[0],
        "uneven sizes": np.vstack([X[y == label][:size] for label, size in enumerate((500, 100, 10))]),
    }


@pytest.mark.parametrize("name", ["round", "stretched", "uneven widths", "uneven sizes"])
@pytest.mark.parametrize(("n_clusters", "n_init"), [(2, "auto"), (3, "auto"), (3, 10)])
def test_plot_kmeans_assumptions(n_clusters: int, n_init: Any, name: str) -> None:
    X = assumptions()[name]
    assert_same_up_to_names(*fitted("KMeans", X, n_clusters=n_clusters, n_init=n_init, random_state=170))


# ---- plot_kmeans_digits ------------------------------------------------------------------------------------------


def test_plot_kmeans_digits_by_every_init() -> None:
    data, digits = load_digits(return_X_y=True)
    scaled = StandardScaler().fit_transform(data)
    inits: list[tuple[Any, int]] = [("k-means++", 4), ("random", 4), (PCA(10, random_state=0).fit(data).components_, 1)]
    for init, n_init in inits:
        parameters = {"n_clusters": 10, "init": init, "n_init": n_init, "random_state": 0}
        ours, theirs = fitted("KMeans", scaled, **parameters)
        assert_same_up_to_names(ours, theirs)
        pipe = make_pipeline(StandardScaler(), kmeans_fast.KMeans(**parameters)).fit(data)
        assert pipe[-1].inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
        for score in (adjusted_rand_score, v_measure_score):
            assert score(digits, ours.labels_) == pytest.approx(score(digits, theirs.labels_), abs=1e-12)


def test_plot_kmeans_digits_in_the_plane() -> None:
    X = PCA(2, random_state=0).fit_transform(load_digits().data)
    ours, theirs = fitted("KMeans", X, n_clusters=10, n_init=4, random_state=0)
    assert_same_up_to_names(ours, theirs)
    mesh = np.stack(np.meshgrid(np.arange(-30, 30, 0.25), np.arange(-30, 30, 0.25)), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(ours.predict(mesh), theirs.predict(mesh))


# ---- plot_kmeans_silhouette_analysis, plot_cluster_iris, plot_kmeans_plusplus ------------------------------------


@pytest.mark.parametrize("n_clusters", [2, 3, 4, 5, 6])
def test_plot_kmeans_silhouette_analysis(n_clusters: int) -> None:
    X, _ = make_blobs(500, n_features=2, centers=4, cluster_std=1, center_box=(-10.0, 10.0), random_state=1)
    ours, theirs = fitted("KMeans", X, n_clusters=n_clusters, random_state=10)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    assert_same_up_to_names(ours, theirs)
    assert silhouette_score(X, ours.labels_) == silhouette_score(X, theirs.labels_)


@pytest.mark.parametrize("parameters", [{"n_clusters": 8}, {"n_clusters": 3}, {"n_clusters": 3, "init": "random"}])
def test_plot_cluster_iris(parameters: dict[str, Any]) -> None:
    X = load_iris().data
    assert_same_up_to_names(*fitted("KMeans", X, **parameters, n_init=1, random_state=0))


def test_plot_kmeans_plusplus() -> None:
    X = make_blobs(4000, centers=4, cluster_std=0.60, random_state=0)[0][:, ::-1]
    modules = (kmeans_fast, sklearn.cluster)
    ours, theirs = (module.kmeans_plusplus(X, n_clusters=4, random_state=0) for module in modules)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


# ---- plot_mini_batch_kmeans, plot_bisect_kmeans ------------------------------------------------------------------


@cache
def three_blobs() -> np.ndarray:
    return make_blobs(3000, centers=[[1, 1], [-1, -1], [1, -1]], cluster_std=0.7, random_state=0)[0]


def test_plot_mini_batch_kmeans_whole() -> None:
    assert_same_up_to_names(*fitted("KMeans", three_blobs(), n_clusters=3, n_init=10, random_state=0))


def test_plot_mini_batch_kmeans_in_batches() -> None:
    parameters = {"n_clusters": 3, "batch_size": 45, "n_init": 10, "max_no_improvement": 10, "random_state": 0}
    ours, theirs = fitted("MiniBatchKMeans", three_blobs(), **parameters)
    assert_same_up_to_names(ours, theirs)
    assert ours.n_steps_ == theirs.n_steps_


@pytest.mark.parametrize("n_clusters", [4, 8, 16])
@pytest.mark.parametrize("name", ["KMeans", "BisectingKMeans"])
def test_plot_bisect_kmeans(name: str, n_clusters: int) -> None:
    X, _ = make_blobs(10_000, centers=2, random_state=0)
    assert_same_up_to_names(*fitted(name, X, n_clusters=n_clusters, n_init=3, random_state=0))


# ---- plot_kmeans_stability_low_dim_dense, plot_color_quantization --------------------------------------------------


@pytest.mark.parametrize("n_init", [1, 5, 20])
@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_plot_kmeans_stability(init: str, n_init: int) -> None:
    grid = np.array([[i, j] for i in range(3) for j in range(3)], dtype=float)
    for seed in range(5):
        noise = np.random.RandomState(seed).normal(scale=0.1, size=(100, 2))
        X = shuffle(np.concatenate([center + noise for center in grid]), random_state=seed)
        ours, theirs = fitted("KMeans", X, n_clusters=9, init=init, n_init=n_init, random_state=seed)
        assert_same_up_to_names(ours, theirs)


def test_plot_color_quantization() -> None:
    pytest.importorskip("PIL")
    image = np.array(load_sample_image("china.jpg"), dtype=np.float64).reshape(-1, 3) / 255
    sample = shuffle(image, random_state=0, n_samples=1000)
    ours, theirs = fitted("KMeans", sample, n_clusters=64, random_state=0)
    assert_same_up_to_names(ours, theirs)
    mine, other = ours.predict(image), theirs.predict(image)
    differs = np.flatnonzero(mine != other)
    assert len(differs) <= 10
    to = [((image[differs] - ours.cluster_centers_[labels[differs]]) ** 2).sum(axis=1) for labels in (mine, other)]
    np.testing.assert_allclose(*to, rtol=1e-12, err_msg="only pixels midway between two colours may differ")
