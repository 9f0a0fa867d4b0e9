"""One fit for each k, scored by every criterion that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from .._validation import check_enough_rows, check_rng, check_X
from ..backends.protocol import Array, Floats, Indices, Labels
from ..estimators.kmeans import KMeans
from .criteria import CRITERIA, Setting
from .gap import References, gaps, log_inertia, refuse_sparse, sample_of_gap
from .partition import Partition, backend_and_threads, labels_of
from .scores import KSelection, Scores
from .silhouette import check_sample_size, sample

MOST_EXACT_ROWS = 5_000
"""Rows up to which sample_size='auto' takes all: of more, the silhouettes would take longer than the fits."""


def choose_k(
    X: Any,
    ks: Iterable[int] = range(2, 11),
    criterion: str | Iterable[str] = "silhouette",
    *,
    estimator: Any = None,
    sample_size: int | str | None = "auto",
    n_references: int = 10,
    max_reference_rows: int = 10_000,
    reference_box: str = "pca",
    random_state: Any = None,
    n_threads: int | None = None,
) -> KSelection:
    """How many clusters? Cluster X once for each k, and compare the clusterings.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The rows to cluster.
    ks : iterable of int, default=range(2, 11)
        Numbers of clusters to try.
    criterion : str or iterable of str, default='silhouette'
        One or more of 'silhouette', 'simplified_silhouette', 'calinski_harabasz', 'davies_bouldin', 'bic', 'elbow' and
        'gap', or 'all'. The first decides. All but 'gap' share the same fits; 'gap' clusters its reference sets too.
    estimator : estimator or None, default=None
        A ``KMeans``, ``MiniBatchKMeans``, ``BisectingKMeans`` or other clusterer with ``n_clusters`` whose parameters
        are used for each k; None is ``KMeans()``. It stays as it is.
    sample_size : int, 'auto' or None, default='auto'
        Rows of which 'silhouette' is taken, the same ones for each k: None for all, 'auto' for at most 5000.
    n_references : int, default=10
        Sets of uniform data that 'gap' compares with.
    max_reference_rows : int, default=10000
        Rows that 'gap' looks at, and that a reference set has, at most.
    reference_box : {'pca', 'features'}, default='pca'
        Whether the box of the uniform data is aligned with the principal components or with the features.
    random_state : int, RandomState, Generator or None, default=None
        Source of the random numbers. With an int, the clustering for each k is that of
        ``KMeans(k, random_state=random_state)``. None takes the one of the estimator.
    n_threads : int or None, default=None
        Threads: None for the CPUs that this process may use (or what the estimator says), -1 for all. The result has
        the same bits for all.

    Returns
    -------
    selection : KSelection
        ``ks``, ``values``, ``standard_errors``, ``best_k``, ``best_model``, ``to_frame()`` and ``plot()``; printed, it
        is a table that says what was sampled.

    Examples
    --------
    >>> import numpy as np
    >>> from kmeans_fast.selection import choose_k
    >>> X = np.repeat([[0.0], [10.0], [20.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(60, 1))
    >>> found = choose_k(X, range(2, 6), random_state=0)
    >>> found.best_k
    3
    >>> print(found)
    k  silhouette
    2    0.69496
    3    0.89786*
    4     0.8098
    5    0.82858
    silhouette: best k = 3, the largest
    """
    names, sizes = check_criteria(criterion), check_ks(ks)
    check_defined(names, sizes)
    check_sample_size(None if isinstance(sample_size, str) and sample_size == "auto" else sample_size)
    references = References(n_references, max_reference_rows, reference_box)
    models = Models.of(estimator, random_state, n_threads)
    X = check_X(X)
    check_enough_rows(X, sizes[-1])
    if "gap" in names:
        refuse_sparse(X)

    n, random_state = X.shape[0], models.parameters.get("random_state")
    rng = check_rng(random_state)
    gap_rows = sample_of_gap(n, references, rng) if "gap" in names else None
    setting = Setting(silhouette_rows(n, sample_size, random_state) if "silhouette" in names else None)
    backend, threads = backend_and_threads(models.n_threads, models.parameters.get("backend", "auto"))
    rows = backend.prepare(X, n_threads=threads)
    fitted: dict[int, Any] = {}
    values = {name: np.full(len(sizes), np.nan) for name in names}
    log_inertias: list[float] = []
    for i, k in enumerate(sizes):
        fitted[k] = models.make(k).fit(X)
        part = Partition.of(backend, rows, labels_of(fitted[k], X), threads)
        for name in names:
            score = CRITERIA[name].score
            if score is not None:
                values[name][i] = score(part, setting)
        if "gap" in names:
            few = part if gap_rows is None else part.taken(gap_rows)
            log_inertias.append(log_inertia(few))

    errors = None
    if "gap" in names:
        whole = Partition.of(backend, rows, np.zeros(n, dtype=np.int32), threads)
        few = whole if gap_rows is None else whole.taken(gap_rows)

        def cluster(reference: Array, k: int) -> Labels:
            return labels_of(models.make(k, random_state=rng).fit(reference), reference)

        values["gap"], errors = gaps(log_inertias, sizes, few, references, cluster, rng)
    notes = {"silhouette": notes_of_silhouette(setting, n), "gap": notes_of_gap(references, gap_rows, n)}
    scores = {}
    for name in names:
        of_name = errors if name == "gap" else None
        scores[name] = scored(name, sizes, values[name], of_name, notes.get(name, ()))
    return KSelection(names[0], scores, fitted)


@dataclass(frozen=True)
class Models:
    """Makes an estimator for each k."""

    kind: type
    parameters: dict[str, Any]
    n_threads: int | None

    @staticmethod
    def of(estimator: Any, random_state: Any, n_threads: int | None) -> Models:
        estimator = KMeans() if estimator is None else estimator
        if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
            raise TypeError(f"estimator={estimator!r} is no estimator; pass an instance, such as KMeans(n_init=5).")
        parameters = estimator.get_params(deep=False)
        if "n_clusters" not in parameters:
            raise TypeError(f"{type(estimator).__name__} has no parameter n_clusters; pass a KMeans or one like it.")
        for name, value in {"random_state": random_state, "n_threads": n_threads}.items():
            if value is not None and name in parameters:
                parameters[name] = value
        return Models(type(estimator), parameters, parameters.get("n_threads", n_threads))

    def make(self, k: int, **others: Any) -> Any:
        known = {name: value for name, value in others.items() if name in self.parameters}
        return self.kind(**{**self.parameters, "n_clusters": k, **known})


# ---- checks -----------------------------------------------------------------------------------------------------


def check_criteria(criterion: str | Iterable[str]) -> list[str]:
    """Names of criteria, each once, in the order given."""
    known = ", ".join(map(repr, CRITERIA))
    if isinstance(criterion, str):
        names = list(CRITERIA) if criterion == "all" else [criterion]
    elif isinstance(criterion, Iterable):
        names = list(dict.fromkeys(criterion))
    else:
        raise TypeError(f"criterion={criterion!r} is no name; use 'all', or one or more of {known}.")
    wrong = [name for name in names if not isinstance(name, str) or name not in CRITERIA]
    if wrong or not names:
        raise ValueError(f"criterion={wrong[0] if wrong else criterion!r} is unknown; use 'all', or any of {known}.")
    return names


def check_ks(ks: Iterable[int]) -> list[int]:
    """Increasing numbers of clusters, each once."""
    if isinstance(ks, str | bytes) or not isinstance(ks, Iterable):
        raise TypeError(f"ks={ks!r} is no series of numbers of clusters; use one such as range(2, 11).")
    found = list(ks)
    for k in found:
        if isinstance(k, bool | np.bool_) or not isinstance(k, Integral) or k < 1:
            raise ValueError(f"ks holds {k!r}, expected whole numbers of at least 1; use ks such as range(2, 11).")
    if not found:
        raise ValueError("ks is empty; use numbers of clusters such as range(2, 11).")
    return sorted({int(k) for k in found})


def check_defined(names: list[str], ks: list[int]) -> None:
    """Refuse ks for which a criterion could not name a best one."""
    for name in names:
        if ks[-1] < CRITERIA[name].least_k:
            raise ValueError(f"{name} needs clusterings of at least {CRITERIA[name].least_k} clusters, got ks={ks}.")
    if "elbow" in names and len(ks) < 3:
        raise ValueError(f"an elbow needs at least 3 different ks, got {ks}; use more, or another criterion.")
    if "gap" in names and len(ks) < 2:
        raise ValueError(f"the gap statistic compares each k with the next one, got ks={ks}; use more.")


# ---- samples, and what is said of them --------------------------------------------------------------------------


def silhouette_rows(n: int, sample_size: int | str | None, random_state: Any) -> Indices | None:
    size = MOST_EXACT_ROWS if sample_size == "auto" else sample_size
    return None if size is None or int(size) >= n else sample(n, int(size), random_state)


def notes_of_silhouette(setting: Setting, n: int) -> tuple[str, ...]:
    if setting.sample is None:
        return ()
    return (f"silhouette: of {len(setting.sample)} of the {n} rows, drawn at random; sample_size=None takes all",)


def notes_of_gap(references: References, gap_rows: Indices | None, n: int) -> tuple[str, ...]:
    few = n if gap_rows is None else len(gap_rows)
    rows = f"all {n} rows" if gap_rows is None else f"{few} of the {n} rows, drawn at random"
    return (f"gap: {references.n_references} reference sets of {few} rows, compared with {rows}",)


def scored(name: str, ks: list[int], values: Floats, errors: Floats | None, notes: tuple[str, ...]) -> Scores:
    """The values of a criterion with their best k."""
    place = CRITERIA[name].best(values, errors, ks)
    if place is None and name != "gap":
        raise ValueError(f"{name} is not defined for any k of {ks} on these rows; they are too few or too much alike.")
    is_kept = place is not None
    if place is None:
        place = len(ks) - 1
        notes = (*notes, f"gap: no k keeps the rule, so the largest one is given; look at more than k = {ks[-1]}")
    return Scores(name, np.array(ks), values, ks[place], errors, is_kept, notes)
