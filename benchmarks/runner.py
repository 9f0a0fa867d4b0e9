"""Runs contenders in turns and takes medians; picks which workloads and backends take part."""

from __future__ import annotations

import contextlib
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kmeans_fast._threads import resolve_n_threads
from kmeans_fast.backends import BACKENDS, get_backend

from .datasets import Skipped
from .peers import Context
from .report import Row

WORK_LIMIT: Mapping[str, float] = {"loop": 2e7, "broadcast": 3e8, "identity": 2e10}
"""Multiply-adds (n * d * k * iterations) above which a slow backend sits out; others have no limit."""

QUICK_REPEAT = 3
QUICK_SHARE = 0.05
"""With --quick, slow backends sit out above this share of their limit."""

TURN_SECONDS = 0.002
"""A turn repeats a short call until it takes this long, so that the clock and the threads' wake-up don't show."""

PAUSE_SECONDS = 0.005
"""Before each turn: idle OpenMP threads of the contender before spin for a while, and would take CPUs from the next."""

BUSY_LOAD = 0.5
"""A single busy process stretches every barrier of threads that fill the machine, ours and the peer's."""


def warn_if_busy() -> None:
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > BUSY_LOAD:
        print(f"other work runs on this machine (load {os.getloadavg()[0]:.1f}): ratios of short calls mean little")


@dataclass(frozen=True)
class Settings:
    repeat: int = 9
    n_threads: int = field(default_factory=resolve_n_threads)
    backends: Sequence[str] = tuple(BACKENDS)
    data_file: Path | None = None
    is_quick: bool = False

    def contenders(self, work: float) -> list[str]:
        """The backends that are built here and quick enough for that many multiply-adds."""
        share = QUICK_SHARE if self.is_quick else 1.0
        return [name for name in self.backends if work <= share * WORK_LIMIT.get(name, math.inf) and is_built(name)]


def is_built(backend: str) -> bool:
    try:
        get_backend(backend)
    except ImportError:
        return False
    return True


@dataclass(frozen=True)
class Case:
    """One workload of one bench."""

    bench: str
    name: str
    work: float
    """Estimate of multiply-adds; 0 if unknown."""
    run: Callable[[Settings], Iterable[Row]]
    is_quick: bool = True

    @property
    def path(self) -> str:
        return f"{self.bench}/{self.name}"


@dataclass(frozen=True)
class Contender:
    call: Callable[[], Any]
    context: Context = contextlib.nullcontext
    """Entered outside of the time that is taken."""


@dataclass
class Measured:
    seconds: list[float]
    """One time per turn."""
    result: Any
    """What the first call returned."""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def in_turns(contenders: Mapping[str, Contender], repeat: int) -> dict[str, Measured]:
    """Time all contenders ``repeat`` times, one after the other, every second turn in reverse order.

    A first call of each warms up and gives the result; it is not counted.
    """
    measured: dict[str, Measured] = {}
    n_calls: dict[str, int] = {}
    for name, contender in contenders.items():
        with contender.context():
            began = time.perf_counter()
            result = contender.call()
            seconds = time.perf_counter() - began
        measured[name] = Measured([], result)
        n_calls[name] = max(1, math.ceil(TURN_SECONDS / max(seconds, 1e-7))) if seconds < TURN_SECONDS else 1
    order = list(contenders)
    for _ in range(repeat):
        for name in order:
            measured[name].seconds.append(timed(contenders[name], n_calls[name]))
        order.reverse()
    return measured


def timed(contender: Contender, n_calls: int) -> float:
    """Seconds of one call, as the mean of n_calls."""
    time.sleep(PAUSE_SECONDS)
    with contender.context():
        began = time.perf_counter()
        for _ in range(n_calls):
            contender.call()
        return (time.perf_counter() - began) / n_calls


def median_ratio(ours: Measured, theirs: Measured | None) -> float | None:
    """Median over the turns of their time / ours."""
    if theirs is None:
        return None
    return statistics.median(b / a for a, b in zip(ours.seconds, theirs.seconds, strict=True))


def chosen(cases: Iterable[Case], only: Sequence[str] = (), is_quick: bool = False) -> list[Case]:
    """Cases (the quick ones, if asked) whose path holds one of the words of ``only`` (all if there are none)."""
    return [
        case
        for case in cases
        if (not only or any(word in case.path for word in only)) and (case.is_quick or not is_quick)
    ]


def run(
    cases: Sequence[Case], settings: Settings, show: Callable[[Row], None], skip: Callable[[str, str], None]
) -> list[Row]:
    """Run the cases, showing each row as it comes; what cannot run is passed to skip by name, with the reason."""
    rows: list[Row] = []
    for case in cases:
        try:
            for row in case.run(settings):
                rows.append(row)
                show(row)
        except Skipped as reason:
            skip(case.path, str(reason))
    return rows
