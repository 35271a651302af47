"""A finding goes back to the line of the modulefile that sets what it speaks of, and to no other."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fixer.dataset.questions import Dataset
from fixer.model.facts import ModuleLine
from fixer.model.finding import Finding
from fixer.model.observed import found
from fixer.rules import judge
from tests.rules.case_files import FOLDER, read

FILE = "/apps/modules/cuda/11.2.lua"
CUDA = ModuleLine("cuda/11.2", FILE, 9, "prepend", "LD_LIBRARY_PATH", "/usr/local/cuda-11.2/lib64")
HIDES = ModuleLine("quiet/1", "/apps/modules/quiet/1", 3, "set", "CUDA_VISIBLE_DEVICES", "-1")


def primary(case: str, dataset: Dataset, *lines: ModuleLine) -> Finding:
    told = read(FOLDER / f"{case}.json")
    findings = judge(replace(told.facts, modules=found(lines, "LOADEDMODULES")), dataset, told.wish)
    return next(one for one in findings if one.primary)


@pytest.mark.parametrize("case", ["older-cudnn-first", "by-the-loader"])
def test_a_shadow_on_the_search_path_is_the_modules(dataset: Dataset, case: str) -> None:
    told = primary(f"ld-library-path-shadows-env/{case}", dataset, CUDA, HIDES)
    assert ("modules.cuda/11.2", f"{FILE}, line 9: prepend LD_LIBRARY_PATH /usr/local/cuda-11.2/lib64") in [(one.fact, one.value) for one in told.evidence]
    assert told.remedy.summary.endswith(f"cuda/11.2 sets LD_LIBRARY_PATH ({FILE}, line 9): module unload cuda/11.2, or load another version.")
    assert "quiet/1" not in told.remedy.summary


def test_a_variable_that_hides_the_card_is_the_modules(dataset: Dataset) -> None:
    told = primary("cuda-visible-devices/minus-one", dataset, CUDA, replace(HIDES, mine=True))
    assert "quiet/1 sets CUDA_VISIBLE_DEVICES (/apps/modules/quiet/1, line 3): module unload quiet/1" in told.remedy.summary
    assert "cuda/11.2" not in told.remedy.summary


@pytest.mark.parametrize("line", [
    replace(CUDA, value="/usr/local/cuda-11.2/lib64/stubs"), replace(CUDA, value="/usr/local/cuda-11"), replace(CUDA, name="PATH"), replace(CUDA, deed="unset", value=""),
    replace(CUDA, deed="set", value="/usr/local/cuda-11.2/lib64:/more"),
])  # fmt: skip
def test_a_line_that_is_not_in_force_is_not_named(dataset: Dataset, line: ModuleLine) -> None:
    plain = primary("ld-library-path-shadows-env/older-cudnn-first", dataset)
    assert primary("ld-library-path-shadows-env/older-cudnn-first", dataset, line) == plain


def test_a_batch_systems_word_stays_the_batch_systems(dataset: Dataset) -> None:
    told = json.loads((FOLDER / "cuda-visible-devices" / "under-slurm.json").read_text())
    assert told["machine"]["variables"]["CUDA_VISIBLE_DEVICES"] == ""
    assert "module unload" not in primary("cuda-visible-devices/under-slurm", dataset, HIDES).remedy.summary
