"""The commands predict and choose-k: what they write, and one line and status 2 for every error."""

import numpy as np
import pytest

from kmeans_fast import KMeans, cli, commands
from kmeans_fast.selection import CRITERIA, choose_k

CENTERS = np.array([[0, 0, 0], [20, 0, 0], [5, 30, 0]])


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(90, 3)) + np.repeat(CENTERS, 30, axis=0)


@pytest.fixture
def npy(tmp_path, X):
    np.save(tmp_path / "data.npy", X)
    return tmp_path / "data.npy"


@pytest.fixture
def model(capsys, npy, tmp_path):
    succeeds(capsys, "fit", npy, "-k", 3, "-o", tmp_path / "model.npz")
    return tmp_path / "model.npz"


def fails(capsys, *arguments):
    """The one line on stderr of a command that must fail with status 2."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("kmeans-fast: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def succeeds(capsys, *arguments):
    assert cli.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


# --- predict ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["auto", "identity"])
def test_predict_gives_the_labels_of_the_estimator(capsys, tmp_path, X, npy, model, backend):
    expected = KMeans(3, random_state=0).fit(X).labels_
    printed = succeeds(capsys, "predict", npy, "--model", model, "--backend", backend)
    assert list(map(int, printed.split())) == expected.tolist()
    succeeds(capsys, "predict", npy, "--model", model, "-o", tmp_path / "labels.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy"), expected)


def test_labels_in_csv_have_a_header_where_the_input_has_one(capsys, tmp_path, X, model):
    for header in ("", "a,b,c"):
        np.savetxt(tmp_path / "new.csv", X[:4], delimiter=",", header=header, comments="")
        succeeds(capsys, "predict", tmp_path / "new.csv", "--model", model, "-o", tmp_path / "labels.csv")
        lines = (tmp_path / "labels.csv").read_text().split()
        assert lines[0] == ("label" if header else lines[1])
        assert len(lines) == 4 + bool(header)


def test_files_that_hold_no_model(capsys, tmp_path, npy, model):
    assert "no such file" in fails(capsys, "predict", npy, "--model", tmp_path / "none.npz")
    assert "expected the .npz" in fails(capsys, "predict", npy, "--model", npy)
    (tmp_path / "bad.npz").write_bytes(b"nothing of the kind")
    assert "cannot read" in fails(capsys, "predict", npy, "--model", tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    assert "holds no centers" in fails(capsys, "predict", npy, "--model", tmp_path / "other.npz")
    for centers in (np.ones(3), np.full((2, 3), np.nan), np.ones((2, 3), dtype=complex)):
        np.savez(tmp_path / "odd.npz", centers=centers)
        assert "expected finite numbers" in fails(capsys, "predict", npy, "--model", tmp_path / "odd.npz")
    np.save(tmp_path / "narrow.npy", np.ones((4, 2)))
    assert "2 columns" in fails(capsys, "predict", tmp_path / "narrow.npy", "--model", model)
    assert "--model" in fails(capsys, "predict", npy)
    assert ".npy or .csv" in fails(capsys, "predict", npy, "--model", model, "-o", tmp_path / "out.txt")
    assert "is the input" in fails(capsys, "predict", npy, "--model", model, "-o", npy)


# --- choose-k ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", ["gap", "silhouette", "davies-bouldin,elbow", "all"])
def test_choose_k_prints_what_the_function_finds(capsys, npy, X, criterion):
    printed = succeeds(capsys, "choose-k", npy, "--max", 6, "--criterion", criterion)
    names = commands.criteria_of(criterion)
    ks = range(1 if names[0] in commands.FROM_ONE else 2, 7)
    assert printed.strip() == str(choose_k(X, ks, names, random_state=0))
    assert f"{names[0]}: best k = 3" in printed


def test_choose_k_draws_a_picture(capsys, tmp_path, npy):
    pytest.importorskip("matplotlib")
    printed = succeeds(capsys, "choose-k", npy, "--max", 5, "--criterion", "gap", "--plot", tmp_path / "out.png")
    assert printed.endswith(f"wrote {tmp_path / 'out.png'}\n")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_the_names_are_those_of_the_table():
    assert tuple(CRITERIA) == commands.CRITERION_NAMES
    assert {name for name, criterion in CRITERIA.items() if criterion.least_k == 1} == set(commands.FROM_ONE)


@pytest.mark.parametrize(
    "options, reason",
    [
        (["--criterion", "bogus"], "'bogus' is unknown"),
        (["--criterion", ""], "'' is unknown"),
        (["--min", "5", "--max", "3"], "no k between"),
        (["--max", "1"], "no k between"),
        (["--max", "0"], "at least 1, got '0'"),
        (["--max", "91"], "exceeds the 90 rows"),
        (["--max", "2", "--criterion", "elbow"], "at least 3 different ks"),
        (["--plot", "out.txt"], ".png"),
        (["--plot", "none/out.png"], "no folder"),
        (["--backend", "bogus"], "bogus"),
        (["--n-init", "0"], "at least 1"),
    ],
)
def test_wrong_options_of_choose_k(capsys, npy, options, reason):
    assert reason in fails(capsys, "choose-k", npy, *options)


@pytest.mark.parametrize("arguments", [["predict", "--help"], ["choose-k", "--help"]])
def test_help_is_no_error(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 0
    assert "usage: kmeans-fast" in capsys.readouterr().out
