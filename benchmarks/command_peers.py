"""The command ``python -m benchmarks peers``: other packages on the same work, in turns in one run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kmeans_fast._threads import resolve_n_threads

from . import bench_peers, peers_report, report
from .packages import OURS, PACKAGES, Package
from .report import Row
from .runner import QUICK_REPEAT, Case, Settings, is_built, run, warn_if_busy
from .workers import Worker
from .workloads import RANDOM_SEED, WORKLOADS, Workload, random_workloads

PEERS = [name for name in PACKAGES if name != OURS]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"workloads shrunk, --repeat {QUICK_REPEAT}")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="workloads whose name holds a word")
    parser.add_argument("--peers", nargs="+", default=PEERS, choices=PEERS, metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--random", type=int, default=30, metavar="N", help="workloads of random shape (default: 30)")
    parser.add_argument("--seed", type=int, default=RANDOM_SEED, metavar="N", help="of their shapes: %(default)s")
    parser.add_argument("--repeat", type=int, metavar="N",
                        help=f"rounds (default: 9; {bench_peers.LONG_REPEAT} at most where one is long)")  # fmt: skip
    parser.add_argument("--threads", type=int, default=min(2, resolve_n_threads()), metavar="N",
                        help="of every package (default: %(default)s)")  # fmt: skip
    parser.add_argument("--data", type=Path, metavar="FILE", help="a .npy of embeddings, e.g. docs_minilm.npy")
    parser.add_argument("--json", type=Path, metavar="F", help="write the rows and the summary")
    parser.add_argument("--compare", type=Path, metavar="F", help="rows of an earlier --json to compare with")
    parser.add_argument("--plot", "--out", type=Path, default=Path("peers.png"), metavar="F",
                        help="default: %(default)s")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the names of the workloads and stop")
    options = parser.parse_args(arguments)
    for name, least in (("repeat", 1), ("threads", 1), ("random", 0), ("seed", 0)):
        value = getattr(options, name)
        if value is not None and value < least:
            parser.error(f"--{name}: expected a number of at least {least}, got {value}")
    for path in filter(None, (options.data, options.compare)):
        if not path.is_file():
            parser.error(f"no such file: {path}")
    return options


def main(arguments: Sequence[str], start: Callable[[str, int], Any] = Worker) -> int:
    """``start`` makes the worker of a package with that many threads."""
    options = parse(arguments)
    workloads = [*WORKLOADS, *random_workloads(options.random, options.seed)]
    workloads = [workload for workload in workloads if is_chosen(workload, options.only)]
    if options.quick:
        workloads = [workload.quick() for workload in workloads]
    skipped: dict[str, str] = {}
    packages = present(options.peers, skipped)
    with bench_peers.Workers(options.threads, start) as workers:
        cases = list(bench_peers.cases(workloads, workers, packages, skipped.__setitem__))
        if not cases:
            print(f"no workload is called {' or '.join(options.only)}; --list prints all names", file=sys.stderr)
            return 2
        if options.list:
            print("\n".join(case.path for case in cases))
            return 0
        if not is_built(bench_peers.BACKEND):
            print(f"the backend {bench_peers.BACKEND!r} is not built here; pip install . builds it", file=sys.stderr)
            return 2
        earlier = report.read_json(options.compare) if options.compare else None
        settings = Settings(
            repeat=options.repeat or (QUICK_REPEAT if options.quick else 9),
            n_threads=options.threads,
            data_file=options.data,
            is_quick=options.quick,
        )
        rows = run_shown(cases, settings, packages, skipped)
    conclude(options, rows, skipped, packages)
    if earlier is not None:
        print("\n" + "\n".join(report.comparison(rows, earlier)))
    return 0


def is_chosen(workload: Workload, only: Sequence[str]) -> bool:
    """Whether its name, or that of its quick form, holds one of the words (all do if there are none)."""
    paths = [f"{bench_peers.BENCH}/{one.name}" for one in (workload, workload.quick())]
    return not only or any(word in path for word in only for path in paths)


def present(names: Sequence[str], skipped: dict[str, str]) -> dict[str, Package]:
    """The packages that can be imported here; the others go to ``skipped``, with what to install."""
    packages = {}
    for name in names:
        obstacle = PACKAGES[name].obstacle()
        if obstacle is None:
            packages[name] = PACKAGES[name]
        else:
            skipped[name] = obstacle
    return packages


def run_shown(
    cases: Sequence[Case], settings: Settings, packages: Mapping[str, Package], skipped: dict[str, str]
) -> list[Row]:
    """Run the cases and print each row as it comes."""
    workload = ""

    def show(row: Row) -> None:
        nonlocal workload
        if row.case != workload:
            workload = row.case
            print(f"\n{workload} (wanted {row.wanted:g}{' an iteration' if row.is_per_iteration else ''})")
            print(peers_report.header())
        print(peers_report.table_line(row), flush=True)

    print(f"{settings.n_threads} threads for every package; medians of {settings.repeat} rounds of pairs in turns:")
    print(
        f"at most {bench_peers.LONG_REPEAT} where a round takes over {bench_peers.LONG_ROUND_SECONDS:g} s, 1 for a"
        f" peer that takes over {bench_peers.ONCE_SECONDS:g} s and {bench_peers.ONCE_RATIO:g} times ours"
    )
    print(f"inertia and wrong labels (of {bench_peers.SAMPLE_ROWS} rows) by one float64 check")
    warn_if_busy()
    for name, package in packages.items():
        print(f"{name}: {package.distribution} {package.version()}{'; ' if package.note else ''}{package.note}")
    return run(cases, settings, show, skipped.__setitem__)


def conclude(
    options: argparse.Namespace, rows: Sequence[Row], skipped: Mapping[str, str], packages: Mapping[str, Package]
) -> None:
    """Print the summary and what was skipped; write the files that were asked for."""
    verdicts = peers_report.verdicts(rows)
    if verdicts:
        print("\n" + "\n".join(peers_report.summary(verdicts)))
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    if options.json:
        versions = {package.distribution: package.version() for package in packages.values()}
        summary = [{**asdict(one), "ratio": one.ratio, "is_reached": one.is_reached} for one in verdicts]
        report.write_json(options.json, rows, skipped, packages=versions, summary=summary, seed=options.seed)
    if not rows:
        print("no picture: no row has a ratio")
        return
    try:
        peers_report.write_picture(options.plot, rows, f"kmeans_fast beside other packages, {options.threads} threads")
    except ImportError as error:
        print(f"skipped: the picture: {error}")
        return
    print(f"wrote {options.plot}")
