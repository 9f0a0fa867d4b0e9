"""One run of every kernel over the same inputs, and how two such runs differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tables import prepared

from kmeans_fast.backends.ordered_sums import group_borders
from kmeans_fast.backends.protocol import PREFIX_STEP, Drift

N_SEEDS = 12
"""That are added one after the other: with more than eight, the compiled backend sorts the rows by them."""


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


@dataclass(frozen=True)
class Problem:
    """Inputs, all of them read-only, and one run of every kernel over them."""

    X: np.ndarray
    centers: np.ndarray
    weights: np.ndarray | None

    @staticmethod
    def of(X: np.ndarray, centers: np.ndarray, weights: np.ndarray | None) -> Problem:
        own = None if weights is None else read_only(np.array(weights, dtype=np.float64))
        return Problem(read_only(X.copy()), read_only(centers.copy()), own)

    def run(self, backend: Any, copy_budget: float = 0.0, n_threads: int = 1) -> dict[str, Any]:
        """Every output of which the reference states the bits, by name."""
        X, centers, threads = self.X, self.centers, {"n_threads": n_threads}
        (n, d), k = X.shape, len(centers)
        inputs = [a for a in (X, centers, self.weights) if a is not None]
        before = [a.tobytes() for a in inputs]
        rows = prepared(backend, X, self.weights, copy_budget, n_threads)
        out: dict[str, Any] = {}

        for name, (start, stop) in {"whole": (0, n), "slice": (n // 7, n - n // 5)}.items():
            labels = np.arange(start, stop, dtype=np.int32) % k
            out[f"n_changed {name}"] = backend.nearest(rows, start, stop, centers, labels, **threads)
            out[f"labels {name}"] = labels
            sq_dists = np.full(stop - start, np.nan)
            backend.label_sq_dists(rows, start, stop, centers, labels, sq_dists, **threads)
            out[f"label_sq_dists {name}"] = sq_dists

        borders = group_borders(n, k)
        borders = read_only(borders[1:] if len(borders) > 3 else borders)
        labels = np.zeros(borders[-1] - borders[0], dtype=np.int32)
        sums, mass = np.zeros((2, k, d)), np.zeros((2, k))
        sums[0], mass[0] = 0.25, 0.5
        n_changed = backend.nearest_and_sum(rows, borders, centers, labels, sums, mass, **threads)
        out["n_changed nearest_and_sum"] = n_changed
        out.update({"labels nearest_and_sum": labels, "sums nearest_and_sum": sums[0], "mass nearest_and_sum": mass[0]})
        sums, mass = np.zeros((2, k, d)), np.zeros((2, k))
        given = np.arange(len(labels), dtype=np.int32) * 7 % k
        backend.sum_by_label(rows, borders, given, sums, mass, **threads)
        out.update({"sums": sums[0].copy(), "mass": mass[0].copy()})
        places = read_only(np.flatnonzero(np.arange(len(given)) % 5 == 1))
        after = read_only((given[places] * 3 + 1) % k)
        backend.move(rows, borders[0] + places, given[places], after, sums, mass, **threads)
        out.update({"moved sums": sums[0], "moved mass": mass[0]})

        mass[0] += mass[0] == 0
        new_centers, sq_shifts = np.empty_like(centers), np.empty(k)
        out["moments"] = backend.move_centers(rows, sums, mass, centers, new_centers, sq_shifts, **threads)
        out.update({"new centers": new_centers, "sq_shifts": sq_shifts})

        path, steps = np.stack([centers] * 5), np.full((4, 4), np.nan)
        labels, sums, mass = np.full(n, -1, dtype=np.int32), np.ones((2, k, d)), np.ones((2, k))
        n_made = backend.iterate(rows, group_borders(n, k), path, labels, sums, mass, steps, 0.0, **threads)
        is_cut = bool(np.isnan(steps[n_made - 1, 1]))
        out.update({"iterations": n_made, "labels iterate": labels, "sums iterate": sums[0], "mass iterate": mass[0]})
        out.update({"path": path[: n_made + 1 - is_cut], "steps": steps[:n_made, : 1 if is_cut else 4].copy()})

        labels = np.arange(n, dtype=np.int32) % k
        moved, old = np.full(n, -7, dtype=np.int64), np.full(n, -7, dtype=np.int32)
        n_moved = backend.nearest(rows, 0, n, centers, labels, moved, old, **threads)
        out.update({"moved": moved[:n_moved], "before": old[:n_moved]})
        total = 0.125
        for start in range(0, n, 512):
            part = slice(start, min(start + 512, n))
            total = backend.inertia(rows, part.start, part.stop, centers, labels[part], total, **threads)
        out["inertia"] = total

        chosen = read_only(np.flatnonzero(np.arange(n) % 3 != 1).astype(np.int64))
        labels, upper, lower = np.full(n, k - 1, dtype=np.int32), np.full(n, -7, np.float32), np.full(n, -7, np.float32)
        out["n_changed two_nearest"] = backend.two_nearest(rows, chosen, centers, labels, upper, lower, **threads)
        out["labels two_nearest"] = labels
        untouched = np.arange(n) % 3 == 1
        assert (upper[untouched] == -7).all() and (lower[untouched] == -7).all(), "rows that nobody chose were written"

        if rows.data_unit == 1.0:
            for by_group in (True, False):
                out.update(self._with_bounds(backend, rows, by_group, n_threads))

        sq_dists, shares = np.full(n, np.nan), np.random.default_rng(n).random((N_SEEDS, 3))
        seeds = backend.make_seeds(rows, n // 2, sq_dists, **threads)
        out["sq_dists to one seed"] = sq_dists.copy()
        draws, gains = np.full((N_SEEDS, 3), -7, dtype=np.int64), np.full((N_SEEDS, 3), -7, dtype=np.int64)
        for share, drawn, gained in zip(shares, draws, gains, strict=True):
            backend.draw_rows(rows, seeds, read_only(share), drawn)
            backend.candidate_gains(rows, seeds, drawn, gained, **threads)
            backend.add_seed(rows, seeds, int(drawn[1]), **threads)
        out.update({"drawn rows": draws, "gains": gains, "sq_dists to seeds": sq_dists})
        out["sq_spread"] = backend.sq_spread(rows, centers[-1], **threads)
        out["survey"] = (rows.largest, rows.sq_spread, rows.sums_are_exact)
        if d <= 4 and rows.data_unit == 1.0:
            labels = np.arange(n, dtype=np.int32) % k
            blocks = backend.make_blocks(rows, labels, **threads)
            moved, old = np.full(n, -7, dtype=np.int64), np.full(n, -7, dtype=np.int32)
            n_moved = backend.nearest_in_blocks(rows, blocks, centers, labels, moved, old, **threads)
            order = np.argsort(moved[:n_moved])
            out.update({"moved in blocks": moved[:n_moved][order], "before in blocks": old[:n_moved][order]})
            out["labels in blocks"] = labels.copy()
            out["n_changed in blocks"] = backend.nearest_in_blocks(rows, blocks, centers[:1], labels, **threads)
            out.update(self._ahead_in_blocks(backend, rows, n_threads))

        # The axes of thousands of features take minutes to find.
        if PREFIX_STEP <= d <= 1024 and rows.data_unit == 1.0:
            out.update(by_prefix(backend, rows, centers, n_threads))

        assert [a.tobytes() for a in inputs] == before, "an input was written"
        rows.release()
        labels = np.zeros(n, dtype=np.int32)
        backend.nearest(rows, 0, n, centers, labels, **threads)
        out["labels after release"] = labels
        return out


    def _ahead_in_blocks(self, backend: Any, rows: Any, n_threads: int) -> dict[str, Any]:
        """Four iterations from labels that are all wrong, and from labels of which so many may move."""
        out: dict[str, Any] = {}
        n, d, k = rows.n, rows.d, len(self.centers)
        for most_moved in (n, n // 2):
            path, steps = np.stack([self.centers] * 5), np.full((4, 4), np.nan)
            labels = (np.arange(n) % k).astype(np.int32)
            sums, mass, rounding = np.zeros((2, k, d)), np.zeros((2, k)), np.array([0.0, 2.0**-103, 2.0**-60])
            moved, old = np.full(n, -7, dtype=np.int64), np.full(n, -7, dtype=np.int32)
            backend.sum_by_label(rows, group_borders(n, k), labels, sums, mass, n_threads=n_threads)
            blocks = backend.make_blocks(rows, labels, n_threads=n_threads)
            room = (labels, moved, old, sums, mass, steps, rounding)
            n_made = backend.iterate_in_blocks(rows, blocks, path, *room, 0.0, most_moved, np.inf, n_threads=n_threads)
            is_cut, name = bool(np.isnan(steps[n_made - 1, 1])), f"of {most_moved} ahead in blocks"
            out.update({f"iterations {name}": n_made, f"labels {name}": labels})
            out[f"path {name}"] = path[: n_made + 1 - is_cut]
            out[f"steps {name}"] = steps[:n_made, : 1 if is_cut else 4].copy()
            if not is_cut:
                out.update({f"sums {name}": sums[0], f"mass {name}": mass[0]})
        return out

    def _with_bounds(self, backend: Any, rows: Any, by_group: bool, n_threads: int) -> dict[str, Any]:
        """Passes with bounds, one of them in slices, over centers that move little, and far."""
        n, k = len(self.X), len(self.centers)
        bounds, out = backend.make_bounds(rows, self.centers, by_group=by_group, n_threads=n_threads), {}
        labels, old_centers = np.arange(n, dtype=np.int32) % k, self.centers
        with np.errstate(over="ignore", invalid="ignore"):
            moved_a_bit = (self.centers + (self.centers[::-1] - self.centers) / 1024).astype(self.X.dtype)
        passes = (self.centers, [n]), (moved_a_bit, [n]), (self.centers[::-1].copy(), [n // 3, n]), (self.centers, [n])
        for i, (centers, stops) in enumerate(passes):
            with np.errstate(all="ignore"):
                moves = centers.astype(np.float64) - old_centers
                sq_shifts = np.einsum("ij,ij->i", moves, moves)
            for start, stop in zip([0, *stops[:-1]], stops, strict=True):
                m = stop - start
                moved, old = np.full(m, -7, dtype=np.int64), np.full(m, -7, dtype=np.int32)
                n_moved = backend.nearest_with_bounds(
                    rows, bounds, start, stop, centers, sq_shifts, labels[start:stop], moved, old, n_threads=n_threads
                )
                out[f"moved with bounds {by_group} {i} {start}"] = moved[:n_moved]
                out[f"before with bounds {by_group} {i} {start}"] = old[:n_moved]
            out[f"labels with bounds {by_group} {i}"], old_centers = labels.copy(), centers
        return out


def by_prefix(backend: Any, rows: Any, centers: np.ndarray, n_threads: int) -> dict[str, Any]:
    """Labels by coordinates: of rows without any, of rows with wrong ones, and of a slice."""
    out: dict[str, Any] = {}
    n, k = rows.n, len(centers)
    prefix = backend.make_prefix(rows, PREFIX_STEP, n_threads=n_threads)
    drift = Drift(read_only(np.arange(k, dtype=np.int32)[::-1].copy()))
    for name, labels in {"none": np.full(n, -1, np.int32), "wrong": np.arange(n, dtype=np.int32) % k}.items():
        upper, lower = np.full((2, n), -7, np.float32)
        moved, old = np.full(n, -7, dtype=np.int64), np.full(n, -7, dtype=np.int32)
        n_moved = backend.nearest_by_prefix(
            rows, prefix, PREFIX_STEP, 0, n, centers, drift, labels, upper, lower, moved, old, n_threads=n_threads
        )
        out.update({f"labels {name} by prefix": labels, f"moved {name} by prefix": moved[:n_moved]})
        out[f"before {name} by prefix"] = old[:n_moved]
    part = slice(n // 7, n - n // 5)
    labels = np.arange(n, dtype=np.int32) % k
    out["n_changed slice by prefix"] = backend.nearest_by_prefix(
        rows, prefix, PREFIX_STEP, part.start, part.stop, centers, drift, labels[part], upper[part], lower[part],
        n_threads=n_threads,
    )  # fmt: skip
    out["labels slice by prefix"] = labels
    return out


def differences(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    assert found.keys() == expected.keys()
    return [
        name
        for name, value in found.items()
        if np.asarray(value).dtype != np.asarray(expected[name]).dtype
        or np.asarray(value).tobytes() != np.asarray(expected[name]).tobytes()
    ]
