"""``convfix doctor``: look, reason, name one primary cause. It changes nothing."""

from __future__ import annotations

from typing import Any

import click

from fixer.commands import options
from fixer.commands.render import finish
from fixer.model.outcome import Outcome


@click.command("doctor")
@options.looking
@options.machine
@options.wish
@options.data
@click.option(
    "--fail-on", type=click.Choice(["blocks", "risks", "note"]), default="blocks", show_default=True,
    help="The least severity that ends with exit code 1.",
)  # fmt: skip
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Look, reason, name one primary cause."""
    session = options.session(**given)
    wish = session.wish
    options.ahead("fixer.rules", "fixer.report.doctor_page")
    facts = session.facts()
    from fixer.report.doctor_page import DoctorView
    from fixer.rules import judge
    from fixer.rules.ranking import exit_code

    findings = judge(facts, session.dataset, wish)
    code = exit_code(findings, given["fail_on"])
    data = {"python": facts.patient.value.interpreter if facts.patient.value else None, "findings": findings}
    return finish(ctx, given, Outcome("doctor", code, data, view=DoctorView(facts, findings), dataset=session.dataset.version))
