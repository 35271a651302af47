"""``convfix data``: the compatibility dataset, shown and located."""

from __future__ import annotations

from typing import Any

import click

from fixer import exit_codes
from fixer.commands import options
from fixer.commands.render import finish
from fixer.model.outcome import Outcome


@click.group("data")
def command() -> None:
    """Show the compatibility dataset."""


@command.command("show")
@click.argument("query", nargs=-1, required=True, metavar="REQUIREMENT|GPU NAME|PCI ID|'driver VERSION'")
@options.data
@options.output
@click.pass_context
def show(ctx: click.Context, /, query: tuple[str, ...], **given: Any) -> Outcome:
    """Show the rows that speak of a release, a GPU or a driver."""
    from fixer.dataset.show import show as look_up
    from fixer.report.small_pages import RowsView

    session = options.session(**given)
    rows = look_up(session.dataset, " ".join(query))
    said = "" if rows else "The dataset knows nothing of it."
    code = exit_codes.HEALTHY if rows else exit_codes.CANNOT_TELL
    return finish(
        ctx, given, Outcome("data show", code, {"rows": rows}, view=RowsView(rows, said), dataset=session.dataset.version)
    )


@command.command("path")
@options.data
@options.output
@click.pass_context
def path(ctx: click.Context, /, **given: Any) -> Outcome:
    """Print the folder of the dataset in use."""
    from fixer.dataset.locate import locate
    from fixer.report.small_pages import LineView

    session = options.session(**given)
    folder = locate(session.data_dir).path
    return finish(ctx, given, Outcome("data path", 0, {"path": folder}, view=LineView(folder), dataset=session.dataset.version))
