"""What ``choose_k`` found: a small object to read, to tabulate and to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..backends.protocol import Floats
from .criteria import CRITERIA

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Scores:
    """The values of one criterion."""

    criterion: str
    ks: npt.NDArray[np.int64]
    values: Floats
    """For each k; nan where the criterion is not defined."""
    best_k: int
    standard_errors: Floats | None = None
    is_rule_kept: bool = True
    """False where no k is what the rule asks for, and the largest one is given."""
    notes: tuple[str, ...] = ()
    """What a reader has to know: samples, reference sets, a rule that found nothing."""

    @property
    def rule(self) -> str:
        return CRITERIA[self.criterion].rule


@dataclass(frozen=True)
class KSelection:
    """Scores for every k, by every criterion that was asked for.

    Attributes
    ----------
    criterion : str
        The criterion that decides: the first that was asked for.
    ks : ndarray of shape (n_ks,)
        Numbers of clusters, increasing.
    values : ndarray of shape (n_ks,)
        Values of the criterion that decides; nan where it is not defined.
    standard_errors : ndarray of shape (n_ks,) or None
        Of the gap statistic; None for criteria that have none.
    best_k : int
        The number of clusters that the criterion prefers.
    scores : dict of str to Scores
        All criteria by name, each with ``values``, ``standard_errors``, ``best_k``, ``rule`` and ``notes``.
    models : dict of int to estimator
        The fitted estimator for each k.

    Examples
    --------
    >>> import numpy as np
    >>> from kmeans_fast.selection import choose_k
    >>> X = np.repeat([[0.0], [10.0], [20.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(60, 1))
    >>> found = choose_k(X, range(2, 6), ['silhouette', 'davies_bouldin'], random_state=0)
    >>> found.best_k, found.scores['davies_bouldin'].best_k
    (3, 3)
    >>> found.best_model.n_clusters
    3
    """

    criterion: str
    scores: Mapping[str, Scores]
    models: Mapping[int, Any] = field(repr=False)

    @property
    def ks(self) -> npt.NDArray[np.int64]:
        return self.scores[self.criterion].ks

    @property
    def values(self) -> Floats:
        return self.scores[self.criterion].values

    @property
    def standard_errors(self) -> Floats | None:
        return self.scores[self.criterion].standard_errors

    @property
    def best_k(self) -> int:
        return self.scores[self.criterion].best_k

    @property
    def best_model(self) -> Any:
        """The estimator that was fitted with ``best_k`` clusters."""
        return self.models[self.best_k]

    def to_frame(self) -> Any:
        """A pandas DataFrame: a row for each k, a column for each criterion, and one of standard errors for the gap."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                'to_frame needs pandas, which is not installed; install it with: pip install pandas'
            ) from error
        columns: dict[str, Any] = {}
        for name, scores in self.scores.items():
            columns[name] = scores.values
            if scores.standard_errors is not None:
                columns[f"{name}_standard_error"] = scores.standard_errors
        return pd.DataFrame(columns, index=pd.Index(self.ks, name="k"))

    def plot(self, criterion: str | None = None, *, ax: Axes | None = None) -> Any:
        """Draw the values of a criterion, by default the one that decides, and mark its best k.

        Returns the display, whose ``ax_`` and ``figure_`` hold the drawing: an ``ElbowDisplay``, ``GapDisplay`` or
        ``ScoreDisplay``.
        """
        from ..displays import display_of

        name = self.criterion if criterion is None else criterion
        if name not in self.scores:
            raise ValueError(f"criterion={name!r} was not computed; use one of {', '.join(map(repr, self.scores))}.")
        return display_of(self.scores[name]).plot(ax=ax)

    def __str__(self) -> str:
        names = list(self.scores)
        heads = ["k", *(name + (" (+- SE)" if self.scores[name].standard_errors is not None else "") for name in names)]
        lines = [[str(k), *(self._cell(name, i) for name in names)] for i, k in enumerate(self.ks)]
        widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
        table = ["  ".join(cell.rjust(w) for cell, w in zip(line, widths, strict=True)) for line in [heads, *lines]]
        table = [line.rstrip() for line in table]
        ends = [f"{name}: best k = {s.best_k}, {s.rule}" for name, s in self.scores.items()]
        notes = list(dict.fromkeys(f"note: {note}" for scores in self.scores.values() for note in scores.notes))
        return "\n".join([*table, *ends, *notes])

    def _cell(self, name: str, i: int) -> str:
        scores = self.scores[name]
        text = f"{scores.values[i]:.5g}"
        if scores.standard_errors is not None:
            text += f" +- {scores.standard_errors[i]:.2g}"
        return text + ("*" if self.ks[i] == scores.best_k else " ")
