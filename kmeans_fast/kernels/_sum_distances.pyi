from ..backends.protocol import Array, Floats, Indices
from ._kernels import Rows

def sum_distances(
    rows: Rows, start: int, stop: int, points: Array, starts: Indices, sums: Floats, *, n_threads: int = 1
) -> None: ...
