"""Colours that can be told apart, and matplotlib on call."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kmeans_fast.displays.style import COLOURS, MARKERS, axes_of, colour, marker

pytest.importorskip("matplotlib")


def luminance(text: str) -> float:
    """Relative luminance of WCAG 2."""
    parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_can_be_seen_on_white_and_on_black() -> None:
    for text in COLOURS:
        assert 1.05 / (luminance(text) + 0.05) > 1.6, "on white"
        assert (luminance(text) + 0.05) / 0.05 > 3, "on black"


def test_63_clusters_differ() -> None:
    looks = {(colour(i), marker(i)) for i in range(len(COLOURS) * len(MARKERS))}
    assert len(looks) == len(COLOURS) * len(MARKERS) >= 60


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "kmeans_fast\[plot\]"'):
        axes_of(None)


def test_matplotlib_is_imported_by_the_first_drawing_only() -> None:
    code = "import sys, kmeans_fast.displays; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
