"""Which line of a loaded environment modulefile a finding goes back to: the repair then is its owner's, ``module unload``.

It adds to what the rules found and judges nothing: a line counts only where its value is in force, and of a path list only
where the finding speaks of that very folder.
"""

from __future__ import annotations

import re

from fixer.model.facts import ModuleLine
from fixer.model.finding import Evidence, Finding
from fixer.model.record import altered
from fixer.rules.case import Case
from fixer.rules.say import fact, joined

_PREFIX = "variables."
_LIST = "LD_LIBRARY_PATH"
_LISTS = (_LIST, "PATH", "PYTHONPATH", "LD_PRELOAD")


def traced(case: Case, found: Finding) -> Finding:
    """``found`` with the lines that set what it speaks of."""
    lines = case.facts.modules.or_else(())
    guilty = [one for one in lines if _in_force(case, one) and _meant(found, one)] if lines else []
    if not guilty:
        return found
    evidence = [_evidence(case, one) for one in guilty]
    modules = tuple(dict.fromkeys(one.module for one in guilty))
    mine = all(one.mine for one in guilty) and case.facts.root.value is not True
    words = (
        f"{joined(modules)} {'sets' if len(modules) == 1 else 'set'} {joined(dict.fromkeys(one.name for one in guilty))} "
        f"({guilty[0].path}, line {guilty[0].line}): module unload {' '.join(modules)}, or load another version."
        f"{' The file is yours to change.' if mine else ''}"
    )
    remedy = altered(found.remedy, summary=f"{found.remedy.summary} {words}".strip())
    return altered(found, evidence=(*found.evidence, *evidence), remedy=remedy)


def _evidence(case: Case, line: ModuleLine) -> Evidence:
    return fact(f"modules.{line.module}", f"{line.path}, line {line.line}: {line.deed} {line.name} {line.value}", case.facts.modules)


def _in_force(case: Case, line: ModuleLine) -> bool:
    value = case.variables.get(line.name)
    if value is None or line.deed == "unset":
        return False
    return value == line.value if line.deed == "set" else set(filter(None, line.value.split(":"))) <= set(value.split(":"))


def _meant(found: Finding, line: ModuleLine) -> bool:
    named = any(one.fact == _PREFIX + line.name for one in found.evidence)
    if line.name not in _LISTS:
        return named
    if not (named or line.name == _LIST):
        return False
    texts = [found.title, found.remedy.summary, *(one.value for one in found.evidence if one.fact != _PREFIX + line.name)]
    parts = [re.escape(part.rstrip("/")) for part in line.value.split(":") if part.strip("/")]
    return any(re.search(rf"{part}(?![\w.-])", text) for part in parts for text in texts)
