"""A bug in convfix as a file to attach: the traceback and the arguments, without anything of the person's.

The unit is ``write(error, arguments) -> path``. Values of local variables are left out; the home folder
is written as ~.
"""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from typing import Sequence

from fixer import __version__
from fixer.report.clean import clean
from fixer.report.paper import tilde


def write(error: BaseException, arguments: Sequence[str]) -> str:
    """Write the report into a new file in the temporary folder; its path, or why there is none."""
    home = os.environ.get("HOME", "")
    lines = [f"convfix {__version__}, Python {platform.python_version()}, {platform.platform()}"]
    lines.append("arguments: " + " ".join(tilde(clean(word)) for word in arguments))
    lines += [clean(line, keep="\n") for line in traceback.format_exception(error)]
    text = "\n".join(lines)
    if len(home) > 1:
        text = text.replace(home, "~")
    try:
        handle, path = tempfile.mkstemp(prefix="convfix-bug-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as problem:
        return f"the traceback (it could not be written: {problem.strerror})"
    return path
