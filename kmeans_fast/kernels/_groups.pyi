import numpy as np
import numpy.typing as npt

from ..backends.protocol import Array, Floats, Indices, Labels
from ._kernels import Rows

class Bounds:
    n_measured: float
    n_scored: float
    n_bytes: int
    n_groups: int
    width: int
    order: list[int]
    def tell(self, labels: Labels, upper: npt.NDArray[np.float32], lower: npt.NDArray[np.float32]) -> None: ...

def make_bounds(rows: Rows, centers: Array, *, by_group: bool = True, n_threads: int = 1) -> Bounds: ...
def nearest_with_bounds(
    rows: Rows,
    bounds: Bounds,
    start: int,
    stop: int,
    centers: Array,
    sq_shifts: Floats,
    labels: Labels,
    moved: Indices | None = None,
    before: Labels | None = None,
    *,
    n_threads: int = 1,
) -> int: ...
