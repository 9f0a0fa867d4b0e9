import numpy as np
import numpy.typing as npt

from ..backends.protocol import Array, Floats, Indices, Labels
from ._kernels import Rows

class Blocks:
    n_scored: float

def make_blocks(
    rows: Rows,
    least: Floats,
    step: Floats,
    bits: npt.NDArray[np.int32],
    n_cells: int,
    labels: Labels,
    *,
    n_threads: int = 1,
) -> Blocks: ...
def nearest_in_blocks(
    rows: Rows,
    blocks: Blocks,
    centers: Array,
    labels: Labels,
    moved: Indices | None = None,
    before: Labels | None = None,
    *,
    n_threads: int = 1,
) -> int: ...
