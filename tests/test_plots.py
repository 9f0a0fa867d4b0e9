"""Pictures are written, complete and without global state."""

import subprocess
import sys

import numpy as np
import pytest

from kmeans_fast import plots

pytest.importorskip("matplotlib")


def test_the_demo_picture_holds_every_image(tmp_path):
    photo, palette = np.zeros((6, 8, 3)), np.zeros((1, 5, 3))
    figure = plots.demo_picture(photo, photo, palette, [np.zeros((8, 8))] * 4, [7, 8, 9, 10])
    titles = [ax.get_title() for ax in figure.axes]
    assert len(titles) == 3 + 4
    assert "5 colours" in titles[1]
    assert titles[3:] == ["7 images", "8 images", "9 images", "10 images"]
    plots.save(figure, tmp_path / "demo.png")
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_ratio_bars_draw_every_ratio_and_name_every_series(tmp_path):
    groups = [("large", [("one", 12.5), ("two", 0.5)]), ("small", [("one", 1.0)])]
    figure = plots.ratio_bars(groups, "title", "ratio")
    (ax,) = figure.axes
    ends = sorted(bar.get_x() + bar.get_width() for bar in ax.patches)
    assert ends == pytest.approx([0.5, 1.0, 12.5])
    assert {text.get_text() for text in ax.texts} == {"12.5", "0.5", "1"}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["large", "small"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    plots.save(figure, tmp_path / "bars.png")
    assert (tmp_path / "bars.png").exists()


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "kmeans_fast\[plot\]"'):
        plots.ratio_bars([("a", [("b", 1.0)])], "title", "ratio")


def test_matplotlib_is_imported_by_the_first_drawing_only():
    code = "import sys, kmeans_fast.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_drawing_leaves_pyplot_alone():
    draw = "from kmeans_fast import plots; plots.new_figure(1, 1).subplots()"
    code = f"import sys; {draw}; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
