"""What choose_k gives back: a table, a frame, a picture."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from kmeans_fast.selection import choose_k

X = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(60, 2))
FOUND = choose_k(X, range(1, 6), ["gap", "silhouette"], random_state=0)


def test_the_frame_has_a_row_for_each_k_and_a_column_for_each_criterion() -> None:
    pytest.importorskip("pandas")
    frame = FOUND.to_frame()
    assert list(frame.columns) == ["gap", "gap_standard_error", "silhouette"]
    assert frame.index.tolist() == [1, 2, 3, 4, 5] and frame.index.name == "k"
    np.testing.assert_array_equal(frame["gap"], FOUND.values)
    np.testing.assert_array_equal(frame["gap_standard_error"], FOUND.standard_errors)


def test_without_pandas_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        FOUND.to_frame()


def test_printed_it_is_a_table_with_the_best_marked() -> None:
    lines = str(FOUND).splitlines()
    assert lines[0].split() == ["k", "gap", "(+-", "SE)", "silhouette"]
    assert [line.split()[0] for line in lines[1:6]] == ["1", "2", "3", "4", "5"]
    assert lines[3].count("*") == 2, "both criteria prefer three clusters"
    assert "gap: best k = 3" in str(FOUND) and "models" not in repr(FOUND)


def test_the_first_criterion_decides() -> None:
    assert FOUND.criterion == "gap" and FOUND.best_k == 3 and FOUND.best_model.n_clusters == 3
    assert FOUND.scores["silhouette"].standard_errors is None


def test_a_criterion_that_was_not_computed_can_not_be_drawn() -> None:
    with pytest.raises(ValueError, match="'bic' was not computed"):
        FOUND.plot("bic")
