"""A script of the plan's commands, for a POSIX shell or for PowerShell; it stops at the first that fails and never calls sudo.

What only root or a person does stands in it as a comment. What convfix does without a command (a hook, an
activation script) is said at the end, with the line that does the same for one shell.
"""

from __future__ import annotations

from typing import Callable, Sequence

from fixer.model import powershell
from fixer.model.action import ActionSpec
from fixer.model.plan import Plan
from fixer.report.clean import clean
from fixer.report.formats.common import comments, headline
from fixer.report.paper import shown_argv


def write(plan: Plan) -> str:
    """The script for a POSIX shell."""
    lines = ["#!/bin/sh", *comments(headline(plan)), "set -eu"]
    for number, action in enumerate(plan.actions, 1):
        lines += ["", *comments([f"{number}. {action.summary}"])]
        lines += [shown_argv(argv) for argv in action.commands] or _instead(action)
    return "\n".join((*lines, *_rest(plan, shown_argv))) + "\n"


def for_windows(plan: Plan) -> str:
    """The script for PowerShell, which goes on after a program that failed unless it is told to look."""
    lines = comments([*headline(plan), "For PowerShell: save it as convfix.ps1; powershell -ExecutionPolicy Bypass -File convfix.ps1"])
    lines.append("$ErrorActionPreference = 'Stop'")
    for number, action in enumerate(plan.actions, 1):
        lines += ["", *comments([f"{number}. {action.summary}"])]
        for argv in action.commands:
            lines += [powershell.line(argv), "if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }"]
        if not action.commands:
            lines += comments(["Not done here: convfix apply would, on Linux."])
    return "\n".join((*lines, *_rest(plan, powershell.line))) + "\n"


def _rest(plan: Plan, shown: Callable[[Sequence[str]], str]) -> list[str]:
    """A person's steps, as comments."""
    lines: list[str] = []
    for number, step in enumerate(plan.human_steps, len(plan.actions) + 1):
        who = "root" if step.privilege == "root" else "you"
        told = [f"{number}. For {who}, not run here: {step.summary}", *(f"     {shown(argv)}" for argv in step.commands)]
        lines += ["", *comments(told)]
    return lines if plan.actions else [*lines, "", *comments(["There is nothing for an installer to do."])]


def _instead(action: ActionSpec) -> list[str]:
    """A line that a person can paste in place of what convfix would write into files."""
    told = []
    if action.kind == "preload_hook":
        found = list(dict.fromkeys(str(path).rpartition("/")[0] for path in action.params.get("libraries", ())))
        told.append(_led("LD_LIBRARY_PATH", found))
    if action.kind == "activation_script" and action.params.get("shell") != "fish":
        told += [_led(str(name), list(values)) for name, values in action.params.get("prepend", {}).items()]
        told += [f"export {name}={shown_argv([str(value)])}" for name, value in action.params.get("set", {}).items()]
        told += [f"unset {name}" for name in action.params.get("unset", ())]
    if not told:
        return comments(["convfix apply does this; a script of commands cannot."])
    said = "convfix apply does this for every shell; for one shell, before Python:"
    return [f"printf '%s\\n' {shown_argv([clean(text) for text in (said, *(f'  {one}' for one in told))])}"]


def _led(name: str, folders: list[str]) -> str:
    """``name`` with ``folders`` before what it holds; the home is named, since a list expands no ~ of its own."""
    words = (f'"$HOME"{shown_argv([one[1:]])}' if one.startswith("~/") else shown_argv([one]) for one in folders)
    return f"export {name}={':'.join(words)}${{{name}:+:${name}}}"
