from ..backends.protocol import Array, Indices, Labels
from ._blocks import Blocks
from ._kernels import Rows

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
