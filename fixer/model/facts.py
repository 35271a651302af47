"""What is known of a machine and of the patient on it: one frozen record, the same for every witness.

Facts come from the live machine (``probes``), from a described machine (``--machine``) or from a log.
Every top-level field is an ``Observed``; nested fields are ``Observed`` where the contract tells a
missing key (unknown) from null (absent). ``machine.py`` turns the record into a machine file and back;
nothing is lost on the way, so a plan made from the file is the plan made live.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Mapping

from fixer.model.edits import Outline
from fixer.model.events import Event, UnfamiliarLine
from fixer.model.observed import Observed, unknown
from fixer.model.record import record

NOT_LOOKED = "nobody looked"
# The detail of a list of packages that names some of what is installed: a package it leaves out is unknown.
SOME_PACKAGES = "only some packages were named"
# The detail of toolkits or libraries that lines of a log name: what else lies there is unknown.
SOME_NAMED = "only some were named"


def _unknown() -> Any:
    return field(default_factory=lambda: unknown(NOT_LOOKED))


@record(frozen=True)
class Distro:
    """A Linux distribution as /etc/os-release names it: ``ubuntu``, ``22.04``; ``like`` holds ID_LIKE."""

    id: str
    version: str | None = None
    like: tuple[str, ...] = ()


# Drivers that keep a card for a virtual machine: https://docs.kernel.org/driver-api/vfio.html, pci-stub and xen-pciback before it.
HANDED_OVER = ("vfio-pci", "pci-stub", "xen-pciback")


@record(frozen=True)
class Gpu:
    """One NVIDIA GPU. None means unknown. ``pci_id`` is ``vendor:device`` in lower-case hexadecimal.

    ``kernel_driver`` is the module that holds the card (nvidia, nouveau, vfio-pci); "" when none does. ``uuid`` is the name
    that nvidia-smi -L prints (GPU-...). ``compute_mode`` is default, exclusive or prohibited; ``programs`` how many compute on
    it now. ``mig`` holds the names of its MIG instances (MIG-...): () is MIG without an instance, None no MIG or unknown.
    ``vgpu`` is licensed, unlicensed or unknown for a virtual GPU seen from its guest, None for any other card. ``fabric`` is how far
    the card has come with the NVSwitch fabric: not started, in progress or completed; None where it has none, or nobody says.
    """

    name: str | None = None
    pci_id: str | None = None
    compute_capability: str | None = None
    memory_mib: int | None = None
    free_mib: int | None = None
    powered: bool | None = None
    kernel_driver: str | None = None
    uuid: str | None = None
    compute_mode: str | None = None
    programs: int | None = None
    mig: tuple[str, ...] | None = None
    vgpu: str | None = None
    fabric: str | None = None

    @property
    def handed_over(self) -> bool:
        """Whether the card is kept for a virtual machine: CUDA on this system does not even count it."""
        return self.kernel_driver in HANDED_OVER


@record(frozen=True)
class Driver:
    """The NVIDIA driver in its two halves: the user-space libcuda and the kernel module.

    ``version`` is the user-space library's release. ``kernel_module`` absent means not loaded.
    ``cuda`` is the newest CUDA that the driver says it runs (nvidia-smi's "CUDA Version"): a ceiling,
    never an installed toolkit. ``witnesses`` is the release that runs, as each source by itself tells it.
    """

    version: Observed[str] = _unknown()
    kernel_module: Observed[str] = _unknown()
    open_module: Observed[bool] = _unknown()
    libcuda_path: Observed[str] = _unknown()
    cuda: Observed[str] = _unknown()
    witnesses: Observed[Mapping[str, str]] = _unknown()


@record(frozen=True)
class Environment:
    """The patient's environment. ``packages`` maps normalised names to versions.

    ``kind`` is venv, conda, system, project, or absent; ``python`` the full version; ``owner`` the tool
    that owns its lock file (uv, poetry, pdm, pixi, pipenv, conda-lock), absent when none does.
    """

    kind: Observed[str] = _unknown()
    python: Observed[str] = _unknown()
    owner: Observed[str] = _unknown()
    packages: Observed[Mapping[str, str]] = _unknown()


@record(frozen=True)
class Toolkit:
    """A CUDA toolkit on disk outside the environment."""

    version: str | None
    path: str


@record(frozen=True)
class Library:
    """A copy of an NVIDIA library outside the environment's own wheels; ``version`` None means unknown."""

    name: str
    version: str | None
    path: str


@record(frozen=True)
class Interpreter:
    """A Python at hand: its version, and the real executable (never a shim)."""

    version: str
    path: str


@record(frozen=True)
class BrokenPackage:
    """A distribution whose files disagree with its metadata.

    ``problem`` is one of: record-missing-files, metadata-missing, truncated, leftover, two-versions, replaced (a library
    is whole and not the one that was installed), mixed (its libraries themselves say that they are of two releases),
    unreadable (``path`` is a file or folder of it that this user may not read).
    """

    name: str
    version: str | None
    problem: str
    detail: str
    path: str


@record(frozen=True)
class Shadow:
    """A file or folder that Python would import as ``module`` before the installed package."""

    module: str
    path: str


@record(frozen=True)
class StrayPackage:
    """A distribution that reaches the environment from outside it.

    ``via`` is "user site", "PYTHONPATH", or the file that puts its folder first when the interpreter starts ("start-up" where
    none names the folder).
    """

    name: str
    version: str
    path: str
    via: str


@record(frozen=True)
class StartVariable:
    """A variable that the interpreter's own start-up changes: a sitecustomize, a usercustomize or a ``.pth`` file.

    ``value`` None means that it is taken away. ``path`` is the file that names it, "" where none was found.
    """

    name: str
    value: str | None = None
    path: str = ""


@record(frozen=True)
class Patient:
    """The interpreter that convfix is asked to heal and what surrounds it; paths are absolute.

    ``installers`` maps a package to the tool that installed it (its INSTALLER file: pip, uv, conda). ``set_at_start``
    is known of an interpreter that was run.
    """

    interpreter: str
    prefix: str
    site_packages: str
    has_pip: bool
    writable: bool
    externally_managed: bool
    user_site: bool = False
    base_prefix: str | None = None
    project_root: str | None = None
    lock_file: str | None = None
    installers: Mapping[str, str] = field(default_factory=dict)
    broken: tuple[BrokenPackage, ...] = ()
    shadows: tuple[Shadow, ...] = ()
    strays: tuple[StrayPackage, ...] = ()
    set_at_start: tuple[StartVariable, ...] = ()


@record(frozen=True)
class TensorFlowBuild:
    """What the installed TensorFlow's own files say about how it was built; None means they do not tell.

    ``version`` is what the library itself carries: it differs from the metadata when one distribution
    was installed over another. ``ptx`` is as in the dataset ("9.0a" runs nowhere else). From ``opener`` on
    (the library that opens the CUDA libraries) the fields are read only for a TensorFlow that the dataset
    does not know; ``sonames`` are then those of a known release with the same CUDA and cuDNN.
    """

    version: str | None = None
    is_cuda_build: bool | None = None
    cuda: str | None = None
    cudnn: str | None = None
    compute_capabilities: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    opener: str | None = None
    search_kind: str | None = None
    search_path: tuple[str, ...] = ()
    sonames: tuple[str, ...] = ()
    glibc: str | None = None
    bounds: Mapping[str, str] = field(default_factory=dict)


@record(frozen=True)
class KerasSetting:
    """Which backend Keras will choose and where that is written; ``source`` is a variable or a file.

    ``refused`` is a value at which Keras ends its own import (``floatx "float8"``), ``refused_in`` the keras.json that holds it.
    """

    backend: str
    source: str
    image_data_format: str | None = None
    refused: str | None = None
    refused_in: str | None = None


# What Resolution.library says of a file in the folder from which TensorFlow loads device plugins when it is imported.
DEVICE_PLUGIN = "tensorflow-plugins"


@record(frozen=True)
class Resolution:
    """What the dynamic loader does for one soname that TensorFlow opens.

    ``path`` is the winner, None when the loader finds none. ``why`` names the rule that decided
    (RPATH, LD_LIBRARY_PATH, RUNPATH, ld.so.cache, default, already loaded). ``passed_over`` lists the
    other copies on disk with their versions: ``(path, version or None)``. ``problem`` is set when the
    winner cannot be loaded (a transitive need fails, wrong ELF class, truncated).
    """

    soname: str
    library: str
    opened_by: str
    path: str | None
    version: str | None
    why: str
    passed_over: tuple[tuple[str, str | None], ...] = ()
    problem: str | None = None


@record(frozen=True)
class RepairFile:
    """A file that a repair of the loader's path may write, as it is now and without its text.

    ``role`` is hook, script (an activation script of ours, or the environment's own), kernel (a ``kernel.json`` that
    starts the patient) or profile (one that the user's shell reads; the first is that of its interactive shells).
    ``outline`` is None where nothing is there (``there`` False) or where what is there is no file that can be read.
    """

    role: str
    shell: str
    path: str
    there: bool = False
    outline: Outline | None = None


@record(frozen=True)
class Launcher:
    """What starts a Python beside the terminal: ``kind`` is jupyter, vscode, pycharm, systemd, cron, slurm or pbs.

    ``path`` is the file that says so; ``variables`` are those that it sets itself, of the ones that matter. ``inherits``
    says that it gives the LD_LIBRARY_PATH of the shell from which it is submitted. ``modules`` are those that it loads.
    """

    kind: str
    name: str
    path: str
    interpreter: str
    variables: Mapping[str, str] = field(default_factory=dict)
    inherits: bool = False
    modules: tuple[str, ...] = ()


@record(frozen=True)
class ModuleLine:
    """A line of an environment modulefile that is loaded in this shell and changes a variable.

    ``deed`` is set, prepend, append or unset; ``value`` as the line gives it, what the file set above filled in. ``mine``
    says that this user may write to the file.
    """

    module: str
    path: str
    line: int
    deed: str
    name: str
    value: str = ""
    mine: bool = False


@record(frozen=True)
class Mapped:
    """A library file that a running process has mapped; ``deleted`` when it was replaced or removed since."""

    soname: str
    path: str
    deleted: bool = False


@record(frozen=True)
class Process:
    """A running process of the patient's, and the CUDA libraries and TensorFlow's own that it has mapped.

    ``shell_reaches`` are files by soname that the LD_LIBRARY_PATH of the shell that asks leads to, and the
    process's own does not.
    """

    pid: int
    interpreter: str
    mapped: tuple[Mapped, ...] = ()
    shell_reaches: Mapping[str, str] = field(default_factory=dict)


@record(frozen=True)
class Fabric:
    """The NVSwitches between this machine's GPUs, by their places on the bus; ``managed`` says whether their fabric manager runs.

    None where other processes cannot be seen, as in a container.
    """

    switches: tuple[str, ...]
    managed: bool | None = None


@record(frozen=True)
class ComputeCache:
    """The folder in which the driver keeps kernels that it has compiled for this user.

    ``there`` says whether it is there yet. ``closed`` is the first folder or file that keeps the driver out of it and ``why``
    that is; None where nothing does. ``free_mib`` is free on its disk; ``remote`` the kind of filesystem that another machine
    serves, "" for a disk of this one.
    """

    path: str
    there: bool = False
    closed: str | None = None
    why: str = ""
    free_mib: int | None = None
    remote: str = ""


@record(frozen=True)
class KernelLine:
    """One line of the kernel log that bears on the GPU, and its source."""

    text: str
    source: str


@record(frozen=True)
class SmiAnswer:
    """How nvidia-smi or NVML ended: exit status (None: killed at the time limit) and its first line, cleaned."""

    status: int | None
    line: str


@record(frozen=True)
class OpenRun:
    """A convfix run that was cut short: its number and its journal's path."""

    run: str
    journal: str


@record(frozen=True)
class Facts:
    """Everything observed. The first block is the contract's machine file; the second what it carries beside."""

    os: Observed[str] = _unknown()
    distro: Observed[Distro] = _unknown()
    arch: Observed[str] = _unknown()
    glibc: Observed[str] = _unknown()
    kernel: Observed[str] = _unknown()
    wsl: Observed[bool] = _unknown()
    container: Observed[str] = _unknown()
    secure_boot: Observed[bool] = _unknown()
    cpu_flags: Observed[tuple[str, ...]] = _unknown()
    gpus: Observed[tuple[Gpu, ...]] = _unknown()
    driver: Observed[Driver] = _unknown()
    pythons: Observed[tuple[str, ...]] = _unknown()
    environment: Observed[Environment] = _unknown()
    toolkits: Observed[tuple[Toolkit, ...]] = _unknown()
    libraries: Observed[tuple[Library, ...]] = _unknown()
    variables: Observed[Mapping[str, str]] = _unknown()
    managers: Observed[tuple[str, ...]] = _unknown()
    root: Observed[bool] = _unknown()
    disk_free_mib: Observed[int] = _unknown()

    interpreters: Observed[tuple[Interpreter, ...]] = _unknown()
    patient: Observed[Patient] = _unknown()
    tensorflow_build: Observed[TensorFlowBuild] = _unknown()
    keras_setting: Observed[KerasSetting] = _unknown()
    resolutions: Observed[tuple[Resolution, ...]] = _unknown()
    launchers: Observed[tuple[Launcher, ...]] = _unknown()
    modules: Observed[tuple[ModuleLine, ...]] = _unknown()
    process: Observed[Process] = _unknown()
    kernel_modules: Observed[tuple[str, ...]] = _unknown()
    device_nodes: Observed[Mapping[str, bool]] = _unknown()
    nvidia_smi: Observed[SmiAnswer] = _unknown()
    kernel_log: Observed[tuple[KernelLine, ...]] = _unknown()
    fabric: Observed[Fabric] = _unknown()
    compute_cache: Observed[ComputeCache] = _unknown()
    cdi: Observed[Mapping[str, str]] = _unknown()
    repair_files: Observed[tuple[RepairFile, ...]] = _unknown()
    open_run: Observed[OpenRun] = _unknown()
    events: Observed[tuple[Event, ...]] = _unknown()
    unfamiliar: Observed[tuple[UnfamiliarLine, ...]] = _unknown()

    @property
    def in_force(self) -> Mapping[str, str]:
        """The variables as a program of the patient's has them: as given, and as the interpreter's start-up changes them.

        The loader has read its own (LD_*) before any line of Python runs: there what was given stays in force.
        """
        made = dict(self.variables.or_else({}))
        for one in self.patient.value.set_at_start if self.patient.value is not None else ():
            if one.name.startswith("LD_"):
                continue
            if one.value is None:
                made.pop(one.name, None)
            else:
                made[one.name] = one.value
        return made

    @property
    def on_windows(self) -> bool:
        """Whether the machine runs Windows itself, and not WSL2 in it."""
        return (self.os.value or "").lower() in ("windows", "win32", "nt")

    @property
    def on_linux(self) -> bool:
        """Whether it runs Linux, as it does where nobody says otherwise."""
        return (self.os.value or "linux").lower() == "linux"

    @property
    def on_jetson(self) -> bool:
        """Whether it is a Jetson: NVIDIA names its kernels so."""
        return (self.kernel.value or "").endswith("-tegra")

    @property
    def packages(self) -> Observed[Mapping[str, str]]:
        """The environment's packages; absent when there is no environment, unknown when nobody could look."""
        if self.environment.value is None:
            return Observed(None, self.environment.state, self.environment.via, self.environment.detail)
        return self.environment.value.packages
