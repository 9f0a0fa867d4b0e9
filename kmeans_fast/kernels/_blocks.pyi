import numpy as np
import numpy.typing as npt

from ..backends.protocol import Floats, Labels
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
