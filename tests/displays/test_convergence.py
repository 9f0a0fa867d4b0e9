"""Histories of one and of many fits."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from kmeans_fast import KMeans
from kmeans_fast.displays import ConvergenceDisplay

X = np.random.default_rng(0).normal(size=(300, 3))
FITS = [KMeans(6, random_state=seed, n_init=1).fit(X) for seed in range(12)]


def legend(display: ConvergenceDisplay) -> list[str]:
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


@pytest.mark.parametrize("quantity", ["inertia", "shift", "n_changed"])
def test_one_fit_is_one_line(quantity: str) -> None:
    display = ConvergenceDisplay.from_estimator(FITS[0], quantity=quantity, ax=Figure().subplots())
    (line,) = display.lines_
    values = np.asarray(FITS[0].history_[quantity], dtype=float)
    assert line.get_xdata().tolist() == list(range(1, len(values) + 1))
    shown = np.asarray(line.get_ydata())
    np.testing.assert_array_equal(shown[values > 0], values[values > 0])
    assert display.ax_.get_legend() is None


def test_a_few_fits_are_named() -> None:
    assert legend(ConvergenceDisplay.from_estimators(FITS[:3], ax=Figure().subplots())) == ["fit 0", "fit 1", "fit 2"]
    by_k = [KMeans(k, random_state=0).fit(X) for k in (2, 3)]
    assert legend(ConvergenceDisplay.from_estimators(by_k, ax=Figure().subplots())) == ["k = 2", "k = 3"]
    named = ConvergenceDisplay.from_estimators({"a": FITS[0], "b": FITS[1]}, ax=Figure().subplots())
    assert legend(named) == ["a", "b"]


def test_lines_that_share_a_colour_differ_in_style() -> None:
    display = ConvergenceDisplay.from_estimators(FITS[:10], ax=Figure().subplots())
    assert len({(line.get_color(), line.get_linestyle()) for line in display.lines_}) == 10


def test_of_many_fits_the_best_stands_out() -> None:
    display = ConvergenceDisplay.from_estimators(FITS, ax=Figure().subplots())
    best = int(np.argmin([model.history_["inertia"][-1] for model in FITS]))
    widths = [line.get_linewidth() for line in display.lines_]
    assert int(np.argmax(widths)) == best
    assert set(legend(display)) == {f"fit {best}, the least inertia", "11 other fits"}


def test_what_has_no_history_is_refused() -> None:
    with pytest.raises(ValueError, match="no history_"):
        ConvergenceDisplay.from_estimator(KMeans(3))
    with pytest.raises(ValueError, match="quantity='loss'"):
        ConvergenceDisplay.from_estimator(FITS[0], quantity="loss")
    with pytest.raises(ValueError, match="no history to draw"):
        ConvergenceDisplay.from_estimators([])
