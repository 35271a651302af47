"""``convfix explain``: read a pasted log, name the causes behind it. It changes nothing and opens no connection."""

from __future__ import annotations

import os
import sys
from typing import Any, BinaryIO

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
    other = _other_witness(session, given)
    from fixer.log import facts as told
    from fixer.log.matcher import Matcher
    from fixer.log.reader import lines
    from fixer.rules import RULES
    from fixer.rules.case import Case
    from fixer.rules.explaining import explain

    with _opened(given["log"]) as stream:
        hits, count = Matcher(session.dataset.symptoms()).hits(lines(stream.read))
    log = told.hear(hits)
    case = Case(log if other is None else told.joined(log, other), session.dataset, session.wish)
    answer = explain(case, (found for rule in RULES for found in rule(case)), count)
    data = _data(answer)
    view = None
    if not given["as_json"]:
        from fixer.report.explain_page import ExplainView

        view = ExplainView(answer)
    return finish(ctx, given, Outcome("explain", _exit_code(answer), data, view=view, dataset=session.dataset.version))


def _other_witness(session: options.Session, given: dict[str, Any]) -> Facts | None:
    if given["environment"]:
        from fixer.probes import environment_file

        return environment_file.read(given["environment"])
    if given["machine"] or given["this_machine"]:
        return session.facts()
    return None


def _opened(path: str) -> BinaryIO:
    if path == "-":
        return sys.stdin.buffer
    try:
        if os.path.isdir(path):
            raise UsageError("unreadable-file", f"log {path!r}: it is a folder; expected a file")
        return open(path, "rb", buffering=1 << 16)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError("unreadable-file", f"log {path!r}: {why}") from None


def _exit_code(answer: Explanation) -> int:
    if answer.causes and answer.causes[0].cause not in HARMLESS:
        return exit_codes.PROBLEMS
    return exit_codes.HEALTHY if answer.recognised else exit_codes.CANNOT_TELL


def _data(answer: Explanation) -> dict[str, Any]:
    return {
        "causes": answer.causes,
        "harmless": answer.harmless,
        "tried": answer.tried,
        "contradictions": answer.contradictions,
        "lines": answer.lines,
        "recognised": answer.recognised,
    }
