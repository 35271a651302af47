"""Commands for a report from another system than Linux: what cannot be run there is not advised.

The unit is one argv. convfix itself runs on Linux: told to the reader of a Windows report, ``convfix apply`` would change the
wrong machine.
"""

from __future__ import annotations

from collections.abc import Iterable

from fixer.model.finding import Finding
from fixer.model.record import altered
from fixer.rules.case import Case
from fixer.rules.say import APPLY, PLAN

_LINUX = ("convfix", "lscpu", "ls", "ldconfig", "ldd", "lsmod", "lspci", "mokutil", "nvidia-modprobe", "sudo", "uname", "lsb_release")
_NOT_THERE = {"windows": _LINUX, "macos": tuple(one for one in _LINUX if one not in ("ls", "sudo", "uname")) + ("nvidia-smi", "where")}
# What tells most on that system: how TensorFlow was built and what it sees.
_BUILD = "import tensorflow as tf; print(tf.sysconfig.get_build_info(), tf.config.list_physical_devices())"
_INSTEAD = {
    "windows": ("python", "-c", _BUILD),
    "macos": ("python3", "-c", "import platform; print(platform.machine(), platform.python_version())"),
}


def carried_out_by_hand(found: Finding) -> Finding:
    """A finding about a machine that is not Linux: convfix changes nothing there, and its plan has the commands for a person."""
    if found.remedy.commands != APPLY:
        return found
    return altered(found, remedy=altered(found.remedy, commands=PLAN))


def runnable(case: Case, commands: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Those of ``commands`` that the report's system can run."""
    gone = _NOT_THERE.get(case.os, ()) if case.facts.os.is_found else ()
    return tuple(argv for argv in commands if argv[0] not in gone)


def deciding(case: Case, argv: tuple[str, ...]) -> tuple[str, ...]:
    """``argv``, or what decides in its place where the report's system cannot run it."""
    if not argv or runnable(case, (argv,)):
        return argv
    if case.os == "windows" and argv[0] != "convfix":
        return ("nvidia-smi",)
    return _INSTEAD[case.os]
