from ..backends.protocol import Array, Floats, Indices, Labels
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
