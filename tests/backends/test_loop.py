"""What loop does on its own: it asks the decider where plain sums cannot tell."""

from __future__ import annotations

import numpy as np

from kmeans_fast.backends import loop


def test_rows_too_close_to_measure_plainly_are_decided() -> None:
    X = np.array([[0.0], [1e-200], [3e-200]])
    centers, labels = np.array([[3e-200], [0.0]]), np.full(3, -1, np.int32)
    assert ((X - centers.T) ** 2 == 0).all(), "plain squares can tell"
    loop.nearest(loop.prepare(X), 0, 3, centers, labels)
    assert labels.tolist() == [1, 1, 0]
