from typing import Any

from ..backends.protocol import Array, Floats

class Rows:
    X: Any
    weights: Floats | None
    weight_unit: float
    origin: Array
    largest: float
    sq_spread: float
    sums_are_exact: bool
    @property
    def n(self) -> int: ...
    @property
    def d(self) -> int: ...
    @property
    def values_per_row(self) -> int: ...
    @property
    def data_unit(self) -> float: ...
    @property
    def is_sparse(self) -> bool: ...
    @property
    def n_copied_bytes(self) -> int: ...
    def release(self) -> None: ...

def survey(X: Array, origin: Array, *, isa: str, n_threads: int) -> tuple[float, float, float]: ...
def prepare(
    X: Array,
    scaled_origin: Array,
    weights: Floats | None,
    *,
    isa: str,
    origin: Array,
    scale: float,
    data_unit: float,
    weight_unit: float,
    largest: float,
    sq_spread: float,
    sums_are_exact: bool,
    n_digits: int,
    last_digit: int,
    copy_budget: float,
) -> Rows: ...
def rows_like(X: Array, rows: Rows) -> Rows: ...
def isas() -> list[str]: ...
def isas_available() -> list[str]: ...
def max_threads() -> int: ...
def has_openmp() -> bool: ...
def build_profile() -> str: ...
