"""``convfix doctor``: look, reason, name one primary cause. It changes nothing."""

from __future__ import annotations

from typing import Any

import click

from fixer.commands import options
from fixer.commands.render import finish
from fixer.errors import UsageError
from fixer.model.facts import Facts
from fixer.model.finding import Finding
from fixer.model.outcome import Outcome
from fixer.model.subject import Subject


@click.command("doctor")
@options.looking
@options.machine
@options.wish
@options.data
@click.option(
    "--fail-on", type=click.Choice(["blocks", "risks", "note"]), default="blocks", show_default=True,
    help="The least severity that ends with exit code 1.",
)  # fmt: skip
@click.option("--all", "every", is_flag=True, help="List every Python environment with TensorFlow that is found, and which is healthy.")
@click.option("--pid", type=click.IntRange(1, 2**31 - 1), metavar="PID",
              help="Look at a running process: what it has mapped, in its own environment.")
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Look, reason, name one primary cause."""
    if given["pid"] is not None and given["machine"] is not None:
        raise UsageError("usage", "--pid looks at this machine and --machine at another: give one of them")
    session = options.session(**given)
    if given["every"]:
        return finish(ctx, given, _every(session, given))
    wish = session.wish
    facts = session.facts(options.importing("fixer.rules", "fixer.apply.journal", "fixer.report.as_json"))
    from fixer.rules import judge
    from fixer.rules.ranking import exit_code

    findings = judge(facts, session.dataset, wish)
    code = exit_code(findings, given["fail_on"])
    data = {"python": facts.patient.value.interpreter if facts.patient.value else None, "findings": findings}
    return finish(ctx, given, Outcome("doctor", code, data, view=_view(facts, findings, given), dataset=session.dataset.version))


def _every(session: options.Session, given: dict[str, Any]) -> Outcome:
    """A judgement of each environment by itself; the strongest of their exit codes."""
    if any(given[name] is not None for name in ("python", "machine", "pid", "sys_root")):
        raise UsageError("usage", "--all looks for every environment of this machine: name no single one with it")
    from fixer import exit_codes
    from fixer.probes import observe_all
    from fixer.report.environments_page import EnvironmentsView
    from fixer.rules import judge
    from fixer.rules.ranking import exit_code

    made, codes = [], []
    for place, facts in observe_all(session.host, session.dataset):
        findings = judge(facts, session.dataset, session.wish)
        codes.append(exit_code(findings, given["fail_on"]))
        made.append({
            "python": place.python, "found_by": place.found_by, "tensorflow": tensorflow_of(facts),
            "exit_code": codes[-1], "findings": findings,
        })  # fmt: skip
    code = exit_codes.strongest(codes)
    data = {"python": None, "findings": (), "environments": made}
    return Outcome("doctor", code, data, view=EnvironmentsView(tuple(made)), dataset=session.dataset.version)


def tensorflow_of(facts: Facts) -> str | None:
    """The TensorFlow of these facts in words: its version, led by its distribution's name where that is another."""
    subject = Subject(facts)
    return subject.tensorflow if subject.distribution in (None, "tensorflow") else f"{subject.distribution} {subject.tensorflow}"



def _view(facts: Facts, findings: tuple[Finding, ...], given: dict[str, Any]) -> Any:
    """What the page shows; a program that asked for JSON does not wait for the page's modules."""
    if given["as_json"]:
        return None
    from fixer.report.doctor_page import DoctorView

    return DoctorView(facts, findings, given["machine"])
