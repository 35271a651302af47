"""The plan's page: numbered steps with their diffs and commands, what a person must do, what was not chosen.

The unit is ``show(view, exit_code, paper)``; ``apply`` draws the same page before it asks.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

from fixer.model import powershell
from fixer.model.action import ActionSpec, HumanStep
from fixer.model.facts import Facts
from fixer.model.plan import Plan
from fixer.model.record import record
from fixer.report.paper import Paper, shown_argv, tilde

_SHOWN_REJECTED = 3
_SHOWN_VERSIONS = 4
_LONG_DIFF = 40
_LONG_COMMAND = 16


@record(frozen=True)
class PlanView:
    """A plan and the facts it was made from; ``saved`` is the file that it was written to.

    ``carry``: the wheels to carry to a machine without a connection, where that was asked for.
    """

    plan: Plan
    facts: Facts
    saved: str | None = None
    carry: Mapping[str, Any] | None = None
    described: bool = False


def show(view: PlanView, exit_code: int, paper: Paper) -> None:
    """The whole page."""
    plan = view.plan
    _headline(plan, paper)
    on_linux = view.facts.on_linux
    steps(plan, paper, bool(paper.verbose), powershell.line if view.facts.on_windows else shown_argv, on_linux)
    for note in plan.notes:
        paper.line(note)
    if plan.rejected:
        _rejected(plan, paper)
    if view.carry is not None:
        _carry(view.carry, paper)
    if view.saved is not None:
        there = " there" if view.described else ""
        paper.line(f"Saved to {tilde(view.saved)}; carry it out{there} with: convfix apply {shown_argv([view.saved])}")
    elif plan.actions and on_linux:
        paper.line(
            ("Next, on that machine: convfix apply" if view.described else "Next: convfix apply")
            + ("" if plan.proved else "        (it asks the package index first; so does: convfix plan --prove)")
        )


def steps(
    plan: Plan, paper: Paper, whole: bool = True, shown: Callable[[Sequence[str]], str] = shown_argv, proved: bool = True
) -> None:
    """The steps alone: ours first, then a person's, then how it will be ``proved``. Who is asked to agree sees them ``whole``.

    ``shown`` writes a command for the shell of the machine.
    """
    for number, action in enumerate(plan.actions, 1):
        _action(number, action, paper, whole, shown)
    for number, step in enumerate(plan.human_steps, len(plan.actions) + 1):
        _human(number, step, paper, shown)
    if plan.actions and plan.outcome is not None and proved:
        where = "on the GPU, compared with the CPU" if plan.outcome.device == "gpu" else "on the CPU"
        paper.line(f"Then a DenseNet convolution {where}.")
        paper.line()


def _headline(plan: Plan, paper: Paper) -> None:
    primary = next((finding for finding in plan.findings if finding.primary), None)
    if primary is not None:
        paper.line(f"Cause: {primary.title} ({primary.certainty}).", "bold")
        paper.line()
    elif plan.exit_code == 0:
        paper.line("Nothing to do: what is installed fits this machine.")
    elif plan.exit_code == 6:
        needs = sorted({need for finding in plan.findings for need in finding.needs})
        paper.line("Cannot plan yet: not known is " + ", ".join(needs or ["what decides"]) + ".", "bold")
    if plan.exit_code == 9:
        paper.line("No stack fits this machine and these wishes.", "bold")
        paper.line()


def _action(number: int, action: ActionSpec, paper: Paper, whole: bool, shown: Callable[[Sequence[str]], str]) -> None:
    paper.line(f"{number}. {action.summary}", "bold")
    for change in action.files:
        added = sum(line.startswith("+") and not line.startswith("+++") for line in change.diff.splitlines())
        if added > _LONG_DIFF and not paper.verbose:
            paper.line(f"+ {tilde(change.path)} ({added} lines; -v shows them)", indent=5)
        else:
            paper.diff(change.diff, indent=5)
    for argv in action.commands:
        left = 0 if whole else max(0, len(argv) - _LONG_COMMAND)
        more = f" ... and {left} more (whole: convfix plan -v)" if left else ""
        paper.line(shown(argv[: len(argv) - left]) + more, indent=5)
    said = [f"undo: {action.reversible}", f"reaches: {', '.join(action.reaches)}" if action.reaches else ""]
    said += ["downloads " + _size(action.download_bytes), "takes " + _size(action.disk_bytes) + " of disk"]
    paper.line("   ".join(part for part in said if part), indent=3)
    paper.line()


def _human(number: int, step: HumanStep, paper: Paper, shown: Callable[[Sequence[str]], str]) -> None:
    who = "by root" if step.privilege == "root" else "by you"
    paper.line(f"{number}. {step.summary} ({who})", "bold")
    for argv in step.commands:
        paper.line(shown(argv), indent=5)
    if step.why:
        paper.line(step.why, indent=3)
    paper.line()


def _rejected(plan: Plan, paper: Paper) -> None:
    """What was refused, releases with the same reasons together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for item in plan.rejected:
        (name, version), *place = item.stack.items()
        where = " ".join(f"{key} {value}" for key, value in place)
        why = "; ".join(dict.fromkeys(reason.text for reason in item.reasons))
        groups.setdefault((f"{name} {{}}{' ' + where if where else ''}: ", why), []).append(version)
    shown = list(groups.items()) if paper.verbose or plan.exit_code == 9 else list(groups.items())[:_SHOWN_REJECTED]
    paper.line("Not chosen:")
    for (head, why), versions in shown:
        paper.line(head.format(_versions(versions, bool(paper.verbose))) + why, indent=2)
    left = len(plan.rejected) - sum(len(versions) for _, versions in shown)
    if left:
        paper.line(f"and {left} more: convfix plan -v", indent=2)
    paper.line()


def _versions(versions: list[str], all_of_them: bool) -> str:
    if all_of_them or len(versions) <= _SHOWN_VERSIONS:
        return ", ".join(versions)
    return f"{', '.join(versions[:_SHOWN_VERSIONS])} and {len(versions) - _SHOWN_VERSIONS} more"


def _carry(luggage: Mapping[str, Any], paper: Paper) -> None:
    if not luggage["wheels"]:
        paper.line("Nothing has to be carried here.")
        return
    unknown = f", and {len(luggage['unknown'])} of unknown size" if luggage["unknown"] else ""
    paper.line(f"To carry here: {len(luggage['wheels'])} wheels, {_size(luggage['known_bytes'])}{unknown}, and what they need.")
    for wheel in luggage["wheels"] if paper.verbose else ():
        paper.line(f"{wheel['requirement']}  {_size(wheel['bytes'])}", indent=2)
    paper.line("On a machine with a connection:")
    for argv in luggage["fetch"]:
        paper.line(shown_argv(argv), indent=2)
    paper.line("Here, beside the folder:")
    for argv in luggage["install"]:
        paper.line(shown_argv(argv), indent=2)
    paper.line()


def _size(count: int | None) -> str:
    if count is None:
        return "an unknown amount"
    if count == 0:
        return "nothing"
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
