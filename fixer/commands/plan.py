"""``convfix plan``: doctor, and the smallest repair. It opens no connection unless ``--prove`` asks it to."""

from __future__ import annotations

from typing import Any

import click

from fixer.commands import fleet, options, planned
from fixer.commands.options import Session
from fixer.commands.render import finish
from fixer.model.codec import to_json
from fixer.model.facts import Facts
from fixer.model.outcome import ErrorNote, Outcome
from fixer.model.plan import Plan


@click.command("plan")
@options.looking
@options.machine
@options.wish
@options.means
@options.data
@click.option("--out", metavar="FILE", help="Save the plan to FILE, for convfix apply FILE; with --format, the document.")
@click.option("--prove", "proving", is_flag=True, help="Ask the package index by the installer's own dry run.")
@click.option(
    "--format", "form", type=click.Choice(["requirements", "conda", "dockerfile", "commands"]),
    help="Print the plan for another tool: a requirements file (with hashes after --prove), an environment.yml, "
    "a Dockerfile, a script for the shell (for PowerShell where the machine's system is Windows).",
)  # fmt: skip
@click.option("--offline", is_flag=True, help="Ask no package index, and list the wheels to carry here.")
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Doctor, and the smallest repair that works."""
    session = options.session(**given)
    if fleet.meant(session):
        return finish(ctx, given, fleet.plan(session, given))
    planned.refuse_proof_elsewhere(session, given["proving"])
    facts, plan = planned.make(session)
    if given["proving"] and plan.actions:
        plan = planned.prove(session, facts, plan, given["offline"], hashes=given["form"] == "requirements")
    outcome = _written(plan, facts, given) if given["form"] else _shown(session, facts, plan, given)
    return finish(ctx, given, planned.with_dataset(session, outcome))


def _shown(session: Session, facts: Facts, plan: Plan, given: dict[str, Any]) -> Outcome:
    from fixer.report.plan_page import PlanView

    data = planned.as_data(plan)
    luggage = None
    if given["offline"]:
        from fixer.planning.carry import carry

        luggage = to_json(carry(plan, facts, session.dataset))
        data["carry"] = luggage
    if given["out"] is not None:
        planned.save(plan, given["out"])
    view = PlanView(plan, facts, given["out"], luggage, given["machine"] is not None)
    return Outcome("plan", plan.exit_code, data, view=view)


def _written(plan: Plan, facts: Facts, given: dict[str, Any]) -> Outcome:
    """The plan as another tool reads it: on stdout, or in the file that ``--out`` names."""
    from fixer.report.formats import NoDocument, document
    from fixer.report.small_pages import LineView, ScriptView

    data = planned.as_data(plan)
    try:
        text = document(plan, given["form"], windows=facts.on_windows)
    except NoDocument as none:
        note = ErrorNote(none.code, none.message, none.hint)
        return Outcome("plan", plan.exit_code, {**data, "document": None}, errors=(note,))
    data["document"] = {"format": given["form"], "text": text}
    if given["out"] is None:
        return Outcome("plan", plan.exit_code, data, view=ScriptView(text))
    planned.write(text, given["out"])
    return Outcome("plan", plan.exit_code, data, view=LineView(f"Written to {given['out']}"))
