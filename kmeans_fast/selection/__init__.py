"""How many clusters, and are they good? ``choose_k``, and each criterion as a function of rows and labels."""

from __future__ import annotations

from .choose import choose_k
from .criteria import CRITERIA
from .dispersion import bic_score, calinski_harabasz_score, davies_bouldin_score, inertia_score
from .elbow import elbow
from .gap import Gap, gap_statistic
from .scores import KSelection, Scores
from .silhouette import (
    silhouette_samples,
    silhouette_score,
    simplified_silhouette_samples,
    simplified_silhouette_score,
)

__all__ = [
    "CRITERIA",
    "Gap",
    "KSelection",
    "Scores",
    "bic_score",
    "calinski_harabasz_score",
    "choose_k",
    "davies_bouldin_score",
    "elbow",
    "gap_statistic",
    "inertia_score",
    "silhouette_samples",
    "silhouette_score",
    "simplified_silhouette_samples",
    "simplified_silhouette_score",
]
