from ..backends.protocol import Array, Floats, Indices, Labels
from ._kernels import Rows

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
def nearest_and_sum(
    rows: Rows, borders: Indices, centers: Array, labels: Labels, sums: Floats, mass: Floats, *, n_threads: int = 1
) -> int: ...
