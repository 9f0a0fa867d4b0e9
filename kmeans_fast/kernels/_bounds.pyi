import numpy as np
import numpy.typing as npt

from ..backends.protocol import Array, Indices, Labels
from ._kernels import Rows

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
