"""One brain, two witnesses: what the loader says and what the lists say give one verdict where they agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fixer.dataset.questions import Dataset
from fixer.model.facts import Facts, Resolution
from fixer.model.observed import found
from fixer.rules import judge
from fixer.rules.case import Case
from fixer.rules.cudnn_parts import mixed_parts
from fixer.rules.loading import Opening, openings
from tests.rules.case_files import FOLDER, paths, read

SITE = "/home/ada/tf/lib/python3.11/site-packages"


def as_the_loader_would_say(case: Case, opening: Opening) -> Resolution:
    """The opening as a live machine's probe reports it: the winner, why, and the other copies of that soname."""
    winner = opening.winner
    passed = [copy for copy in opening.others if copy.path.rpartition("/")[2].startswith(opening.soname.partition(".so")[0])]
    return Resolution(
        opening.soname,
        opening.library,
        f"{SITE}/tensorflow/libtensorflow_framework.so.2",
        _absolute(winner.path) if winner else None,
        winner.version if winner else None,
        winner.place if winner else "not found",
        tuple((_absolute(copy.path), copy.version) for copy in passed),
    )


def _absolute(path: str) -> str:
    return path.replace("site-packages", SITE, 1) if path.startswith("site-packages") else path


def live(case: Case) -> Facts:
    told = [as_the_loader_would_say(case, one) for one in openings(case)]
    told += [
        Resolution(name, name[3:].split(".")[0], "", path, version, "LD_LIBRARY_PATH")
        for name, path, version in mixed_parts(case)
    ]
    return replace(case.facts, resolutions=found(tuple(told), "the loader"))


def described() -> list[Path]:
    return [path for path in paths() if '"resolutions"' not in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", described(), ids=lambda path: str(path.relative_to(FOLDER).with_suffix("")))
def test_the_same_verdict_from_both(path: Path, dataset: Dataset) -> None:
    file = read(path)
    case = Case(file.facts, dataset, file.wish)
    several = openings(case)
    if not several or any(one.verdict.startswith("unknown") for one in several):
        pytest.skip("the lists do not tell what the loader does")
    by_lists = judge(file.facts, dataset, file.wish)
    by_loader = judge(live(case), dataset, file.wish)
    assert [(f.cause, f.severity) for f in by_loader if f.severity == "blocks"] == [
        (f.cause, f.severity) for f in by_lists if f.severity == "blocks"
    ]


def test_the_loader_decides_and_says_that_the_lists_differ(dataset: Dataset) -> None:
    file = read(FOLDER / "ld-library-path-shadows-env" / "older-cudnn-first.json")
    case = Case(file.facts, dataset, file.wish)
    broken = [replace(as_the_loader_would_say(case, one), path=None, version=None) for one in openings(case)]
    findings = judge(replace(file.facts, resolutions=found(tuple(broken), "the loader")), dataset, file.wish)
    primary = findings[0]
    assert primary.primary and primary.cause == "pip-nvidia-libs-not-found" and primary.certainty == "proven"
    healthy = [replace(as_the_loader_would_say(case, one), why="already loaded") for one in openings(case) if not one.is_cudnn]
    cudnn = next(one for one in openings(case) if one.is_cudnn)
    assert cudnn.right is not None and cudnn.winner is not None
    swapped = replace(
        as_the_loader_would_say(case, cudnn),
        path=_absolute(cudnn.right.path),
        version="8.6.0",
        why="RUNPATH",
        passed_over=((cudnn.winner.path, cudnn.winner.version),),
    )
    findings = judge(replace(file.facts, resolutions=found((*healthy, swapped), "the loader")), dataset, file.wish)
    assert findings[0].cause == "cudnn-too-old"
    assert any("hidden by a setting" in line.value for line in findings[0].evidence)
