"""``convfix plan``: doctor, and the smallest repair. It opens no connection unless ``--prove`` asks it to."""

from __future__ import annotations

from typing import Any

import click

from fixer.commands import options, planned
from fixer.commands.render import finish
from fixer.model.outcome import Outcome


@click.command("plan")
@options.looking
@options.machine
@options.wish
@options.means
@options.data
@click.option("--out", metavar="FILE", help="Save the plan to FILE, for convfix apply FILE.")
@click.option("--prove", "proving", is_flag=True, help="Ask the package index by the installer's own dry run.")
@options.offline
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Doctor, and the smallest repair that works."""
    from fixer.report.plan_page import PlanView

    session = options.session(**given)
    planned.refuse_proof_elsewhere(session, given["proving"], given["offline"])
    facts, plan = planned.make(session)
    if given["proving"] and plan.actions:
        plan = planned.prove(session, plan, given["offline"])
    if given["out"] is not None:
        planned.save(plan, given["out"])
    view = PlanView(plan, facts, given["out"])
    outcome = Outcome("plan", plan.exit_code, planned.as_data(plan), view=view)
    return finish(ctx, given, planned.with_dataset(session, outcome))
