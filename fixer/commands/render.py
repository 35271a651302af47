"""Hands a verb's Outcome back to the command line together with how it wants to be written."""

from __future__ import annotations

from typing import Any, Mapping

import click

from fixer.model.outcome import Outcome


def finish(ctx: click.Context, /, given: Mapping[str, Any], outcome: Outcome) -> Outcome:
    """``outcome``, with the verb's own -v, -q and --color noted for the one place that renders."""
    for name in ("color", "verbose", "quiet"):
        ctx.obj[name] = given[name]
    return outcome
