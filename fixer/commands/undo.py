"""``convfix undo``: take an applied run back, byte for byte; finish one that was cut short."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from fixer import exit_codes
from fixer.commands import options
from fixer.commands.render import finish
from fixer.commands.talk import Talk, agreed
from fixer.errors import UsageError
from fixer.model.outcome import Outcome

# Python makes no number of a text of thousands of digits, and no journal has so many runs.
_MOST_DIGITS = 18


@click.command("undo")
@click.argument("run", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Show what would be taken back; change nothing, even with --yes.")
@click.option("--no-input", is_flag=True, help="Never ask: without --yes, a question is an error.")
@options.output
@click.pass_context
def command(ctx: click.Context, /, run: str | None, **given: Any) -> Outcome:
    """Take an applied run back; finish an interrupted one. RUN defaults to the newest that stands."""
    from fixer.apply.preview import preview
    from fixer.apply.state import State
    from fixer.apply.undo import undo
    from fixer.report.run_pages import UndoView

    if run is not None and not (run.isascii() and run.isdecimal() and len(run) <= _MOST_DIGITS):
        raise UsageError("usage", f"RUN {run[:40]!r}: expected a number from convfix history")
    session = options.session(**given)
    state = State.open(session.host)
    number, steps = preview(run, state)
    _show(number, steps, given)
    if given["dry_run"]:
        data = {"run": number, "steps": steps, "conflicts": ()}
        return finish(ctx, given, Outcome("undo", exit_codes.HEALTHY, data, view=UndoView(number, steps, (), done=False)))
    if not given["yes"] and not agreed(given["no_input"]):
        data = {"run": number, "steps": (), "conflicts": ()}
        return finish(ctx, given, Outcome("undo", exit_codes.PROBLEMS, data, view=UndoView(number, (), (), done=False)))
    done = undo(number, session.host, state, Talk(given["quiet"]))
    code = exit_codes.ROLLBACK_INCOMPLETE if done.conflicts else exit_codes.HEALTHY
    data = {"run": done.run, "steps": done.steps, "conflicts": done.conflicts}
    return finish(ctx, given, Outcome("undo", code, data, view=UndoView(done.run, done.steps, done.conflicts)))


def _show(run: str, steps: Any, given: dict[str, Any]) -> None:
    from fixer.report.paper import Paper
    from fixer.report.text import wants_color

    if not given["quiet"]:
        paper = Paper(sys.stderr, wants_color(given["color"], sys.stderr, os.environ), given["verbose"])
        paper.line(f"Run {run} will be taken back:")
        for step in steps:
            paper.line(f"{step.name}: {step.detail}", indent=2)
