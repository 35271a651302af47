"""What happens to a log between the program and the paste: the same words, cut, wrapped, mixed or re-encoded.

The unit is a way: a function from a log's text and a source of chance to bytes. ``FAITHFUL`` ways lose nothing, so the answer
must be the same; ``LOSSY`` ways lose or add lines, so an answer may waver or vanish, and may not turn into another.
"""

from __future__ import annotations

import random
from collections.abc import Callable

Way = Callable[[str, random.Random], bytes]
_CHATTER = (
    "Epoch 1/10",
    "[I 10:20:30.123 NotebookApp] Saving file at /train.ipynb",
    "100%|##########| 128/128 [00:02<00:00, 51.2it/s]",
    "INFO:root:loading configuration from config.yaml",
    "127.0.0.1 - - [01/Jan/2020 00:00:00] \"GET /health HTTP/1.1\" 200 -",
    "  warnings.warn(",
    "##[group]Run python train.py",
)
_COLOURS = ("\x1b[31m", "\x1b[1;33m", "\x1b[0m", "\x1b[38;5;160m", "\x1b[K")


def crlf(log: str, chance: random.Random) -> bytes:
    """Line ends of Windows."""
    return log.replace("\n", "\r\n").encode("utf-8")


def utf_16(log: str, chance: random.Random) -> bytes:
    """What PowerShell's redirection writes."""
    return log.encode("utf-16")


def coloured(log: str, chance: random.Random) -> bytes:
    """Colour codes around words and lines."""
    words = log.split(" ")
    return " ".join(chance.choice(_COLOURS) + word + "\x1b[0m" if chance.random() < 0.2 else word for word in words).encode("utf-8")


def wrapped(log: str, chance: random.Random) -> bytes:
    """A terminal of 80 columns, copied with its line breaks."""
    lines = [line[start : start + 80] for line in log.split("\n") for start in range(0, max(len(line), 1), 80)]
    return "\n".join(lines).encode("utf-8")


def stamped(log: str, chance: random.Random) -> bytes:
    """A time before each line, as CI services and docker put it."""
    return "\n".join(f"2024-05-06T07:08:09.{chance.randrange(10**7):07}Z {line}" for line in log.split("\n")).encode("utf-8")


def indented(log: str, chance: random.Random) -> bytes:
    """Quoted in a mail or a list."""
    return "\n".join(f"> {line}" for line in log.split("\n")).encode("utf-8")


def interleaved(log: str, chance: random.Random) -> bytes:
    """Other output between the lines."""
    lines: list[str] = []
    for line in log.split("\n"):
        lines += [chance.choice(_CHATTER)] if chance.random() < 0.5 else []
        lines.append(line)
    return "\n".join(lines).encode("utf-8")


def without_head(log: str, chance: random.Random) -> bytes:
    """The first lines did not fit the paste."""
    lines = log.split("\n")
    return "\n".join(lines[chance.randrange(len(lines)) :]).encode("utf-8")


def without_tail(log: str, chance: random.Random) -> bytes:
    """The last lines are not there, and the last that is there may be torn."""
    lines = log.split("\n")
    kept = "\n".join(lines[: chance.randrange(len(lines)) + 1])
    return kept[: len(kept) - chance.randrange(max(1, len(kept) // 4))].encode("utf-8")


def broken_bytes(log: str, chance: random.Random) -> bytes:
    """Bytes that no encoding has, here and there."""
    data = bytearray(log.encode("utf-8"))
    for _ in range(1 + len(data) // 150):
        data[chance.randrange(len(data))] = chance.choice((0xFF, 0xFE, 0x80, 0x00, 0xC3))
    return bytes(data)


FAITHFUL: tuple[Way, ...] = (crlf, utf_16, coloured, wrapped, stamped, indented)
LOSSY: tuple[Way, ...] = (interleaved, without_head, without_tail, broken_bytes)
