"""The command ``python -m benchmarks growth``: what a fit costs when n, d, k and the threads double in turn.

Each point is a fresh process: noise in float32, a fixed number of iterations from given centers, the median time of
several fits, and the peak memory of the first one beyond X.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kmeans_fast._threads import affinity
from kmeans_fast.backends import get_backend
from kmeans_fast.engine.algorithms import choose

from . import bench_memory, report
from .bench_memory import Fit
from .report import Columns, Row
from .runner import QUICK_REPEAT, is_built, warn_if_busy

BENCH = "growth"
BACKEND = "compiled"
BASE = (50_000, 16, 32)
QUICK_BASE = (5000, 8, 8)
N_DOUBLINGS = 4
QUICK_DOUBLINGS = 2

EXPLAINED: Mapping[str, float] = {"n": 2.0, "d": 2.0, "k": 2.0, "threads": 1.0}
"""By how much the time may grow when that doubles: an iteration is at most n * d * k multiply-adds."""
EXPLAINED_MEMORY = 2.0
"""Copies grow with n and d, centers with k and d, scratch memory with the threads."""
TOLERANCE = 0.25
MEMORY_SLACK = 8 << 20
"""Bytes by which peaks differ from run to run."""
N_AGAIN = 2
UNEXPLAINED = "more than explained"

COLUMNS: Columns = (
    ("doubled", 12, ""),
    ("n x d, k", 18, ">"),
    ("thr", 3, ">"),
    ("algorithm", 10, ">"),
    ("ms", 9, ">"),
    ("time", 7, ">"),
    ("explained", 9, ">"),
    ("MB beyond X", 11, ">"),
    ("memory", 7, ">"),
    ("peak/X", 7, ">"),
    (" note", 0, ""),
)


@dataclass(frozen=True)
class Point:
    """One size, ``times`` as large as the base in one of its four numbers."""

    doubled: str
    times: int
    n: int
    d: int
    k: int
    threads: int

    @property
    def algorithm(self) -> str:
        return choose(self.n, self.d, self.k, "float32")


@dataclass(frozen=True)
class Step:
    """A point that was measured, beside the one of half its size."""

    point: Point
    seconds: float
    peak: float
    """Of the memory beyond X, in multiples of X."""
    before: Step | None = None

    @property
    def beyond(self) -> float:
        """Bytes beyond X at the peak."""
        return self.peak * self.point.n * self.point.d * 4

    @property
    def time_factor(self) -> float | None:
        return None if self.before is None else self.seconds / self.before.seconds

    @property
    def memory_factor(self) -> float | None:
        return None if self.before is None or self.before.beyond <= 0 else self.beyond / self.before.beyond

    @property
    def note(self) -> str:
        if self.before is None:
            return ""
        words = []
        if self.point.algorithm != self.before.point.algorithm:
            words.append(f"{self.before.point.algorithm} gives way to {self.point.algorithm}")
        elif self.seconds > self.before.seconds * EXPLAINED[self.point.doubled] * (1 + TOLERANCE):
            words.append(f"TIME: {UNEXPLAINED}")
        if self.beyond > self.before.beyond * EXPLAINED_MEMORY * (1 + TOLERANCE) + MEMORY_SLACK:
            words.append(f"MEMORY: {UNEXPLAINED}")
        return "; ".join(words)

    @property
    def is_flagged(self) -> bool:
        return UNEXPLAINED in self.note


def points(base: tuple[int, int, int], threads: int, n_doublings: int, cpus: int) -> Iterator[Point]:
    """For each of n, d, k and threads the base and its doublings; threads double from one up to the CPUs."""
    start = Point("", 1, *base, threads)
    for doubled in ("n", "d", "k"):
        for times in (2**i for i in range(n_doublings + 1)):
            yield replace(start, **{doubled: getattr(start, doubled) * times}, doubled=doubled, times=times)
    times = 1
    while times <= cpus and times <= 2**n_doublings:
        yield replace(start, doubled="threads", times=times, threads=times)
        times *= 2


def measured(all_points: Sequence[Point], repeat: int, show: Callable[[Step], None]) -> list[Step]:
    """The steps; the base is measured once for all that begin with it.

    A point that seems to cost more than is explained is measured again, up to N_AGAIN times, and its least time counts:
    other work on the machine must not be taken for growth.
    """
    found: dict[tuple[int, int, int, int], tuple[float, float]] = {}
    steps: list[Step] = []
    for point in all_points:
        size = (point.n, point.d, point.k, point.threads)
        before = steps[-1] if steps and point.times > 1 else None
        if size not in found:
            found[size] = cost(point, repeat)
        step = Step(point, *found[size], before)
        for _ in range(N_AGAIN):
            if not step.is_flagged:
                break
            (seconds, peak), (again, peak_again) = found[size], cost(point, repeat)
            found[size] = min(seconds, again), min(peak, peak_again)
            step = Step(point, *found[size], before)
        steps.append(step)
        show(step)
    return steps


def cost(point: Point, repeat: int) -> tuple[float, float]:
    """Median seconds of the fits, and the peak beyond X in multiples of X."""
    fit = Fit(point.n, point.d, point.k, BACKEND, None, point.threads, n_more=repeat - 1)
    child = bench_memory.in_child(fit)
    return child["seconds"], child["peak"]


# --- table and rows ---------------------------------------------------------------------------------------


def table_line(step: Step) -> str:
    point = step.point
    return report.line(
        [
            f"{point.doubled} x {point.times}",
            f"{point.n}x{point.d}, {point.k}",
            str(point.threads),
            point.algorithm,
            report.milliseconds(step.seconds),
            report.text(step.time_factor, ".3g"),
            report.text(EXPLAINED[point.doubled] if step.before else None, "g"),
            f"{step.beyond / 2**20:.1f}",
            report.text(step.memory_factor, ".3g"),
            f"{step.peak:.3f}",
            f" {step.note}",
        ],
        COLUMNS,
    )


def row_of(step: Step) -> Row:
    point = step.point
    return Row(
        bench=BENCH,
        case=f"{point.doubled}-x{point.times}",
        backend=BACKEND,
        isa=get_backend(BACKEND).isa,
        n=point.n,
        d=point.d,
        k=point.k,
        dtype="float32",
        threads=point.threads,
        seconds=step.seconds,
        n_iter=bench_memory.N_ITER,
        peak=step.peak,
        note=step.note,
    )


LEAST_MEGABYTES = 0.0625
"""Drawn for a peak that is smaller, or none, on the logarithmic axis."""


def write_picture(path: Path, steps: Sequence[Step]) -> None:
    """Draw time and memory over the doublings. Raises ImportError without matplotlib."""
    from kmeans_fast import plots

    n, d, k = (getattr(steps[0].point, name) for name in ("n", "d", "k"))
    figure = plots.new_figure(12, 5.2)
    left, right = figure.subplots(1, 2)
    for index, doubled in enumerate(dict.fromkeys(step.point.doubled for step in steps)):
        mine = [step for step in steps if step.point.doubled == doubled]
        style: dict[str, Any] = {"marker": "os^D"[index % 4], "color": plots.PALETTE[index], "label": doubled}
        times = [step.point.times for step in mine]
        left.plot(times, [1e3 * step.seconds for step in mine], **style)
        right.plot(times, [max(step.beyond / 2**20, LEAST_MEGABYTES) for step in mine], **style)
    ring: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 15, "markerfacecolor": "none"}
    for ax, word in ((left, "TIME"), (right, "MEMORY")):
        flagged = [step for step in steps if word in step.note]
        values = [1e3 * step.seconds if ax is left else step.beyond / 2**20 for step in flagged]
        if flagged:
            ax.plot([step.point.times for step in flagged], values, color="black", label=UNEXPLAINED, **ring)
    ends = [1, max(step.point.times for step in steps)]
    left.plot(ends, [1e3 * steps[0].seconds * times for times in ends], color="#999999", linestyle="--",
              label="in proportion")  # fmt: skip
    for ax, title, label in ((left, "Time of a fit", "ms"), (right, "Peak memory beyond X", "MB")):
        ax.set_xscale("log", base=2)
        ax.set_yscale("log", base=2)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.set_xlabel("times the base (threads: times one thread)")
        ax.set_ylabel(label)
        ax.set_title(title)
        ax.grid(color="#dddddd", linewidth=0.6)
        ax.legend(frameon=False)
    figure.suptitle(f"{bench_memory.N_ITER} iterations on noise, float32, from n={n}, d={d}, k={k}")
    plots.save(figure, path)


# --- the command ------------------------------------------------------------------------------------------


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"a small base, --repeat {QUICK_REPEAT}")
    parser.add_argument("--base", type=int, nargs=3, metavar=("N", "D", "K"), help=f"default: {BASE}")
    parser.add_argument("--doublings", type=int, metavar="N", help=f"of each number (default: {N_DOUBLINGS})")
    parser.add_argument("--threads", type=int, default=min(2, affinity()), metavar="N",
                        help="while n, d and k double (default: %(default)s)")  # fmt: skip
    parser.add_argument("--repeat", type=int, metavar="N", help="fits a point, the median counts (default: 9)")
    parser.add_argument("--json", type=Path, metavar="F", help="write the rows")
    parser.add_argument("--compare", type=Path, metavar="F", help="rows of an earlier --json to compare with")
    parser.add_argument("--plot", "--out", type=Path, default=Path("growth.png"), metavar="F",
                        help="default: %(default)s")  # fmt: skip
    options = parser.parse_args(arguments)
    for name in ("threads", "repeat", "doublings"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name}: expected a number of at least 1, got {value}")
    if options.base and (min(options.base) < 1 or options.base[0] < 20 * options.base[2]):
        parser.error(f"--base: expected positive numbers and at least 20 rows a center, got {options.base}")
    if options.compare and not options.compare.is_file():
        parser.error(f"no such file: {options.compare}")
    return options


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    if not is_built(BACKEND):
        print(f"the backend {BACKEND!r} is not built here; pip install . builds it", file=sys.stderr)
        return 2
    n, d, k = options.base or (QUICK_BASE if options.quick else BASE)
    n_doublings = options.doublings or (QUICK_DOUBLINGS if options.quick else N_DOUBLINGS)
    while n < 20 * k * 2**n_doublings:
        n_doublings -= 1
    repeat = options.repeat or (QUICK_REPEAT if options.quick else 9)
    earlier = report.read_json(options.compare) if options.compare else None
    print(f"{bench_memory.N_ITER} iterations on noise, float32; medians of {repeat} fits in a process of their own")
    warn_if_busy()
    print(report.header(COLUMNS))

    def show(step: Step) -> None:
        print(table_line(step), flush=True)

    steps = measured(list(points((n, d, k), options.threads, n_doublings, affinity())), repeat, show)
    flagged = [step for step in steps if step.is_flagged]
    print(f"{len(flagged)} of {len(steps)} steps cost over {1 + TOLERANCE:g} of what is explained")
    rows = [row_of(step) for step in steps]
    if options.json:
        report.write_json(options.json, rows, {})
    if earlier is not None:
        print("\n" + "\n".join(report.comparison(rows, earlier)))
    try:
        write_picture(options.plot, steps)
    except ImportError as error:
        print(f"skipped: the picture: {error}")
        return 0
    print(f"wrote {options.plot}")
    return 0
