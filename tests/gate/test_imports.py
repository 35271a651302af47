"""Start-up is a feature: what ``import fixer.cli`` and a verb's help load is counted, and the heavy is not among it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "asyncio", "distro", "elftools", "importlib.metadata", "jsonschema", "keras", "numpy", "packaging", "pkg_resources",
    "platformdirs", "pydantic", "requests", "rich", "sqlite3", "tensorflow", "urllib.request", "urllib3", "email.parser",
    "fixer.apply", "fixer.commands", "fixer.dataset", "fixer.host", "fixer.loader", "fixer.planning", "fixer.probes",
    "fixer.report", "fixer.rules", "fixer.verify",
}  # fmt: skip
# Ours alone: click's own modules and the standard library's differ by release.
OURS_AT_MOST = 10
BESIDE_CLICK_AT_MOST = 15


def modules(code: str) -> set[str]:
    """The modules in a fresh isolated interpreter after ``code``."""
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}\nimport json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    loaded = modules("import fixer.cli")
    assert not loaded & FORBIDDEN


def test_the_command_line_costs_little_beside_click() -> None:
    beside = modules("import fixer.cli") - modules("import click, json")
    ours = {name for name in beside if name.split(".")[0] == "fixer"}
    assert len(ours) <= OURS_AT_MOST, sorted(ours)
    assert len(beside) <= BESIDE_CLICK_AT_MOST, sorted(beside)


def test_the_counting_can_fail() -> None:
    assert modules("import fixer.cli, packaging.version, asyncio") & FORBIDDEN >= {"packaging", "asyncio"}
