"""Clusters in the plane: every row, every center, and numbers that do not touch."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN
from sklearn.datasets import load_digits, make_blobs

from kmeans_fast import KMeans
from kmeans_fast.displays import ClustersDisplay

DIGITS = load_digits().data[:600]
BLOBS = make_blobs(900, 2, centers=60, cluster_std=0.3, random_state=0)[0]


@pytest.mark.parametrize("k", [3, 60])
@pytest.mark.parametrize("X", [DIGITS, BLOBS], ids=["digits", "blobs"])
def test_every_row_and_every_center_is_drawn(X: np.ndarray, k: int) -> None:
    model = KMeans(k, random_state=0).fit(X)
    display = ClustersDisplay.from_estimator(model, X, ax=Figure().subplots())
    assert sum(len(points.get_offsets()) for points in display.points_) == len(X)
    assert len(display.points_) == len(display.centers_.get_offsets()) == k
    assert (display.ax_.get_legend() is not None) == (k == 3)


def test_two_features_are_drawn_as_they_are() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(BLOBS, columns=["length", "width"])
    model = KMeans(3, random_state=0).fit(frame)
    display = ClustersDisplay.from_estimator(model, frame, ax=Figure().subplots())
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "width")
    np.testing.assert_array_equal(display.centers, model.cluster_centers_)


def test_principal_components_keep_distances_as_far_as_a_plane_can() -> None:
    display = ClustersDisplay.from_estimator(KMeans(3, random_state=0).fit(DIGITS), DIGITS, ax=Figure().subplots())
    singular = np.linalg.svd(DIGITS - DIGITS.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose((display.points**2).sum(axis=0), singular[:2] ** 2, rtol=1e-9)
    assert display.ax_.get_xlabel() == f"principal component 1 ({100 * singular[0] ** 2 / (singular**2).sum():.0f} % of the variance)"  # fmt: skip # noqa: E501


def test_numbers_at_centers_do_not_touch() -> None:
    figure = Figure(layout="constrained")
    display = ClustersDisplay.from_estimator(KMeans(60, random_state=0).fit(BLOBS), BLOBS, ax=figure.subplots())
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in display.numbers_]
    assert len(boxes) > 20
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_of_many_rows_a_sample_is_drawn() -> None:
    display = ClustersDisplay.from_labels(BLOBS, np.arange(900) % 3, max_points=100, ax=Figure().subplots())
    assert len(display.points) == 100


def test_one_feature_and_noise_can_be_drawn() -> None:
    X = BLOBS[:, :1].copy()
    ClustersDisplay.from_estimator(KMeans(3, random_state=0).fit(X), X, ax=Figure().subplots())
    model = DBSCAN(eps=0.05).fit(BLOBS)
    assert -1 in model.labels_
    display = ClustersDisplay.from_estimator(model, BLOBS, ax=Figure().subplots())
    assert display.points_[0].get_label() == "-1"


def test_sparse_rows_and_wrong_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="sparse X can't be drawn"):
        ClustersDisplay.from_labels(csr_array(BLOBS), np.arange(900) % 3)
    with pytest.raises(ValueError, match="expected \\(900,\\)"):
        ClustersDisplay.from_labels(BLOBS, [0, 1])


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_a_legend_covers_no_other_axes(layout: str | None) -> None:
    figure = Figure(layout=layout)  # type: ignore[arg-type]
    left, right = figure.subplots(1, 2)
    ClustersDisplay.from_estimator(KMeans(3, random_state=0).fit(DIGITS), DIGITS, ax=left)
    FigureCanvasAgg(figure).draw()
    assert left.get_legend().get_window_extent().x1 <= right.get_window_extent().x0
