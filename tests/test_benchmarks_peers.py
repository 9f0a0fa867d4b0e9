"""Other packages beside us: same work, a process each, pairs in turns, and what is made of the figures."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
if not (CHECKOUT / "benchmarks").is_dir():
    pytest.skip("benchmarks are part of the checkout only", allow_module_level=True)
sys.path.insert(0, str(CHECKOUT))

from benchmarks import (  # noqa: E402
    __main__ as command,
    bench_peers,
    check,
    command_peers,
    datasets,
    packages,
    peers_report,
    report,
    runner,
    workers,
    workloads,
)
from benchmarks.packages import FIT, OUR_LLOYD, OURS, PACKAGES, Job, Outcome, Package  # noqa: E402
from benchmarks.workloads import WORKLOADS, Workload  # noqa: E402

TINY = Workload("blobs", 4, 2.0, (300, 3), max_iter=10)
SETTINGS = runner.Settings(repeat=3, n_threads=1)
built = pytest.mark.skipif(not runner.is_built(bench_peers.BACKEND), reason="the compiled backend is not built")


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    monkeypatch.setattr(bench_peers, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(workers, "MOST_WAIT", 0.0)


class Fake:
    """A worker in this process, of a fit that moves nothing and takes as many seconds a call as it is told."""

    is_alive = True

    def __init__(self, seconds, calls=None, *, name="fake", fail_after=None, **options):
        self.now, self.calls, self.name, self.fail_after = 0.0, [] if calls is None else calls, name, fail_after
        self.seconds, self.max_iters = seconds, []
        package = Package("fake", "fake", self.fit, **options)
        self.server = workers.Server(package, 1, clock=lambda: self.now)

    def fit(self, X, job):
        self.now += self.seconds
        self.max_iters.append(job.max_iter)
        labels = check_labels(X, job.init)
        return Outcome(job.init, None if self.server.package.assign else labels, 7)

    def ask(self, request):
        self.calls.append((self.name, request["do"]))
        if self.fail_after is not None and len(self.calls) > self.fail_after:
            raise workers.WorkerFailed(f"{self.name} is worn out")
        return json.loads(json.dumps(self.server.ask(request)))

    def close(self):
        self.is_alive = False


def check_labels(X, centers):
    return ((X[:, None].astype(float) - centers) ** 2).sum(axis=2).argmin(axis=1).astype(np.int32)


def measured(fakes, workload=TINY, settings=SETTINGS):
    """Rows by peer, and what was skipped; ``fakes`` by name, ours among them."""
    skipped = {}
    table = {name: fake.server.package for name, fake in fakes.items() if name != OURS}
    with bench_peers.Workers(1, lambda name, n_threads: fakes[name]) as pool:
        (case,) = bench_peers.cases([workload], pool, table, skipped.__setitem__)
        rows = {row.peer: row for row in case.run(settings)}
    return rows, skipped


# --- the packages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_fits_from_the_given_centers(name):
    package = PACKAGES[name]
    if package.obstacle() or (package.module == OURS and not runner.is_built(bench_peers.BACKEND)):
        pytest.skip(f"{name} is not installed")
    X = datasets.blobs(500, 4, n_blobs=5)
    job = Job(FIT, 5, 10, 1, datasets.distinct_rows(X, 5))
    centers, labels, n_iter = package.run(X, job)
    if labels is None:
        labels = package.assign(X, centers, job)
    assert centers.shape == (5, 4)
    assert 1 <= n_iter <= 10
    assert check.count_not_nearest(X, centers, labels) == 0
    if not package.is_approximate:
        expected = PACKAGES["scikit-learn-lloyd"].run(X, job).centers
        assert check.nearest_inertia(X, centers) == pytest.approx(check.nearest_inertia(X, expected), rel=1e-3)


def test_one_measure_of_inertia_for_centers_from_anywhere(monkeypatch):
    monkeypatch.setattr(check, "CHUNK_ELEMENTS", 50)
    rng = np.random.default_rng(0)
    X, centers = rng.integers(-3, 4, (60, 3)) + 10**7, rng.integers(-3, 4, (6, 3)) + 10**7
    expected = ((X[:, None] - centers) ** 2).sum(axis=2).min(axis=1).sum()
    assert check.nearest_inertia(X.astype(float), centers.astype(float)) == expected


# --- turns ------------------------------------------------------------------------------------------------


@built
def test_the_ratio_is_that_of_pairs_in_turns():
    calls = []
    fakes = {name: Fake(seconds, calls, name=name) for name, seconds in ((OURS, 0.5), ("a", 1.0), ("b", 0.25))}
    rows, skipped = measured(fakes)
    assert skipped == {}
    assert {name: row.ratio for name, row in rows.items()} == pytest.approx({"a": 2.0, "b": 0.5})
    assert rows["a"].seconds == pytest.approx(0.5)
    assert rows["a"].peer_seconds == pytest.approx(1.0)
    assert rows["a"].repeat == 3
    turns = [name for name, what in calls if what == "time"]
    assert turns == [OURS, "a", OURS, "b", "a", OURS, "b", OURS, OURS, "a", OURS, "b"]


@built
def test_a_long_round_is_repeated_less_often():
    fakes = {OURS: Fake(1.0), "a": Fake(1.5 * bench_peers.LONG_ROUND_SECONDS)}
    rows, _ = measured(fakes, settings=runner.Settings(repeat=9, n_threads=1))
    assert rows["a"].repeat == bench_peers.LONG_REPEAT
    rows, _ = measured({OURS: Fake(0.1), "a": Fake(0.1)}, settings=runner.Settings(repeat=9, n_threads=1))
    assert rows["a"].repeat == 9


@built
def test_libraries_that_are_slow_to_wake_up_cost_no_rounds():
    class Sleepy(Fake):
        def fit(self, X, job):
            self.now += 0.0 if self.max_iters else 1.5 * bench_peers.LONG_ROUND_SECONDS
            return super().fit(X, job)

    rows, _ = measured({OURS: Fake(0.1), "a": Sleepy(0.1)}, settings=runner.Settings(repeat=9, n_threads=1))
    assert rows["a"].repeat == 9
    assert rows["a"].ratio == pytest.approx(1.0)


@built
def test_a_hopeless_peer_is_timed_once():
    slow = Fake(2 * bench_peers.ONCE_SECONDS)
    rows, _ = measured({OURS: Fake(0.5), "slow": slow, "quick": Fake(0.5)})
    assert len(slow.max_iters) == rows["slow"].repeat == 1
    assert rows["slow"].ratio == pytest.approx(4 * bench_peers.ONCE_SECONDS)
    assert rows["quick"].repeat == 3


@built
def test_who_has_no_stop_runs_our_number_of_iterations():
    fakes = {OURS: Fake(0.5), "stops": Fake(0.5), "goes on": Fake(0.5, has_stop=False)}
    measured(fakes, replace(TINY, max_iter=workloads.TO_CONVERGENCE))
    assert set(fakes["stops"].max_iters) == {workloads.TO_CONVERGENCE}
    assert set(fakes["goes on"].max_iters) == {7}


@built
def test_labels_that_need_a_call_of_their_own_are_not_in_the_time():
    late = Fake(0.5)

    def assign(X, centers, job):
        late.now += 5.0
        return check_labels(X, centers)

    late.server.package = replace(late.server.package, assign=assign)
    rows, _ = measured({OURS: Fake(0.5), "late": late})
    assert rows["late"].ratio == pytest.approx(1.0)
    assert rows["late"].peer_label_seconds == pytest.approx(5.0)
    assert rows["late"].peer_n_wrong == 0
    assert "for labels" in rows["late"].note


@built
def test_a_worse_clustering_and_wrong_labels_are_told():
    bad = Fake(0.5)

    def fit(X, job):
        centers = job.init.copy()
        centers[0] += 50
        return Outcome(centers, np.zeros(len(X), dtype=np.int32), 7)

    bad.server.package = replace(bad.server.package, run=fit)
    rows, _ = measured({OURS: Fake(0.5), "bad": bad, "good": Fake(0.5)})
    assert rows["bad"].is_approximate
    assert rows["bad"].note.startswith("worse")
    assert rows["bad"].peer_n_wrong > 100
    assert rows["bad"].n_wrong == 0
    assert peers_report.gap(rows["bad"]) > bench_peers.WORSE
    assert not rows["good"].is_approximate


@built
@pytest.mark.parametrize("fail_after", [0, 3])
def test_a_peer_that_fails_is_skipped_by_name_and_the_others_go_on(fail_after):
    fakes = {OURS: Fake(0.5), "weak": Fake(0.5, name="weak", fail_after=fail_after), "strong": Fake(1.0)}
    rows, skipped = measured(fakes)
    assert list(rows) == ["strong"]
    assert skipped == {f"peers/{TINY.name}: weak": "weak is worn out"}


@built
def test_without_our_result_the_workload_is_skipped():
    with pytest.raises(datasets.Skipped, match="worn out"):
        measured({OURS: Fake(0.5, fail_after=0), "a": Fake(0.5)})


# --- processes --------------------------------------------------------------------------------------------


@built
def test_workers_are_processes_that_do_the_work(tmp_path):
    X = TINY.load(None)
    request = bench_peers.shared(tmp_path, X, datasets.distinct_rows(X, TINY.k), TINY)
    with bench_peers.Workers(1) as pool:
        ours, theirs = (bench_peers.warmed_up(pool[name], request) for name in (OUR_LLOYD, "scikit-learn-lloyd"))
        assert pool[OUR_LLOYD] is ours.worker
        assert ours.take_turn() > 0
        with pytest.raises(workers.WorkerFailed, match=rf"{OUR_LLOYD}: .*No such file"):
            ours.worker.ask({**request, "X": str(tmp_path / "absent.npy")})
        assert ours.worker.ask(request)["n_iter"] == ours.n_iter, "it goes on after an error"
    assert np.allclose(ours.centers, theirs.centers)
    assert np.array_equal(ours.labels, theirs.labels)
    assert not ours.worker.is_alive


def test_a_worker_that_takes_too_long_or_dies_fails_and_is_started_again():
    with bench_peers.Workers(1) as pool:
        first = pool[OUR_LLOYD]
        with pytest.raises(workers.WorkerFailed, match=r"longer than 0\.01 s"):
            first.ask({"do": "time", "n_calls": 1}, patience=0.01)
        first._process.wait()
        with pytest.raises(workers.WorkerFailed, match="process ended"):
            first.ask({"do": "time", "n_calls": 1})
        assert pool[OUR_LLOYD] is not first


def test_every_library_is_held_to_the_threads():
    assert workers.environment(3)["OMP_NUM_THREADS"] == workers.environment(3)["OPENBLAS_NUM_THREADS"] == "3"


# --- the summary ------------------------------------------------------------------------------------------


def a_row(peer, ratio, **changes):
    values = {"bench": "peers", "case": "c", "backend": "compiled", "isa": "avx2", "n": 9, "d": 2, "k": 3,
              "dtype": "float32", "threads": 1, "seconds": 0.5, "peer_seconds": 1.0, "ratio": ratio, "peer": peer,
              "wanted": 3.0, "n_wrong": 0, "inertia": 2.0, "peer_inertia": 3.0, "repeat": 9}  # fmt: skip
    return report.Row(**{**values, **changes})


def test_the_best_peer_decides_and_our_own_lloyd_is_none():
    rows = [a_row("a", 4.0), a_row("b", 2.0, is_approximate=True), a_row(OUR_LLOYD, 0.9)]
    (one,) = peers_report.verdicts(rows)
    assert (one.ratio, one.best.peer, one.best_exact.peer, one.beside_lloyd) == (2.0, "b", "a", 0.9)
    assert one.is_reached is False
    assert peers_report.verdict("c", rows[:1]).is_reached is True
    printed = "\n".join(peers_report.summary([one]))
    assert "b ~" in printed
    assert "slower than 0.95 of our own plain Lloyd: c" in printed
    assert "0 of 1 workloads reach" in printed


def test_times_per_iteration_decide_where_they_are_wanted():
    rows = [a_row("a", 2.0, n_iter=30, peer_n_iter=10, is_per_iteration=True)]
    (one,) = peers_report.verdicts(rows)
    assert one.ratio == pytest.approx(6.0)
    assert one.is_reached


def test_means_are_geometric():
    (line,) = peers_report.mean_lines("g", [1.0, None, 4.0], "x")
    assert "mean 2, minimum 1, of 2" in line
    assert list(peers_report.mean_lines("g", [None], "x")) == []


def test_a_table_line_fits_its_header():
    line = peers_report.table_line(a_row("a", 2.0, note="approximate"))
    assert "9x2, 3" in line
    assert "+5.0e-01" in line
    assert line.endswith("approximate")


# --- the command ------------------------------------------------------------------------------------------


@built
def test_the_command_measures_writes_and_compares(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    arguments = ["peers", "--quick", "--only", "100000x2-k100", "--peers", OUR_LLOYD, "scikit-learn-lloyd",
                 "--repeat", "1", "--threads", "1", "--json", str(tmp_path / "a.json")]  # fmt: skip
    assert command.main([*arguments, "--plot", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    content = json.loads((tmp_path / "a.json").read_text())
    assert [row["peer"] for row in content["rows"]] == [OUR_LLOYD, "scikit-learn-lloyd"]
    assert content["summary"][0]["n_wrong"] == 0
    assert "scikit-learn" in content["packages"]
    earlier = ["--compare", str(tmp_path / "a.json"), "--out", str(tmp_path / "b.png")]
    assert command_peers.main([*arguments[1:], *earlier], start=lambda name, n_threads: Fake(0.5)) == 0
    printed = capsys.readouterr().out
    assert "blobs-5000x2-k25-to-convergence (wanted 40)" in printed
    assert "medians of 1 rounds" in printed
    assert "speed-up" in printed


def test_the_command_lists_and_refuses(capsys):
    assert command.main(["peers", "--list", "--random", "2"]) == 0
    listed = capsys.readouterr().out.split()
    assert len(listed) == len(WORKLOADS) + 2
    assert "peers/china-pixels-k64-to-convergence" in listed
    assert command.main(["peers", "--only", "no-such-case"]) == 2
    assert "--list" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command.main(["peers", "--random", "-1"])


def test_a_missing_peer_is_skipped_with_what_to_install(monkeypatch):
    absent = Package("some-package", "no_module_of_this_name", packages.ours)
    monkeypatch.setitem(PACKAGES, "faiss", absent)
    skipped = {}
    assert list(command_peers.present(["faiss", "scikit-learn-lloyd"], skipped)) == ["scikit-learn-lloyd"]
    assert "some-package" in skipped["faiss"]
