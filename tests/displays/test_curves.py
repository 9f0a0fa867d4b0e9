"""Scores, elbows and gaps: every value is drawn and the best is marked."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from kmeans_fast.displays import ElbowDisplay, GapDisplay, ScoreDisplay, display_of
from kmeans_fast.selection import choose_k

X = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(60, 2))
FOUND = choose_k(X, range(1, 7), ["elbow", "gap", "silhouette"], random_state=0)


@pytest.mark.parametrize("name", FOUND.scores)
def test_every_value_is_drawn_and_the_best_is_marked(name: str) -> None:
    ax = Figure().subplots()
    display = FOUND.plot(name, ax=ax)
    scores = FOUND.scores[name]
    assert display.ax_ is ax and display.figure_ is ax.figure
    np.testing.assert_array_equal(display.line_.get_xdata(), scores.ks)
    np.testing.assert_array_equal(display.line_.get_ydata(), scores.values)
    assert display.best_.get_xdata().tolist() == [scores.best_k]
    assert "best k = 3" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert type(display) is type(display_of(scores))


def test_an_elbow_has_its_chord_and_a_gap_its_errors() -> None:
    elbow = ElbowDisplay.from_selection(FOUND, ax=Figure().subplots())
    assert elbow.chord_.get_ydata().tolist() == FOUND.values[[0, -1]].tolist()
    gap = GapDisplay.from_selection(FOUND, ax=Figure().subplots())
    (_, _, (bars,)), scores = gap.errorbar_.lines, FOUND.scores["gap"]
    heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
    np.testing.assert_allclose(heights, 2 * scores.standard_errors)


def test_from_data_computes_and_draws() -> None:
    ax = Figure().subplots()
    assert ElbowDisplay.from_data(X, range(1, 7), random_state=0, ax=ax).scores.best_k == 3
    display = ScoreDisplay.from_data(X, range(2, 5), "davies_bouldin", random_state=0, ax=Figure().subplots())
    assert display.ax_.get_ylabel() == "Davies-Bouldin score"


def test_a_largest_k_that_keeps_no_rule_is_not_called_the_best() -> None:
    found = choose_k(X, [2, 3], "gap", random_state=0)
    display = found.plot(ax=Figure().subplots())
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert not found.scores["gap"].is_rule_kept and any("no k keeps the rule" in text for text in texts)


def test_many_ks_have_few_ticks() -> None:
    found = choose_k(X, range(2, 40), "davies_bouldin", random_state=0)
    ticks = found.plot(ax=Figure().subplots()).ax_.get_xticks()
    assert len(ticks) <= 12 and (ticks == ticks.astype(int)).all()


def test_scores_of_another_criterion_are_refused() -> None:
    with pytest.raises(ValueError, match="draws 'elbow', got scores of 'gap'"):
        ElbowDisplay(FOUND.scores["gap"])
    with pytest.raises(ValueError, match="'bic' was not computed"):
        ScoreDisplay.from_selection(FOUND, "bic")
