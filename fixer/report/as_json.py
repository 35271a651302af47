"""The JSON envelope of the contract: one document on stdout, on every error too."""

from __future__ import annotations

import json
from typing import IO, Any

from fixer import __version__
from fixer.model.codec import to_json
from fixer.model.outcome import Outcome

SCHEMA = "convfix/1"
_LINE = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_SORTED = json.JSONEncoder(separators=(",", ":"), allow_nan=False, sort_keys=True)


def write_line(outcome: Outcome, stream: IO[str]) -> None:
    """The envelope as one line of JSON lines: ``dumps`` without its line breaks. ``data`` must be plain JSON values."""
    head, data, errors = _head(outcome), outcome.data, [to_json(error) for error in outcome.errors]
    # Sorted here and not by to_json: a fleet writes megabytes.
    parts = (_LINE.encode(head)[1:-1], _SORTED.encode(data), _LINE.encode(errors))
    stream.write('{%s,"data":%s,"errors":%s}\n' % parts)


def envelope(outcome: Outcome) -> dict[str, Any]:
    """``outcome`` as the contract's envelope; ``data`` is empty on an error."""
    return {
        **_head(outcome),
        "data": to_json(outcome.data),
        "errors": [to_json(error) for error in outcome.errors],
    }


def _head(outcome: Outcome) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "command": outcome.command,
        "version": __version__,
        "dataset": outcome.dataset,
        "status": outcome.status,
        "exit_code": outcome.exit_code,
    }


def dumps(outcome: Outcome) -> str:
    """The envelope as text. Non-ASCII characters are escaped, so nothing raw reaches a terminal."""
    return json.dumps(envelope(outcome), indent=2, sort_keys=False, allow_nan=False)
