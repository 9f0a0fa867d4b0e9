"""The mutants of tests/mutation are of the sources as they are: a run takes an hour, and should not end by that."""

from __future__ import annotations

from pathlib import Path

import pytest

from .mutation.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent


def test_no_two_mutants_have_the_same_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_line_that_a_mutant_changes_stands_once_in_its_file(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.code) == 1
    assert mutant.mutated != mutant.code
    assert all((ROOT / path).exists() for path in mutant.tests)
