"""The doors to C: what would be read or written out of bounds is refused, and nothing to do is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from kmeans_fast.backends import get_backend
from kmeans_fast.kernels import _blocks, _csr, _gather, _kernels

BACKEND = get_backend("compiled")
X = np.random.default_rng(0).standard_normal((100, 3))
CENTERS = np.ascontiguousarray(X[:4])
ROWS = {"dense": BACKEND.prepare(X), "sparse": BACKEND.prepare(csr_array(X))}
every_kind = pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)


def labels(n: int = 100) -> np.ndarray:
    return np.zeros(n, dtype=np.int32)


def floats(*shape: int) -> np.ndarray:
    return np.zeros(shape)


def bounds(n: int = 100) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(n, np.float32), np.zeros(n, np.float32)


def whole(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a slice past the end": (lambda r: BACKEND.nearest(r, 0, 101, CENTERS, labels(101)), "slice 0:101"),
    "a slice that ends before it begins": (lambda r: BACKEND.nearest(r, 5, 4, CENTERS, labels(0)), "slice 5:4"),
    "too few labels": (lambda r: BACKEND.nearest(r, 0, 100, CENTERS, labels(99)), "99"),
    "room for too few moved rows": (
        lambda r: BACKEND.nearest(r, 0, 100, CENTERS, labels(), np.zeros(99, np.int64), labels(99)),
        "room for 99",
    ),
    "chosen rows that do not increase": (
        lambda r: BACKEND.two_nearest(r, whole(3, 3), CENTERS, labels(), *bounds()),
        "must increase",
    ),
    "a chosen row past the end": (
        lambda r: BACKEND.two_nearest(r, whole(100), CENTERS, labels(), *bounds()),
        "less than 100",
    ),
    "a negative chosen row": (lambda r: BACKEND.two_nearest(r, whole(-1), CENTERS, labels(), *bounds()), "increase"),
    "sums of other shapes": (
        lambda r: BACKEND.sum_by_label(r, whole(0, 100), labels(), floats(2, 4, 2), floats(2, 4)),
        "rows of 3 features",
    ),
    "sums that are no pairs": (
        lambda r: BACKEND.sum_by_label(r, whole(0, 100), labels(), floats(1, 4, 3), floats(2, 4)),
        "sums of shape",
    ),
    "no group of rows": (
        lambda r: BACKEND.sum_by_label(r, whole(0), labels(0), floats(2, 4, 3), floats(2, 4)),
        "0 groups",
    ),
    "moved rows without labels": (
        lambda r: BACKEND.move(r, whole(1, 2), labels(1), labels(2), floats(2, 4, 3), floats(2, 4)),
        "2 moved rows",
    ),
    "a moved row past the end": (
        lambda r: BACKEND.move(r, whole(100), labels(1), labels(1) + 1, floats(2, 4, 3), floats(2, 4)),
        "row 100 of 100",
    ),
    "a move to a cluster past the end": (
        lambda r: BACKEND.move(r, whole(1), labels(1), labels(1) + 4, floats(2, 4, 3), floats(2, 4)),
        "to 4 of 4",
    ),
    "gains of other candidates": (
        lambda r: BACKEND.candidate_gains(r, BACKEND.make_seeds(r, 0, floats(100)), whole(1, 2), whole(0)),
        "1 entries for 2",
    ),
    "drawn rows for other shares": (
        lambda r: BACKEND.draw_rows(r, BACKEND.make_seeds(r, 0, floats(100)), floats(2), whole(0)),
        "1 entries for 2",
    ),
    "distances to other centers": (lambda r: BACKEND.distances(r, 0, 100, CENTERS, floats(100, 3)), "3 columns for 4"),
    "an inertia that begins inside a block": (
        lambda r: BACKEND.inertia(r, 1, 100, CENTERS, labels(99), 0.0),
        "start=1 is not",
    ),
}


@every_kind
@pytest.mark.parametrize("name", REFUSED)
def test_what_would_leave_the_arrays_is_refused(name: str, rows: Any) -> None:
    call, said = REFUSED[name]
    with pytest.raises(ValueError, match=said):
        call(rows)


@every_kind
def test_no_rows_are_no_work(rows: Any) -> None:
    sums, mass = floats(2, 4, 3), floats(2, 4)
    assert BACKEND.nearest(rows, 7, 7, CENTERS, labels(0)) == 0
    assert BACKEND.two_nearest(rows, whole(), CENTERS, labels(), *bounds()) == 0
    assert BACKEND.inertia(rows, 0, 0, CENTERS, labels(0), 2.5) == 2.5
    BACKEND.label_sq_dists(rows, 7, 7, CENTERS, labels(0), floats(0))
    BACKEND.distances(rows, 7, 7, CENTERS, floats(0, 4))
    BACKEND.move(rows, whole(), labels(0), labels(0), sums, mass)
    assert not sums.any() and not mass.any()


def test_rows_that_are_gathered_need_a_place() -> None:
    with pytest.raises(ValueError, match="for 2 rows"):
        _gather.gather(X, whole(1, 2), floats(3, 3), n_threads=1)
    _gather.gather(X, whole(), floats(0, 3), n_threads=1)


def test_rows_without_any_value_and_unknown_instruction_sets_are_refused() -> None:
    dense = ROWS["dense"]
    for empty in (floats(0, 3), floats(3, 0)):
        with pytest.raises(ValueError, match="needs a row and a column"):
            _kernels.survey(empty, floats(empty.shape[1]), isa=BACKEND.isa, n_threads=1)
    with pytest.raises(ValueError, match="features"):
        _kernels.rows_like(floats(5, 2), dense)
    with pytest.raises(ValueError, match="sse9"):
        _kernels.survey(X, floats(3), isa="sse9", n_threads=1)


def test_tables_of_blocks_are_checked() -> None:
    rows, tables = ROWS["dense"], np.zeros((3, 256), np.int32)
    with pytest.raises(ValueError, match="tables of 2"):
        _blocks.make_blocks(rows, floats(3), floats(3), tables[:2], 8, labels())
    blocks = BACKEND.make_blocks(rows, labels())
    assert BACKEND.nearest_in_blocks(rows, blocks, CENTERS, labels(), np.zeros(100, np.int64), labels()) >= 0


def test_iterations_in_blocks_need_room_for_what_moves() -> None:
    rows, (k, d) = ROWS["dense"], CENTERS.shape
    blocks, path = BACKEND.make_blocks(rows, labels()), np.stack([CENTERS] * 3)
    room = labels(), np.zeros(100, np.int64), labels(), floats(2, k, d), floats(2, k)
    for steps, rounding, most_moved in ((2, 2, 5), (2, 3, -1), (1, 3, 5)):
        with pytest.raises(ValueError, match=r"no room for rows that move|m steps of 4 numbers"):
            BACKEND.iterate_in_blocks(
                rows, blocks, path, *room, floats(steps, 4), floats(rounding), 0.0, most_moved, np.inf
            )


def test_arrays_that_are_no_matrix_in_csr_are_refused() -> None:
    conditioning = ROWS["sparse"].conditioning
    values, columns, starts = np.ones(2), labels(2), whole(0, 1, 3)
    with pytest.raises(ValueError, match="no CSR matrix"):
        _csr.prepare(csr_array((2, 3)), values, columns, starts, None, isa=BACKEND.isa, conditioning=conditioning)
