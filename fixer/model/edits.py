"""What an edit of ours does to a file, as a unified diff without context, from a few numbers alone.

The unit is ``Outline``: how long a file is and where our lines would go, without any of its text. A profile
may hold secrets, so neither a machine file nor a plan may quote it; and with these numbers planning writes
the very diff that ``apply`` computes from the bytes. It reads and writes nothing.
"""

from __future__ import annotations

import re
from typing import Iterable

from fixer.model.action import FileChange
from fixer.model.digest import digest
from fixer.model.record import record

# The head of an environment's own ``deactivate``, whose first line ours becomes.
_DEACTIVATE = {"fish": rb"(?m)^function deactivate\b[^\n]*\n", "sh": rb"(?m)^deactivate *\(\) *\{[ \t]*\n"}
_MARK = rb">>> convfix ?(\w*)"


@record(frozen=True)
class Outline:
    """A file without its text. ``lines`` counts them; ``ended`` is False when the last one lacks its line feed.

    ``deactivate`` is the number of the line that opens its ``deactivate`` function, None without one that we
    know. ``blocks`` are the keys of convfix's own blocks in it.
    """

    lines: int
    ended: bool
    deactivate: int | None
    blocks: tuple[str, ...]
    sha256: str


def outline(content: bytes, shell: str) -> Outline:
    """``content`` as an outline; ``shell`` says whose ``deactivate`` is looked for."""
    found = deactivate_head(content, shell)
    ended = not content or content.endswith(b"\n")
    return Outline(
        lines=content.count(b"\n") + (not ended),
        ended=ended,
        deactivate=content[:found].count(b"\n") if found is not None else None,
        blocks=tuple(key.decode("ascii", "replace") for key in re.findall(_MARK, content)),
        sha256=digest(content),
    )


def deactivate_head(content: bytes, shell: str) -> int | None:
    """Where the line that opens the ``deactivate`` function ends; None without one that we know."""
    found = re.search(_DEACTIVATE["fish" if shell == "fish" else "sh"], content)
    return found.end() if found is not None else None


def added(path: str, content: bytes) -> FileChange:
    """The diff of a new file."""
    lines = _lines(content)
    return FileChange(path, f"--- /dev/null\n+++ {path}\n@@ -0,0 +{_range(1, len(lines))} @@\n{_put(lines)}")


def inserted(path: str, before: Outline, pieces: Iterable[tuple[int, bytes]]) -> FileChange:
    """The diff of whole lines put into a file: ``(number of the line that they follow, their bytes)`` in order.

    ValueError where lines would follow a last line without a line feed: the diff would have to quote it.
    """
    hunks, moved = [], 0
    for after, content in pieces:
        if after == before.lines and not before.ended:
            raise ValueError("the last line has no line feed")
        lines = _lines(content)
        hunks.append(f"@@ -{after},0 +{_range(after + moved + 1, len(lines))} @@\n{_put(lines)}")
        moved += len(lines)
    return FileChange(path, f"--- {path}\n+++ {path}\n{''.join(hunks)}")


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "backslashreplace").removesuffix("\n").split("\n")


def _put(lines: list[str]) -> str:
    return "".join(f"+{line}\n" for line in lines)


def _range(start: int, count: int) -> str:
    return str(start) if count == 1 else f"{start},{count}"
