"""Makes lines of whatever was pasted: any encoding, colours, carriage returns, a notebook's JSON; bounded, in one pass.

The unit is ``Line(number, text)``: ``number`` counts line feeds from 1, as an editor does; ``text`` holds no escape
sequence and no line end, and is at most ``LONGEST`` characters (a longer line comes in pieces of the same number).
Lines that a terminal broke at its width are put together again, and what a service puts before every line is
taken off. Nothing is recognised here.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from fixer.log import mail, prefixes, records
from fixer.log.launches import launched
from fixer.log.line import Line
from fixer.log.plain import bare, plain
from fixer.log.transcripts import answered
from fixer.model import bounded_json

LONGEST = 4096
CUT_OFF = "the rest of the lines is cut off here"
_CHUNK = 1 << 16
_NOTEBOOK_LIMIT = 16 << 20
_NOTEBOOK_MEMORY = 96 << 20
_SAMPLE = 2000
_WIDTHS = range(40, 400)
_BORDERS = "|+│┃╮╯┐┘┤─━-="
_TABLE = "|+│┃"
_DIGITS = re.compile(r"\d")
# Beside letters and digits what an edge rarely parts from the word before it as the end of a sentence does.
_WITHIN = "_/ ,="
# Of lines of these widths one or two are enough to think of a window's edge.
_WINDOWS, _FEW = (80, 100, 120), 2
_USUAL_WIDTHS = (72, 78, 79, 80, 100, 118, 119, 120, 132, 160)
# Where a page of the web begins a new line.
_BREAK = re.compile(r"</(?:div|p|li|tr|pre|h[1-6])>|<br\s{0,4}/?>", re.IGNORECASE)
# How a new message begins: what comes after a full line and looks like this was not broken off from it.
_BEGINS = re.compile(
    r"\s*(?:\d{4}-\d\d-\d\d[ T]\d|[IWEF]\d{4} |[IWEF] (?:tensorflow|external)/|Traceback \(|\[\[|File \""
    r"|\w*(?:Error|Warning|Exception)\b|ERROR:|WARNING:|>>> |In \[|Out\[|(?:\[\]|True|False)\s*$|\{\")"
    # A row of a table, or of a list by columns.
    r"|[|+]|[A-Za-z][\w.:+-]{0,60} {2,}\S"
)
# A row of what a command lists by columns: it is as long as its columns are, whatever the window's width.
_ROW = re.compile(r"[A-Za-z][\w.:+-]{0,60} {2,}\S.{0,200}(?: {2,}|\t)\S")


def lines(read: Callable[[int], bytes]) -> Iterator[Line]:
    """The lines of a stream; ``read(n)`` gives at most n bytes, and none at the end."""
    head = read(_CHUNK)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and b'"cells"' in head or b'"nbformat"' in head:
        whole = _whole(head, read)
        if isinstance(whole, list):
            yield from _clean(_numbered(_text_lines(whole)))
            return
        head, read = whole, read
    yield from _clean(_numbered(_decoded(_chunks(head, read))))


def _clean(found: Iterator[Line]) -> Iterator[Line]:
    """Whole lines in plain characters, without what stands before each; answers beside what was asked."""
    sent = mail.undone(prefixes.without(found, ("a quotation",)))
    whole = records.opened(_unwrapped(sent))
    printed = prefixes.without(records.as_printed(map(_plainly, whole)))
    return _told(answered(launched(records.opened(printed))))


def _told(found: Iterable[Line]) -> Iterator[Line]:
    """``found``, and behind the first line whose end is gone, or may be, one more that says so, in which a wording can be sought."""
    told = False
    for line in found:
        yield line
        if not told and (line.torn or line.edge):
            told = True
            yield Line(line.number, CUT_OFF)


def _plainly(line: Line) -> Line:
    text = plain(line.text)
    return line if text is line.text else Line(line.number, text, line.torn, line.edge)


def _chunks(head: bytes, read: Callable[[int], bytes]) -> Iterator[bytes]:
    while head:
        yield head
        head = read(_CHUNK)


def _whole(head: bytes, read: Callable[[int], bytes]) -> list[str] | bytes:
    """A notebook's outputs as text; the bytes read so far where it is none or too large to be taken whole."""
    parts, size = [head], len(head)
    while size < _NOTEBOOK_LIMIT and (chunk := read(_CHUNK)):
        parts.append(chunk)
        size += len(chunk)
    data = b"".join(parts)
    parts.clear()
    try:
        notebook = bounded_json.loads(data.decode("utf-8-sig"), _NOTEBOOK_MEMORY)
        return list(_outputs(notebook))
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return data


def _outputs(notebook: dict[str, object]) -> Iterator[str]:
    cells = notebook["cells"]
    if not isinstance(cells, list):
        raise TypeError
    for cell in cells:
        for output in cell.get("outputs", ()):
            for part in (output.get("text"), output.get("data", {}).get("text/plain"), output.get("traceback")):
                if isinstance(part, str):
                    yield part + "\n"
                elif isinstance(part, list):
                    # stdout's lines end in line feeds; a traceback's entries do not.
                    yield from (str(one) if str(one).endswith("\n") else str(one) + "\n" for one in part)


def _text_lines(texts: Iterable[str]) -> Iterator[str]:
    yield from texts


def _decoded(chunks: Iterator[bytes]) -> Iterator[str]:
    decoder = None
    for chunk in chunks:
        if decoder is None:
            decoder = codecs.getincrementaldecoder(_encoding(chunk))(errors="replace")
        yield decoder.decode(chunk)
    if decoder is not None:
        yield decoder.decode(b"", True)


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) and len(head) % 4 == 0:
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = head[:4096]
    if sample.count(0) * 3 > len(sample):
        return "utf-16-le" if sample[1::2].count(0) > sample[0::2].count(0) else "utf-16-be"
    return "utf-8-sig"


def _numbered(texts: Iterator[str]) -> Iterator[Line]:
    number, rest = 1, ""
    for text in texts:
        rest += text
        pieces = rest.split("\n")
        rest = pieces.pop()
        for piece in pieces:
            yield from _pieces(number, piece)
            number += 1
        while len(rest) > 2 * LONGEST:
            yield from _pieces(number, rest[:LONGEST])
            rest = rest[LONGEST:]
    if rest:
        yield from _pieces(number, rest)


def _pieces(number: int, text: str) -> Iterator[Line]:
    text = bare(text)
    if len(text) <= LONGEST and "\r" not in text and "<" not in text:
        yield Line(number, text)
        return
    # A progress bar writes over its own line: each state is a line of its own, with the same number.
    parts = text.rstrip("\r").split("\r")
    if "<" in text and _BREAK.search(text):
        parts = [piece for part in parts for piece in _BREAK.split(part) if piece.strip()] or [""]
    for part in parts:
        for start in range(0, max(len(part), 1), LONGEST):
            yield Line(number, part[start : start + LONGEST])


def _unwrapped(found: Iterator[Line]) -> Iterator[Line]:
    """Joins lines that were broken at one width; where the rest of each was cut off at it, marks them. Learned from the first lines."""
    sample = []
    for line in found:
        sample.append(line)
        if len(sample) >= _SAMPLE:
            break
    broken = [line for line in sample if _ROW.match(line.text) is None]
    width, cut_off = _width(broken)
    if width is None:
        yield from sample
        yield from found
        return
    at_edge = not cut_off and width in _WINDOWS and _ends_at_an_edge(broken, width)
    held: Line | None = None
    pending = False
    for source in (sample, found):
        for line in source:
            full = len(line.text) == width
            if held is not None and pending and not _begins(line.text):
                held = Line(held.number, held.text + line.text)
            else:
                if held is not None:
                    yield held
                held = Line(line.number, line.text, cut_off and full, at_edge and full)
            # A row of a table ends at its border.
            pending = full and not (cut_off or at_edge or line.text[-1:] in _TABLE) and len(held.text) + width <= LONGEST
    if held is not None:
        yield held


def _begins(text: str) -> bool:
    return _BEGINS.match(text) is not None or prefixes.begins(text)


def _ends_at_an_edge(sample: Sequence[Line], width: int) -> bool:
    """Whether a line or two of a window's width are there that nothing continues, and that do not end as a sentence does."""
    full = [line.text for line in sample if len(line.text) == width]
    ends = all((text[-1].isalnum() or text[-1] in _WITHIN) and not _is_bordered(text) for text in full)
    return len(full) <= _FEW and ends and all(itertools.starmap(_is_another, _followed(sample, width)))


def _followed(sample: Sequence[Line], width: int) -> list[tuple[str, str]]:
    """Each line of ``width`` with the one behind it."""
    pairs = ((line, after) for line, after in itertools.pairwise(sample) if len(line.text) == width)
    return [(line.text, after.text) for line, after in pairs if after.number != line.number]


def _is_bordered(text: str) -> bool:
    return text[-1] in _BORDERS or text.endswith("  ")


def _is_another(text: str, after: str) -> bool:
    """Whether ``after`` is no rest of ``text``: it begins as messages do, or indented, or large where a word of ``text`` broke off."""
    return _begins(after) or after.startswith("  ") or not after.strip() or text[-1:].islower() and after[:1].isupper()


def _width(sample: Sequence[Line]) -> tuple[int | None, bool]:
    """The width at which a terminal broke these lines, None where it did not, and whether it cut off the rest of each instead."""
    longest = max((len(line.text) for line in sample), default=0)
    if longest not in _WIDTHS:
        return None, False
    full = [line.text for line in sample if len(line.text) == longest]
    # One message that is said again and again, but for its numbers, is no width.
    several = len({_DIGITS.sub("0", text) for text in full}) >= 2
    following = _followed(sample, longest)
    # What follows a broken line is the rest of it, and begins no message; a line that was filled up to a border is whole.
    cut_off = several and not any(map(_is_bordered, full)) and 2 * sum(itertools.starmap(_is_another, following)) > len(following)
    if len(full) == len(sample) > 1 and not cut_off:
        # The end of a broken line is shorter: these are lines of one length.
        return None, False
    return (longest if several or longest in _USUAL_WIDTHS else None), cut_off
