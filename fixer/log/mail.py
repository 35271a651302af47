"""Undoes quoted-printable, in which mails are sent: ``=3D`` is an equals sign, and a line that ends in ``=`` goes on.

The unit is a ``Line`` in and the line that was sent out, with the number of its first piece. Whether a paste is so written is
learned from its first lines: a mail's header says it, or every equals sign is one of the code's own and some are certain.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from fixer.log.line import Line

_SAMPLE = 200
_HEADER = re.compile(r"[> ]{0,8}content-transfer-encoding:\s{0,4}quoted-printable\b", re.IGNORECASE)
_CODES = re.compile(r"(?:=[0-9A-F]{2})+")
# An equals sign of no code: a text that holds one was not sent so.
_OTHER = re.compile(r"=(?![0-9A-F]{2}|\s*$)")
# Two bytes of a sign beyond ASCII; a number behind an equals sign (N=10) is none.
_CERTAIN = re.compile(r"=3D|=[C-F][0-9A-F]=[89AB][0-9A-F]")
# How long a piece of a line is before its soft end, and a line at most.
_PIECE = range(70, 79)
_LONGEST = 4096


def undone(lines: Iterable[Line]) -> Iterator[Line]:
    """``lines`` as they were before they were sent."""
    source = iter(lines)
    sample = list(itertools.islice(source, _SAMPLE))
    rest = itertools.chain(sample, source)
    return _joined(rest) if _is_encoded([line.text for line in sample]) else rest


def _is_encoded(texts: Sequence[str]) -> bool:
    written = [text for text in texts if "=" in text]
    if any(map(_HEADER.match, texts)):
        return True
    certain = any(_CERTAIN.search(text) or text.endswith("=") and len(text) in _PIECE for text in written)
    return certain and not any(map(_OTHER.search, written))


def _joined(lines: Iterable[Line]) -> Iterator[Line]:
    held: Line | None = None
    for line in lines:
        text = line.text if held is None else held.text + line.text
        number = line.number if held is None else held.number
        stripped = text.rstrip()
        if stripped.endswith("=") and len(text) < _LONGEST:
            held = Line(number, stripped[:-1])
            continue
        held = None
        yield Line(number, _CODES.sub(_sign, text), line.torn, line.edge) if "=" in text else Line(number, text, line.torn, line.edge)
    if held is not None:
        yield Line(held.number, _CODES.sub(_sign, held.text))


def _sign(found: re.Match[str]) -> str:
    """The signs of some codes in a row; what a terminal acts on is not made."""
    text = bytes.fromhex(found.group().replace("=", "")).decode("utf-8", "replace")
    return "".join(char if char.isprintable() or char == "\t" else " " for char in text)
