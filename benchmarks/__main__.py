"""The command ``python -m benchmarks``: every kernel and whole fits beside scikit-learn, in turns in one run.

``python -m benchmarks peers`` sets other packages beside us; ``python -m benchmarks growth`` doubles the sizes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kmeans_fast._threads import resolve_n_threads
from kmeans_fast.backends import BACKENDS

from . import (
    bench_bisecting,
    bench_fits,
    bench_growth,
    bench_kernels,
    bench_memory,
    bench_minibatch,
    bench_refine,
    bench_sparse,
    command_peers,
    peers,
    report,
)
from .runner import QUICK_REPEAT, Case, Settings, chosen, is_built, run, warn_if_busy

BENCHES = (bench_fits, bench_refine, bench_minibatch, bench_bisecting, bench_sparse, bench_kernels, bench_memory)

COMMANDS = {"peers": command_peers.main, "growth": bench_growth.main}
"""First arguments that name another command; each has its own options."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"small workloads, --repeat {QUICK_REPEAT}")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD", help="cases whose name holds one of the words")
    parser.add_argument("--backends", nargs="+", default=list(BACKENDS), choices=list(BACKENDS), metavar="NAME")
    parser.add_argument("--repeat", type=int, metavar="N", help="turns, of which medians are taken (default: 9)")
    parser.add_argument("--threads", type=int, default=resolve_n_threads(), metavar="N", help="default: %(default)s")
    parser.add_argument("--data", type=Path, metavar="FILE", help="a .npy of embeddings, e.g. docs_minilm.npy")
    parser.add_argument("--json", type=Path, metavar="F", help="write the rows")
    parser.add_argument("--compare", type=Path, metavar="F", help="rows of an earlier --json to compare with")
    parser.add_argument("--plot", type=Path, default=Path("benchmarks.png"), metavar="F", help="default: %(default)s")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and stop")
    options = parser.parse_args(arguments)
    for name in ("repeat", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name}: expected a number of at least 1, got {value}")
    for path in filter(None, (options.data, options.compare)):
        if not path.is_file():
            parser.error(f"no such file: {path}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:])
    options = parse(arguments)
    cases = chosen((case for bench in BENCHES for case in bench.cases()), options.only, options.quick)
    if not cases:
        print(f"no case is called {' or '.join(options.only)}; --list prints all names", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(case.path for case in cases))
        return 0
    earlier = report.read_json(options.compare) if options.compare else None
    settings = Settings(
        repeat=options.repeat or (QUICK_REPEAT if options.quick else 9),
        n_threads=options.threads,
        backends=options.backends,
        data_file=options.data,
        is_quick=options.quick,
    )
    rows, skipped = run_shown(cases, settings)
    if options.json:
        report.write_json(options.json, rows, skipped)
    if earlier is not None:
        print("\n" + "\n".join(report.comparison(rows, earlier)))
    draw(options.plot, rows)
    return 0


def run_shown(cases: Sequence[Case], settings: Settings) -> tuple[list[report.Row], dict[str, str]]:
    """Run the cases and print each row as it comes; return the rows, and what was skipped and why."""
    skipped: dict[str, str] = {}
    bench = ""

    def show(row: report.Row) -> None:
        nonlocal bench
        if row.bench != bench:
            bench = row.bench
            print(f"\n{bench}\n{report.header()}")
        print(report.table_line(row), flush=True)

    print(f"{settings.n_threads} threads; medians of {settings.repeat} turns; peer: {peers.NAME}, same threads")
    warn_if_busy()
    for name in settings.backends:
        if not is_built(name):
            skipped[f"backend {name}"] = "is not built here; pip install . builds it"
    with peers.limited(settings.n_threads):
        rows = run(cases, settings, show, skipped.__setitem__)
    for name, reason in skipped.items():
        print(f"skipped: {name}: {reason}")
    return rows, skipped


def draw(path: Path, rows: Sequence[report.Row]) -> None:
    try:
        is_drawn = report.write_picture(path, rows)
    except ImportError as error:
        print(f"skipped: the picture: {error}")
        return
    print(f"wrote {path}" if is_drawn else "no picture: no row has a ratio")


if __name__ == "__main__":
    sys.exit(main())
