"""Where an interpreter installs to, asked of the interpreter itself, and the reasons not to install there.

The unit is ``Scheme``: absolute paths. The question is one short child in isolated mode, so neither
PYTHONPATH nor a user site can answer for the environment. Which packages lie there is ``distributions``.
"""

from __future__ import annotations

import json
import os

from fixer.actions.base import StepFailed, owner_problem
from fixer.host.base import Host
from fixer.model.record import record

_MARK = "convfix-scheme:"
# Python 3.6 syntax: the patient runs it.
_QUESTION = (
    "import json, sys, sysconfig\n"
    "p = sysconfig.get_paths()\n"
    "keys = ('purelib', 'platlib', 'scripts', 'data', 'include', 'stdlib')\n"
    "d = dict((k, p[k]) for k in keys)\n"
    "d['prefix'] = sys.prefix\n"
    "d['base'] = sys.base_prefix\n"
    "d['version'] = '%d.%d.%d' % sys.version_info[:3]\n"
    "sys.stdout.write('\\n" + _MARK + "' + json.dumps(d) + '\\n')\n"
)


@record(frozen=True)
class Scheme:
    """Where an interpreter's packages, scripts and data go; ``base`` is the Python behind a virtual environment."""

    purelib: str
    platlib: str
    scripts: str
    data: str
    include: str
    stdlib: str
    prefix: str
    base: str
    version: str

    @property
    def sites(self) -> tuple[str, ...]:
        """The site-packages folders, each once."""
        return tuple(dict.fromkeys(os.path.normpath(site) for site in (self.purelib, self.platlib)))


def ask(interpreter: str, host: Host) -> Scheme:
    """The scheme of ``interpreter``; raises StepFailed when it does not answer."""
    ran = host.run([interpreter, "-I", "-B", "-c", _QUESTION])
    for line in reversed(ran.stdout.splitlines()):
        if line.startswith(_MARK):
            try:
                return Scheme(**{key: str(value) for key, value in json.loads(line[len(_MARK) :]).items()})
            except (ValueError, TypeError, AttributeError, RecursionError):
                break
    reason = "it ran into the time limit" if ran.timed_out else (ran.stderr.strip().splitlines() or ["no answer"])[-1]
    raise StepFailed("interpreter", f"{interpreter} does not say where it installs to: {reason[:200]}")


def install_problem(scheme: Scheme, prefix: str) -> str | None:
    """Why packages must not be installed into this environment by convfix; None when they may be."""
    if os.path.realpath(scheme.prefix) != os.path.realpath(prefix):
        return f"the interpreter's environment is {scheme.prefix}, the plan says {prefix}"
    if scheme.prefix == scheme.base and os.path.lexists(os.path.join(scheme.stdlib, "EXTERNALLY-MANAGED")):
        return (
            f"{prefix} is managed by the system (EXTERNALLY-MANAGED): nothing is installed there; make an environment"
        )
    for site in scheme.sites:
        real, top = os.path.realpath(site), os.path.realpath(prefix)
        if not real.startswith(top.rstrip("/") + "/"):
            return f"{site} does not lie in {prefix}"
        problem = owner_problem(site)
        if problem:
            return problem
    return owner_problem(prefix)
