"""What a plan's commands really bring, found by uv: the packages after them, for the described machine.

The unit is ``after``: the described packages, changed as each command says. uv resolves the pins of one call on
their own, from wheels alone, for the Python, the platform and the C library of the machine; what is installed and
fits stays, as an installer leaves it. It knows nothing of our dataset.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Iterator

from packaging.utils import canonicalize_name

from fixer.model.plan import Plan

# The manylinux that uv knows, oldest first. A C library between two takes the newer one: whether each wheel's own
# tag fits is the checker's business (tests/planning/checker.py), and the older one would hide wheels that fit.
_MANYLINUX = (17, 28, *range(31, 41))
_ARCHES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else "uv"


def platform(described: dict[str, Any], glibc: str | None) -> str | None:
    """uv's name of the machine's platform; None where uv has none for its C library."""
    arch = _ARCHES[described.get("arch", "x86_64").lower()]
    system = described.get("os", "linux").lower()
    if system.startswith("win"):
        return f"{arch}-pc-windows-msvc"
    if system in ("macos", "darwin"):
        return f"{arch}-apple-darwin"
    if not glibc:
        return None
    minor = int(glibc.split(".")[1])
    fitting = [one for one in _MANYLINUX if one >= minor]
    return f"{arch}-manylinux_2_{(fitting or _MANYLINUX)[0 if fitting else -1]}"


def installs(plan: Plan) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """Each command by pip or uv: its verb, the names that it takes away, and its pins."""
    for action in plan.actions:
        for argv in action.commands:
            words = [word for word in argv[1:] if not word.startswith("-")]
            if "venv" in words:
                yield "venv", [], {}
            elif "uninstall" in words:
                yield "uninstall", words[words.index("uninstall") + 1 :], {}
            elif "install" in words and "pip" in words:
                pins = dict(word.split("==") for word in words if "==" in word)
                yield "install", [], pins


def after(plan: Plan, described: dict[str, Any], glibc: str | None) -> dict[str, str]:
    """The environment's packages when the commands are done."""
    installed = ((described.get("environment") or {}).get("packages")) or {}
    state: dict[str, str] = {canonicalize_name(name): str(version) for name, version in installed.items()}
    assert plan.outcome is not None and plan.outcome.python is not None
    where = platform(described, glibc)
    for verb, names, pins in installs(plan):
        if verb == "venv":
            state = {}
        for name in names:
            state.pop(name, None)
        if pins:
            found = resolve(tuple(sorted(pins.items())), plan.outcome.python, where, tuple(sorted(state.items())))
            state.update(found)
    return state


@lru_cache(maxsize=1024)
def resolve(pins: tuple[tuple[str, str], ...], python: str, where: str | None, present: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """What one call installs: its pins and all they need; ``present`` is kept wherever it fits."""
    kept = {name: version for name, version in present if name not in dict(pins)}
    lines = "".join(f"{name}=={version}\n" for name, version in pins)
    argv = [uv(), "pip", "compile", "-", "--python-version", python, "--no-header", "--no-annotate", "--quiet", "--no-strip-markers",
            "--only-binary", ":all:", *(("--python-platform", where) if where else ())]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "requirements.txt"
        before.write_text("".join(f"{name}=={version}\n" for name, version in kept.items()))
        ran = subprocess.run([*argv, "-o", str(before)], input=lines, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stderr
        told = before.read_text()
    return dict(line.split(" ")[0].split("==") for line in told.splitlines() if "==" in line)
