"""What goes wrong for reasons outside convfix, as one error type per exit code.

Each error is one clear line: what (a file, an option), where in it, what was expected. ``code`` is a
stable kebab-case name for programs, ``hint`` the next thing to do. Nothing here prints or exits.
"""

from __future__ import annotations

from fixer import exit_codes


class ConvfixError(Exception):
    """A failure that convfix foresaw: one line for a person, a code for a program."""

    exit_code = exit_codes.USAGE

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class UsageError(ConvfixError):
    """Wrong usage, or an input file that is unreadable, malformed or of an unknown schema."""


class StalePlanError(ConvfixError):
    """The saved plan no longer fits the machine, or has another format; the message names what changed."""

    exit_code = exit_codes.STALE_PLAN


class RolledBackError(ConvfixError):
    """An apply failed and everything it had done was taken back."""

    exit_code = exit_codes.ROLLED_BACK


class RollbackIncompleteError(ConvfixError):
    """An apply failed and part of it could not be taken back; the hint names the journal."""

    exit_code = exit_codes.ROLLBACK_INCOMPLETE


class CannotTellError(ConvfixError):
    """A fact is missing without which no honest answer exists; the message names it."""

    exit_code = exit_codes.CANNOT_TELL


class Interrupted(ConvfixError):
    """Ctrl-C or a termination signal ended an apply or an undo in an orderly way; ``exit_code`` is 130 or 143."""

    exit_code = exit_codes.INTERRUPTED


class Terminated(KeyboardInterrupt):
    """SIGTERM reached us outside a transaction: like Ctrl-C everywhere, with an exit code of its own (143)."""
