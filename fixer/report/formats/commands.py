"""A POSIX shell script of the plan's commands; it stops at the first that fails and never calls sudo.

What only root or a person does stands in it as a comment. What convfix does without a command (a hook, an
activation script) is said at the end, with the line that does the same for one shell.
"""

from __future__ import annotations

from fixer.model.action import ActionSpec, HumanStep
from fixer.model.plan import Plan
from fixer.report.clean import clean
from fixer.report.formats.common import comments, headline
from fixer.report.paper import shown_argv


def write(plan: Plan) -> str:
    """The script."""
    lines = ["#!/bin/sh", *comments(headline(plan)), "set -eu"]
    for number, action in enumerate(plan.actions, 1):
        lines += ["", *comments([f"{number}. {action.summary}"])]
        lines += [shown_argv(argv) for argv in action.commands] or _instead(action)
    for number, step in enumerate(plan.human_steps, len(plan.actions) + 1):
        lines += ["", *comments(_person(number, step))]
    if not plan.actions:
        lines += ["", *comments(["There is nothing for an installer to do."])]
    return "\n".join(lines) + "\n"


def _person(number: int, step: HumanStep) -> list[str]:
    who = "root" if step.privilege == "root" else "you"
    return [f"{number}. For {who}, not run here: {step.summary}", *(f"     {shown_argv(argv)}" for argv in step.commands)]


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
