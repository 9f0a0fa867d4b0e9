"""The table of backends: sets of kernels that give the same labels and the same bits at different speed."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from .protocol import Backend

BACKENDS: dict[str, str] = {
    "compiled": "kmeans_fast.backends.compiled",
    "identity": "kmeans_fast.backends.identity",
    "broadcast": "kmeans_fast.backends.broadcast",
    "loop": "kmeans_fast.backends.loop",
}
"""Name -> module, fastest first. ``identity`` is the reference for all others."""

AUTO = "compiled"
"""What ``'auto'`` means."""

BUILD_HINT = (
    "The compiled kernels of kmeans_fast are not built. Build them with `pip install .` "
    '(for work in a checkout: `pip install -e ".[test]"`), which needs a C compiler, '
    "or choose a NumPy backend such as backend='identity'."
)


def get_backend(name: str = "auto", *, isa: str | None = None) -> Backend:
    """The backend called ``name``, imported on first use.

    ``isa`` picks an instruction set of the compiled backend; None leaves the choice to it.

    Raises ValueError for an unknown name (or an ``isa`` for a NumPy backend), and ImportError where the
    compiled kernels are not built: nothing falls back in silence.

    >>> get_backend('identity').name
    'identity'
    """
    chosen = AUTO if name == "auto" else name
    if chosen not in BACKENDS:
        raise ValueError(f"backend={name!r} is unknown; use 'auto' or one of {', '.join(map(repr, BACKENDS))}.")
    if chosen != "compiled":
        if isa is not None:
            raise ValueError(f"isa={isa!r} is for the compiled backend only; backend={name!r} has none.")
        return cast(Backend, import_module(BACKENDS[chosen]))
    try:
        module: Any = import_module(BACKENDS[chosen])
    except ImportError as error:
        raise ImportError(f"{BUILD_HINT} (The import failed with: {error})") from error
    return cast(Backend, module.with_isa(isa))
