"""What happens to a log between the program and the paste: the same words, cut, wrapped, mixed or re-encoded.

The unit is a way: a function from a log's text and a source of chance to bytes. ``FAITHFUL`` ways lose nothing, so the answer
must be the same; ``LOSSY`` ways lose or add lines, so an answer may waver or vanish, and may not turn into another.
"""

from __future__ import annotations

import json
import quopri
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


def utf_16_without_a_mark(log: str, chance: random.Random) -> bytes:
    """What is left when the first two bytes were cut off."""
    return log.encode("utf-16-le")


def _at(width: int) -> Way:
    def broken(log: str, chance: random.Random) -> bytes:
        lines = [line[start : start + width] for line in log.split("\n") for start in range(0, max(len(line), 1), width)]
        return "\n".join(lines).encode("utf-8")

    broken.__name__ = f"wrapped_at_{width}"
    return broken


def progress_bars(log: str, chance: random.Random) -> bytes:
    """A bar that writes over its own line stands before each message."""
    bar = " 1/10 [=>...] - ETA: 3s\r 2/10 [==>..] - ETA: 2s\r"
    return "\n".join(bar + line for line in log.split("\n")).encode("utf-8")


def said_twice(log: str, chance: random.Random) -> bytes:
    """Each line twice, as by two handlers of one logger."""
    return "\n".join(f"{line}\n{line}" for line in log.split("\n")).encode("utf-8")


def backwards(log: str, chance: random.Random) -> bytes:
    """The newest line first, as some viewers show a log."""
    return "\n".join(reversed(log.split("\n"))).encode("utf-8")


def blank_lines(log: str, chance: random.Random) -> bytes:
    """An empty line after each."""
    return log.replace("\n", "\n\n").encode("utf-8")


def quoted_printable(log: str, chance: random.Random) -> bytes:
    """The body of a mail as it was sent."""
    return quopri.encodestring(log.encode("utf-8"))


def misread(log: str, chance: random.Random) -> bytes:
    """Curved quotation marks in UTF-8, read as the encoding of Windows."""
    return log.replace("'", "\u2018").encode("utf-8").decode("cp1252", "replace").encode("utf-8")


def colours_without_escapes(log: str, chance: random.Random) -> bytes:
    """What is left of colours in a viewer that drops the character that begins them."""
    words = log.split(" ")
    return " ".join(chance.choice(("[31m", "[1;33m", "[0;36m")) + word + "[0m" if chance.random() < 0.2 else word for word in words).encode()


def _quoted_comma(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def comma_separated(log: str, chance: random.Random) -> bytes:
    """A table that a cloud's console exports."""
    rows = (f"2024-05-06T07:08:09.123Z,i-0abc,trainer,{_quoted_comma(line)}" for line in log.split("\n"))
    return "\n".join(("Date,Host,Service,Message", *rows)).encode()


def notebook(log: str, chance: random.Random) -> bytes:
    """A notebook's file as it is."""
    output = {"name": "stderr", "output_type": "stream", "text": log.splitlines(keepends=True)}
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [output], "source": []}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 2}, indent=1).encode()


def records_of_docker(log: str, chance: random.Random) -> bytes:
    """A container's log as docker keeps it."""
    return "\n".join(json.dumps({"log": line + "\n", "stream": "stderr"}) for line in log.split("\n")).encode()


def bytes_as_python_shows_them(log: str, chance: random.Random) -> bytes:
    """What a program printed of another one's output."""
    return repr(log.encode()).encode()


def titled(log: str, chance: random.Random) -> bytes:
    """Each word large, as a word processor may make them: values whose case matters are lost."""
    return log.title().encode()


FAITHFUL: tuple[Way, ...] = (crlf, utf_16, coloured, wrapped, stamped, indented)
LOSSY: tuple[Way, ...] = (interleaved, without_head, without_tail, broken_bytes, titled)
# Held in the test's own process: nothing is lost, though the order or the count of the lines is another.
SHAPES: tuple[Way, ...] = (
    utf_16_without_a_mark, _at(60), _at(100), _at(120), progress_bars, said_twice, backwards, blank_lines, quoted_printable, misread,
    colours_without_escapes, comma_separated, notebook, records_of_docker, bytes_as_python_shows_them,
)  # fmt: skip
