"""Which package managers are at hand. The unit is ``observe(host, has_pip)``: a sorted tuple of names.

Nothing is run: an executable file on PATH counts. uv comes with convfix's own environment.
"""

from __future__ import annotations

from fixer.host.base import Host
from fixer.model.observed import Observed, absent, found
from fixer.probes.plain import is_executable, on_path

NAMES = ("uv", "conda", "mamba", "micromamba", "pixi", "poetry", "pdm", "pipenv")
_NAMED_BY = {"conda": "CONDA_EXE", "micromamba": "MAMBA_EXE", "mamba": "MAMBA_EXE"}


def observe(host: Host, has_pip: bool) -> Observed[tuple[str, ...]]:
    """The managers at hand; pip counts when the patient has it or PATH does."""
    made, seen = [], []
    if has_pip or on_path(host, "pip") or on_path(host, "pip3"):
        made.append("pip")
        seen.append("the patient's pip" if has_pip else "PATH")
    for name in NAMES:
        path = _where(host, name)
        if path is not None:
            made.append(name)
            seen.append(path)
    return found(tuple(made), *dict.fromkeys(seen)) if made else absent("PATH")


def _where(host: Host, name: str) -> str | None:
    variable = host.environ.get(_NAMED_BY.get(name, ""), "")
    if variable.endswith("/" + name) and is_executable(host, variable):
        return variable
    first = next(iter(on_path(host, name)), None)
    if first is None and name == "uv" and not host.is_data:
        return host.which(name)
    return first
