"""How fits came to their end: the history_ of one or many of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .style import axes_of, colour, foreground, line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUANTITIES = {"inertia": "inertia", "shift": "shift of the centers", "n_changed": "labels that changed"}

MOST_NAMED = 10
"""More fits than this are drawn alike, and only the best of them is named."""


class ConvergenceDisplay:
    """Inertia (or shift, or number of changed labels) by iteration, one line a fit.

    Parameters
    ----------
    histories : dict of str to dict of ndarrays
        Name of a fit -> its ``history_``.

    Attributes
    ----------
    lines_ : list of Line2D
        One a fit, in the order given.
    ax_ : Axes
        Where they were drawn.
    figure_ : Figure
        The figure of these.

    Examples
    --------
    >>> import matplotlib; matplotlib.use('Agg')
    >>> import numpy as np
    >>> from kmeans_fast import KMeans
    >>> from kmeans_fast.displays import ConvergenceDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> fits = [KMeans(5, random_state=seed).fit(X) for seed in range(3)]
    >>> len(ConvergenceDisplay.from_estimators(fits).lines_)
    3
    """

    def __init__(self, histories: Mapping[str, Mapping[str, Any]]) -> None:
        if not histories:
            raise ValueError("there is no history to draw; pass that of one fit at least.")
        self.histories = dict(histories)

    @classmethod
    def from_estimator(cls, estimator: Any, *, quantity: str = "inertia", ax: Axes | None = None) -> Self:
        """Draw the history of one fitted estimator."""
        return cls.from_estimators([estimator], quantity=quantity, ax=ax)

    @classmethod
    def from_estimators(
        cls,
        estimators: Sequence[Any] | Mapping[Any, Any],
        *,
        quantity: str = "inertia",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the histories of several fitted estimators: a list of them, or a dict with their names."""
        if not isinstance(estimators, Mapping):
            ks = [getattr(estimator, "n_clusters", None) for estimator in estimators]
            is_one_k = len(set(ks)) < len(ks)
            names = [f"fit {i}" if is_one_k or k is None else f"k = {k}" for i, k in enumerate(ks)]
            estimators = dict(zip(names, estimators, strict=True))
        return cls({str(name): history_of(one) for name, one in estimators.items()}).plot(quantity=quantity, ax=ax)

    def plot(self, *, quantity: str = "inertia", ax: Axes | None = None) -> Self:
        """Draw 'inertia', 'shift' or 'n_changed' on ax, or on new axes."""
        if quantity not in QUANTITIES:
            raise ValueError(f"quantity={quantity!r} is unknown; use one of {', '.join(map(repr, QUANTITIES))}.")
        lacking = [name for name, history in self.histories.items() if quantity not in history]
        if lacking:
            known = ", ".join(map(repr, self.histories[lacking[0]]))
            raise ValueError(f"the history of {lacking[0]} has no {quantity!r}, only {known}; draw one of these.")
        ax = axes_of(ax)
        ends = [float(history["inertia"][-1]) for history in self.histories.values()]
        best, is_crowd = int(np.argmin(ends)), len(ends) > MOST_NAMED
        self.lines_ = []
        for i, (name, history) in enumerate(self.histories.items()):
            values = np.asarray(history[quantity], dtype=np.float64)
            look: dict[str, Any] = {"color": colour(i), "label": name, "linewidth": 1.5, "linestyle": line_style(i)}
            if is_crowd:
                look = {"color": foreground(), "alpha": 0.35, "linewidth": 0.9}
                if i == best:
                    look = {"color": colour(1), "label": f"{name}, the least inertia", "linewidth": 2.5, "zorder": 4}
            if quantity != "inertia":
                values = np.where(values > 0, values, np.nan)
            (line,) = ax.plot(np.arange(1, len(values) + 1), values, **look)
            line.set_marker("o")
            line.set_markersize(4)
            line.set_markevery([len(values) - 1])
            self.lines_.append(line)
        if is_crowd:
            others = next(line for i, line in enumerate(self.lines_) if i != best)
            others.set_label(f"{len(ends) - 1} other fits")
        self._name_axes(ax, quantity)
        if len(ends) > 1:
            ax.legend(loc="best", frameon=False, ncols=1 if len(ends) <= 6 or is_crowd else 2)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _name_axes(self, ax: Axes, quantity: str) -> None:
        from matplotlib.ticker import MaxNLocator

        ax.set_xlabel("iteration")
        ax.set_ylabel(QUANTITIES[quantity])
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if quantity != "inertia":
            ax.set_yscale("log")


def history_of(estimator: Any) -> Mapping[str, Any]:
    history = getattr(estimator, "history_", None)
    if not isinstance(history, Mapping):
        raise ValueError(
            f"{type(estimator).__name__} has no history_: it is not fitted, or keeps none. "
            "Pass a fitted KMeans of kmeans_fast."
        )
    return history
