"""Pictures of clusterings by scikit-learn's convention: ``from_...`` computes and draws, ``plot(ax=)`` draws again.

Artists are attributes. They need matplotlib, which is imported by the first call that draws.
"""

from __future__ import annotations

from ..selection.scores import Scores
from .clusters import ClustersDisplay
from .convergence import ConvergenceDisplay
from .curves import ElbowDisplay, GapDisplay, ScoreDisplay
from .silhouettes import SilhouetteDisplay

__all__ = [
    "ClustersDisplay",
    "ConvergenceDisplay",
    "ElbowDisplay",
    "GapDisplay",
    "ScoreDisplay",
    "SilhouetteDisplay",
]


def display_of(scores: Scores) -> ScoreDisplay:
    """The display that fits a criterion."""
    kinds: dict[str, type[ScoreDisplay]] = {"elbow": ElbowDisplay, "gap": GapDisplay}
    return kinds.get(scores.criterion, ScoreDisplay)(scores)
