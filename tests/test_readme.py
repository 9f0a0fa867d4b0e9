"""The README works: its commands are those that continuous integration runs, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_there_are_two_commands() -> None:
    assert len(blocks("sh")) == 2


@pytest.mark.parametrize("command", blocks("sh"))
def test_continuous_integration_runs_the_commands_of_the_readme(command: str) -> None:
    assert command.strip() in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("example", blocks("python"))
def test_the_example_of_the_readme_runs(example: str) -> None:
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["model"].labels_.shape == (10_000,)  # type: ignore[attr-defined]


def test_the_files_on_the_map_exist() -> None:
    drawing = README.split("## The map\n\n```\n")[1].split("```")[0]
    named = set(re.findall(r"[\w/]+\.(?:py|def)\b|\b\w+/(?=\s)", drawing))
    assert len(named) > 10
    for name in named:
        assert list(ROOT.rglob(name.rstrip("/"))), f"{name} is on the map and not in the house"
