"""Each payload must parse with Python 3.6: the oldest patient's Python, where it is here, else its grammar."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path

import pytest

from tests.patients import find_python

PAYLOADS = sorted((Path(__file__).resolve().parents[2] / "fixer" / "payloads").glob("*.py"))
# Newer than 3.6 in spite of an older grammar: names and methods that a payload must not use.
NEWER = {"removeprefix", "removesuffix", "capture_output", "fromisoformat", "is_relative_to", "annotations"}


def test_there_are_payloads() -> None:
    assert PAYLOADS


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.name)
def test_grammar_of_3_6(path: Path) -> None:
    # feature_version 7 is the oldest that the parser knows; the tree shows what 3.6 lacks beside it.
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))
    newer = [type(node).__name__ for node in ast.walk(tree) if isinstance(node, ast.NamedExpr)]
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert not newer and not names & NEWER, (newer, names & NEWER)


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8"])
def test_the_real_old_python_compiles_them(version: str) -> None:
    python = find_python(version)
    if python is None:
        # 3.6 can be had neither from uv nor from distributions of today, so CI may lack it.
        pytest.skip(f"Python {version} is not here; the grammar is checked above")
    code = "import sys\nfor path in sys.argv[1:]:\n    compile(open(path, encoding='utf-8').read(), path, 'exec')\n"
    done = subprocess.run([python, "-c", code, *map(os.fspath, PAYLOADS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
