"""A new environment at its final path, made by uv, ``python -m venv`` or conda, then filled with packages.

The unit is one folder that did not exist. It is made at its place, since environments carry absolute paths,
and it has a marker file of ours with the listing of what we put there. Taking it back removes exactly that
folder, after a rename that makes it vanish at once; one that holds somebody else's files stays.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from typing import Any, Sequence

from fixer.actions import conda_specs, distributions, dry_run, held, space
from fixer.actions.base import NothingKept, Params, Pin, StepFailed, Workplace, owner_problem
from fixer.actions.installer_world import environment
from fixer.actions.interpreter import ask
from fixer.actions.tree import listing
from fixer.host import durable
from fixer.host.base import Host
from fixer.model import installers
from fixer.model.action import ActionSpec, Preview
from fixer.model.journal import JournalEntry

MARKER = ".convfix-environment.json"
# What the installer is held to, while it works.
HELD = ".convfix-held"
_KNOWN = ("path", "python", "interpreter", "manager", "requirements", "conda", "cuda")
_PYTHON = re.compile(r"3\.\d{1,2}(\.\d{1,2})?\Z")
# What venv, uv, conda and wheels' data folders put right into an environment's folder.
_USUAL = {
    "bin", "lib", "lib64", "include", "share", "etc", "man", "pyvenv.cfg", ".gitignore", "CACHEDIR.TAG", ".lock",
    MARKER, HELD, "conda-meta", "ssl", "sbin", "var", "x86_64-conda-linux-gnu", "compiler_compat", "shell", "libexec", "mkspecs",
}  # fmt: skip
_SHOWN = 5


class NewEnvironment(NothingKept):
    """See the module's docstring."""

    kind = "new_environment"

    def check(self, spec: ActionSpec, host: Host) -> tuple[str, ...]:
        path, pins = _read(spec)
        problems = []
        if os.path.lexists(path) and not self.satisfied(spec, host):
            problems.append(f"{path} exists already")
        parent = os.path.dirname(path)
        while not os.path.lexists(parent):
            parent = os.path.dirname(parent)
        problem = owner_problem(parent)
        if problem:
            problems.append(problem)
        else:
            manager = "uv" if spec.params["manager"] == "uv" else "pip"
            problems += space.short(manager, parent, spec.download_bytes, spec.disk_bytes, host)
        try:
            dry_run.located(installers.new_environment(spec.params)[0], host)
        except StepFailed as error:
            problems.append(error.message)
        return tuple(problems)

    def preview(self, spec: ActionSpec, host: Host) -> Preview:
        _read(spec)
        return Preview(commands=installers.new_environment(spec.params))

    def perform(self, spec: ActionSpec, host: Host, work: Workplace) -> None:
        path, pins = _read(spec)
        if os.path.lexists(path):
            raise StepFailed("path-exists", f"{path} exists already")
        passing = _passing(path) + secrets.token_hex(4)
        folders = list(durable.missing_folders(path))
        work.intend({"deed": "environment", "path": path, "passing": passing, "folders": folders})
        for folder in folders:
            durable.make_dir(folder, 0o755)
        durable.make_dir(path, 0o755)
        # conda refuses a folder that is there already; an empty one tells nothing that the journal does not.
        if spec.params["manager"] in installers.CONDA_MANAGERS:
            durable.remove_dir(path)
        make, *fill = installers.new_environment(spec.params)
        self._run(make, host, environment(host.environ), os.path.dirname(path), work)
        if fill:
            manager = "uv" if spec.params["manager"] == "uv" else "pip"
            known = held.hashes_of(fill, manager, installers.environment_python(path), host, path)
            hold = held.Hold(manager, os.path.join(path, HELD), path, known)
            world = hold.world(environment(host.environ))
            for argv in fill:
                self._run(argv, host, world, path, work)
                hold.check(argv)
            hold.let_go()
        wrong = [*_wrong(path, pins, host), *conda_specs.missing(path, _by_conda(spec))]
        if wrong:
            raise StepFailed("not-whole", f"the installer ended well, but: {'; '.join(wrong[:_SHOWN])}")
        durable.sync_filesystem(path)
        content = {"run": work.run, "files": sorted(os.path.relpath(found, path) for found in listing((path,)))}
        durable.write_new(os.path.join(path, MARKER), json.dumps(content).encode("ascii"), 0o644)
        work.done({"path": path})

    def _run(self, argv: Sequence[str], host: Host, world: dict[str, str], cwd: str, work: Workplace) -> None:
        work.say("running " + " ".join(argv[:6]) + (" ..." if len(argv) > 6 else ""))
        ran = work.child(dry_run.located(argv, host), world, cwd)
        if not ran.ok:
            raise StepFailed("installer-failed", f"{os.path.basename(argv[0])} failed: {dry_run.said(ran)}")

    def satisfied(self, spec: ActionSpec, host: Host) -> bool:
        path, pins = _read(spec)
        if not os.path.isfile(os.path.join(path, MARKER)) or _wrong(path, pins, host, whole=False):
            return False
        return not conda_specs.missing(path, _by_conda(spec))

    def undo(self, spec: ActionSpec, entry: JournalEntry, host: Host, work: Workplace) -> tuple[str, ...]:
        path, _ = _read(spec)
        passing = entry.before.get("passing")
        if entry.before.get("path") != path or not isinstance(passing, str) or not _is_passing(passing, path):
            raise StepFailed("damaged-journal", f"the journal names another folder than {path}")
        _delete(passing)
        if os.path.lexists(path):
            # Killed while one of our own files was written: what is there of it is ours.
            for name in (MARKER, HELD):
                durable.unlink(durable.temporary(os.path.join(path, name)), sync=False)
            foreign = _foreign(path, bool(entry.after))
            if foreign:
                more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
                return (f"{path}: it holds what convfix did not put there ({', '.join(foreign[:_SHOWN])}{more})",)
            durable.rename(path, passing)
            _delete(passing)
        elif entry.after:
            work.say(f"the environment {path} is gone already")
        folders = entry.before.get("folders")
        for folder in reversed(folders if isinstance(folders, list) else []):
            if isinstance(folder, str) and path.startswith(folder + "/"):
                durable.remove_dir(folder)
        return ()


def _read(spec: ActionSpec) -> tuple[str, tuple[Pin, ...]]:
    params = Params(spec, _KNOWN)
    path = params.path("path")
    if not _PYTHON.match(params.text("python")):
        raise params.error("python", "must be a version such as 3.12")
    if spec.params.get("interpreter") is not None:
        params.path("interpreter")
    manager = params.choice("manager", installers.NEW_ENVIRONMENT_MANAGERS)
    if (_by_conda(spec) or spec.params.get("cuda") is not None) and manager not in installers.CONDA_MANAGERS:
        raise params.error("conda", f"is nothing that {manager} can install")
    conda_specs.check_cuda(params, spec.params.get("cuda"))
    return path, params.pins("requirements") if spec.params.get("requirements") else ()


def _by_conda(spec: ActionSpec) -> dict[str, str]:
    """What conda itself puts into the environment, by name."""
    return conda_specs.read(Params(spec, _KNOWN), "conda") if spec.params.get("conda") else {}


def _wrong(path: str, pins: tuple[Pin, ...], host: Host, whole: bool = True) -> list[str]:
    """Why the environment is not what was asked for; ``whole`` reads and hashes every file too."""
    from packaging.version import Version

    try:
        scheme = ask(installers.environment_python(path), host)
    except StepFailed as error:
        return [error.message]
    found = distributions.installed(scheme.sites)
    wrong = []
    for pin in pins:
        versions = [d.version for d in found if d.name == pin.name]
        if len(versions) != 1 or Version(versions[0]) != Version(pin.version):
            wrong.append(f"{pin.name} is {' and '.join(versions) or 'not installed'}, not {pin.version}")
    if whole:
        wrong += [text for d in found if d.rows is not None for text in distributions.faults(d)]
    return wrong


def _foreign(path: str, finished: bool) -> list[str]:
    """What is in the folder and not ours: beyond the listing, or before there was one, beyond what installers make."""
    if os.path.islink(path) or not os.path.isdir(path):
        return [path]
    known = _listed(path) if finished else None
    if known is None:
        return [name for name in sorted(os.listdir(path)) if name not in _USUAL]
    found = (os.path.relpath(each, path) for each, kind in listing((path,)).items() if kind.kind != "d")
    return sorted(each for each in found if each not in known and not _is_compiled(each))


def _listed(path: str) -> set[str] | None:
    try:
        data: Any = json.loads(durable.read(os.path.join(path, MARKER)))
        return {MARKER, *data["files"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_compiled(path: str) -> bool:
    return path.endswith(".pyc") and os.path.basename(os.path.dirname(path)) == "__pycache__"


def _passing(path: str) -> str:
    """How the folder's name begins while it is being removed."""
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)[:80]}.convfix-gone-")


def _is_passing(passing: str, path: str) -> bool:
    return passing.startswith(_passing(path)) and os.path.dirname(passing) == os.path.dirname(path)


def _delete(folder: str) -> None:
    """Remove a whole folder; links inside are removed, never followed."""
    if os.path.islink(folder) or not os.path.isdir(folder):
        return
    for top, folders, names in os.walk(folder, topdown=False):
        for name in names:
            durable.unlink(os.path.join(top, name), sync=False)
        for name in folders:
            if os.path.islink(os.path.join(top, name)):
                durable.unlink(os.path.join(top, name), sync=False)
            else:
                durable.remove_dir(os.path.join(top, name), sync=False)
    durable.remove_dir(folder)
