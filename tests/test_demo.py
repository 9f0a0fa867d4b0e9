"""The demo on a few digits and pixels: every backend, the tables and the picture."""

import contextlib
import io
import sys

import numpy as np
import pytest

from kmeans_fast import BACKENDS, backends, demo

pytest.importorskip("matplotlib")
pytest.importorskip("PIL")


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the demo prints with one digit and pixel of many, after it wrote its picture."""
    output = tmp_path_factory.mktemp("demo") / "picture.png"
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as stream:
        patch.setattr(demo, "MOST_FITS", 1)
        demo.run(output, n_threads=1, shrink=16)
    assert output.read_bytes().startswith(b"\x89PNG")
    return stream.getvalue()


def lines_of(printed, name):
    return [line for line in printed.splitlines() if line.startswith(name + " ")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_has_the_labels_of_the_reference(printed, backend):
    lines = lines_of(printed, backend)
    assert len(lines) == 2
    assert all(line.endswith(("yes", "is the reference")) for line in lines)


def test_scikit_learn_and_the_default_fits_are_shown(printed):
    assert len(lines_of(printed, demo.PEER)) == 4
    ours = lines_of(printed, "kmeans_fast")
    assert len(ours) == 2
    assert all(line.split()[-1] == "0" for line in ours), "labels that are not the nearest center"
    assert "loop ran on a sub-sample of 360 rows" in printed


def test_the_demo_ends_by_choosing_k_for_the_digits(printed):
    ending = printed.split("how many clusters do the digits make?")[1]
    assert [int(line.split()[0]) for line in ending.splitlines()[3:17]] == list(range(2, 16))
    assert all(f"{name}: best k = " in ending for name in demo.CHOOSE_BY)


def test_labels_that_are_not_the_nearest_are_counted():
    X, centers = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.0], [2.0]])
    assert demo.count_not_nearest(X, centers, np.array([0, 0, 1, 1], dtype=np.int32)) == 0
    assert demo.count_not_nearest(X, centers, np.array([0, 1, 1, 1], dtype=np.int32)) == 0, "a tie is not an error"
    assert demo.count_not_nearest(X, centers, np.array([1, 0, 1, 0], dtype=np.int32)) == 2


@pytest.mark.parametrize("module, hint", [("matplotlib", "plot"), ("PIL", "plot")])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, tmp_path, module, hint):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf'pip install "kmeans_fast\[{hint}\]"'):
        demo.run(tmp_path / "picture.png", shrink=16)


def test_the_demo_says_that_a_backend_is_not_built(monkeypatch, tmp_path):
    monkeypatch.setitem(backends.BACKENDS, "compiled", "kmeans_fast.backends.not_there")
    with pytest.raises(ImportError, match="pip install"):
        demo.run(tmp_path / "picture.png", shrink=16)
