"""Rules about packages that bring operations of their own for TensorFlow: their compiled library was not opened, or lacks a name.

Where the library lies decides: among what was installed it is incomplete or made for another TensorFlow, in a folder of the
user's it was never built, and Python found that folder before the installed package.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import said
from fixer.rules.heard import candidates, named
from fixer.rules.heard_unfit import OF_A_PLUGIN
from fixer.rules.lost_libraries import file_name

_INSTALLED = re.compile(r"(?:site|dist)-packages[/\\]")
_WHOLE_PATH = re.compile(r"(?:^|[\s'\"(])(?:[A-Za-z]:)?[/\\~]\S*$")
# Windows' own sentence for a library that is there and could not be loaded is that of one that is not there.
_OF_WINDOWS = re.compile(r"[A-Za-z]:\\")
_MADE_FOR_ANOTHER = {"plugin-built-for-other-tf": 74.0, "environment-broken": 26.0}
_UNNAMED = {"plugin-built-for-other-tf": 84.0, "libstdcxx-too-old": 16.0}


def operations_not_opened(case: Case) -> Iterator[Finding]:
    """A package's library of operations is not where the package asks for it."""
    for one in said(case, "plugin-file"):
        path = one.event.values.get("library", "")
        if not OF_A_PLUGIN.search(path.replace("\\", "/")):
            continue
        name = f"{file_name(path)}_ops.so" if "_ops.so" in one.event.text else "libtensorflow_io.so"
        if _OF_WINDOWS.search(path):
            title = f"{name} could not be loaded into this TensorFlow"
            yield from candidates("plugin-file", _MADE_FOR_ANOTHER, title, (one.evidence,))
        elif _INSTALLED.search(path):
            yield named("environment-broken", "likely", f"{name} is missing from its package", (one.evidence,), "plugin-file-gone")
        elif _WHOLE_PATH.search(path):
            title = f"{name} was never built in the folder from which its package is imported"
            yield named("module-shadowed", "likely", title, (one.evidence,), "plugin-from-its-sources")
        else:
            continue
        return


def operations_lack_a_name(case: Case) -> Iterator[Finding]:
    """A library of operations lacks a function, and the line does not say which."""
    seen = said(case, "plugin-symbol-unnamed")
    if seen and not said(case, "plugin-symbol", "library-symbol", "symbol-alone", "plugin-io"):
        title = "a library of operations asks for a function that is not there"
        yield from candidates("plugin-symbol-unnamed", _UNNAMED, title, (seen[0].evidence,))
