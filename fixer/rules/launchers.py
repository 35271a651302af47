"""Rules about what else starts the patient's Python: a notebook's kernel, an editor, a service, a table of cron, a job.

What works in this shell by a variable works there only where the variable is set too; and what works here by the environment's own
libraries fails there where a variable of theirs, or a module that a job loads, puts others first.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.facts import Launcher, Library
from fixer.model.finding import Certainty, Finding
from fixer.rules.case import Case
from fixer.rules.copies import Copy, answers, folder
from fixer.rules.loading import Opening, fits, of_cudnn, openings
from fixer.rules.say import fact, few, finding, joined

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


def hidden_in_a_launcher(case: Case) -> Iterator[Finding]:
    """A launcher sets an LD_LIBRARY_PATH that leads to a cuDNN which does not serve, before the environment's own."""
    opening, patient = of_cudnn(case), case.patient
    if opening is None or patient is None or case.facts.process.value is not None or not _by_runpath(opening):
        return
    row = case.dataset.library(opening.soname)
    copies = [one for one in case.facts.libraries.or_else(()) if row is not None and answers(case, one, row, opening.soname)]
    for launcher in case.facts.launchers.or_else(()):
        if not launcher.interpreter.startswith(patient.prefix.rstrip("/") + "/bin/"):
            continue
        entries = [folder(case, one) for one in launcher.variables.get("LD_LIBRARY_PATH", "").split(":") if one]
        places = {folder(case, one.path.rpartition("/")[0]): one for one in reversed(copies)}
        first = next((places[one] for one in entries if one in places), None)
        if first is not None and fits(case, "cudnn", Copy(first.path, first.version, False, "LD_LIBRARY_PATH")) is False:
            yield _hidden(case, launcher, opening, first)


def _by_runpath(opening: Opening) -> bool:
    """Whether the environment's own copy wins here by what LD_LIBRARY_PATH goes before."""
    winner = opening.winner
    if not opening.measured or opening.verdict != "ok" or winner is None:
        return False
    return winner.in_environment and winner.place in ("RUNPATH", "LD_LIBRARY_PATH")


def _hidden(case: Case, launcher: Launcher, opening: Opening, first: Library) -> Finding:
    own, shown = opening.winner, _SHOWN[launcher.kind].format(launcher.name)
    searched = launcher.variables.get("LD_LIBRARY_PATH", "")
    modules = f", which loads {joined(launcher.modules)}," if launcher.modules else ""
    return finding(
        "ld-library-path-shadows-env",
        "risks",
        "likely",
        f"{shown}{modules} puts cuDNN {first.version} before the environment's own {own.version if own else ''}: TensorFlow fails there",
        (
            fact(f"launchers.{launcher.kind}", f"{launcher.path}: LD_LIBRARY_PATH={searched}", case.facts.launchers),
            fact("libraries", f"{first.path} {first.version}", case.facts.libraries),
            fact(f"loader.{opening.soname}", f"{own.path if own else ''} {own.version if own else ''}", case.facts.resolutions),
        ),
        "Leave that module out, or load one whose cuDNN fits: this environment brings its own libraries."
        if launcher.modules
        else f"Take the folder off LD_LIBRARY_PATH there ({_WHERE[launcher.kind]}): this environment brings its own libraries.",
        code=f"hidden-for-{launcher.kind}",
        commands=(),
        plan="advise",
        subject={"launcher": launcher.path, "path": first.path},
    )
