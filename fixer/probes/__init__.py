"""Looking: ``observe`` runs every probe and gives one Facts. Only probes look, and they touch nothing.

The unit is one row of ``TABLE``: a field of Facts and the function that observes it. A probe that fails
unexpectedly leaves its field unknown, with the reason, and the others go on. ``open_run`` is not looked
for here: it comes from convfix's own journal.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator

from fixer.dataset.questions import Dataset
from fixer.errors import ConvfixError
from fixer.host.base import Host
from fixer.model.facts import (
    ComputeCache,
    Driver,
    Fabric,
    Facts,
    Gpu,
    Interpreter,
    Launcher,
    Library,
    ModuleLine,
    Process,
    RepairFile,
    Resolution,
    TensorFlowBuild,
    Toolkit,
)
from fixer.model.observed import Observed, absent, found, unknown
from fixer.model.subject import TENSORFLOWS
from fixer.probes import disk, driver, gpu, interpreters, keras, kernel_log, managers, nvml, system, tensorflow
from fixer.probes import variables as environment_variables
from fixer.probes.patient import Seen, look
from fixer.probes.plain import clean

if TYPE_CHECKING:
    from fixer.probes.environments import Place
    from fixer.probes.process import Running


class Look:
    """One look at one machine: what several probes share is seen once and kept."""

    def __init__(
        self,
        host: Host,
        python: str | None,
        dataset: Dataset,
        meanwhile: Callable[[], None] | None = None,
        running: Running | None = None,
    ) -> None:
        self.host = host
        self.python = python
        self.dataset = dataset
        self.running = running
        self.made: dict[str, Observed[Any]] = {}
        self._meanwhile = meanwhile
        self.probes = dict(TABLE)

    @functools.cached_property
    def patient(self) -> Seen:
        return look(self.host, self.python, self._others)

    def _others(self) -> None:
        """While the patient's interpreter describes itself: the caller's own work, and every probe that asks it nothing."""
        if self._meanwhile is not None:
            self._meanwhile()
        self.fill(name for name in self.probes if name in INDEPENDENT)

    def fill(self, names: Iterable[str]) -> None:
        """Observe the fields of ``names`` that were not observed yet."""
        for name in names:
            if name not in self.made:
                self.made[name] = _guarded(name, self.probes[name], self)

    @functools.cached_property
    def bus(self) -> gpu.Bus:
        return gpu.bus(self.host)

    @functools.cached_property
    def wsl(self) -> bool:
        return bool(system.is_wsl(self.host).value)

    @functools.cached_property
    def answer(self) -> nvml.Answer | None:
        return nvml.ask(self.host) if gpu.should_ask(self.host, self.bus, self.wsl) else None

    @functools.cached_property
    def system(self) -> dict[str, Observed[Any]]:
        return system.observe(self.host)

    def value(self, name: str, default: Any) -> Any:
        """The value of a field that an earlier row made; ``default`` when it is absent or unknown."""
        return self.made[name].or_else(default)


def _gpus(at: Look) -> Observed[tuple[Gpu, ...]]:
    return gpu.observe(at.host, at.dataset, at.bus, at.answer, at.wsl)


def _driver(at: Look) -> Observed[Driver]:
    return driver.observe(at.host, at.answer, at.wsl)


def _nvidia_smi(at: Look) -> Observed[Any]:
    if at.answer is not None:
        return found(at.answer.smi, at.answer.source)
    if at.host.is_data:
        return unknown("a described system root is not asked", "nvidia-smi")
    if at.bus.asleep:
        return unknown("not asked: a card sleeps, and asking would wake it", "nvidia-smi")
    return absent("nvidia-smi", nvml.LIBRARY)


def _kernel_log(at: Look) -> Observed[Any]:
    holds = {device.kernel_driver for device in at.bus.devices}
    answered = at.answer is None or at.answer.ok
    return kernel_log.observe(at.host, bool(holds) and not at.bus.asleep and (holds != {"nvidia"} or not answered))


def _interpreters(at: Look) -> Observed[tuple[Interpreter, ...]]:
    told = at.patient.told
    own = []
    if told is not None and not told.is_virtual and told.implementation == "cpython" and not told.free_threaded:
        own.append((told.version, told.executable))
    return interpreters.observe(at.host, tuple(own))


def _managers(at: Look) -> Observed[tuple[str, ...]]:
    told = at.patient.told
    return managers.observe(at.host, told is not None and told.has_pip)


def _disk(at: Look) -> Observed[int]:
    told = at.patient.told
    return disk.observe(at.host, told.prefix if told is not None else at.host.environ.get("HOME") or "/")


def _tensorflow_build(at: Look) -> Observed[TensorFlowBuild]:
    seen = at.patient
    if seen.told is None:
        return Observed(None, seen.patient.state, seen.patient.via, seen.patient.detail)
    built = tensorflow.observe(at.host, seen.folders)
    environment = seen.environment.value
    packages = environment.packages.or_else({}) if environment is not None else {}
    name = next((name for name in TENSORFLOWS if name in packages), None)
    if built.value is None or name is None or _known(at, name, packages[name]):
        return built
    from fixer.probes import own_build

    python = environment.python.value if environment is not None else None
    build = own_build.completed(at.host, seen.folders, built.value, at.dataset, name, packages[name], python)
    return dataclasses.replace(built, value=build)


def _known(at: Look, name: str, version: str) -> bool:
    """Whether the dataset has the release, or conda built it, whose search paths are its own."""
    patient = at.patient.patient.value
    return bool(at.dataset.tensorflow(name, version)) or (patient is not None and patient.installers.get(name) == "conda")


def _toolkits(at: Look) -> Observed[tuple[Toolkit, ...]]:
    from fixer.probes import toolkits

    return toolkits.observe(at.host)


def _libraries(at: Look) -> Observed[tuple[Library, ...]]:
    from fixer.probes import libraries

    process = at.made["process"].value
    mapped = process.mapped if process is not None else ()
    # Without a GPU no version decides anything, and a look must not cost a process.
    ask = not at.made["gpus"].is_absent
    beside = [one.variables.get("LD_LIBRARY_PATH", "") for one in at.value("launchers", ())]
    return libraries.observe(at.host, at.patient.patient.value, at.value("variables", {}), at.dataset, ask, mapped, beside)


def _compute_cache(at: Look) -> Observed[ComputeCache]:
    if at.made["gpus"].is_absent:
        return unknown("not looked for: there is no NVIDIA GPU", "gpus")
    from fixer.probes import compute_cache

    return compute_cache.observe(at.host)


def _fabric(at: Look) -> Observed[Fabric]:
    if at.made["gpus"].is_absent:
        return unknown("not looked for: there is no NVIDIA GPU", "gpus")
    from fixer.probes import fabric

    return fabric.observe(at.host)


def _launchers(at: Look) -> Observed[tuple[Launcher, ...]]:
    from fixer.probes import launchers

    if at.made["gpus"].is_absent:
        return unknown("not looked for: there is no NVIDIA GPU", "gpus")
    patient = at.patient.patient.value
    return launchers.observe(at.host, patient.prefix if patient is not None else None)


def _modules(at: Look) -> Observed[tuple[ModuleLine, ...]]:
    if not at.host.environ.get("LOADEDMODULES"):
        return absent("LOADEDMODULES")
    from fixer.probes import modulefiles

    return modulefiles.observe(at.host)


def _process(at: Look) -> Observed[Process]:
    from fixer.probes import process

    return process.observe(at.host, at.running, at.dataset) if at.running is not None else absent("--pid")


def _resolutions(at: Look) -> Observed[tuple[Resolution, ...]]:
    patient, environment = at.patient.patient.value, at.patient.environment.value
    if patient is None or environment is None:
        return Observed(None, at.patient.patient.state, at.patient.patient.via, at.patient.patient.detail)
    if at.made["gpus"].is_absent:
        return unknown("not followed: there is no NVIDIA GPU", "gpus")
    from fixer.probes import libraries, loader

    packages = environment.packages.or_else({})
    name = next((name for name in TENSORFLOWS if name in packages), None)
    build = at.made["tensorflow_build"].value
    # The index's row describes the index's wheel: a conda build has another search path.
    by_conda = name is not None and patient.installers.get(name) == "conda"
    row = at.dataset.tensorflow_row(name, packages[name]) if name is not None and not by_conda else None
    copies = at.value("libraries", ())

    def predicted(before: tuple[str, ...] = ()) -> Observed[tuple[Resolution, ...]]:
        told = loader.observe(at.host, patient, packages, row or build, at.value("variables", {}), copies, at.dataset, before)
        return libraries.completed(at.host, told, copies)

    if at.made["process"].value is None:
        return predicted()
    from fixer.probes import process

    return process.overlay(at.host, at.made["process"].value, predicted, {copy.path: copy.version for copy in copies})


def _repair_files(at: Look) -> Observed[tuple[RepairFile, ...]]:
    patient = at.patient.patient
    if patient.value is None:
        return Observed(None, patient.state, patient.via, patient.detail)
    from fixer.probes import repair_files

    return repair_files.observe(at.host, patient.value)


def _of_system(name: str) -> Callable[[Look], Observed[Any]]:
    return lambda at: at.system[name]


SYSTEM_FIELDS = ("os", "distro", "arch", "glibc", "kernel", "wsl", "container", "secure_boot", "cpu_flags", "root")
TABLE: tuple[tuple[str, Callable[[Look], Observed[Any]]], ...] = (
    ("patient", lambda at: at.patient.patient),
    ("environment", lambda at: at.patient.environment),
    *((name, _of_system(name)) for name in SYSTEM_FIELDS),
    ("variables", lambda at: environment_variables.observe(at.host)),
    ("tensorflow_build", _tensorflow_build),
    ("keras_setting", lambda at: keras.observe(at.host)),
    ("gpus", _gpus),
    ("driver", _driver),
    ("nvidia_smi", _nvidia_smi),
    ("kernel_modules", lambda at: driver.modules(at.host)),
    ("device_nodes", lambda at: driver.device_nodes(at.host)),
    ("kernel_log", _kernel_log),
    ("fabric", _fabric),
    ("compute_cache", _compute_cache),
    ("cdi", lambda at: driver.cdi(at.host)),
    ("interpreters", _interpreters),
    ("pythons", lambda at: interpreters.features(at.made["interpreters"])),
    ("managers", _managers),
    ("disk_free_mib", _disk),
    ("toolkits", _toolkits),
    ("launchers", _launchers),
    ("modules", _modules),
    ("process", _process),
    ("libraries", _libraries),
    ("resolutions", _resolutions),
    ("repair_files", _repair_files),
)
# They ask nothing of the patient, so they are observed while its interpreter runs.
INDEPENDENT = frozenset(
    (*SYSTEM_FIELDS, "variables", "gpus", "driver", "nvidia_smi", "kernel_modules", "device_nodes", "kernel_log", "toolkits")
)


def observe(
    host: Host,
    python: str | None,
    dataset: Dataset,
    meanwhile: Callable[[], None] | None = None,
    running: Running | None = None,
) -> Facts:
    """Everything there is to see of this machine and of the patient; raises UsageError for a bad ``--python``.

    ``meanwhile`` is called at most once, while the patient's interpreter runs; it must not raise. ``running`` is a
    process of the patient's: what it has mapped takes the place of what the loader's model predicts.
    """
    at = Look(host, python, dataset, meanwhile, running)
    at.fill(at.probes)
    return Facts(**at.made)


def observe_all(host: Host, dataset: Dataset) -> Iterator[tuple[Place, Facts]]:
    """Every environment with TensorFlow that is found here, and its facts; what belongs to the machine is seen once."""
    from fixer.probes import environments, launchers

    shared: dict[str, Observed[Any]] = {}
    named = launchers.observe(host).or_else(())
    for place in environments.find(host, interpreters.observe(host).or_else(()), named):
        at = Look(host, place.python, dataset)
        at.made.update(shared)
        at.fill(at.probes)
        shared = {name: at.made[name] for name in INDEPENDENT}
        yield place, Facts(**at.made)


def _guarded(name: str, probe: Callable[[Look], Observed[Any]], at: Look) -> Observed[Any]:
    try:
        return probe(at)
    except ConvfixError:
        raise
    except Exception as error:  # noqa: BLE001 - a probe must not take the others down
        return unknown(clean(f"this probe failed: {type(error).__name__}: {error}"), f"probe {name}")
