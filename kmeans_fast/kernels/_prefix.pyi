import numpy as np
import numpy.typing as npt

from ..backends.protocol import Array, Drift, Floats, Indices, Labels
from ._kernels import Rows

class Prefix:
    n: int
    d: int
    p: int
    n_met: float
    n_found: float
    n_scored: float
    n_decided: float

def make_prefix(rows: Rows, axes: Floats, defect: float, *, n_threads: int = 1) -> Prefix: ...
def nearest_by_prefix(
    rows: Rows,
    prefix: Prefix,
    first_p: int,
    start: int,
    stop: int,
    centers: Array,
    drift: Drift,
    labels: Labels,
    upper: npt.NDArray[np.float32],
    lower: npt.NDArray[np.float32],
    moved: Indices | None = None,
    before: Labels | None = None,
    *,
    n_threads: int = 1,
) -> int: ...
