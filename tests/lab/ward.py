"""convfix beside one staged scenario: run in its machine, by its person, with its person's variables.

The unit is ``Ward``. A ``Plan`` is what ``convfix plan --json`` said; ``publish`` puts the stand-ins of the wheels that it
wants on an index.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from tests.conftest import ROOT, START
from tests.lab import running, wheels
from tests.lab.build import Builder
from tests.lab.machine import Lab
from tests.lab.scenarios.scenario import Scenario, Stage, Staged

Findings = list[dict[str, Any]]
CONVFIX = (sys.executable, "-I", "-c", START, str(ROOT))
_HEEDS_WISHES = ("doctor", "plan", "apply")


def primary(findings: Findings) -> str | None:
    """The one cause that is named, or None."""
    return next((finding["cause"] for finding in findings if finding["primary"]), None)


@dataclass(frozen=True)
class Told:
    """One run of convfix with --json."""

    code: int
    data: Mapping[str, Any]
    stderr: str


class Ward:
    """See the module's docstring. ``given`` are further variables, such as an index."""

    def __init__(self, lab: Lab, scenario: Scenario, stage: Stage, **given: str) -> None:
        self.lab, self.scenario, self.stage, self.given = lab, scenario, stage, given
        self.staged: Staged = scenario.on(stage)

    def run(self, *arguments: str, timeout: float = 600, script: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``convfix ARGUMENTS``; in a bash that has sourced ``script`` where one is given."""
        argv = [*CONVFIX, *arguments]
        if script is not None:
            argv = ["bash", "--noprofile", "--norc", "-c", 'script=$1; shift; . "$script" && exec "$@"', "ward", script, *argv]
        return self.lab.run(argv, machine=self.staged.machine, environ=self.environ, cwd=self.stage.home, timeout=timeout)

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment of the person's shell."""
        home = self.stage.home
        return {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "CONVFIX_STATE_DIR": str(home.parent / "state"),
                **self.given, **self.staged.variables}  # fmt: skip

    def ask(self, command: str, *arguments: str, python: str | None = None, script: str | None = None, timeout: float = 600) -> Told:
        """Run one command with --json on the patient, or on another ``python``."""
        # In the environment that a repair has made nothing is wished for any more.
        asked = (*self.scenario.asks, *arguments) if command in _HEEDS_WISHES and python is None else arguments
        done = self.run(command, "--json", "--python", python or self.staged.patient.python, *asked, timeout=timeout, script=script)
        assert done.stdout, done.stderr
        said = json.loads(done.stdout)
        assert said["exit_code"] == done.returncode
        return Told(done.returncode, said["data"] or {"errors": said["errors"]}, done.stderr)

    def doctor(self, **where: Any) -> tuple[int, Findings]:
        """The exit code and the findings; of the running program, where only that shows the fault."""
        if self.scenario.first and not where:
            program = f"import {self.scenario.first}; {running.OPENS}"
            machine, python = self.staged.machine, self.staged.patient.python
            environs = {"theirs": self.environ, "ours": self.environ, "cwd": self.stage.home}
            _, code, data = running.told(self.lab, machine, python, program, [*CONVFIX, "doctor"], **environs)
            return code, data["findings"]
        told = self.ask("doctor", **where)
        return told.code, told.data["findings"]


def entered(plan: Mapping[str, Any], stage: Stage) -> dict[str, str]:
    """How a person is in the environment once ``plan`` is carried out: which python, which script is sourced."""
    for action in plan["actions"]:
        if action["kind"] == "new_environment":
            path = next(word for word in action["commands"][0] if word.startswith(str(stage.home)) and not word.endswith("/python"))
            return {"python": f"{path}/bin/python"}
        if action["kind"] == "activation_script":
            return {"script": str(stage.home / "env" / "bin" / "activate")}
    return {}


def publish(plan: Mapping[str, Any], builder: Builder, folder: Path) -> Path:
    """The stand-ins of the nvidia-* wheels that the plan's commands name, into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for action in plan["actions"]:
        for word in {word for argv in action["commands"] for word in argv}:
            wheel = wheels.like(word, plan["outcome"]["cuda"] or "12.5")
            if wheel is not None:
                wheels.write(wheel, builder, folder)
    return folder
