from ..backends.protocol import Array, Floats
from ._kernels import Rows

def move_centers(
    rows: Rows, sums: Floats, mass: Floats, centers: Array, new_centers: Array, sq_shifts: Floats, *, n_threads: int = 1
) -> tuple[float, float]: ...
