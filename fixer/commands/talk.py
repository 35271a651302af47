"""Talking with the person while something runs: progress on stderr, one question, default no."""

from __future__ import annotations

import sys

from fixer.errors import UsageError
from fixer.report import streams


class Talk:
    """Progress for a person, on stderr, each line clean."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, text: str) -> None:
        from fixer.report.clean import clean_lines

        if not self.quiet:
            for line in clean_lines(text):
                sys.stderr.write(f"  {line}\n")
        sys.stderr.flush()


def agreed(no_input: bool) -> bool:
    """Ask once, anything but yes being no; raises UsageError where nobody can be asked, or nobody saw what is asked."""
    sys.stderr.flush()
    if no_input or not sys.stdin.isatty() or streams.lost(sys.stderr) is not None:
        hint = "give --yes to agree beforehand, or --dry-run to look"
        raise UsageError("needs-consent", "this changes the machine and nobody can be asked", hint)
    sys.stderr.write("Do this? [y/N]: ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except (OSError, ValueError):
        # The terminal went away, or what was typed is no text.
        answer = ""
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes")
