"""Talking with the person while something runs: progress on stderr, one question, default no."""

from __future__ import annotations

import sys

import click

from fixer.errors import UsageError


class Talk:
    """Progress for a person, on stderr, each line clean."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, text: str) -> None:
        from fixer.report.clean import clean_lines

        if not self.quiet:
            for line in clean_lines(text):
                click.echo(f"  {line}", err=True)


def agreed(no_input: bool) -> bool:
    """Ask once; raises UsageError where nobody can be asked."""
    if no_input or not sys.stdin.isatty():
        hint = "give --yes to agree beforehand, or --dry-run to look"
        raise UsageError("needs-consent", "this changes the machine and nobody can be asked", hint)
    return click.confirm("Do this?", default=False, err=True)
