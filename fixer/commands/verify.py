"""``convfix verify``: prove by TensorFlow itself that the device works. It changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fixer import exit_codes
from fixer.commands import options
from fixer.commands.render import finish
from fixer.model.outcome import Outcome

if TYPE_CHECKING:
    from fixer.verify.levels import Device


@click.command("verify")
@options.patient
@click.option("--level", type=click.Choice(["loader", "convolution", "densenet"]), default="densenet", show_default=True)
@click.option("--device", type=click.Choice(["gpu", "cpu", "any"]), default="any", show_default=True)
@options.output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> Outcome:
    """Prove by a real DenseNet convolution that it works."""
    from fixer.probes.python import resolve
    from fixer.verify import verify

    session = options.session(**given)
    interpreter = resolve(session.host, session.python)
    seen = verify(session.host, interpreter, given["level"], _device(session, given["device"]), timeout=given["timeout"])
    code = exit_codes.HEALTHY if seen.passed else exit_codes.PROBLEMS
    return finish(ctx, given, Outcome("verify", code, {"python": interpreter, **vars(seen)}, view=seen))


def _device(session: options.Session, asked: Device) -> Device:
    """What ``any`` means here: the CPU too where there is a card that no stack can use."""
    if asked != "any":
        return asked
    from fixer.rules import target

    meant = target(session.facts(), session.dataset, session.wish)
    return "any" if meant == "unknown" else meant
