"""``convfix data``: the compatibility dataset: shown, checked and located."""

from __future__ import annotations

from typing import Any

import click

from fixer import exit_codes
from fixer.commands import options
from fixer.commands.render import finish
from fixer.model.codec import to_json
from fixer.model.outcome import ErrorNote, Outcome

DAMAGED_HINT = "install convfix again, or name a whole dataset by --data-dir"


@click.group("data")
def command() -> None:
    """Show, check and renew the compatibility dataset."""


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


@command.command("check")
@options.data
@options.output
@click.pass_context
def check(ctx: click.Context, /, **given: Any) -> Outcome:
    """Check hashes, fields and meaning of the dataset in use."""
    from fixer.dataset.integrity import damage
    from fixer.dataset.meaning import violations
    from fixer.dataset.questions import TABLES
    from fixer.planning.faults import refusal
    from fixer.report.small_pages import LinesView
    from fixer.rules.causes import CAUSES

    session = options.session(**given)
    data = session.dataset
    broken = damage(data.files)
    thrown_away: tuple[str, ...] = ()
    if broken and data.files.fall_back():
        broken, thrown_away = damage(data.files), tuple(one.line for one in broken)
    folder, version = data.files.folder.path, data.version
    if broken:
        errors = tuple(ErrorNote("dataset-damaged", f"{folder}/{one.line}", DAMAGED_HINT) for one in broken)
        return finish(ctx, given, Outcome("data check", exit_codes.USAGE, errors=errors, dataset=version))
    found = violations(data, CAUSES, refusal)
    count = sum(len(data.all(kind)) for kind in TABLES)
    said = f"{folder}: version {version}, {len(data.files.names())} files, {count} rows"
    end = f"{len(found)} {'violation' if len(found) == 1 else 'violations'}" if found else "whole"
    gone = (f"the updated data were damaged and are thrown away: {line}" for line in thrown_away)
    view = LinesView((*gone, *(one.line for one in found), f"{said}: {end}."))
    told = {
        "folder": folder, "version": version, "rows": count, "violations": [to_json(one) for one in found],
        "thrown_away": thrown_away,
    }  # fmt: skip
    code = exit_codes.PROBLEMS if found else exit_codes.HEALTHY
    return finish(ctx, given, Outcome("data check", code, told, view=view, dataset=version))


@command.command("update")
@options.offline
@options.patience
@options.output
@click.pass_context
def update(ctx: click.Context, /, **given: Any) -> Outcome:
    """Read releases newer than the data that came with convfix, from your own package index."""
    from fixer.commands import renewal

    return finish(ctx, given, renewal.run(given["offline"], given["timeout"], given["quiet"]))


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
