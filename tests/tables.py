"""The rows of the tables that tests run over: every backend, and every instruction set of the compiled one.

A row that this CPU lacks is skipped by name; a compiled backend that is not built makes its rows fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import CASES

from kmeans_fast.backends import BACKENDS, get_backend

KERNELS = Path(__file__).parent.parent / "kmeans_fast" / "kernels"
ISAS = re.findall(r"^ISA\((\w+)", (KERNELS / "c" / "isas.def").read_text(), re.MULTILINE)


@cache
def isas_available() -> tuple[str, ...]:
    try:
        return tuple(get_backend("compiled").facts()["isas_available"])
    except ImportError:
        return tuple(ISAS)


@dataclass(frozen=True)
class Row:
    backend: str
    isa: str | None = None

    @property
    def id(self) -> str:
        return self.backend if self.isa is None else f"{self.backend}-{self.isa}"

    def open(self) -> Any:
        return get_backend(self.backend, isa=self.isa)

    def rows(self, plenty: int, *, broadcast: int = 400, loop: int = 120) -> int:
        """How many rows this row of the table can do in the time of a test."""
        return {"broadcast": min(broadcast, plenty), "loop": min(loop, plenty)}.get(self.backend, plenty)


def parameter(row: Row) -> Any:
    lacks = row.isa is not None and row.isa not in isas_available()
    marks = [pytest.mark.skip(reason=f"this CPU lacks {row.isa}")] if lacks else []
    return pytest.param(row, id=row.id, marks=marks)


ISA_ROWS = [Row("compiled", isa) for isa in ISAS]
ALL_ROWS = [Row(name) for name in BACKENDS if name != "compiled"] + ISA_ROWS

every_isa = pytest.mark.parametrize("row", [parameter(row) for row in ISA_ROWS])
every_backend = pytest.mark.parametrize("row", [parameter(row) for row in ALL_ROWS])
every_case = pytest.mark.parametrize(
    ("case", "dtype"), [pytest.param(case, t, id=f"{case.name}-{t}") for case in CASES.values() for t in case.dtypes]
)


AMPLE = 1000.0
"""A copy_budget that allows copies of a single row, for which a tile of many rows is needed."""


def prepared(backend: Any, X: np.ndarray, weights: np.ndarray | None, copy_budget: float, n_threads: int = 1) -> Any:
    """Rows over X whose working copies, where the budget allows them, have been made: they wait until they pay."""
    rows = backend.prepare(X, weights, copy_budget=copy_budget, n_threads=n_threads)
    if copy_budget == 0 or backend.name != "compiled":
        return rows
    labels, centers = np.zeros(len(X), dtype=np.int32), np.ascontiguousarray(X[:2])
    for _ in range(50):
        if rows.n_copied_bytes:
            break
        backend.nearest(rows, 0, len(X), centers, labels, n_threads=n_threads)
    assert rows.n_copied_bytes > 0 or X.shape[1] > 33, "no working copy was made"
    return rows


@contextmanager
def in_use(row: Row) -> Iterator[str]:
    """The name of the row's backend, with its instruction set as the default one meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        if row.isa is not None:
            patch.setenv("KMEANS_FAST_ISA", row.isa)
            assert get_backend("compiled").isa == row.isa, "the environment did not pick the instruction set"
        yield row.backend
