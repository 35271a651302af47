"""The JSON envelope of the contract: one document on stdout, on every error too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fixer import __version__
from fixer.model.codec import Shared, to_json
from fixer.model.outcome import Outcome

SCHEMA = "convfix/1"
_LINE = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_SORTED = json.JSONEncoder(separators=(",", ":"), allow_nan=False, sort_keys=True)


def line(outcome: Outcome) -> str:
    """The envelope as one line of JSON lines: ``dumps`` without its line breaks. ``data`` must be plain JSON values."""
    head, data, errors = _head(outcome), outcome.data, [to_json(error) for error in outcome.errors]
    # Sorted here and not by to_json: a fleet writes megabytes.
    parts = (_LINE.encode(head)[1:-1], ",".join(_members(data)), _LINE.encode(errors))
    return '{%s,"data":{%s},"errors":%s}\n' % parts


def _members(data: Mapping[str, Any]) -> Iterator[str]:
    """The members of an object in the order of their names; what many lines hold is written once."""
    waiting: dict[str, Any] = {}
    for name in sorted(data):
        value = data[name]
        if value.__class__ is not list or not value or value[0].__class__ is not Shared:
            waiting[name] = value
            continue
        if waiting:
            yield _SORTED.encode(waiting)[1:-1]
            waiting = {}
        yield f'"{name}":[{",".join([one.text or _written(one) for one in value])}]'
    if waiting:
        yield _SORTED.encode(waiting)[1:-1]


def _written(one: Shared) -> str:
    one.text = _SORTED.encode(one)
    return one.text


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
