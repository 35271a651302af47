"""Spoils bytes and JSON values: seeded, so that a failure can be seen again by its number.

The unit is ``spoiled(sample, chance) -> bytes``: one sample of a real file, damaged in one to three ways.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

_WORDS = (
    b"\0", b"\xff", b"\xfe\xff", b"\xc3\x28", b"\x1b[2J", b"\x1b]52;c;AAAA\x07", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\r", b"\n", b"\r\n",
    b"\\ud800", b"\\u0000", b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"9" * 40, b"9" * 5000, b"-1", b"0", b"\xc2\xb2", b"1\xef\xbc\x91",
    b"[", b"{", b"]", b"}", b'"', b"'", b",", b":", b"=", b"#", b"../", b"/", b"/etc/passwd", b"$(id)", b"`id`", b"%s%n", b"{0}", b"\\", b"\t", b" ",
    b"\xef\xbb\xbf", b"1.", b"==", b"sha256=", b"[" * 3000, b"{\"a\":" * 500, b"A" * 5000, b"\xe2\x80\xa8", b"\x9b31m", b"+", b"_", b"-",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**31, 2**63, -(2**63), 2**64, 10**30, 1.5, -0.0, 1e308, "", "\0", "\ud800", "\udcff", "\x1b[2J", "\u202e", "²", "１",
    "a" * 3000, "/", "..", "../../x", "/etc/passwd", "0", "-1", "1.2.3", "=", [], [None], [[]], ["", 1, None], {}, {"": ""}, {"a": {"b": []}}, [0] * 300,
)  # fmt: skip


def spoiled(sample: bytes, chance: random.Random) -> bytes:
    """``sample`` with one to three damages."""
    made = sample
    if chance.random() < 0.4 and (value := _parsed(sample)) is not None:
        made = _dumped(_turned(value, chance))
        if chance.random() < 0.6:
            return made
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        made = chance.choice(_WAYS)(made, chance)
    return made


def _parsed(sample: bytes) -> Any:
    try:
        return json.loads(sample)
    except (ValueError, RecursionError):
        return None


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode("ascii")


def _turned(value: Any, chance: random.Random) -> Any:
    """``value`` with one part of another type, gone, doubled or renamed."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        way = chance.random()
        made = dict(value)
        if way < 0.1:
            del made[key]
        elif way < 0.2:
            made[chance.choice(("x", "", "\0", "é", key + " ", "__class__"))] = made.pop(key)
        else:
            made[key] = _turned(value[key], chance) if way < 0.75 else chance.choice(_VALUES)
        return made
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        way = chance.random()
        if way < 0.15:
            return value[:place] + value[place + 1 :]
        if way < 0.25:
            return value + [value[place]]
        return [*value[:place], _turned(value[place], chance), *value[place + 1 :]]
    return chance.choice(_VALUES)


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return b"\x80"
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _flip_many(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(1 + len(made) // 50):
        if made:
            made[chance.randrange(len(made))] = chance.randrange(256)
    return bytes(made)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _headless(data: bytes, chance: random.Random) -> bytes:
    return data[chance.randrange(len(data) + 1) :]


def _put_in(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice(_WORDS) + data[at:]


def _put_over(data: bytes, chance: random.Random) -> bytes:
    at, word = chance.randrange(len(data) + 1), chance.choice(_WORDS)
    return data[:at] + word + data[at + len(word) :]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return data
    start = chance.randrange(len(data))
    piece = data[start : start + chance.choice((1, 4, 16, 64))]
    return data[:start] + piece * chance.choice((2, 10, 60)) + data[start:]


def _lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines[: chance.randrange(len(lines)) + 1])


def _other_encoding(data: bytes, chance: random.Random) -> bytes:
    return data.decode("latin-1").encode(chance.choice(("utf-16", "utf-16-be", "utf-32", "utf-8-sig", "utf-7")))


def _number(data: bytes, chance: random.Random) -> bytes:
    """Another number where one stands."""
    places = [at for at in range(len(data)) if data[at : at + 1].isdigit()]
    if not places:
        return _put_in(data, chance)
    at = chance.choice(places)
    return data[:at] + chance.choice((b"0", b"-1", b"99999999999999999999", b"9" * 400, b"1e400", b"\xc2\xb2", b"0x10", b"1_0", b"")) + data[at + 1 :]


_WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip, _flip, _flip_many, _cut, _headless, _put_in, _put_in, _put_over, _repeat, _lines, _other_encoding, _number,
)  # fmt: skip
