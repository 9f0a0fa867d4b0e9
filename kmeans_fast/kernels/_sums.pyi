from ..backends.protocol import Floats, Indices, Labels
from ._kernels import Rows

def sum_by_label(
    rows: Rows, borders: Indices, labels: Labels, sums: Floats, mass: Floats, *, n_threads: int = 1
) -> None: ...
