"""Packages of a conda environment, changed by conda, mamba or micromamba; taken back as well as that goes.

The unit is one set of exact specifications. conda rolls its own failures back but does not survive being
killed, so the exact list of what was installed is kept first and ``undo`` asks for that list again: best
effort, and it may need the network. Nothing is written here but through the manager.
"""

from __future__ import annotations

import os

from fixer.actions import conda_specs, dry_run
from fixer.actions.base import NothingKept, Params, StepFailed, Workplace, owner_problem
from fixer.actions.installer_world import environment
from fixer.host import durable
from fixer.host.base import Host, Ran
from fixer.model import installers
from fixer.model.action import ActionSpec, Preview
from fixer.model.journal import JournalEntry

_KNOWN = ("prefix", "manager", "requirements", "channels", "cuda")
_SECONDS = 3600.0


class CondaPackages(NothingKept):
    """See the module's docstring."""

    kind = "conda_packages"

    def check(self, spec: ActionSpec, host: Host) -> tuple[str, ...]:
        prefix, manager, _ = _read(spec)
        if not os.path.isdir(os.path.join(prefix, "conda-meta")):
            return (f"{prefix} is no conda environment",)
        problem = owner_problem(prefix) or owner_problem(os.path.join(prefix, "conda-meta"))
        if problem is None and host.which(manager) is None:
            problem = f"{manager} is not on this machine"
        return (problem,) if problem else ()

    def preview(self, spec: ActionSpec, host: Host) -> Preview:
        _read(spec)
        return Preview(commands=installers.conda_packages(spec.params))

    def perform(self, spec: ActionSpec, host: Host, work: Workplace) -> None:
        prefix, manager, _ = _read(spec)
        listed = _ran(host, [manager, "list", "--prefix", prefix, "--explicit"], prefix)
        kept = work.keep(listed.stdout.encode("utf-8"))
        work.intend({"deed": "conda", "prefix": prefix, "kept": kept, "names": _names(prefix)})
        for argv in installers.conda_packages(spec.params):
            work.say("running " + " ".join(argv))
            ran = work.child(dry_run.located(argv, host), environment(host.environ), prefix)
            if not ran.ok:
                raise StepFailed("installer-failed", f"{manager} failed: {dry_run.said(ran)}")
        if not self.satisfied(spec, host):
            raise StepFailed("not-whole", f"{manager} ended well, but the packages are not those that were asked for")
        work.done({"names": _names(prefix)})

    def satisfied(self, spec: ActionSpec, host: Host) -> bool:
        prefix, _, wanted = _read(spec)
        return not conda_specs.missing(prefix, wanted)

    def undo(self, spec: ActionSpec, entry: JournalEntry, host: Host, work: Workplace) -> tuple[str, ...]:
        prefix, manager, _ = _read(spec)
        if not os.path.isdir(prefix):
            work.say(f"the environment {prefix} is gone; there is nothing to take back in it")
            return ()
        before = entry.before.get("names")
        before = set(before) if isinstance(before, list) else set()
        if entry.before.get("prefix") != prefix or not before:
            raise StepFailed("damaged-journal", "the journal's record of a conda step is damaged")
        if set(_names(prefix)) == before:
            return ()
        explicit = work.kept(str(entry.before.get("kept")))
        former = {str(name).rsplit("=", 2)[0] for name in before}
        extra = sorted({name.rsplit("=", 2)[0] for name in _names(prefix)} - former)
        passing = os.path.join(prefix, "conda-meta", ".convfix-explicit.txt")
        durable.unlink(passing, sync=False)
        durable.write_new(passing, explicit)
        try:
            commands = [[manager, "install", "--yes", "--prefix", prefix, "--file", passing]]
            if extra:
                commands.append([manager, "remove", "--yes", "--force", "--prefix", prefix, *extra])
            for argv in commands:
                ran = work.child(dry_run.located(argv, host), environment(host.environ), prefix)
                if not ran.ok:
                    why = dry_run.said(ran)
                    raise StepFailed("not-restored", f"{manager} cannot bring the former packages back: {why}")
        finally:
            durable.unlink(passing)
        if set(_names(prefix)) != before:
            return (f"packages in {prefix}: {manager} did not bring back exactly the former set",)
        return ()


def _read(spec: ActionSpec) -> tuple[str, str, dict[str, str]]:
    params = Params(spec, _KNOWN)
    wanted = conda_specs.read(params, "requirements")
    conda_specs.check_channels(params)
    conda_specs.check_cuda(params, spec.params.get("cuda"))
    if not wanted:
        raise params.error("requirements", "is empty")
    return params.path("prefix"), params.choice("manager", installers.CONDA_MANAGERS), wanted


def _names(prefix: str) -> list[str]:
    return [f"{name}={version}" for name, version in sorted(conda_specs.installed(prefix).items())]


def _ran(host: Host, argv: list[str], cwd: str) -> Ran:
    ran = host.run(dry_run.located(argv, host), timeout=_SECONDS, environ=environment(host.environ), cwd=cwd)
    if not ran.ok:
        raise StepFailed("installer-failed", f"{argv[0]} failed: {dry_run.said(ran)}")
    return ran
