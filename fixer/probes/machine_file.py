"""Read a described machine from a file: bounded, strict, and clear about where it is wrong.

The unit is ``read(path) -> Facts``; "-" is standard input. Anything that is not one UTF-8 JSON object
without duplicate keys is refused in one line. What the object may hold is ``model.machine``'s affair.
"""

from __future__ import annotations

import json
import math
import os
import select
import stat
import sys
from typing import Any, Iterator

from fixer.errors import UsageError
from fixer.model import bounded_json, machine
from fixer.model.facts import Facts

LIMIT = 8 << 20
DEEPEST = 32
MOST_MEMORY = 36 << 20
# No amount has more digits; Python makes no number of thousands.
_MOST_DIGITS = 1000
_SILENCE = 30.0


def read(path: str) -> Facts:
    """The machine that ``path`` describes; raises UsageError that names the file and the place in it."""
    shown = "standard input" if path == "-" else f"machine file {path!r}"
    return machine.decode(parsed(path, shown), shown)


def parsed(path: str, shown: str) -> Any:
    """The JSON value in ``path``, read as strictly as a machine file; ``shown`` is what errors call it."""
    return parse(_bytes(path, shown), shown)


def _bytes(path: str, shown: str) -> bytes:
    try:
        data = sys.stdin.buffer.read(LIMIT + 1) if path == "-" else content(path, LIMIT)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError("unreadable-file", f"{shown}: {why}") from None
    if len(data) > LIMIT:
        raise UsageError("file-too-large", f"{shown}: larger than {LIMIT >> 20} MiB, which no machine file is")
    return data


def open_now(path: str) -> int:
    """A handle to read ``path``; opening a named pipe that nobody writes to does not hang. Raises OSError."""
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def content(path: str, limit: int) -> bytes:
    """A file or what comes through a pipe, at most ``limit`` bytes and one; raises OSError for anything else, and for silence."""
    handle = open_now(path)
    with os.fdopen(handle, "rb", buffering=0) as file:
        kind = os.fstat(handle).st_mode
        if stat.S_ISFIFO(kind):
            return _of_pipe(handle, limit)
        if not stat.S_ISREG(kind):
            raise OSError(0, "expected a file")
        made = b""
        while len(made) <= limit and (chunk := file.read(limit + 1 - len(made))):
            made += chunk
        return made


def _of_pipe(handle: int, limit: int) -> bytes:
    made = b""
    while len(made) <= limit:
        if not select.select([handle], [], [], _SILENCE)[0]:
            raise OSError(0, f"nothing came through this pipe for {_SILENCE:.0f} seconds")
        chunk = os.read(handle, 1 << 16)
        if not chunk:
            break
        made += chunk
    return made


def parse(data: bytes, shown: str) -> Any:
    """The one JSON value in ``data``; raises UsageError that names the place after ``shown``."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError("not-utf-8", f"{shown}: line {line}: byte {error.start} is not UTF-8") from None
    if bounded_json.exceeds(data, MOST_MEMORY):
        raise UsageError("file-too-large", f"{shown}: too many objects, lists and values, which no such file has")
    if not text.strip():
        raise UsageError("malformed-json", f"{shown}: it is empty; expected a JSON object")
    try:
        made = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite, parse_int=_short)
    except json.JSONDecodeError as error:
        raise UsageError("malformed-json", f"{shown}: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise UsageError("malformed-json", f"{shown}: nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise UsageError("malformed-json", f"{shown}: {str(error)[:200]}") from None
    # A text with few brackets is not deep; most machines have a dozen.
    if text.count("[") + text.count("{") > DEEPEST and _depth(made) > DEEPEST:
        raise UsageError("malformed-json", f"{shown}: nested deeper than {DEEPEST} levels")
    if "\\u" in text:
        _check_characters(made, shown)
    return made


def _check_characters(value: Any, shown: str) -> None:
    """Refuse what no file name and no text holds: NUL, and halves of characters but those that stand for undecodable bytes."""
    for one in _texts(value):
        try:
            if b"\0" not in one.encode("utf-8", "surrogateescape"):
                continue
            what = "the character \\u0000"
        except UnicodeEncodeError as error:
            what = f"half of a character, \\u{ord(one[error.start]):04x}"
        raise UsageError("malformed-json", f"{shown}: {one[:40]!r} holds {what}, which is no text")


def _texts(value: Any) -> Iterator[str]:
    """Every text and key in a JSON value that is nested at most DEEPEST levels."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for one in value:
            yield from _texts(one)
            if isinstance(value, dict):
                yield from _texts(value[one])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return made


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _short(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"the number {text[:20]}... is too large")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _depth(value: Any) -> int:
    """How deep lists and objects are nested; counted without recursion."""
    deepest, waiting = 0, [(value, 0)]
    while waiting:
        one, level = waiting.pop()
        if isinstance(one, (dict, list)):
            deepest = max(deepest, level + 1)
            if deepest > DEEPEST:
                break
            inside = one.values() if isinstance(one, dict) else one
            waiting.extend((inner, level + 1) for inner in inside if isinstance(inner, (dict, list)))
    return deepest
