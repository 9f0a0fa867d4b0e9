"""scikit-learn's callbacks (from its version 1.9 on): a task a fit, in it one a run, in that one an iteration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """This scikit-learn has no callbacks: ``set_callbacks`` is not there."""


BOOKKEEPING = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")
"""What scikit-learn keeps on the estimator during a fit, and needs after one that failed."""

Results = Callable[[], dict[str, Any]]
"""Gives the fitted attributes of an estimator as if its fit had stopped now; called where a callback wants them."""


class Task:
    """A part of a fit, as callbacks see it. Where nobody listens, it does nothing."""

    def __init__(self, estimator: Any = None, context: Any = None, **given: Any) -> None:
        self._estimator = estimator
        self._context = context
        self._given = given
        if context is not None:
            context.call_on_fit_task_begin(estimator=estimator, **given)

    @classmethod
    def of_fit(cls, estimator: Any, n_subtasks: int, X: Any, sample_weight: Any) -> Self:
        """The whole fit of an estimator; its callbacks are set up, if it has any."""
        if not hasattr(estimator, "_skl_callbacks"):
            return cls()
        context = estimator._init_callback_context(max_subtasks=n_subtasks)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        return cls(estimator, context, X=X, metadata=metadata)

    def begin(self, name: str, n_subtasks: int = 0) -> Task:
        """The next part of this one, with at most ``n_subtasks`` parts of its own."""
        if self._context is None:
            return self
        context = self._context.subcontext(task_name=name, max_subtasks=n_subtasks)
        return Task(self._estimator, context, **self._given)

    def end(self, results: Results) -> bool:
        """Whether a callback asks for an end of what this task is a part of."""
        if self._context is None:
            return False
        is_stopped = self._context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes=results, **self._given
        )
        return bool(is_stopped)
