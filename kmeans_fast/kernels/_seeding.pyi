from ..backends.protocol import Array, Floats
from ._kernels import Rows

def candidate_potentials(
    rows: Rows, sq_dists: Floats | None, candidates: Array, potentials: Floats, *, n_threads: int = 1
) -> None: ...
def lower_sq_dists(rows: Rows, center: Array, sq_dists: Floats, *, n_threads: int = 1) -> None: ...
