"""``convfix history``: the journal's runs, the newest first. It changes nothing."""

from __future__ import annotations

from typing import Any

import click

from fixer.commands import options
from fixer.commands.render import finish
from fixer.model.outcome import Outcome


@click.command("history")
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """List the journal's runs."""
    from fixer.apply.journal import history
    from fixer.apply.state import State
    from fixer.report.run_pages import HistoryView

    runs = history(State.open(options.session(**given).host))
    return finish(ctx, given, Outcome("history", 0, {"runs": runs}, view=HistoryView(runs)))
