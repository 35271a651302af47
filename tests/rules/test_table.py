"""The rules as a whole: each one fires somewhere and is silent somewhere, and knows its vocabulary."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections import Counter
from pathlib import Path

import pytest

from fixer import rules
from fixer.dataset.questions import Dataset
from fixer.rules import every_rule
from fixer.rules.case import Case
from fixer.rules.causes import CAUSES, STAGES
from tests.rules.case_files import FOLDER, paths, read

# The vocabulary of the contract: slugs are fixed, and their plan classes with them.
SLUGS = {
    "cudnn-too-old": "auto", "cudnn-too-new": "auto", "cudnn-shadowed": "ask", "cudnn-missing": "auto",
    "cuda-libs-wrong-version": "auto", "cuda-libs-missing": "auto", "ld-library-path-missing": "auto",
    "ld-library-path-shadows-env": "auto", "pip-nvidia-libs-not-found": "auto", "libdevice-missing": "auto", "ptxas-missing": "auto",
    "gpu-memory-growth": "auto", "gpu-memory-setting-misused": "auto", "gpu-memory-held": "advise", "gpu-too-small": "advise",
    "driver-too-old": "ask", "driver-library-mismatch": "advise", "driver-not-loaded": "advise", "secure-boot": "advise",
    "uvm-or-driver-state": "advise", "device-permissions": "advise", "cuda-compat-lib": "advise", "libcuda-stub-loaded": "auto",
    "gpu-arch-too-new": "advise", "gpu-arch-too-old": "auto", "cpu-without-avx": "advise", "no-nvidia-gpu": "none",
    "cuda-visible-devices": "auto", "container-without-gpu": "advise", "wsl-libcuda-path": "auto", "windows-native-no-gpu": "advise",
    "apple-silicon": "advise", "python-unsupported": "auto", "tensorflow-gpu-removed": "auto", "and-cuda-extra-unsatisfiable": "auto",
    "tf-torch-pin-conflict": "ask", "protobuf-too-new": "auto", "protobuf-too-old": "auto", "numpy-abi": "auto",
    "ml-dtypes-mismatch": "auto", "keras-tf-mismatch": "auto", "keras-backend-setting": "ask", "plugin-built-for-other-tf": "auto",
    "duplicate-tf-packages": "ask", "cpu-build-selected": "auto", "glibc-too-old": "advise", "libstdcxx-too-old": "auto",
    "gpu-powered-off": "advise", "cudnn-drops-gpu": "auto", "driver-wrong-module-flavour": "advise", "nouveau-active": "advise",
    "tensorflow-missing": "auto", "environment-broken": "auto", "module-shadowed": "ask", "user-site-leak": "ask",
    "nvidia-wheel-collision": "ask", "libc-musl": "advise", "interrupted-apply": "auto",
    "zlibwapi-missing": "advise", "env-not-inherited": "advise", "gpu-busy": "advise", "nv-compute-cache": "ask",
    "windows-dll-search-path": "advise", "windows-dll-missing": "advise", "windows-msvc-or-avx": "advise",
    "unresolved-cudnn-init": "none", "unresolved-other": "none", "benign-noise": "none", "docs-command-broken": "none",
}  # fmt: skip

RULES = every_rule()


@pytest.fixture(scope="module")
def fired(dataset: Dataset) -> dict[str, Counter[str]]:
    """How often each rule fires and is silent over all cases."""
    counts = {rule.__name__: Counter[str]() for rule in RULES}
    for path in paths():
        file = read(path)
        for rule in RULES:
            found = list(rule(Case(file.facts, dataset, file.wish)))
            counts[rule.__name__]["fires" if found else "silent"] += 1
            counts[rule.__name__].update(one.certainty for one in found)
    return counts


@pytest.mark.parametrize("name", [rule.__name__ for rule in RULES])
def test_each_rule_fires_and_is_silent(name: str, fired: dict[str, Counter[str]]) -> None:
    assert fired[name]["fires"] and fired[name]["silent"], fired[name]


def test_the_vocabulary_is_the_contract_s() -> None:
    assert {slug: cause.plan for slug, cause in CAUSES.items()} == SLUGS
    assert {cause.stage for cause in CAUSES.values()} <= set(STAGES)


def test_every_cause_that_rules_name_has_cases() -> None:
    folders = {path.name for path in FOLDER.iterdir()}
    # What only a line of a log tells has its cases in tests/cases/explain.
    assert set(CAUSES) - folders == {
        "windows-msvc-or-avx",
        "unresolved-cudnn-init", "unresolved-other", "benign-noise", "docs-command-broken",
    }  # fmt: skip
    assert folders - set(CAUSES) == {"healthy", "order", "said"}


def test_there_are_enough_cases_and_each_cause_is_flipped() -> None:
    files = [read(path) for path in paths()]
    assert len(files) >= 120
    for cause in CAUSES.keys() & {path.name for path in FOLDER.iterdir()}:
        own = [file for file in files if file.name.startswith(cause + "/")]
        assert any(_names(file.expect, cause) for file in own), cause
        assert any(not _names(file.expect, cause) for file in own), cause


def _names(expect: dict[str, object], cause: str) -> bool:
    also = expect.get("also", ())
    assert isinstance(also, (list, tuple))
    return expect["primary"] == cause or any(words.split(":")[0] == cause for words in also)


def test_the_table_holds_every_rule_that_is_written() -> None:
    """A rule is a public function of one Case that yields findings; none is forgotten, none stands twice."""
    assert len({rule.__name__ for rule in RULES}) == len(RULES)
    written = set()
    for path in Path(rules.__file__).parent.glob("*.py"):
        module = importlib.import_module(f"fixer.rules.{path.stem}")
        for name, function in vars(module).items():
            if inspect.isgeneratorfunction(function) and function.__module__ == module.__name__:
                shape = inspect.signature(function)
                if [*shape.parameters] == ["case"] and shape.return_annotation == "Iterator[Finding]":
                    written.add(name)
    assert {name for name in written if not name.startswith("_")} == {rule.__name__ for rule in RULES}


def test_rules_do_no_input_or_output() -> None:
    allowed = {"__future__", "dataclasses", "functools", "collections", "typing", "re", "math", "operator", "packaging"}
    folder = Path(rules.__file__).parent
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                ours = name.startswith(("fixer.model", "fixer.dataset", "fixer.rules")) or name == "fixer"
                assert ours or name.split(".")[0] in allowed, f"{path.name} imports {name}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in ("open", "print", "exec", "eval", "input"), path.name
