"""Rules about what else starts the patient's Python: a notebook's kernel, an editor, a service, a table of cron.

What works in this shell by a variable works there only where the variable is set too.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.facts import Launcher
from fixer.model.finding import Certainty, Finding
from fixer.rules.case import Case
from fixer.rules.copies import folder
from fixer.rules.loading import openings
from fixer.rules.say import fact, few, finding

_SHOWN = {
    "jupyter": "the Jupyter kernel {}",
    "vscode": "VS Code",
    "pycharm": "PyCharm",
    "systemd": "the service {}",
    "cron": "cron ({})",
    "slurm": "the job script {}",
    "pbs": "the job script {}",
}
# These never inherit a shell's variables; the others do where they are started from such a shell.
_NEVER = ("systemd", "cron")
_WHERE = {
    "jupyter": 'the "env" of its kernel.json',
    "vscode": "a launch from this shell (`code .`) or launch.json",
    "pycharm": "the run configuration, or a start from this shell",
    "systemd": "Environment= of the unit",
    "cron": "a line at the top of its table",
    "slurm": "an export line of the script, or --export=ALL",
    "pbs": "an export line of the script, or -V",
}


def not_for_every_launcher(case: Case) -> Iterator[Finding]:
    """TensorFlow finds its libraries by this shell's LD_LIBRARY_PATH alone, and a launcher does not set it."""
    patient = case.patient
    if patient is None or case.facts.process.value is not None or case.no_gpu:
        return
    needed = {one.soname: one.winner.path for one in openings(case) if one.measured and one.verdict == "ok" and one.winner is not None
              and one.winner.place == "LD_LIBRARY_PATH" and one.right is None}  # fmt: skip
    if not needed:
        return
    wanted = {folder(case, path.rpartition("/")[0]) for path in needed.values()}
    for launcher in case.facts.launchers.or_else(()):
        if launcher.interpreter.startswith(patient.prefix.rstrip("/") + "/bin/") and not _sets(case, launcher, wanted):
            yield _finding(case, launcher, needed)


def _sets(case: Case, launcher: Launcher, wanted: set[str]) -> bool:
    if launcher.inherits and "LD_LIBRARY_PATH" not in launcher.variables:
        return True
    value = launcher.variables.get("LD_LIBRARY_PATH", "")
    return wanted <= {folder(case, one) for one in value.split(":") if one}


def _finding(case: Case, launcher: Launcher, needed: dict[str, str]) -> Finding:
    certainty: Certainty = "likely" if launcher.kind in _NEVER else "possible"
    shown = _SHOWN[launcher.kind].format(launcher.name)
    return finding(
        "env-not-inherited",
        "risks" if launcher.kind in _NEVER else "note",
        certainty,
        f"{shown} starts this Python without the LD_LIBRARY_PATH by which this shell finds {few(needed)}",
        (
            fact(f"launchers.{launcher.kind}", f"{launcher.path}: {launcher.interpreter}", case.facts.launchers),
            fact("variables.LD_LIBRARY_PATH", case.variables.get("LD_LIBRARY_PATH", ""), case.facts.variables),
        ),
        f"The place for it there: {_WHERE[launcher.kind]}. A preload hook in the environment needs no variable at all.",
        code=f"not-for-{launcher.kind}",
        commands=(),
        subject={"launcher": launcher.path},
    )
