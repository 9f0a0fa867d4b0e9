from typing import Any

import numpy as np
import numpy.typing as npt

from ..backends.protocol import Array, Floats, Indices, Labels
from ._kernels import Rows

class CsrRows(Rows):
    @property
    def values_per_row(self) -> int: ...

def prepare(
    X: Any,
    values: Array,
    columns: Labels,
    starts: Indices,
    weights: Floats | None,
    *,
    isa: str,
    scale: float,
    data_unit: float,
    weight_unit: float,
) -> CsrRows: ...
def nearest(rows: Rows, start: int, stop: int, centers: Array, labels: Labels, *, n_threads: int = 1) -> int: ...
def nearest_and_sum(
    rows: Rows, borders: Indices, centers: Array, labels: Labels, sums: Floats, mass: Floats, *, n_threads: int = 1
) -> int: ...
def sum_by_label(
    rows: Rows, borders: Indices, labels: Labels, sums: Floats, mass: Floats, *, n_threads: int = 1
) -> None: ...
def two_nearest(
    rows: Rows,
    chosen: Indices,
    centers: Array,
    labels: Labels,
    upper: npt.NDArray[np.float32],
    lower: npt.NDArray[np.float32],
    *,
    n_threads: int = 1,
) -> int: ...
def candidate_potentials(
    rows: Rows, sq_dists: Floats, candidates: Array, potentials: Floats, *, n_threads: int = 1
) -> None: ...
def lower_sq_dists(rows: Rows, center: Array, sq_dists: Floats, *, n_threads: int = 1) -> None: ...
def label_sq_dists(
    rows: Rows, start: int, stop: int, centers: Array, labels: Labels, sq_dists: Floats, *, n_threads: int = 1
) -> None: ...
def distances(rows: Rows, start: int, stop: int, centers: Array, out: Array, *, n_threads: int = 1) -> None: ...
