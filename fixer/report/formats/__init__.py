"""A plan in the form that another tool reads: requirements, environment.yml, Dockerfile, shell script.

The unit is ``document(plan, form) -> str``, a pure function. Each form has a module with one ``write``; what
a form cannot carry stands in it as a comment, so that nothing of the plan is lost silently.
"""

from __future__ import annotations

from typing import Callable, Mapping

from fixer.errors import ConvfixError
from fixer.model.plan import Plan
from fixer.report.formats import commands, conda, dockerfile, requirements
from fixer.report.formats.common import changes, conda_packages

FORMATS: Mapping[str, Callable[[Plan], str]] = {
    "requirements": requirements.write,
    "conda": conda.write,
    "dockerfile": dockerfile.write,
    "commands": commands.write,
}


class NoDocument(ConvfixError):
    """This plan leads to nothing that the form could say; the message says why."""


def document(plan: Plan, form: str, windows: bool = False) -> str:
    """``plan`` as one of FORMATS; raises NoDocument where there is nothing to write, KeyError for another form.

    ``windows``: commands are for PowerShell.
    """
    if plan.outcome is None:
        why = next(iter(plan.notes), "the plan names no state")
        raise NoDocument("no-document", f"--format {form}: there is no plan to write: {why}")
    if form != "commands" and not plan.actions and _unsound(plan):
        hint = "convfix plan names the steps; with --format commands they are written as comments"
        raise NoDocument("no-document", f"--format {form}: only a person's steps make these packages work", hint)
    if form == "requirements" and conda_packages(plan) and not changes(plan):
        hint = "--format conda writes the environment.yml"
        raise NoDocument("no-document", f"--format {form}: conda alone has what this plan installs", hint)
    if form in ("conda", "dockerfile") and plan.outcome.tensorflow is None:
        raise NoDocument("no-document", f"--format {form}: there is no TensorFlow in what this plan leaves")
    if form in ("conda", "dockerfile") and "+" in (plan.outcome.tensorflow or ""):
        hint = "use the image or the index that it came from"
        raise NoDocument("no-document", f"--format {form}: no index serves tensorflow {plan.outcome.tensorflow}", hint)
    if form == "dockerfile" and plan.outcome.device == "gpu" and "system" in plan.outcome.libraries_from:
        hint = "an image of NVIDIA's with that CUDA and cuDNN (nvidia/cuda) holds them; --format requirements has the packages"
        raise NoDocument("no-document", f"--format {form}: the CUDA libraries lie outside the environment here", hint)
    if form == "dockerfile" and plan.outcome.device == "metal":
        hint = "--device cpu plans an image; --format requirements has the packages for the Mac itself"
        raise NoDocument("no-document", f"--format {form}: a container on a Mac has no part in its GPU", hint)
    if form == "commands" and windows:
        return commands.for_windows(plan)
    return FORMATS[form](plan)


def _unsound(plan: Plan) -> bool:
    """Whether the packages as they are do not work, so that writing them down would pass the fault on."""
    about = ("import", "setting", "shadowing", "version", "missing")
    return any(finding.severity == "blocks" and finding.stage in about for finding in plan.findings)
