"""``convfix why-not``: what stands against a stack, each reason with its data row. It changes nothing and connects nowhere."""

from __future__ import annotations

from typing import Any

import click

from fixer.commands import options
from fixer.commands.render import finish
from fixer.model.codec import to_json
from fixer.model.outcome import Outcome


@click.command("why-not")
@click.argument("requirements", nargs=-1, required=True, metavar="REQUIREMENT...")
@options.looking
@options.machine
@options.device
@options.manager
@options.data
@options.output
@click.pass_context
def command(ctx: click.Context, /, requirements: tuple[str, ...], **given: Any) -> Outcome:
    """Say why a stack is not chosen, such as: why-not tensorflow==2.4 python==3.12."""
    session = options.session(want=requirements, **given)
    wish = session.wish
    facts = session.facts(options.importing("fixer.rules", "fixer.planning.why_not"))
    from fixer.planning.why_not import why_not
    from fixer.report.why_not_page import WhyNotView
    from fixer.rules import judge

    answer = why_not(facts, judge(facts, session.dataset, wish), session.dataset, wish)
    view = WhyNotView(answer)
    return finish(ctx, given, Outcome("why-not", answer.exit_code, to_json(answer), view=view, dataset=session.dataset.version))
