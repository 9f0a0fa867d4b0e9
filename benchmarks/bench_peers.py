"""How fast are we beside other packages on the same work? Pairs in turns, each package in a process of its own."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kmeans_fast.backends import get_backend

from . import check, datasets
from .datasets import Array
from .packages import FIT, OURS, Package
from .report import Row
from .runner import Case, Settings
from .workers import Worker, WorkerFailed, until_quiet
from .workloads import TO_CONVERGENCE, Workload

BENCH = "peers"
BACKEND = "compiled"

TURN_SECONDS = 0.05
"""A turn repeats a short call until it takes this long: the process before it left cold caches and sleeping threads."""

LONG_ROUND_SECONDS = 8.0
LONG_REPEAT = 3
"""Rounds of a workload where one round of all pairs takes longer than LONG_ROUND_SECONDS."""

ONCE_SECONDS = 20.0
ONCE_RATIO = 10.0
"""A peer that takes longer than both, the second times ours, is timed once: its place is clear, and the hour is not."""

SAMPLE_ROWS = 20_000
"""Rows whose labels are checked; all, where there are fewer."""

WORSE = 1e-3
"""A fit from the same centers with an inertia that is larger by this share is not the fit that was asked for."""


class Workers:
    """The processes of the packages, each started by its first workload and again if it died."""

    def __init__(self, n_threads: int, start: Callable[[str, int], Any] = Worker) -> None:
        self.n_threads = n_threads
        self._start = start
        self._running: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        worker = self._running.get(name)
        if worker is None or not worker.is_alive:
            if worker is not None:
                worker.close()
            self._running[name] = worker = self._start(name, self.n_threads)
        return worker

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for worker in self._running.values():
            worker.close()
        self._running.clear()


@dataclass
class Contestant:
    """What one package did with one workload."""

    worker: Any
    seconds: float
    """Of the call that warmed up."""
    n_iter: int | None
    label_seconds: float | None
    centers: Array
    labels: Array | None
    is_quiet: bool
    turns: list[float] = field(default_factory=list)
    our_turns: list[float] = field(default_factory=list)
    """Ours, each beside the turn of the same index."""

    @property
    def n_calls(self) -> int:
        return max(1, math.ceil(TURN_SECONDS / max(self.seconds, 1e-7)))

    def take_turn(self) -> float:
        return float(self.worker.ask({"do": "time", "n_calls": self.n_calls})["seconds"])


def cases(
    workloads: Iterable[Workload],
    workers: Workers,
    packages: Mapping[str, Package],
    skip: Callable[[str, str], None],
) -> Iterator[Case]:
    """One case a workload; ``packages`` are the peers, ``skip`` hears which of them had to sit out and why."""
    for workload in workloads:
        run = partial(run_workload, workload, workers, packages, skip)
        n, d = workload.shape or (0, 0)
        yield Case(BENCH, workload.name, float(n) * d * workload.k, run)


def run_workload(
    workload: Workload,
    workers: Workers,
    packages: Mapping[str, Package],
    skip: Callable[[str, str], None],
    settings: Settings,
) -> Iterator[Row]:
    """A row for each peer that gives a result; raises Skipped if we give none."""
    X = workload.load(settings.data_file)
    init = datasets.distinct_rows(X, workload.k) if workload.kind == FIT else None
    with tempfile.TemporaryDirectory() as folder:
        request = shared(Path(folder), X, init, workload)
        try:
            ours = warmed_up(workers[OURS], request)
        except WorkerFailed as reason:
            raise datasets.Skipped(str(reason)) from reason
        peers = {}
        for name, package in packages.items():
            obstacle = package.does(workload.kind, workload.dtype, float(len(X)) * workload.k)
            if obstacle is not None:
                if workload.kind in package.kinds:
                    skip(f"{BENCH}/{workload.name}: {name}", obstacle)
                continue
            max_iter = workload.max_iter if package.has_stop else ours.n_iter
            try:
                peers[name] = warmed_up(workers[name], {**request, "max_iter": max_iter})
            except WorkerFailed as reason:
                skip(f"{BENCH}/{workload.name}: {name}", str(reason))
    for name, failure in in_pairs(ours, peers, settings.repeat).items():
        skip(f"{BENCH}/{workload.name}: {name}", failure)
        del peers[name]
    yield from rows_of(
        workload, X, ours, {name: (packages[name], peer) for name, peer in peers.items()}, settings.n_threads
    )


def shared(folder: Path, X: Array, init: Array | None, workload: Workload) -> dict[str, Any]:
    """Write what all workers read; the request that names it."""
    paths = {name: str(folder / f"{name}.npy") for name in ("X", "init", "centers", "labels")}
    np.save(paths["X"], X)
    if init is None:
        paths["init"] = ""
    else:
        np.save(paths["init"], init)
    return {"do": "load", "kind": workload.kind, "k": workload.k, "max_iter": workload.max_iter, **paths}


def warmed_up(worker: Any, request: dict[str, Any]) -> Contestant:
    until_quiet()
    answer = worker.ask(request)
    return Contestant(
        worker=worker,
        seconds=answer["seconds"],
        n_iter=answer["n_iter"],
        label_seconds=answer["label_seconds"],
        centers=np.load(request["centers"]),
        labels=np.load(request["labels"]) if answer["has_labels"] else None,
        is_quiet=answer["is_quiet"],
    )


def is_long_round(peers: Mapping[str, Contestant]) -> bool:
    """Whether the first turns, not those that warmed up, took long together."""
    turns = [peer.turns[0] + peer.our_turns[0] for peer in peers.values() if len(peer.turns) > 1]
    return sum(turns) > LONG_ROUND_SECONDS


def is_hopeless(ours: Contestant, peer: Contestant) -> bool:
    return peer.seconds > max(ONCE_SECONDS, ONCE_RATIO * ours.seconds)


def in_pairs(ours: Contestant, peers: Mapping[str, Contestant], repeat: int) -> dict[str, str]:
    """Give us and each peer turns beside each other, the peer first in every second round; who failed, and why.

    At most LONG_REPEAT rounds if the first is long.
    """
    failed: dict[str, str] = {}
    until_quiet()
    for peer in peers.values():
        if is_hopeless(ours, peer):
            peer.turns, peer.our_turns = [peer.seconds], [ours.take_turn()]
    for number in range(repeat):
        if number >= LONG_REPEAT and is_long_round(peers):
            break
        for name, peer in peers.items():
            if name in failed or is_hopeless(ours, peer):
                continue
            try:
                first, second = (ours, peer) if number % 2 == 0 else (peer, ours)
                seconds = first.take_turn(), second.take_turn()
            except WorkerFailed as reason:
                failed[name] = str(reason)
                continue
            our_turn, turn = seconds if number % 2 == 0 else seconds[::-1]
            peer.our_turns.append(our_turn)
            peer.turns.append(turn)
    return failed


# --- what came of it --------------------------------------------------------------------------------------


def rows_of(
    workload: Workload,
    X: Array,
    ours: Contestant,
    peers: Mapping[str, tuple[Package, Contestant]],
    n_threads: int,
) -> Iterator[Row]:
    inertia = check.nearest_inertia(X, ours.centers)
    n_wrong = count_wrong(X, ours)
    for name, (package, peer) in peers.items():
        peer_inertia = check.nearest_inertia(X, peer.centers)
        is_worse = workload.kind == FIT and not peer_inertia <= inertia * (1 + WORSE)
        yield Row(
            bench=BENCH,
            case=workload.name,
            backend=BACKEND,
            isa=get_backend(BACKEND).isa,
            n=X.shape[0],
            d=X.shape[1],
            k=workload.k,
            dtype=workload.dtype,
            threads=n_threads,
            seconds=statistics.median(peer.our_turns),
            peer_seconds=statistics.median(peer.turns),
            ratio=statistics.median(b / a for a, b in zip(peer.our_turns, peer.turns, strict=True)),
            inertia=inertia,
            peer_inertia=peer_inertia,
            n_iter=ours.n_iter,
            peer_n_iter=peer.n_iter,
            n_wrong=n_wrong,
            peer_n_wrong=count_wrong(X, peer),
            peer=name,
            is_approximate=package.is_approximate or is_worse,
            wanted=workload.wanted,
            is_per_iteration=workload.is_per_iteration,
            repeat=len(peer.turns),
            peer_label_seconds=peer.label_seconds,
            note="; ".join(notes(workload, package, peer, is_worse)),
        )


def notes(workload: Workload, package: Package, peer: Contestant, is_worse: bool) -> Iterator[str]:
    if package.is_approximate:
        yield "approximate"
    elif is_worse:
        yield "worse"
    if peer.label_seconds is not None:
        yield f"+ {1e3 * peer.label_seconds:.3g} ms for labels"
    if package.has_stop and workload.kind == FIT and peer.n_iter == workload.max_iter == TO_CONVERGENCE:
        yield "not converged"
    if not peer.is_quiet:
        yield "its threads spin on"


def count_wrong(X: Array, who: Contestant) -> int | None:
    """Labels that are not those of the nearest of its own centers, among SAMPLE_ROWS rows; None without labels."""
    if who.labels is None:
        return None
    rows = np.arange(len(X))
    if len(X) > SAMPLE_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(len(X), SAMPLE_ROWS, replace=False))
    return check.count_not_nearest(X[rows], who.centers, who.labels[rows])
