"""The environments that are measured, made by uv below .cache/bench on first use and kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SICK = ("tensorflow==2.15.1", "numpy==2.0.2")
HEALTHY = ("tensorflow==2.15.1",)
# What "python -m fixer" does, isolated, from the checkout: as scripts/convfix starts it.
START = "import sys; sys.argv[0] = 'convfix'; sys.path.insert(0, sys.argv.pop(1)); from fixer.cli import main; sys.exit(main())"


def convfix(*arguments: str) -> list[str]:
    """The argv of this checkout's convfix."""
    return [sys.executable, "-I", "-c", START, str(ROOT), *arguments]


def variables(**extra: str) -> dict[str, str]:
    """The variables of a measured process: quiet, and with no patient named but by --python."""
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH")}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", **extra}


class Places:
    """The two interpreters: a TensorFlow that NumPy 2 broke, and a healthy one of the same version."""

    def __init__(self, sick: str | None, healthy: str | None) -> None:
        self.given = {"sick": sick, "healthy": healthy}

    @cached_property
    def sick(self) -> str:
        return self.given["sick"] or _made("sick", SICK)

    @cached_property
    def empty(self) -> str:
        """An environment with pip and nothing else."""
        place = ROOT / ".cache" / "bench" / "empty"
        python = place / "bin" / "python"
        if not python.exists():
            subprocess.run([self.healthy, "-m", "venv", str(place)], check=True)
        return str(python)

    @cached_property
    def healthy(self) -> str:
        return self.given["healthy"] or _made("healthy", HEALTHY)


def _made(name: str, wanted: tuple[str, ...]) -> str:
    place = ROOT / ".cache" / "bench" / name
    python = place / "bin" / "python"
    ready = place / "ready"
    if not ready.exists():
        uv = shutil.which("uv") or os.path.join(sysconfig.get_path("scripts"), "uv")
        environment = {"UV_CACHE_DIR": str(ROOT / ".cache" / "uv"), **os.environ}
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([uv, "venv", "-q", "--no-project", "-p", "3.11", str(place)], check=True, env=environment)
        subprocess.run([uv, "pip", "install", "-q", "-p", str(python), *HEALTHY], check=True, env=environment)
        apart = [one for one in wanted if one not in HEALTHY]
        if apart:
            # Against TensorFlow's own bounds, as it happens to people.
            subprocess.run([uv, "pip", "install", "-q", "--no-deps", "-p", str(python), *apart], check=True, env=environment)
        ready.touch()
    return str(python)
