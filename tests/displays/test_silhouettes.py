"""Silhouettes: one band a cluster, and names that do not touch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure
from sklearn.datasets import load_digits

from kmeans_fast import KMeans
from kmeans_fast.displays import SilhouetteDisplay
from kmeans_fast.selection import silhouette_score

DIGITS = load_digits().data[:600]


@pytest.mark.parametrize("k", [3, 60])
def test_there_is_a_band_a_cluster_and_the_mean(k: int) -> None:
    model = KMeans(k, random_state=0).fit(DIGITS)
    display = SilhouetteDisplay.from_estimator(model, DIGITS, ax=Figure().subplots())
    assert len(display.bands_) == k
    assert display.mean_line_.get_xdata()[0] == pytest.approx(silhouette_score(DIGITS, model))
    ends = [band.get_paths()[0].get_extents() for band in display.bands_]
    assert all(a.y1 < b.y0 for a, b in pairwise(ends)), "bands overlap"


@pytest.mark.parametrize("k", [3, 10, 60])
def test_names_of_clusters_do_not_touch(k: int) -> None:
    model = KMeans(k, random_state=0).fit(DIGITS)
    figure = Figure(layout="constrained")
    display = SilhouetteDisplay.from_estimator(model, DIGITS, ax=figure.subplots())
    figure.draw_without_rendering()
    boxes = sorted((label.get_window_extent() for label in display.ax_.get_yticklabels()), key=lambda box: box.y0)
    assert len(boxes) >= min(k, 10)
    assert all(a.y1 <= b.y0 for a, b in pairwise(boxes))


def test_a_sample_is_drawn_of_many_rows() -> None:
    labels = np.arange(600) % 4
    display = SilhouetteDisplay.from_labels(DIGITS, labels, sample_size=100, random_state=0, ax=Figure().subplots())
    assert display.silhouettes.shape == (100,)
    assert display.silhouettes.mean() == pytest.approx(
        silhouette_score(DIGITS, labels, sample_size=100, random_state=0)
    )


def test_one_label_a_silhouette() -> None:
    with pytest.raises(ValueError, match="one of each for every row"):
        SilhouetteDisplay([0.5, 0.5], [1])
