"""``convfix report``: what doctor found and what it rests on, as a page or Markdown for a bug report, redacted."""

from __future__ import annotations

from typing import Any

import click

from fixer import __version__
from fixer.commands import options, planned
from fixer.commands.render import finish
from fixer.host.scrub import Scrub, scrubbed
from fixer.model.codec import to_json
from fixer.model.machine import encode
from fixer.model.outcome import Outcome


@click.command("report")
@options.looking
@options.machine
@options.wish
@options.data
@click.option("--format", "form", type=click.Choice(["markdown", "html"]), default="markdown", show_default=True)
@click.option("--out", metavar="FILE", help="Write it to FILE.")
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Print a report to attach to a bug report: no name of a person or host, no secret."""
    from fixer.report import bug_report
    from fixer.report.small_pages import LineView, ScriptView
    from fixer.rules import judge

    session = options.session(**given)
    facts = session.facts(options.importing("fixer.rules", "fixer.report.bug_report"))
    findings = judge(facts, session.dataset, session.wish)
    told = {
        "convfix": __version__, "dataset": session.dataset.version, "wish": to_json(session.wish),
        "findings": to_json(findings), "machine": encode(facts),
    }  # fmt: skip
    document = scrubbed(scrubbed(told, Scrub(facts.variables.or_else({}))), _own_scrub(session))
    text = bug_report.FORMATS[given["form"]](document)
    view: Any = ScriptView(text)
    if given["out"] is not None:
        planned.write(text, given["out"])
        view = LineView(f"Written to {given['out']}. Read it before you send it.")
    data = {"format": given["form"], "document": document, "text": text}
    return finish(ctx, given, Outcome("report", 0, data, view=view, dataset=session.dataset.version))


def _own_scrub(session: options.Session) -> Scrub:
    """Takes out this machine's own names; of a described machine they are not in it, and nothing is lost."""
    host = session.host
    return Scrub(host.environ, ((host.text("/proc/sys/kernel/hostname", 4096) or "").strip(),))
