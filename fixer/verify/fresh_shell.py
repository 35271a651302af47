"""In which surroundings the proof runs: the user's own, none at all, or a shell of the user's that sources an activation script.

The unit is ``Surroundings``: the child's variables and the argv in front of its own. It starts nothing itself.
"""

from __future__ import annotations

from typing import Mapping

from fixer.host.base import Host
from fixer.model.record import record

# What a cron job or a service has at least; a patient that works with these works everywhere.
BARE_NAMES = ("HOME", "PATH", "LANG")
# The script is not $0: an environment's own activate takes that for being run instead of sourced.
_POSIX = 'script=$1; shift; . "$script" && exec "$@"'
_SOURCE_THEN_RUN = {
    "sh": _POSIX,
    "bash": _POSIX,
    "zsh": _POSIX,
    "fish": "source $argv[2]; and exec $argv[3..-1]",
}


@record(frozen=True)
class Surroundings:
    """``environ`` is the child's whole environment; ``prefix`` goes in front of its argv."""

    environ: Mapping[str, str]
    prefix: tuple[str, ...] = ()
    name: str = "your own variables"


def own(host: Host) -> Surroundings:
    """The user's variables as convfix was given them, less convfix's own."""
    return Surroundings({name: value for name, value in host.environ.items() if not name.startswith("CONVFIX_")})


def bare(host: Host) -> Surroundings:
    """HOME, PATH and LANG alone, like ``env -i`` with those three."""
    kept = {name: host.environ[name] for name in BARE_NAMES if name in host.environ}
    return Surroundings(kept, name="a bare environment")


def activated(host: Host, shell: str, script: str) -> Surroundings:
    """A new ``shell`` (bash, zsh, fish, sh) with the user's variables that sources ``script`` first; KeyError for another shell.

    With the user's own: what the script takes away must be there for the proof to mean anything, and what it leaves alone
    may be needed. The shell reads no start-up file, which could set them otherwise once more.
    """
    quiet = {"bash": ("--noprofile", "--norc"), "zsh": ("-f",), "fish": ("--no-config",), "sh": ()}[shell]
    prefix = (shell, *quiet, "-c", _SOURCE_THEN_RUN[shell], "convfix", script)
    return Surroundings(own(host).environ, prefix, f"a new {shell} with {script}")
