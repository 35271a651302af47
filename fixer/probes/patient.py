"""The patient and its environment: kind, packages, owner, and what is broken, hidden or strayed in.

The unit is ``Seen``: the two observations that go into Facts, and what other probes need of them (the
description, the folders with packages). An interpreter that does not answer leaves both unknown.
"""

from __future__ import annotations

import os
from typing import Callable

from fixer.host.base import Host
from fixer.model.facts import Environment, Patient
from fixer.model.observed import Observed, absent, found, unknown
from fixer.model.pep440 import normal_name
from fixer.model.record import record
from fixer.probes import cudnn_files, owner, python, python_as_data, start_up, strangers, wheel_record
from fixer.probes.packages import Folder, read_folder
from fixer.probes.plain import is_version
from fixer.probes.python import Choice, Description, Undescribed

# conda's names for choosing a variant: they stand for no package of Python's.
_CONDA_SELECTORS = frozenset(("tensorflow-gpu", "tensorflow-cpu", "tensorflow-eigen", "tensorflow-mkl", "python"))


@record(frozen=True)
class Seen:
    """What was seen of the patient; ``told`` and ``folders`` are empty when it did not answer."""

    patient: Observed[Patient]
    environment: Observed[Environment]
    told: Description | None = None
    folders: tuple[str, ...] = ()


def look(host: Host, asked: str | None, meanwhile: Callable[[], None] | None = None) -> Seen:
    """Find the patient and read its environment; raises UsageError for a ``--python`` that is none.

    ``meanwhile`` is called once while the interpreter describes itself; not at all where none is run.
    """
    choice = python.choose(host, asked)
    if choice.path is None:
        why = "there is no python3 on PATH"
        return Seen(absent(choice.why, detail=why), absent(choice.why, detail=why))
    if choice.problem:
        return _unseen(choice.problem, choice)
    told = python_as_data.read(host, choice.path) if host.is_data else python.describe(host, choice.path, meanwhile)
    if isinstance(told, Undescribed):
        return _unseen(told.why, choice)
    return _seen(host, choice, choice.path, told)


def _unseen(why: str, choice: Choice) -> Seen:
    return Seen(unknown(why, choice.why), unknown(why, choice.why))


def _seen(host: Host, choice: Choice, path: str, told: Description) -> Seen:
    interpreter = told.executable if told.executable.startswith("/") else path
    held = owner.find(host, told.prefix, interpreter)
    is_conda = host.is_dir(f"{told.prefix}/conda-meta")
    kind = "conda" if is_conda else "project" if held is not None else "venv" if told.is_virtual else "system"
    at_home = kind == "system" and told.user_site is not None and told.user_site in told.path
    folders = ((told.user_site,) if at_home and told.user_site else ()) + told.folders
    contents = tuple(read_folder(host, folder) for folder in dict.fromkeys(folders))
    versions, installers = _packages(host, contents, told.prefix if is_conda else None)
    distributions = [one for folder in contents for one in folder.distributions]
    patient = Patient(
        interpreter=interpreter,
        prefix=told.prefix,
        site_packages=told.folders[0],
        has_pip=told.has_pip,
        writable=_writable(host, told.folders[0]),
        externally_managed=told.externally_managed,
        user_site=told.user_site is not None,
        base_prefix=told.base_prefix,
        project_root=held.project if held is not None else None,
        lock_file=held.lock_file if held is not None else None,
        installers=installers,
        broken=tuple(one for folder in contents for one in folder.broken)
        + cudnn_files.judged(host, wheel_record.check(host, distributions)),
        shadows=strangers.shadows(host, told),
        strays=strangers.strays(host, told, kind),
        set_at_start=start_up.changed(host, told, dict.fromkeys(folders)),
    )
    environment = Environment(
        kind=found(kind, told.prefix),
        python=found(told.version, interpreter),
        owner=found(held.tool, held.lock_file) if held is not None else absent("lock files"),
        packages=found(versions, *(folder.path for folder in contents)) if versions else absent(*folders),
    )
    words = "; ".join(filter(None, (_unusual(told), f"chosen by {choice.why}")))
    return Seen(found(patient, interpreter, choice.why, detail=words), found(environment, interpreter), told, folders)


def _unusual(told: Description) -> str:
    if told.implementation != "cpython":
        return f"{told.implementation}, not CPython: no TensorFlow is published for it"
    return "a free-threaded Python: no TensorFlow is published for it" if told.free_threaded else ""


def _packages(host: Host, contents: tuple[Folder, ...], conda: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Versions and installers by name; of one name in two folders the first on the path wins."""
    versions: dict[str, str] = {}
    installers: dict[str, str] = {}
    for folder in contents:
        for one in folder.distributions:
            if one.name not in versions:
                versions[one.name] = one.version
                if one.installer:
                    installers[one.name] = one.installer
    for entry in host.entries(f"{conda}/conda-meta") if conda is not None else ():
        # NAME-VERSION-BUILD.json: conda forbids a dash in the last two.
        parts = entry.removesuffix(".json").rsplit("-", 2)
        name = normal_name(parts[0])
        if entry.endswith(".json") and len(parts) == 3 and name not in versions and name not in _CONDA_SELECTORS:
            if is_version(parts[1]):
                versions[name], installers[name] = parts[1], "conda"
    return dict(sorted(versions.items())), dict(sorted(installers.items()))


def _writable(host: Host, folder: str) -> bool:
    if not host.is_data:
        while not host.exists(folder) and folder != "/":
            folder = os.path.dirname(folder)
        return host.may_write(folder)
    status = host.stat(folder)
    return status is not None and bool(status.st_mode & 0o200)
