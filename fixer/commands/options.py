"""The options that several verbs share, and what they say together: a ``Session``.

The unit is a decorator per group of options. A verb takes only the options that change what it does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, TypeVar

import click

from fixer.errors import ConvfixError, UsageError
from fixer.model.facts import OpenRun
from fixer.model.observed import Observed, absent, found, unknown
from fixer.model.plan import Wish

if TYPE_CHECKING:
    from fixer.dataset.questions import Dataset
    from fixer.host.real import RealHost
    from fixer.model.facts import Facts
    from fixer.probes.process import Running

_TIMEOUT = 20.0
_LONGEST_WISH = 400
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Session:
    """What the options said, and the rooms they open: the host and the dataset, made when first asked for."""

    python: str | None = None
    machine: str | None = None
    pid: int | None = None
    sys_root: str | None = None
    timeout: float | None = None
    data_dir: str | None = None
    want: tuple[str, ...] = ()
    device: str = "any"
    manager: str = "auto"
    paths: str = "auto"
    _host: Any = None
    _dataset: Any = None

    @property
    def host(self) -> RealHost:
        """The machine that we stand on."""
        from fixer.host.real import RealHost

        if self._host is None:
            if self.sys_root is not None and not os.path.isdir(self.sys_root):
                raise UsageError("no-such-folder", f"--sys-root {self.sys_root}: expected a folder")
            self._host = RealHost(sys_root=self.sys_root, timeout=self.timeout or _TIMEOUT)
        host: RealHost = self._host
        return host

    @property
    def dataset(self) -> Dataset:
        """The dataset that ``--data-dir`` names, or the one that convfix carries."""
        if self._dataset is None:
            from fixer.dataset.questions import Dataset

            self._dataset = Dataset.open(self.data_dir)
        dataset: Dataset = self._dataset
        return dataset

    @property
    def wish(self) -> Wish:
        """What is wished for; raises UsageError for a requirement that nobody can read."""
        for text in self.want:
            _check_requirement(text)
        return Wish(tuple(self.want), self.device, self.manager, self.paths)

    def facts(self, meanwhile: Callable[[], None] | None = None) -> Facts:
        """Facts from the machine file, or from looking; ``meanwhile`` is for the time in which we only wait."""
        if self.machine is not None and os.path.isdir(self.machine):
            return self._replayed(self.machine)
        if self.machine is not None:
            from fixer.probes import machine_file

            return machine_file.read(self.machine)
        from fixer.probes import observe

        host, python, running = (self.host, self.python, None) if self.pid is None else self._of_process(self.pid)
        return dataclasses.replace(observe(host, python, self.dataset, meanwhile, running), open_run=self._open_run())

    def _of_process(self, pid: int) -> tuple[RealHost, str, Running]:
        """Look through the eyes of a running process: its interpreter, its variables, its folder."""
        from fixer.host.real import RealHost
        from fixer.probes import process

        if self.python is not None or self.sys_root is not None:
            raise UsageError("usage", "--pid names the Python by itself: give neither --python nor --sys-root with it")
        running = process.look(self.host, pid)
        host = RealHost(running.environ, timeout=self.timeout or _TIMEOUT, folder=running.folder)
        return host, running.python, running

    def _replayed(self, folder: str) -> Facts:
        """What the probes see on a recorded machine; its journal was not recorded, so ``open_run`` stays unknown."""
        from fixer.host.recorded import RecordedHost
        from fixer.host.recording import load
        from fixer.probes import observe

        kept = load(folder)
        return observe(RecordedHost(kept), kept.python, self.dataset)

    def record(self, folder: str) -> Facts:
        """Look, and keep what was asked and answered as plain files in ``folder``; raises UsageError."""
        from fixer.host.recorder import Recorder
        from fixer.host.recording import save
        from fixer.host.scrub import Scrub
        from fixer.probes import observe
        from fixer.probes.variables import matters

        recorder = Recorder(self.host, self.python, matters)
        facts = observe(recorder, self.python, self.dataset)
        name = (self.host.text("/proc/sys/kernel/hostname", 4096) or "").strip()
        try:
            save(recorder.kept, folder, Scrub(self.host.environ, (name,)))
        except (OSError, RecursionError) as error:
            # A path of thousands of folders is made folder by folder.
            why = error.strerror if isinstance(error, OSError) else "the path is too long"
            raise UsageError("cannot-write", f"--record {folder}: {why or error}") from None
        return dataclasses.replace(facts, open_run=self._open_run())

    def _open_run(self) -> Observed[OpenRun]:
        """The run that was cut short, from our own journals: the one fact that no probe of the machine gives."""
        from fixer.apply.journal import open_run
        from fixer.apply.state import State

        try:
            state = State.open(self.host)
            run = open_run(state)
        except ConvfixError as error:
            return unknown(error.message, "journal")
        return absent(state.folder) if run is None else found(run, run.journal)


def importing(*modules: str) -> Callable[[], None]:
    """What a verb does while the patient's interpreter runs: import the rooms that it needs next."""

    def load() -> None:
        # Whoever needs the module imports it again and meets the same error in the open.
        with contextlib.suppress(ImportError):
            for name in modules:
                importlib.import_module(name)

    return load


def _check_requirement(text: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        # A version's number of thousands of digits cannot even be read.
        wanted = Requirement(text if len(text) <= _LONGEST_WISH else "")
    except InvalidRequirement:
        raise UsageError(
            "malformed-requirement", f"{text[:80]!r}: expected a requirement such as 'tensorflow==2.15.*'"
        ) from None
    if not text.strip().strip("0123456789."):
        raise UsageError("malformed-requirement", f"{text[:80]!r}: expected a name before the version, as in tensorflow==2.15.1")
    if any(not one.version for one in wanted.specifier):
        raise UsageError("malformed-requirement", f"{text[:80]!r}: expected a version after the operator")
    if wanted.url is not None:
        raise UsageError("malformed-requirement", f"{text[:80]!r}: a URL is not a version; name a release")


class _Seconds(click.FloatRange):
    """A range that not-a-number, which is neither below nor above it, lies outside of."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return seconds


def _together(*options: Callable[[F], F]) -> Callable[[F], F]:
    def apply(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


output = _together(
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout, on errors too."),
    click.option("-v", "--verbose", count=True, help="Say more: sources, rows, rules."),
    click.option("-q", "--quiet", is_flag=True, help="Say nothing on stdout; the exit code tells."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True),
)
data = click.option("--data-dir", metavar="DIR", help="Use the dataset in DIR.")
patience = click.option("--timeout", type=_Seconds(0.1, 86400), metavar="SECONDS",
                        help="The limit for each child process and request [default: 20; a verification's child has more].")  # fmt: skip
patient = _together(
    click.option("--python", metavar="PATH", help="The Python to look at [default: the active environment's, else python3]."),
    patience,
)
looking = _together(
    patient,
    click.option("--sys-root", metavar="DIR", help="Read /proc, /sys, /etc, /usr, /dev, /opt below DIR; nothing is run then."),
)
machine = click.option(
    "--machine", metavar="FILE",
    help="Reason about the machine in FILE instead of this one: a machine file, - for stdin, or a recording's folder.",
)  # fmt: skip
device = click.option("--device", type=click.Choice(["gpu", "cpu", "any"]), default="any", show_default=True)
manager = click.option("--manager", type=click.Choice(["auto", "pip", "uv", "conda"]), default="auto", show_default=True,
                       help="Who installs.")  # fmt: skip
wish = _together(
    click.option(
        "--want", multiple=True, metavar="REQUIREMENT", help="Wish for a release, such as 'tensorflow==2.15.*'; repeatable."
    ),
    device,
)
means = _together(
    manager,
    click.option("--paths", type=click.Choice(["auto", "hook", "activation", "profile"]), default="auto", show_default=True,
                 help="How library paths are repaired."),
)  # fmt: skip
offline = click.option("--offline", is_flag=True, help="Ask no package index; use what is at hand.")


def session(**given: Any) -> Session:
    """A session from a verb's options; the ones it does not know keep their default."""
    known = Session.__dataclass_fields__
    if given.get("machine") is not None:
        for name in ("python", "sys_root"):
            if given.get(name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise UsageError("usage", f"{option} looks at this machine and --machine at another: give one of them")
    return Session(**{name: value for name, value in given.items() if name in known})
