"""The cost of growth: each number doubles in turn, and what costs more than is explained is flagged."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
if not (CHECKOUT / "benchmarks").is_dir():
    pytest.skip("benchmarks are part of the checkout only", allow_module_level=True)
sys.path.insert(0, str(CHECKOUT))

from benchmarks import (  # noqa: E402
    __main__ as command,
    bench_growth,
    runner,
)
from benchmarks.bench_growth import Point, Step  # noqa: E402

BASE = Point("n", 1, 10_000, 32, 8, 1)
DOUBLED = replace(BASE, times=2, n=20_000)


def step(seconds, peak=0.0, point=DOUBLED):
    return Step(point, seconds, peak, Step(BASE, 1.0, 1.0))


def test_each_number_doubles_alone():
    found = list(bench_growth.points((1000, 4, 5), 2, 3, cpus=4))
    sizes = [(p.n, p.d, p.k, p.threads) for p in found if p.doubled == "n"]
    assert sizes == [(n, 4, 5, 2) for n in (1000, 2000, 4000, 8000)]
    assert [p.d for p in found if p.doubled == "d"] == [4, 8, 16, 32]
    assert [p.k for p in found if p.doubled == "k"] == [5, 10, 20, 40]
    assert [p.threads for p in found if p.doubled == "threads"] == [1, 2, 4], "no more threads than CPUs"


def test_what_more_than_doubles_is_flagged():
    assert step(2.0).note == ""
    assert step(2.0 * (1 + bench_growth.TOLERANCE) + 0.01).note == "TIME: more than explained"
    slower = replace(BASE, doubled="threads", times=2, threads=2)
    assert step(0.6, point=slower).note == ""
    assert "TIME" in step(1.3, point=slower).note


def test_memory_that_more_than_doubles_is_flagged():
    bytes_of_x = 4 * DOUBLED.n * DOUBLED.d
    before = BASE.n * BASE.d * 4
    assert step(1.0, peak=1.0).note == ""
    enough = (3 * before + bench_growth.MEMORY_SLACK) / bytes_of_x
    assert step(1.0, peak=enough).note == "MEMORY: more than explained"


def test_another_algorithm_is_named_and_not_flagged(monkeypatch):
    monkeypatch.setattr(bench_growth, "choose", lambda n, d, k, dtype: "few" if n < 20_000 else "many")
    assert step(9.0).note == "few gives way to many"
    assert not step(9.0).is_flagged


def test_a_flagged_point_is_measured_again_and_the_base_only_once(monkeypatch):
    asked = []

    def cost(point, repeat):
        asked.append(point.n)
        return (9.0 if asked == [10_000, 20_000] else point.n / 10_000), 1.0

    monkeypatch.setattr(bench_growth, "cost", cost)
    steps = bench_growth.measured([BASE, DOUBLED, replace(BASE, doubled="d")], 1, lambda step: None)
    assert asked == [10_000, 20_000, 20_000]
    assert [one.seconds for one in steps] == [1.0, 2.0, 1.0]
    assert [one.time_factor for one in steps] == [None, 2.0, None]


@pytest.mark.skipif(not runner.is_built(bench_growth.BACKEND), reason="the compiled backend is not built")
def test_a_point_is_a_process_of_its_own():
    seconds, peak = bench_growth.cost(replace(BASE, n=20_000, d=4), 2)
    assert seconds > 0
    assert peak >= 0


@pytest.mark.skipif(not runner.is_built(bench_growth.BACKEND), reason="the compiled backend is not built")
def test_the_command_draws_writes_and_compares(capsys, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(bench_growth, "cost", lambda point, repeat: (3e-9 * point.n * point.k**2, 0.5))
    arguments = ["growth", "--base", "4000", "4", "4", "--doublings", "2", "--json", str(tmp_path / "a.json")]
    assert command.main([*arguments, "--plot", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert [row["case"] for row in rows][:3] == ["n-x1", "n-x2", "n-x4"]
    assert [row["n"] for row in rows][:3] == [4000, 8000, 16_000]
    assert {row["case"] for row in rows if row["note"]} == {"k-x2", "k-x4"}, "the time of k grows like its square"
    assert command.main([*arguments, "--compare", str(tmp_path / "a.json"), "--out", str(tmp_path / "b.png")]) == 0
    assert "speed-up" in capsys.readouterr().out


def test_too_few_rows_a_center_are_refused(capsys):
    with pytest.raises(SystemExit):
        command.main(["growth", "--base", "10", "2", "5"])
    assert "20 rows a center" in capsys.readouterr().err
