"""What pip, uv and conda get to see of the environment variables, and what of their talk is shown.

The unit is a dictionary for a child and a cleaned text. The user's configuration stays (index, proxy,
certificates, cache, constraints). What would send the packages elsewhere, or make the installer see
packages of another place, goes. Credentials in addresses are never shown.
"""

from __future__ import annotations

import re
from typing import Mapping

# Each of these redirects an install, or makes the installer look at or change something that no plan speaks of.
_DROPPED = (
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONSAFEPATH", "PYTHONINSPECT", "VIRTUAL_ENV",
    "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_SRC", "PIP_PYTHON", "PIP_EDITABLE", "PIP_REQUIREMENT",
    "PIP_BREAK_SYSTEM_PACKAGES", "PIP_DRY_RUN", "PIP_REPORT", "PIP_NO_DEPS", "PIP_NO_DEPENDENCIES",
    "PIP_IGNORE_INSTALLED", "PIP_FORCE_REINSTALL", "PIP_UPGRADE", "PIP_PRE", "PIP_NO_COMPILE", "PIP_QUIET",
    "PIP_VERBOSE", "PIP_LOG", "PIP_PLATFORM", "PIP_ABI", "PIP_IMPLEMENTATION", "PIP_PYTHON_VERSION",
    "UV_TARGET", "UV_PREFIX", "UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_BREAK_SYSTEM_PACKAGES", "UV_PROJECT_ENVIRONMENT",
    "UV_PROJECT", "UV_WORKING_DIRECTORY", "UV_VENV_CLEAR", "UV_VENV_SEED", "UV_VENV_RELOCATABLE", "UV_REINSTALL",
    "UV_UPGRADE", "UV_NO_DEPS", "UV_PRERELEASE", "UV_RESOLUTION", "UV_DRY_RUN", "UV_OVERRIDE", "UV_QUIET", "UV_VERBOSE",
    "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_SHLVL",
)  # fmt: skip
_SET = {
    # pip and uv must neither use nor see the user site; a configuration file may ask for it.
    "PIP_USER": "0",
    "PYTHONNOUSERSITE": "1",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_NO_COLOR": "1",
    "PYTHONUTF8": "1",
    # An installer that runs in the environment must leave nothing there but what it installs.
    "PYTHONDONTWRITEBYTECODE": "1",
    "NO_COLOR": "1",
    "UV_NO_PROGRESS": "1",
}
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b.")
_LINE_END = re.compile(r"\r\n?")
_TAIL = 1 << 18
# Bounded: an installer's talk may be one line of megabytes.
_SECRET = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/\s@]+@")
_QUERY = re.compile(r"(?i)\b(token|key|password|secret|signature|sig|auth\w*)=[^\s&'\"]+")


def environment(environ: Mapping[str, str], offline: bool = False) -> dict[str, str]:
    """The variables for an installer."""
    made = {key: value for key, value in environ.items() if key not in _DROPPED}
    made.update(_SET)
    if offline:
        made["UV_OFFLINE"] = "1"
        made["PIP_NO_INDEX"] = "1"
    return made


def cleaned(text: str, lines: int = 12) -> str:
    """The last lines of an installer's talk without escapes, control characters and credentials."""
    if len(text) > _TAIL:
        # Not from the middle of a line: what is left of it may begin in a credential.
        text = _LINE_END.sub("\n", text[-_TAIL:]).partition("\n")[2]
    text = _QUERY.sub(r"\1=***", _SECRET.sub(r"\g<scheme>***@", _ESCAPES.sub("", text)))
    kept = []
    for line in text.replace("\r", "\n").split("\n"):
        line = "".join(c for c in line if c.isprintable()).rstrip()
        if line:
            kept.append(line[:400])
    return "\n".join(kept[-lines:])
