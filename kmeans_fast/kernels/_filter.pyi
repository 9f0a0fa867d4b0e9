from ..backends.protocol import Array, Labels
from ._kernels import Rows

def filter_scores(rows: Rows, centers: Array, names: Labels, scores: Array) -> None: ...
