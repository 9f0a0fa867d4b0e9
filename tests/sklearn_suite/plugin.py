"""The pytest plugin: swaps the classes, chooses the tests, and writes down what became of each.

Loaded with ``-p tests.sklearn_suite.plugin``; the report goes to the file that SKLEARN_SUITE_REPORT names.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import kmeans_fast

from .sources import ABOUT_K_MEANS, LEFT_OUT
from .swap import NAMES, PoisonedError, swap

WORDS = {*NAMES, "kmeans", "k-means++"}
"""Names and strings by which a test asks for k-means."""

missing: dict[str, Any] = {}
"""Names of scikit-learn's that this package does not have (yet)."""

reports: dict[str, dict[str, str]] = {}


def pytest_configure(config: pytest.Config) -> None:
    missing.update(swap())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    chosen = [item for item in items if item.module.__name__ in ABOUT_K_MEANS or is_about_k_means(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


def is_about_k_means(item: Any) -> bool:
    ours = [getattr(kmeans_fast, name) for name in NAMES if name not in missing]
    params = values_of(item)
    if any(isinstance(part, str) and part in WORDS for part in params) or mentions(params, [*ours, *missing.values()]):
        return True
    return bool(WORDS & set(words_of(inspect.unwrap(item.function).__code__)))


def values_of(item: Any) -> list[Any]:
    """The parameters of a test, and what is in them."""
    return [*parts(list(item.callspec.params.values()))] if hasattr(item, "callspec") else []


def parts(value: Any) -> Iterator[Any]:
    """value and what is in it: items of containers, parameters of estimators."""
    yield value
    if isinstance(value, list | tuple | set):
        for part in value:
            yield from parts(part)
    elif isinstance(value, dict):
        yield from parts(list(value.values()))
    elif hasattr(value, "get_params") and not isinstance(value, type):
        yield from parts(list(value.get_params(deep=False).values()))


def mentions(values: list[Any], wanted: list[Any]) -> bool:
    """Whether one of wanted, or an instance of one, is among values."""
    return any(value is one or type(value) is one for value in values for one in wanted)


def words_of(code: CodeType) -> Iterator[str]:
    """Names and string constants of a function, and of those defined in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, str):
            yield constant
        if isinstance(constant, CodeType):
            yield from words_of(constant)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: pytest.CallInfo[None]) -> Any:
    report = yield
    outcome = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "expected failure" if report.skipped else "passed"
    poison = call.excinfo.value.args[0] if call.excinfo and isinstance(call.excinfo.value, PoisonedError) else ""
    source = item.module.__name__
    entry = reports.setdefault(f"{source}::{item.name}", {"source": source, "outcome": "passed"})
    if outcome != "passed" or poison:
        entry.update(outcome="failed" if poison else outcome, poison=poison, text=str(report.longrepr)[-400:])
    needs = [name for name in missing if name in poison.split(".") or mentions(values_of(item), [missing[name]])]
    if needs:
        entry.update(outcome="missing", needs=needs[0])
    if source == ABOUT_K_MEANS[0] and item.originalname in LEFT_OUT:
        entry["outcome"] = "left out"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    Path(os.environ["SKLEARN_SUITE_REPORT"]).write_text(json.dumps(reports), encoding="utf-8")
