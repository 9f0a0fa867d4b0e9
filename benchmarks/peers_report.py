"""Rows beside other packages: as a table, summed up by workload, and as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import report
from .packages import OUR_LLOYD
from .report import Columns, Row, text

LEAST_BESIDE_LLOYD = 0.95
"""No choice of algorithm may be slower than our own plain Lloyd, less what turns differ by."""

COLUMNS: Columns = (
    ("peer", 21, ""),
    ("n x d, k", 18, ">"),
    ("dtype", 7, ">"),
    ("rounds", 6, ">"),
    ("iter", 9, ">"),
    ("ms", 9, ">"),
    ("peer ms", 9, ">"),
    ("ratio", 7, ">"),
    ("an iter", 7, ">"),
    ("inertia", 13, ">"),
    ("peer's - ours", 13, ">"),
    ("wrong", 5, ">"),
    ("peer wrong", 10, ">"),
    (" note", 0, ""),
)

SUMMARY_COLUMNS: Columns = (
    ("workload", 46, ""),
    ("wanted", 6, ">"),
    ("ratio", 7, ">"),
    ("", 3, ""),
    ("best peer", 23, ""),
    ("best exact", 10, ">"),
    ("vs lloyd", 8, ">"),
    ("wrong", 5, ">"),
)


# --- one row ----------------------------------------------------------------------------------------------


def header() -> str:
    return report.header(COLUMNS)


def table_line(row: Row) -> str:
    return report.line(
        [
            row.peer,
            f"{row.n}x{row.d}, {row.k}",
            row.dtype,
            text(row.repeat),
            report.iterations(row),
            report.milliseconds(row.seconds),
            report.milliseconds(row.peer_seconds),
            text(row.ratio, ".3g"),
            text(per_iteration(row), ".3g"),
            text(row.inertia, ".8g"),
            text(gap(row), "+.1e"),
            text(row.n_wrong),
            text(row.peer_n_wrong),
            f" {row.note}",
        ],
        COLUMNS,
    )


def per_iteration(row: Row) -> float | None:
    """The ratio of times per iteration."""
    if row.ratio is None or not row.n_iter or not row.peer_n_iter:
        return None
    return row.ratio * row.n_iter / row.peer_n_iter


def judged(row: Row) -> float:
    """The ratio that is compared with the one that is wanted."""
    ratio = per_iteration(row) if row.is_per_iteration else row.ratio
    assert ratio is not None
    return ratio


def gap(row: Row) -> float | None:
    """How much more inertia the peer's centers have, relative to ours."""
    if not row.inertia or row.peer_inertia is None:
        return None
    return (row.peer_inertia - row.inertia) / row.inertia


# --- one workload -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    case: str
    wanted: float
    best: Row | None
    """Beside the peer that leaves us the least ratio; None if no peer took part."""
    best_exact: Row | None
    beside_lloyd: float | None
    n_wrong: int | None

    @property
    def ratio(self) -> float | None:
        return None if self.best is None else judged(self.best)

    @property
    def is_reached(self) -> bool | None:
        return None if self.ratio is None else self.ratio >= self.wanted


def verdicts(rows: Iterable[Row]) -> list[Verdict]:
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        by_case.setdefault(row.case, []).append(row)
    return [verdict(case, of_case) for case, of_case in by_case.items()]


def verdict(case: str, rows: Sequence[Row]) -> Verdict:
    peers = [row for row in rows if row.peer != OUR_LLOYD]
    return Verdict(
        case=case,
        wanted=rows[0].wanted or 1.0,
        best=min(peers, key=judged, default=None),
        best_exact=min((row for row in peers if not row.is_approximate), key=judged, default=None),
        beside_lloyd=next((row.ratio for row in rows if row.peer == OUR_LLOYD), None),
        n_wrong=rows[0].n_wrong,
    )


def summary(found: Sequence[Verdict]) -> Iterator[str]:
    """Lines: a table of workloads, then means and minima."""
    yield report.header(SUMMARY_COLUMNS)
    for one in found:
        best = "-" if one.best is None else one.best.peer + (" ~" if one.best.is_approximate else "")
        exact = None if one.best_exact is None else judged(one.best_exact)
        reached = {True: "yes", False: "NO", None: ""}[one.is_reached]
        cells = [one.case, text(one.wanted, "g"), text(one.ratio, ".3g"), reached, best, text(exact, ".3g")]
        cells += [text(one.beside_lloyd, ".3g"), text(one.n_wrong)]
        yield report.line(cells, SUMMARY_COLUMNS)
    yield "ratio: the best peer's time / ours (per iteration where that is wanted); ~ approximate or worse"
    groups = {
        "all workloads": found,
        "chosen": [one for one in found if not one.case.startswith("random-")],
        "random": [one for one in found if one.case.startswith("random-")],
    }
    for name, group in groups.items():
        yield from mean_lines(name, [one.ratio for one in group], "best peer")
        exact_ratios = [None if one.best_exact is None else judged(one.best_exact) for one in group]
        yield from mean_lines(name, exact_ratios, "best exact peer")
        yield from mean_lines(name, [one.beside_lloyd for one in group], "our plain Lloyd")
    reached_ones = [one.is_reached for one in found if one.is_reached is not None]
    yield f"{sum(reached_ones)} of {len(reached_ones)} workloads reach the ratio that is wanted"
    slow = [one.case for one in found if one.beside_lloyd is not None and one.beside_lloyd < LEAST_BESIDE_LLOYD]
    if slow:
        yield f"slower than {LEAST_BESIDE_LLOYD} of our own plain Lloyd: {', '.join(slow)}"
    yield f"wrong labels of ours, in all: {sum(one.n_wrong or 0 for one in found)}"


def mean_lines(group: str, ratios: Iterable[float | None], beside: str) -> Iterator[str]:
    known = [ratio for ratio in ratios if ratio is not None]
    if known:
        mean = math.exp(math.fsum(map(math.log, known)) / len(known))
        yield f"{group}, beside {beside}: geometric mean {mean:.3g}, minimum {min(known):.3g}, of {len(known)}"


# --- picture ----------------------------------------------------------------------------------------------

MARKERS = "oDs^vP*X"


def write_picture(path: Path, rows: Sequence[Row], title: str) -> None:
    """Draw the ratio to each peer, a line of marks a workload; hollow ones are of approximate or worse peers.

    Raises ImportError without matplotlib.
    """
    from kmeans_fast import plots

    found = verdicts(rows)
    positions = {one.case: position for position, one in enumerate(found)}
    figure = plots.new_figure(11, 2.2 + 0.27 * len(found))
    ax = figure.subplots()
    for index, peer in enumerate(dict.fromkeys(row.peer for row in rows)):
        colour = "#aaaaaa" if peer == OUR_LLOYD else plots.PALETTE[index % len(plots.PALETTE)]
        style: dict[str, Any] = {"linestyle": "", "marker": MARKERS[index % len(MARKERS)], "markersize": 6}
        style["color"] = colour
        ax.plot([], [], label=peer, **style)
        for is_hollow in (False, True):
            drawn = [row for row in rows if row.peer == peer and row.is_approximate == is_hollow]
            face = "white" if is_hollow else colour
            at = [positions[row.case] for row in drawn]
            ax.plot([judged(row) for row in drawn], at, markerfacecolor=face, **style)
    wanted = [one.wanted for one in found]
    ax.plot(wanted, list(positions.values()), linestyle="", marker="|", markersize=15, markeredgewidth=2,
            color="black", label="wanted of the best peer")  # fmt: skip
    _scale(ax, [*wanted, *map(judged, rows)])
    ax.axvline(1, color="black", linewidth=1)
    ax.set_yticks(list(positions.values()), [one.case for one in found], fontsize=8)
    ax.set_ylim(len(found) - 0.4, -0.6)
    ax.grid(color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.set_xlabel("times as fast as the peer (to the right of 1: faster); hollow: approximate or worse")
    ax.set_title(title)
    figure.legend(loc="outside lower center", ncols=5, frameon=False)
    plots.save(figure, path)


def _scale(ax: Any, ratios: Sequence[float]) -> None:
    """A logarithmic axis that holds all ratios, with ticks at 1, 2 and 5 of each decade."""
    ends = 0.8 * min(*ratios, 0.9), 1.25 * max(*ratios, 1.1)
    ax.set_xscale("log")
    ticks = [step * 10.0**power for power in range(-4, 6) for step in (1, 2, 5)]
    ax.set_xticks([tick for tick in ticks if ends[0] <= tick <= ends[1]], minor=False)
    ax.set_xticks([], minor=True)
    ax.set_xlim(*ends)
    ax.xaxis.set_major_formatter("{x:g}")
