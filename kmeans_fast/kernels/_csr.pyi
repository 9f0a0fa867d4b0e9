from typing import Any

import numpy as np
import numpy.typing as npt

from ..backends.conditioning import Conditioning
from ..backends.protocol import Array, Floats, Indices, Labels
from ._kernels import Rows

class CsrRows(Rows):
    conditioning: Conditioning

def prepare(
    X: Any,
    values: Array,
    columns: Labels,
    starts: Indices,
    weights: Floats | None,
    *,
    isa: str,
    conditioning: Conditioning,
) -> CsrRows: ...
def nearest(
    rows: Rows,
    start: int,
    stop: int,
    centers: Array,
    labels: Labels,
    moved: Indices | None = None,
    before: Labels | None = None,
    *,
    n_threads: int = 1,
) -> int: ...
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
def sq_spread(rows: Rows, center: Array, *, n_threads: int = 1) -> float: ...
def label_sq_dists(
    rows: Rows, start: int, stop: int, centers: Array, labels: Labels, sq_dists: Floats, *, n_threads: int = 1
) -> None: ...
def distances(rows: Rows, start: int, stop: int, centers: Array, out: Array, *, n_threads: int = 1) -> None: ...
def inertia(
    rows: Rows, start: int, stop: int, centers: Array, labels: Labels, total: float = 0.0, *, n_threads: int = 1
) -> float: ...
