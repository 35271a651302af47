"""Which lines of a log show that a wrong remedy was tried: some commands are wrong only by what they name.

The unit is a line of a ``folk`` row. A library's own links (libcudnn.so.8 to libcudnn.so.8.9.7) look like the link that silences
the loader (libcusolver.so.10 to libcusolver.so.11), and single quotation marks keep a variable that double ones freeze.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from fixer.rules.case import Case
from fixer.rules.events import Heard, heard

_LIBRARY = re.compile(r"lib([A-Za-z_]+)\.so((?:\.\d{1,9}){0,5})")
_DLL = re.compile(r"\b(cu[a-z]+64)_(\d{1,4})\.dll", re.IGNORECASE)
# From CUDA 11 on the runtime of every 11.x answers to one name.
_ONE_NAME_A_MAJOR = 11


def tried(case: Case) -> tuple[Heard, ...]:
    """The lines that show a wrong remedy, each once."""
    found = (one for one in heard(case) if one.row.kind == "folk" and _CHECKS.get(one.row.id, _always)(one.event.text))
    return tuple({(one.row.id, one.event.line): one for one in found}.values())


def _always(text: str) -> bool:
    return True


def _is_foreign_link(text: str) -> bool:
    """Whether a library is given the name of another, or of another release's soname."""
    dlls = _DLL.findall(text)
    if len(dlls) > 1:
        return bool(dlls[-2] != dlls[-1])
    names = _LIBRARY.findall(text)
    if len(names) < 2:
        return False
    target, link = names[-2:]
    if "->" in text:
        target, link = link, target
    if target[0] != link[0]:
        return True
    have, asked = (part[1].strip(".").split(".") if part[1] else [] for part in (target, link))
    if not have or not asked or have[: len(asked)] == asked:
        return False
    return not (target[0] == "cudart" and have[0] == asked[0] and int(have[0]) >= _ONE_NAME_A_MAJOR)


def _is_frozen(text: str) -> bool:
    return bool(re.search(r"echo\s+(?:-e\s+)?\"", text))


_CHECKS: Mapping[str, Callable[[str], bool]] = {"folk-symlink": _is_foreign_link, "folk-path-in-profile": _is_frozen}
