"""Every case file: the machine that it describes gives the verdict that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixer.dataset.questions import Dataset
from fixer.model.finding import Finding
from fixer.rules import judge
from fixer.rules.ranking import exit_code
from tests.rules.case_files import FOLDER, paths, read


@pytest.mark.parametrize("path", paths(), ids=lambda path: str(path.relative_to(FOLDER).with_suffix("")))
def test_case(path: Path, dataset: Dataset) -> None:
    case = read(path)
    findings = judge(case.facts, dataset, case.wish)
    shown = [f"{f.cause}:{f.severity}:{f.certainty} ({f.code}) {f.title}" for f in findings]
    primary = next((found for found in findings if found.primary), None)
    assert (primary.cause if primary else None) == case.expect["primary"], shown
    assert exit_code(findings) == case.expect["exit_code"], shown
    for key in ("severity", "certainty"):
        if key in case.expect:
            assert primary is not None and getattr(primary, key) == case.expect[key], shown
    for wanted in case.expect.get("also", ()):
        assert any(_is(found, wanted) for found in findings), (wanted, shown)
    for refused in case.expect.get("never", ()):
        assert not any(_is(found, refused) for found in findings), (refused, shown)


def _is(found: Finding, words: str) -> bool:
    parts = words.split(":")
    return [found.cause, found.severity, found.certainty][: len(parts)] == parts
