"""Rows of results: as a table, as JSON, beside an earlier run, and as a picture."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .peers import NAME as PEER


@dataclass(frozen=True)
class Row:
    """One backend on one workload, and scikit-learn in turns with it; None is "not measured" or "has none"."""

    bench: str
    case: str
    backend: str
    isa: str
    n: int
    d: int
    k: int
    dtype: str
    threads: int
    seconds: float
    peer_seconds: float | None = None
    ratio: float | None = None
    """Median over the turns of scikit-learn's time / ours: above 1 we are faster."""
    inertia: float | None = None
    peer_inertia: float | None = None
    n_iter: int | None = None
    peer_n_iter: int | None = None
    n_wrong: int | None = None
    """Labels that are not the truly nearest of the run's own centers."""
    peer_n_wrong: int | None = None
    peak: float | None = None
    """Peak memory of the call beyond X, in multiples of the bytes of X."""
    peer_peak: float | None = None
    peer: str = PEER
    is_approximate: bool = False
    """Whether the peer's clustering is not the one that was asked for, or worse."""
    wanted: float | None = None
    """The ratio that is aimed at."""
    is_per_iteration: bool = False
    """Whether ``wanted`` is about times per iteration."""
    repeat: int | None = None
    peer_label_seconds: float | None = None
    """Seconds of the peer's call that labels the rows, not part of peer_seconds: its fit gives centers only."""
    note: str = ""

    @property
    def key(self) -> str:
        peer = "" if self.peer == PEER else f"/{self.peer}"
        return f"{self.bench}/{self.case}/{self.backend}/{self.isa}/{self.threads}{peer}"


# --- table ------------------------------------------------------------------------------------------------

Columns = Sequence[tuple[str, int, str]]
"""Name, width and alignment."""

COLUMNS: Columns = (
    ("case", 42, ""),
    ("backend", 10, ""),
    ("isa", 8, ""),
    ("n x d, k", 18, ">"),
    ("dtype", 7, ">"),
    ("thr", 3, ">"),
    ("iter", 9, ">"),
    ("ms", 9, ">"),
    ("peer ms", 9, ">"),
    ("ratio", 7, ">"),
    ("inertia", 13, ">"),
    ("peer inertia", 13, ">"),
    ("wrong", 6, ">"),
    ("peer wrong", 10, ">"),
    ("peak/X", 6, ">"),
    ("peer peak/X", 11, ">"),
    ("note", 0, ""),
)


def header(columns: Columns = COLUMNS) -> str:
    return line([name for name, _, _ in columns], columns)


def table_line(row: Row) -> str:
    return line(
        [
            row.case,
            row.backend,
            row.isa,
            f"{row.n}x{row.d}, {row.k}",
            row.dtype,
            str(row.threads),
            iterations(row),
            milliseconds(row.seconds),
            milliseconds(row.peer_seconds),
            text(row.ratio, ".3g"),
            text(row.inertia, ".8g"),
            text(row.peer_inertia, ".8g"),
            text(row.n_wrong),
            text(row.peer_n_wrong),
            text(row.peak, ".3f"),
            text(row.peer_peak, ".3f"),
            row.note,
        ]
    )


def line(texts: Iterable[str], columns: Columns = COLUMNS) -> str:
    """Texts in columns; one that is too long moves the others."""
    return " ".join(f"{cell:{align}{width}}" for cell, (_, width, align) in zip(texts, columns, strict=True)).rstrip()


def iterations(row: Row) -> str:
    """Ours and the peer's, one number where they are equal."""
    if row.n_iter == row.peer_n_iter:
        return text(row.n_iter)
    return f"{text(row.n_iter)} / {text(row.peer_n_iter)}"


def text(value: float | None, form: str = "") -> str:
    return "-" if value is None else format(value, form)


def milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1e3 * seconds:.4g}"


# --- JSON -------------------------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import numpy
    import sklearn

    import kmeans_fast

    return {
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "scikit-learn": sklearn.__version__,
        "kmeans_fast": kmeans_fast.info(),
    }


def write_json(path: Path, rows: Sequence[Row], skipped: Mapping[str, str], **more: Any) -> None:
    content = {"machine": machine(), "rows": [asdict(row) for row in rows], "skipped": dict(skipped), **more}
    path.write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")


def read_json(path: Path) -> list[Row]:
    """Rows of an earlier run; fields that this version does not know are left out."""
    known = {field.name for field in fields(Row)}
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return [Row(**{name: value for name, value in row.items() if name in known}) for row in rows]


def comparison(rows: Sequence[Row], earlier: Sequence[Row]) -> Iterable[str]:
    """Lines that set each row beside the same row of an earlier run.

    "against peer" corrects for a machine that was slower or faster then: the ratio to scikit-learn now / then.
    """
    before = {row.key: row for row in earlier}
    yield f"{'case':<72} {'ms then':>9} {'ms now':>9} {'speed-up':>9} {'against peer':>13}"
    for row in rows:
        old = before.get(row.key)
        if old is None:
            yield f"{row.key:<72} {'-':>9} {milliseconds(row.seconds):>9} {'new':>9}"
            continue
        corrected = row.ratio / old.ratio if row.ratio and old.ratio else None
        yield (
            f"{row.key:<72} {milliseconds(old.seconds):>9} {milliseconds(row.seconds):>9}"
            f" {old.seconds / row.seconds:>9.3g} {text(corrected, '.3g'):>13}"
        )


# --- picture ----------------------------------------------------------------------------------------------


def write_picture(path: Path, rows: Sequence[Row]) -> bool:
    """Draw the ratios of the fits, or of the kernels if there are no fits; False if no row has a ratio.

    Raises ImportError without matplotlib.
    """
    from kmeans_fast import plots

    groups: dict[str, list[tuple[str, float]]] = {}
    has_fits = any(row.bench == "fits" and row.ratio is not None for row in rows)
    for row in rows:
        if row.ratio is not None and (row.bench == "fits" or not has_fits):
            series = row.backend if row.isa == "numpy" else f"{row.backend} ({row.isa})"
            groups.setdefault(row.case, []).append((series, row.ratio))
    if not groups:
        return False
    threads = ", ".join(str(count) for count in sorted({row.threads for row in rows}))
    figure = plots.ratio_bars(
        list(groups.items()),
        f"Time of {PEER} / time of kmeans_fast, threads: {threads}",
        f"times as fast as {PEER} (to the right of 1: faster)",
    )
    plots.save(figure, path)
    return True
