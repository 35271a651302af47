"""``convfix explain``: read a pasted log, name the causes behind it. It changes nothing and opens no connection."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

import click

from fixer import exit_codes
from fixer.commands import options
from fixer.commands.render import finish
from fixer.errors import UsageError
from fixer.model.facts import Facts
from fixer.model.heard import Explanation
from fixer.model.outcome import Outcome

# Causes that stop nothing: a log whose first cause is one of them needs no repair.
HARMLESS = ("benign-noise", "no-nvidia-gpu")


@click.command("explain")
@click.argument("log", default="-", metavar="[LOG|-]")
@options.patient
@options.machine
@click.option("--environment", metavar="FILE", help="A report's own words about the machine: gpu, driver, cuda, tensorflow...")
@click.option("--this-machine", is_flag=True, help="The log is this machine's: look at it too.")
@options.data
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Name the causes behind a log, most probable first."""
    session = options.session(**given)
    others = [name for name in ("machine", "environment", "this_machine") if given[name]]
    if len(others) > 1:
        raise UsageError("usage", "give one of --machine, --environment and --this-machine: they describe one machine")
    if given["python"] is not None and not given["this_machine"]:
        raise UsageError("usage", "--python names a Python of this machine: give --this-machine with it")
    other = _other_witness(session, given)
    answer = _heard(session, given["log"], other)
    view = None
    if not given["as_json"]:
        from fixer.report.explain_page import ExplainView

        view = ExplainView(answer)
    return finish(ctx, given, Outcome("explain", _exit_code(answer), _data(answer), view=view, dataset=session.dataset.version))


def _heard(session: options.Session, path: str, other: Facts | None) -> Explanation:
    """What the log at ``path`` says, joined with what another witness knows of the same machine."""
    from fixer.log.facts import joined
    from fixer.log.hearing import hear
    from fixer.log.matcher import Matcher
    from fixer.probes import environment_file, log_file
    from fixer.rules import every_rule
    from fixer.rules.case import Case
    from fixer.rules.contradictions import contradictions
    from fixer.rules.explaining import explain

    if path == "-" and os.isatty(log_file.STANDARD_INPUT):
        sys.stderr.write("  paste the log, then end it with Ctrl-D on a line of its own\n")
    stream = log_file.opened(path)
    try:
        log = hear(stream.read, Matcher(session.dataset.symptoms()))
    finally:
        stream.close()
    known = log.facts if other is None else joined(log.facts, other)
    if log.form:
        known = joined(known, environment_file.facts(log.form, environment_file.FORM))
    case = Case(known, session.dataset, session.wish)
    answer = explain(case, (found for rule in every_rule() for found in rule(case)), log.lines)
    differ = contradictions(log.facts, other) if other is not None else ()
    if stream.cut:
        differ = (*differ, f"only the first {log_file.LIMIT >> 20} MiB of the log were read")
    return dataclasses.replace(answer, contradictions=differ)


def _other_witness(session: options.Session, given: dict[str, Any]) -> Facts | None:
    if given["environment"]:
        from fixer.probes import environment_file

        return environment_file.read(given["environment"])
    if given["machine"] or given["this_machine"]:
        return session.facts()
    return None


def _exit_code(answer: Explanation) -> int:
    if answer.causes and answer.causes[0].cause not in HARMLESS:
        return exit_codes.PROBLEMS
    return exit_codes.HEALTHY if answer.recognised and not answer.unexplained else exit_codes.CANNOT_TELL


def _data(answer: Explanation) -> dict[str, Any]:
    return {
        "causes": answer.causes,
        "harmless": answer.harmless,
        "tried": answer.tried,
        "unexplained": answer.unexplained,
        "contradictions": answer.contradictions,
        "lines": answer.lines,
        "recognised": answer.recognised,
    }
