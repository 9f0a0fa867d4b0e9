"""What becomes of a cluster that nobody joined. A rule gives the new centers and how many clusters it filled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backends.protocol import Array
from .partials import Partials
from .shard import Shard

Rule = Callable[[Partials, Shard, Array], tuple[Array, int]]


def take_farthest(totals: Partials, shards: Shard, centers: Array) -> tuple[Array, int]:
    """Each empty cluster takes the row that is farthest from its center; the donor loses it.

    Several go by decreasing distance. A center that is still empty (all distances are zero, or it gave
    its last row away) takes the place of the heaviest cluster's center.
    """
    empty = np.flatnonzero(totals.mass == 0)
    _, donated = shards.farthest(len(empty), centers)
    if donated.size:
        totals = shards.totals_after_moving(donated, empty[: donated.size])
    new_centers = totals.means(shards.data_unit, centers.dtype)
    # A copy: where NumPy makes it itself, and finds no memory, it goes on with the error set.
    new_centers[totals.mass == 0] = new_centers[totals.mass.argmax()].copy()
    return new_centers, donated.size


def keep_center(totals: Partials, shards: Shard, centers: Array) -> tuple[Array, int]:
    """An empty cluster keeps its center."""
    new_centers = totals.means(shards.data_unit, centers.dtype)
    is_empty = totals.mass == 0
    new_centers[is_empty] = centers[is_empty]
    return new_centers, 0
