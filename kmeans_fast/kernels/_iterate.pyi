from ..backends.protocol import Array, Floats, Indices, Labels
from ._blocks import Blocks
from ._kernels import Rows

def iterate(
    rows: Rows,
    borders: Indices,
    centers: Array,
    labels: Labels,
    sums: Floats,
    mass: Floats,
    steps: Floats,
    sq_shift: float,
    *,
    n_threads: int = 1,
) -> int: ...
def iterate_in_blocks(
    rows: Rows,
    blocks: Blocks,
    centers: Array,
    labels: Labels,
    moved: Indices,
    before: Labels,
    sums: Floats,
    mass: Floats,
    steps: Floats,
    rounding: Floats,
    sq_shift: float,
    most_moved: int,
    most_scored: float,
    *,
    n_threads: int = 1,
) -> int: ...
