"""The command line: what it writes, and one line and status 2 for every error."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

import kmeans_fast
from kmeans_fast import BACKENDS, KMeans, backends, cli

COMMON = ("--backend", "identity")


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(60, 3)) + np.repeat([[0], [20], [40]], 20, axis=0)


@pytest.fixture
def npy(tmp_path, X):
    path = tmp_path / "data.npy"
    np.save(path, X)
    return path


def fails(capsys, *arguments):
    """The one line on stderr of a command that must fail with status 2."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("kmeans-fast: error: ")
    assert captured.err.count("\n") == 1
    assert captured.err.endswith("\n")
    return captured.err


def succeeds(capsys, *arguments):
    assert cli.main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


# --- what it does -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fit_writes_what_the_estimator_finds(capsys, tmp_path, X, dtype):
    path, output = tmp_path / "data.npy", tmp_path / "out.npz"
    np.save(path, X.astype(dtype))
    printed = succeeds(capsys, "fit", path, "-k", 3, "-o", output, "--seed", 5, *COMMON)
    model = KMeans(3, random_state=5, backend="identity").fit(X.astype(dtype))
    with np.load(output) as result:
        assert result["labels"].tolist() == model.labels_.tolist()
        assert result["centers"].dtype == dtype
        assert (result["centers"] == model.cluster_centers_).all()
    assert "60 rows x 3 features, 3 clusters" in printed
    assert f"inertia {model.inertia_:.6g}" in printed


def test_fit_reads_and_writes_csv(capsys, tmp_path, X):
    path = tmp_path / "data.csv"
    np.savetxt(path, X, delimiter=",", header="a,b,c", comments="", fmt="%.17g")
    succeeds(capsys, "fit", path, "-k", 3, "-o", tmp_path / "out.csv", *COMMON)
    model = KMeans(3, random_state=0, backend="identity").fit(X)
    labels = (tmp_path / "out.csv").read_text().split()
    assert labels == ["label", *map(str, model.labels_)]
    header, *lines = (tmp_path / "out-centers.csv").read_text().splitlines()
    assert header == "a,b,c"
    assert [list(map(float, line.split(","))) for line in lines] == model.cluster_centers_.tolist()


def test_fit_without_output_only_prints(capsys, npy):
    before = set(npy.parent.iterdir())
    assert "converged" in succeeds(capsys, "fit", npy, "-k", 3, *COMMON)
    assert set(npy.parent.iterdir()) == before


def test_the_same_seed_gives_the_same_file(capsys, npy, tmp_path):
    for name in ("a.npz", "b.npz"):
        succeeds(capsys, "fit", npy, "-k", 5, "--seed", 3, "-o", tmp_path / name, *COMMON)
    a, b = np.load(tmp_path / "a.npz"), np.load(tmp_path / "b.npz")
    assert (a["centers"] == b["centers"]).all()


@pytest.mark.parametrize(
    "options",
    [
        ("--mmap",),
        ("--dtype", "float32"),
        ("--init", "random", "--n-init", "2"),
        ("--max-iter", "1", "--tol", "0"),
        ("--threads", "1"),
    ],
)
def test_options_are_accepted(capsys, npy, options):
    assert "3 clusters" in succeeds(capsys, "fit", npy, "-k", 3, *options, *COMMON)


def test_warnings_take_one_line(capsys, tmp_path):
    np.save(tmp_path / "same.npy", np.ones((10, 2)))
    assert cli.main(["fit", str(tmp_path / "same.npy"), "-k", "3", *COMMON]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("kmeans-fast: warning: Number of distinct clusters (1)")
    assert captured.err.count("\n") == 1


def test_info_names_every_backend(capsys):
    printed = succeeds(capsys, "info")
    assert all(name in printed for name in BACKENDS)
    assert kmeans_fast.__version__ in printed


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_rewrites_one_line_of_a_terminal(monkeypatch, capsys, npy):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    printed = succeeds(capsys, "fit", npy, "-k", 3, *COMMON)
    shown = terminal.getvalue()
    assert "Iteration 0" in shown
    assert "Iteration" not in printed
    assert "\n" not in shown
    assert shown.endswith("\r")


def test_no_progress_without_a_terminal(capsys, npy):
    cli.main(["fit", str(npy), "-k", "3", *COMMON])
    assert capsys.readouterr().err == ""


def test_an_interrupt_ends_with_its_own_status(monkeypatch, capsys, npy):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "fitted", interrupted)
    assert cli.main(["fit", str(npy), "-k", "3", *COMMON]) == 130
    assert capsys.readouterr().err == "kmeans-fast: interrupted\n"


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["demo", "--help"]])
def test_help_is_no_error(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 0
    assert "usage: kmeans-fast" in capsys.readouterr().out


# --- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ([], "required"),
        (["bogus"], "invalid choice"),
        (["fit"], "required"),
        (["fit", "data.npy"], "-k"),
        (["fit", "data.npy", "-k", "0"], "at least 1, got '0'"),
        (["fit", "data.npy", "-k", "many"], "at least 1, got 'many'"),
        (["fit", "data.npy", "-k", "3", "--tol", "-1"], "at least 0"),
        (["fit", "data.npy", "-k", "3", "--tol", "nan"], "at least 0"),
        (["fit", "data.npy", "-k", "3", "--threads", "0"], "-1 for all"),
        (["fit", "data.npy", "-k", "3", "--seed", "-1"], "from 0"),
        (["fit", "data.npy", "-k", "3", "--bogus"], "unrecognized"),
    ],
)
def test_wrong_arguments(capsys, arguments, reason):
    assert reason in fails(capsys, *arguments)


def test_files_that_cannot_be_read(capsys, tmp_path):
    assert "no such file" in fails(capsys, "fit", tmp_path / "none.npy", "-k", 3)
    (tmp_path / "data.txt").write_text("1 2\n")
    assert ".npy or .csv" in fails(capsys, "fit", tmp_path / "data.txt", "-k", 3)
    (tmp_path / "bad.npy").write_bytes(b"nothing of the kind")
    assert "cannot read" in fails(capsys, "fit", tmp_path / "bad.npy", "-k", 3)
    (tmp_path / "bad.csv").write_text("1,2\n3,x\n")
    assert "cannot read" in fails(capsys, "fit", tmp_path / "bad.csv", "-k", 3)
    (tmp_path / "empty.csv").write_text("")
    assert "empty" in fails(capsys, "fit", tmp_path / "empty.csv", "-k", 3)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everything")
def test_files_without_permission(capsys, npy, tmp_path):
    npy.chmod(0)
    assert "cannot read" in fails(capsys, "fit", npy, "-k", 3)
    (tmp_path / "out.npz").touch(mode=0o400)
    npy.chmod(0o600)
    assert "permission" in fails(capsys, "fit", npy, "-k", 3, "-o", tmp_path / "out.npz")


@pytest.mark.parametrize(
    "values, reason",
    [
        (np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]]), "nan in row 1, column 1"),
        (np.array([[1.0, 2.0], [3.0, 4.0], [-np.inf, 6.0]]), "-inf in row 2, column 0"),
        (np.arange(9.0), "two axes"),
        (np.ones((3, 3, 3)), "two axes"),
        (np.ones((0, 3)), "no numbers"),
        (np.ones((3, 0)), "no numbers"),
        (np.ones((1, 3)), "use at most 1"),
        (np.array([["a", "b"], ["c", "d"]]), "expected real numbers"),
        (np.ones((3, 3), dtype=complex), "expected real numbers"),
    ],
)
def test_data_that_cannot_be_clustered(capsys, tmp_path, values, reason):
    np.save(tmp_path / "data.npy", values)
    assert reason in fails(capsys, "fit", tmp_path / "data.npy", "-k", 2, *COMMON)


def test_missing_numbers_in_csv(capsys, tmp_path):
    (tmp_path / "nan.csv").write_text("a,b\n1,2\nnan,4\n")
    assert "nan in row 1, column 0" in fails(capsys, "fit", tmp_path / "nan.csv", "-k", 1)
    (tmp_path / "gap.csv").write_text("1,2\n3,\n")
    assert "cannot read" in fails(capsys, "fit", tmp_path / "gap.csv", "-k", 1)


def test_outputs_that_cannot_be_written_are_found_before_the_fit(monkeypatch, capsys, npy, tmp_path):
    monkeypatch.setattr(cli, "fitted", lambda *_: pytest.fail("the fit began"))
    (tmp_path / "folder.npz").mkdir()
    assert "is a folder" in fails(capsys, "fit", npy, "-k", 3, "-o", tmp_path / "folder.npz")
    assert "no folder" in fails(capsys, "fit", npy, "-k", 3, "-o", tmp_path / "none" / "out.npz")
    assert ".npz or .csv" in fails(capsys, "fit", npy, "-k", 3, "-o", tmp_path / "out.txt")
    assert ".npz or .csv" in fails(capsys, "fit", npy, "-k", 3, "-o", npy)
    assert ".png" in fails(capsys, "demo", "-o", tmp_path / "out.txt")


def test_the_input_is_never_overwritten(capsys, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("1,2\n3,4\n")
    assert "is the input" in fails(capsys, "fit", path, "-k", 1, "-o", path)
    assert path.read_text() == "1,2\n3,4\n"


def test_mmap_is_for_npy_as_it_is(capsys, npy, tmp_path):
    (tmp_path / "data.csv").write_text("1,2\n")
    assert "--mmap" in fails(capsys, "fit", tmp_path / "data.csv", "-k", 1, "--mmap")
    assert "--mmap" in fails(capsys, "fit", npy, "-k", 1, "--mmap", "--dtype", "float32")


def test_unknown_backends(capsys, npy):
    message = fails(capsys, "fit", npy, "-k", 3, "--backend", "bogus")
    assert all(name in message for name in ("bogus", *BACKENDS))


@pytest.mark.parametrize("options", [("--backend", "compiled"), ()], ids=["compiled", "auto"])
def test_a_backend_that_is_not_built(monkeypatch, capsys, npy, options):
    monkeypatch.setitem(backends.BACKENDS, "compiled", "kmeans_fast.backends.not_there")
    assert "pip install" in fails(capsys, "fit", npy, "-k", 3, *options)


def test_a_failed_allocation(monkeypatch, capsys, npy):
    def fail(*_):
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setattr(cli, "fitted", fail)
    assert "not enough memory: Unable" in fails(capsys, "fit", npy, "-k", 3, *COMMON)


# --- as a process -----------------------------------------------------------------------------------------


def run_module(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", "kmeans_fast", *map(str, arguments)], cwd=cwd, capture_output=True,
                          text=True, timeout=120, check=False)  # fmt: skip


@pytest.fixture
def away(monkeypatch, tmp_path):
    """A folder outside of the checkout from which the package can still be imported."""
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(os.path.dirname(kmeans_fast.__file__)), prepend=os.pathsep)
    return tmp_path


def test_the_package_runs_as_a_module(away, npy):
    done = run_module("fit", npy, "-k", 3, "-o", "out.npz", *COMMON, cwd=away)
    assert done.returncode == 0, done.stderr
    assert (away / "out.npz").exists()


def test_errors_of_the_process_are_one_line_and_status_2(away):
    done = run_module("fit", "none.npy", "-k", 3, cwd=away)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "kmeans-fast: error: no such file: none.npy\n"
