"""The JSON envelope of the contract: one document on stdout, on every error too."""

from __future__ import annotations

import json
from typing import Any

from fixer import __version__
from fixer.model.codec import to_json
from fixer.model.outcome import Outcome

SCHEMA = "convfix/1"


def envelope(outcome: Outcome) -> dict[str, Any]:
    """``outcome`` as the contract's envelope; ``data`` is empty on an error."""
    return {
        "schema": SCHEMA,
        "command": outcome.command,
        "version": __version__,
        "dataset": outcome.dataset,
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "data": to_json(outcome.data),
        "errors": [to_json(error) for error in outcome.errors],
    }


def dumps(outcome: Outcome) -> str:
    """The envelope as text. Non-ASCII characters are escaped, so nothing raw reaches a terminal."""
    return json.dumps(envelope(outcome), indent=2, sort_keys=False, allow_nan=False)
