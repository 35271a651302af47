"""One scenario: what is staged, and what it must be called.

The unit is ``Scenario``. ``stage`` makes the environment and the folders that are laid over the machine. Texts that the
lab's kernel has not of itself (a firmware's variable, another distribution) stand in ``said``: the lab shows them too.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from tests import patients
from tests.lab import wheels
from tests.lab.build import Builder
from tests.lab.machine import Machine

PYTHONS = {"1.15.5": "3.7", "2.3.4": "3.8", "2.4.4": "3.8", "2.6.5": "3.9", "2.8.4": "3.10", "2.10.1": "3.10"}


@dataclass(frozen=True)
class Staged:
    """A scenario on disk: the patient, the machine with its stage laid over it, the person's variables."""

    patient: patients.Patient
    machine: Machine
    variables: Mapping[str, str]


@dataclass
class Stage:
    """Where a scenario is staged: ``home`` holds the environment ``env``; ``local`` is shown among /usr/local."""

    home: Path
    local: Path
    builder: Builder
    patient: patients.Patient

    @property
    def site(self) -> Path:
        return self.patient.site_packages

    def install(self, *requirements: str) -> None:
        """Install over what is there, against all metadata, as people do."""
        uv = patients.need("uv")
        argv = [uv, "pip", "install", "--quiet", "--no-deps", "--python", self.patient.python, *requirements]
        subprocess.run(argv, check=True, capture_output=True)

    def uninstall(self, *names: str) -> None:
        subprocess.run([patients.need("uv"), "pip", "uninstall", "--quiet", "--python", self.patient.python, *names], check=True)

    def standins(self, *held: wheels.Wheel) -> None:
        """Install stand-in wheels beside what is there."""
        folder = self.home.parent / "wheels"
        for wheel in held:
            wheels.write(wheel, self.builder, folder)
        names = [f"{wheel.name}=={wheel.version}" for wheel in held]
        argv = [patients.need("uv"), "pip", "install", "--quiet", "--no-deps", "--no-cache", "--no-index", "--find-links", str(folder)]
        subprocess.run([*argv, "--python", self.patient.python, *names], check=True, capture_output=True)


@functools.cache
def _base(builder: Builder, python: str, wanted: tuple[str, ...], held: tuple[wheels.Wheel, ...]) -> patients.Patient:
    """An environment from which others are copied, made once a session."""
    folder = builder.cache / "environments" / hashlib.sha256(repr((python, wanted, held)).encode()).hexdigest()[:12]
    stage = Stage(folder, folder, builder, patients.make_patient(folder / "env", python, wanted))
    if held:
        stage.standins(*held)
    return stage.patient


@functools.cache
def _warm(base: patients.Patient) -> None:
    """Byte code is most of a first import. What is staged to fail fails here too, which is no matter."""
    base.run("-c", "import tensorflow; tensorflow.keras.applications", env={"PATH": "/usr/bin:/bin", "HOME": str(base.path.parent)})


_copied: set[Path] = set()


def copied(base: patients.Patient, path: Path, python: str) -> patients.Patient:
    """A new environment with the packages of ``base``: the same bytes under other names, as an installer's cache gives them."""
    made = patients.make_patient(path, python, pip=False)
    if base.path in _copied:
        _warm(base)
    _copied.add(base.path)

    def linked(source: str, target: str) -> None:
        if not os.path.lexists(target):
            os.link(source, target)

    shutil.copytree(base.site_packages, made.site_packages, symlinks=True, copy_function=linked, dirs_exist_ok=True)
    for program in (base.path / "bin").iterdir():
        beside = path / "bin" / program.name
        if not os.path.lexists(beside):
            beside.write_bytes(program.read_bytes().replace(os.fsencode(base.path), os.fsencode(path)))
            shutil.copymode(program, beside)
    return made


def nothing(stage: Stage) -> None:
    """Leave the environment as TensorFlow's own metadata makes it."""


@dataclass(frozen=True)
class Scenario:
    """``name`` says what is wrong beyond the cause's own slug; ``variables`` may name ``{home}`` and ``{site}``.

    ``flip`` names the scenario of the same release in which the one decisive fact is otherwise, or any by its whole id. ``extra`` are further
    requirements; ``over`` shows folders of the stage's ``local`` elsewhere: ``{"/usr/lib/wsl/lib": "wsl"}``.
    ``named`` is a cause that doctor names though it stops nothing by itself. ``asks`` is what the person wishes of
    convfix: ``("--device", "gpu")``. ``first`` is a module that the person's program imports before TensorFlow: only the
    running process shows that, and doctor is given its PID. ``program`` is what the person runs for the log, where it
    is not the lab's convolution.
    """

    name: str
    cause: str | None
    release: str | None = "2.15.1"
    machine: Machine = field(default_factory=Machine)
    standins: bool = True
    change: Callable[[Stage], None] = nothing
    variables: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    distro: str = "debian12"
    extra: tuple[str, ...] = ()
    flip: str = ""
    over: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    named: str = ""
    asks: tuple[str, ...] = ()
    first: str = ""
    program: str = ""

    @property
    def place(self) -> tuple[object, ...]:
        """Scenarios of one place have the same files on disk; machine and variables alone differ."""
        return self.release, self.python, self.standins, self.change, self.extra

    @property
    def id(self) -> str:
        return f"{self.release}-{self.name}"

    @property
    def flip_id(self) -> str:
        return self.flip if self.flip[:1].isdigit() else f"{self.release}-{self.flip}"

    def stage(self, folder: Path, builder: Builder) -> Staged:
        """Make it below ``folder``, which is new."""
        return self.on(self.make(folder, builder))

    def make(self, folder: Path, builder: Builder) -> Stage:
        """The files of it, below ``folder``, which is new."""
        home, local = folder / "home", folder / "local"
        home.mkdir(parents=True)
        local.mkdir()
        release = self.release
        python = self.python or PYTHONS.get(release or "", "3.11")
        old = ("protobuf<3.21",) if release in ("1.15.5", "2.3.4", "2.4.4", "2.6.5") else ()
        # Of 1.15 the package without the suffix is built without CUDA from 1.15.5 on.
        name = "tensorflow-gpu" if release == "1.15.5" else "tensorflow"
        wanted = (f"{name}=={release}", *old, *self.extra) if release else ()
        held = wheels.SETS[release] if self.standins and release in wheels.SETS else ()
        stage = Stage(home, local, builder, copied(_base(builder, python, wanted, held), home / "env", python))
        self.change(stage)
        return stage

    def on(self, stage: Stage) -> Staged:
        """The machine and the variables around such files."""
        names = {"home": str(stage.home), "site": str(stage.site)}
        variables = {name: value.format(**names) for name, value in self.variables.items()}
        over = {**self.machine.over, **({"/usr/local": str(stage.local)} if any(stage.local.iterdir()) else {})}
        over |= {folder: str(stage.local / name) for folder, name in self.over.items()}
        files = {item.removeprefix("file:"): text for item, text in self.said.items() if item.startswith("file:")}
        gone = tuple(one for item, names in self.said.items() if item == "gone:/dev" for one in names)
        machine = replace(self.machine, over=over, files={**self.machine.files, **files}, missing_nodes=(*self.machine.missing_nodes, *gone))
        return Staged(stage.patient, machine, variables)


def by_place(scenarios: Sequence[Scenario]) -> list[list[Scenario]]:
    """Those with the same files on disk together, so that each environment is made once."""
    places: dict[tuple[object, ...], list[Scenario]] = {}
    for scenario in scenarios:
        places.setdefault(scenario.place, []).append(scenario)
    return list(places.values())
