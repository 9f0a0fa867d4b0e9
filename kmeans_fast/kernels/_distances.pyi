from ..backends.protocol import Array, Floats, Labels
from ._kernels import Rows

def label_sq_dists(
    rows: Rows, start: int, stop: int, centers: Array, labels: Labels, sq_dists: Floats, *, n_threads: int = 1
) -> None: ...
def distances(rows: Rows, start: int, stop: int, centers: Array, out: Array, *, n_threads: int = 1) -> None: ...
def inertia(
    rows: Rows, start: int, stop: int, centers: Array, labels: Labels, total: float = 0.0, *, n_threads: int = 1
) -> float: ...
