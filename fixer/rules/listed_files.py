"""What a log shows of somebody's search for a file: ls, find, ldconfig and Windows' where list it, or say that it is not there.

The unit is the evidence for one file's name: the lines that list it, or that miss it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fixer.model.finding import Evidence
from fixer.rules.case import Case
from fixer.rules.events import said
from fixer.rules.lost_libraries import file_name

_WINDOWS_FILE = re.compile(r"[A-Za-z]:\\[^:*?\"<>|]{1,300}")
_A_COMMAND = re.compile(r"(?:^|[$#>] ?)(?:sudo )?(?:ls|find|locate|ln|cp|mv|rm|cat|file|ldd|nm|readelf|export) ")
_ZLIB = "zlibwapi.dll"
# What it weighs that somebody looked for the file where it should lie, and it is not there.
_NOT_THERE = {"ld-library-path-missing": 0.15, "env-not-inherited": 0.15, "windows-dll-search-path": 0.1, "zlibwapi-missing": 0.3,
              "cuda-libs-missing": 4.0, "windows-dll-missing": 2.0}  # fmt: skip


def listed_as(case: Case, name: str) -> tuple[Evidence, ...]:
    """Lines that list a file of this very name, as find, ls and where print them: the library is there."""
    return tuple(one.evidence for one in said(case, "library-listed", "dll-listed") if _lists(one.event.text, name))


def _lists(text: str, name: str) -> bool:
    """Whether a line is a listing's, which ends in the file; a command that asks for the file is none."""
    words = text.strip()
    if name.lower().endswith(".dll"):
        # where prints the path alone.
        return _WINDOWS_FILE.fullmatch(words) is not None and words.lower().endswith("\\" + name.lower())
    # ls -l, ldconfig -p and find have the path, or what a link leads to, at the end.
    return words.split()[-1].endswith("/" + name) and _A_COMMAND.search(words) is None


def sought_in_vain(case: Case, name: str) -> tuple[Evidence, ...]:
    """Lines in which ls, find or where says that there is no file of this very name."""
    seen = said(case, "file-not-listed")
    return tuple(one.evidence for one in seen if file_name(one.event.values.get("path", "").rstrip("'’\"`")).lower() == name.lower())


def not_there(weights: Mapping[str, float]) -> dict[str, float]:
    """``weights`` of a library's causes, where a search for it found nothing."""
    return {cause: weight * _NOT_THERE.get(cause, 1.0) for cause, weight in weights.items()}


def zlib_is_missed(case: Case) -> bool:
    """Somebody asked Windows where zlibwapi.dll is, and it found none."""
    return bool(sought_in_vain(case, _ZLIB))


def zlib_is_there(case: Case) -> bool:
    """Somebody asked Windows where zlibwapi.dll is, and it found one in a folder that programs search."""
    return bool(listed_as(case, _ZLIB))
