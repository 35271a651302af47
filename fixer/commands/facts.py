"""``convfix facts``: what is observed, as a machine file. It judges nothing and changes nothing."""

from __future__ import annotations

from typing import Any

import click

from fixer.commands import options
from fixer.commands.render import finish
from fixer.model.machine import encode
from fixer.model.outcome import Outcome


@click.command("facts")
@options.looking
@options.data
@click.option("--record", metavar="DIR", help="Keep the raw answers of this machine in DIR, scrubbed, for `--machine DIR` elsewhere.")
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Print what is observed, as a machine file."""
    from fixer.report.small_pages import MachineView

    session = options.session(**given)
    machine = encode(session.facts() if given["record"] is None else session.record(given["record"]))
    return finish(
        ctx, given, Outcome("facts", 0, {"machine": machine}, view=MachineView(machine), dataset=session.dataset.version)
    )
