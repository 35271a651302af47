"""Rules about a user's own file that Python may find in the place of one of its own, where the log does not show what stopped."""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import heard, said
from fixer.rules.heard import candidates

# Python's own folder named test holds no module that anybody but Python needs.
_NEEDED_BY_NOBODY = "test.py"
_BESIDE_THE_SCRIPT = ("", "./", ".\\")
_WEIGHTS = {"module-shadowed": 62.0, "unresolved-other": 38.0}


def script_named_like_pythons(case: Case) -> Iterator[Finding]:
    """A traceback goes through a script that is called like one of Python's own modules, and its end is not shown.

    Only what lies beside the script is found before Python's own modules; a module of a package is not.
    """
    if said(case, "unrelated-exception") or any(one.row.fails for one in heard(case)):
        return
    for one in said(case, "own-python-file"):
        file = one.event.values.get("file", "")
        if file != _NEEDED_BY_NOBODY and one.event.values.get("path", "") in _BESIDE_THE_SCRIPT:
            title = f"the user's own {file} is called like a module of Python's, which others import"
            yield from candidates("script-named-like-pythons", _WEIGHTS, title, (one.evidence,))
            return
