"""``convfix activate``: the environment's activation script on stdout, or in a new file. Nothing else is changed."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import click

from fixer.commands import options, planned
from fixer.commands.render import finish
from fixer.errors import UsageError
from fixer.model.codec import to_json
from fixer.model.outcome import Outcome


@click.command("activate")
@options.looking
@options.machine
@options.data
@click.option("--shell", type=click.Choice(["bash", "zsh", "fish", "sh"]), default="sh", show_default=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(["script", "json"]),
    default="script",
    show_default=True,
    help="json is for any other consumer: what to prepend, to set, to unset and to take off a list.",
)
@click.option("-o", "--output", "target", metavar="FILE", help="Write to FILE, which must not exist yet.")
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Print the environment's activation script; source it in the shell it is for."""
    from fixer.planning.activation import variables
    from fixer.report.small_pages import ScriptView
    from fixer.shells import script
    from fixer.shells.values import Values

    session = options.session(**given)
    session.paths = "activation"
    _, plan = planned.make(session)
    needed = variables(plan)
    if given["form"] == "json":
        text = planned.pretty(to_json(needed))
    elif needed == type(needed)():
        text = "# convfix: this environment needs no variable\n"
    else:
        text = script(given["shell"], Values(needed.prepend, needed.set, needed.unset, needed.drop))
    if given["target"] is not None:
        _write(given["target"], text)
    data = {"shell": given["shell"], "script": text, "variables": dataclasses.asdict(needed)}
    view = None if given["target"] is not None else ScriptView(text)
    return finish(ctx, given, planned.with_dataset(session, Outcome("activate", 0, data, view=view)))


def _write(path: str, text: str) -> None:
    from fixer.host import durable

    # As the person's umask has it, but what a shell will source is written to by nobody else.
    mask = os.umask(0o077)
    os.umask(mask)
    try:
        durable.write_new(path, text.encode("utf-8", "surrogateescape"), 0o644 & ~mask)
    except OSError as error:
        raise UsageError("cannot-write", f"-o {path}: {error.strerror}") from error
