"""The rows of the dataset as types; one class per file of ``compat_data``, one instance per row.

Ranges are PEP 440 specifiers. Every row has ``source`` (where the fact was read), ``checked`` (the day)
and ``confidence`` (primary, secondary, inference, recipe). None and empty mean: not known.
"""

from __future__ import annotations

from dataclasses import field
from typing import Mapping

from fixer.model.record import record

# The topic of all reports.
EVERY_REPORT = "any report"


@record(frozen=True)
class TensorFlowRow:
    """One published wheel family of a TensorFlow distribution: ``tensorflow.json``.

    ``compute_capabilities`` is machine code ("8.6"), ``ptx`` PTX targets ("9.0", "9.0a" runs nowhere
    else); ``ptx_versions`` is the PTX version of the hand-written kernels and of the generated ones, which a driver that
    compiles them must know; ``partly_compiled`` lists the capabilities whose machine code the generated ones lack.
    ``search_path`` lists the nvidia folders that the opening library searches ("cudnn");
    ``search_kind`` is RPATH or RUNPATH. ``bounds`` maps a required package to its specifier;
    ``extras`` maps an extra to such a map. ``build`` is "" for the index, a build string for conda-forge.
    ``bounds`` holds for the oldest Python of the row; ``python_bounds`` maps a newer Python to what differs.
    ``opener`` is the library whose ELF was read for ``needed``, ``glibcxx`` and the search path. From 2.11 on it calls dlopen for
    the CUDA libraries itself; from 1.14 to 2.10 the module beside it does, whose path ``probes.loader`` reads on the machine.
    """

    distribution: str
    version: str
    python: tuple[str, ...]
    platform: str
    prerelease: bool = False
    is_cuda_build: bool | None = None
    cuda: str | None = None
    cudnn_major: int | None = None
    cudnn_compiled: str | None = None
    compute_capabilities: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    ptx_versions: tuple[str, ...] = ()
    partly_compiled: tuple[str, ...] = ()
    search_kind: str | None = None
    search_path: tuple[str, ...] = ()
    sonames: tuple[str, ...] = ()
    glibc: str | None = None
    extras: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    bounds: Mapping[str, str] = field(default_factory=dict)
    known_faults: tuple[str, ...] = ()
    size_bytes: int | None = None
    build: str = ""
    yanked: bool = False
    python_bounds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    opener: str | None = None
    needed: tuple[str, ...] = ()
    glibcxx: str | None = None
    sources: tuple[str, ...] = ()
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class ReleaseRow:
    """One release of a package that surrounds TensorFlow: ``packages.json``.

    ``python`` lists the Pythons for which a wheel for Linux x86_64 (or a pure one) exists; ``glibc`` is
    the oldest that such a wheel accepts. ``python_bounds`` is as in ``TensorFlowRow``. ``elsewhere`` lists the
    Pythons for another platform where they are not the same.
    """

    name: str
    version: str
    requires_python: str
    python: tuple[str, ...]
    prerelease: bool = False
    yanked: bool = False
    bounds: Mapping[str, str] = field(default_factory=dict)
    python_bounds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    glibc: str | None = None
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    size_bytes: int | None = None
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class CondaRow:
    """The CUDA libraries of conda-forge for TensorFlow's own wheels: ``conda.json``.

    ``packages`` are conda's specifications, ``cuda`` and ``cudnn`` what they bring.
    """

    name: str
    tensorflow: str
    platform: str
    cuda: str
    cudnn: str
    packages: tuple[str, ...]
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class NvidiaWheelRow:
    """One of NVIDIA's wheels for Linux x86_64, as read: ``nvidia_wheels.json``.

    ``libraries`` maps each soname to what it needs of the CUDA family; ``folders`` are those below
    site-packages/nvidia that hold its files, ``search_path`` those that its libraries search (in this
    order; ``search_kind`` is RPATH or RUNPATH, None where they differ or search nothing). ``glibc`` is
    what the platform tag demands. ``compute_capabilities`` is the machine code of the libraries that
    decide (cuDNN's that every convolution takes, cuBLAS's), empty for other wheels. ``cuda`` lists the
    CUDA releases that the wheel is part of. Wheels in ``shares_files_with`` own files of the same names:
    the one installed last wins, and uninstalling either deletes the other's.
    """

    name: str
    version: str
    cuda: tuple[str, ...] = ()
    glibc: str | None = None
    size_bytes: int | None = None
    folders: tuple[str, ...] = ()
    libraries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    search_kind: str | None = None
    search_path: tuple[str, ...] = ()
    compute_capabilities: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    shares_files_with: tuple[str, ...] = ()
    bounds: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class TorchRow:
    """A release of PyTorch on the index and the nvidia wheels that it pins on Linux x86_64: ``torch.json``."""

    version: str
    requires_python: str
    python: tuple[str, ...]
    cuda: str | None
    pins: Mapping[str, str]
    glibc: str | None = None
    yanked: bool = False
    size_bytes: int | None = None
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class JaxRow:
    """A release of JAX, jaxlib or one of JAX's CUDA plugins: ``jax.json``.

    ``extras`` holds the extras that bring CUDA: a plugin's "with-cuda" gives the nvidia wheels, the
    lowest cuDNN among them. ``bounds`` is as in ``TensorFlowRow``, ``elsewhere`` as in ``ReleaseRow``.
    """

    name: str
    version: str
    requires_python: str
    python: tuple[str, ...]
    cuda_major: int | None = None
    glibc: str | None = None
    yanked: bool = False
    bounds: Mapping[str, str] = field(default_factory=dict)
    python_bounds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    extras: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    size_bytes: int | None = None
    source: str = ""
    checked: str = ""
    confidence: str = "primary"

    @property
    def prerelease(self) -> bool:
        """The harvest keeps JAX's final releases alone."""
        return False


@record(frozen=True)
class PackageFaultRow:
    """What really happens when two packages meet: ``package_faults.json``.

    ``effect`` is breaks-import, breaks-use or works. The row holds when the installed TensorFlow is in
    ``tensorflow`` and the installed ``package`` is in ``versions`` (and, where set, Python in ``python``).
    ``beside`` maps further packages to the versions that they must have for the row to hold (numpy: ">=2").
    ``measured`` names the pairs that were really run; a row without any is an inference.
    """

    id: str
    cause: str
    package: str
    versions: str
    tensorflow: str
    effect: str
    message: str
    remedy: str
    python: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)
    measured: tuple[str, ...] = ()
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class DisagreementRow:
    """Where a published table says something else than a release's artefact: ``disagreements.json``. The artefact decides.

    ``about`` is cuda, cudnn or python; ``published`` and ``artefact`` are the two statements, ``published_by``
    and ``source`` where each was read.
    """

    distribution: str
    version: str
    platform: str
    about: str
    published: str
    artefact: str
    published_by: str
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class CudaRow:
    """One CUDA release: ``cuda.json``. ``linux_driver`` is the toolkit's own driver, ``ptx_isa`` what it compiles."""

    version: str
    linux_driver: str | None
    windows_driver: str | None
    ptx_isa: str | None = None
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class CudaMajorRow:
    """The minor-version floor of a CUDA major: any toolkit of it runs on this driver or a newer one (not its PTX)."""

    major: int
    linux_driver: str
    windows_driver: str | None
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class CudnnRow:
    """A range of cuDNN releases: ``cudnn.json``."""

    versions: str
    cuda_majors: tuple[int, ...]
    sonames: tuple[str, ...]
    compute_capabilities: tuple[str, ...]
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class GpuRow:
    """One PCI device: ``gpus.json``. ``pci_id`` is "10de:2206"."""

    pci_id: str
    name: str
    chip: str
    compute_capability: str | None
    last_driver_branch: int | None = None
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class GpuFamilyRow:
    """An architecture: ``gpu_families`` in ``gpus.json``.

    ``last_driver_branch`` None means current branches serve it. ``module`` is proprietary (only),
    open (only) or either. ``first_driver_branch`` is the first branch that knows it.
    """

    name: str
    compute_capabilities: tuple[str, ...]
    first_driver_branch: int | None
    last_driver_branch: int | None
    module: str
    first_cuda: str | None = None
    last_cuda: str | None = None
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class ReserveRow:
    """What TensorFlow leaves of a GPU's free memory to CUDA's libraries: ``reserves`` in ``gpus.json``.

    ``tensorflow`` is a specifier, "" means every release; ``capability_majors`` empty means every card. Of the free MiB
    at least ``least_mib`` are left, or ``share`` of them where that is more; ``most_free_mib`` bounds what the row is for.
    """

    id: str
    tensorflow: str
    capability_majors: tuple[int, ...]
    least_mib: int
    share: float = 0.0
    most_free_mib: int | None = None
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class LibraryRow:
    """One library of the CUDA family: ``libraries.json``. ``wheel_folder`` is "cudnn" for nvidia/cudnn/lib."""

    name: str
    sonames: tuple[str, ...]
    wheel_folder: str | None
    wheels: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class KnownFaultRow:
    """A release that is broken as published: ``known_faults.json``.

    ``remedy`` says in words what helps; ``settled_by`` names it for planning: requirements ("tensorflow==2.16.2",
    "driver>=555") and actions ("preload_hook"), each of which helps by itself.
    """

    id: str
    distribution: str
    versions: str
    platform: str
    cause: str
    what: str
    remedy: str
    settled_by: tuple[str, ...] = ()
    python: str = ""
    links: tuple[str, ...] = ()
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class DriverStepRow:
    """The commands that install a driver on a distribution, for a person: ``drivers.json``.

    ``distro`` is the id of os-release, ``versions`` a specifier over its version ("" for any),
    ``branch`` the driver branch it gives, ``module`` open or proprietary. Commands are argv lists.
    ``secure_boot`` are those that follow where Secure Boot is on, ``secure_boot_note`` what is done at the
    console. ``replaces`` are those that go first where another driver is installed, with which these packages conflict.
    ``origin`` is "" for the distribution's own packages, which come first, else whose repository it is.
    """

    distro: str
    versions: str
    branch: int
    module: str
    summary: str
    commands: tuple[tuple[str, ...], ...]
    notes: str = ""
    secure_boot: tuple[tuple[str, ...], ...] = ()
    secure_boot_note: str = ""
    replaces: tuple[tuple[str, ...], ...] = ()
    origin: str = ""
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class DistroRow:
    """What a distribution's release brings: its glibc, its default Python and the newest GLIBCXX version that its
    libstdc++ offers: ``distros.json``."""

    id: str
    version: str
    glibc: str | None
    python: str | None
    glibcxx: str | None = None
    source: str = ""
    checked: str = ""
    confidence: str = "primary"


@record(frozen=True)
class SymptomRow:
    """A line that programs print, and what it states: ``symptoms.json``, one section a family.

    ``templates`` are its wordings (``fixer.log.templates`` tells their notation). ``states`` maps a fact's
    name to its value, in which ``{name}`` stands for a value of the line. ``kind`` is error, headline (names
    the step that failed, never why), fact, noise (harmless by itself), success (only a run that works prints
    it) or folk (shows that a wrong remedy was tried). ``causes`` maps a cause to its weight among the causes
    that this line can have; ``certainty`` says how far the line alone goes where it names one cause.
    ``decide_with`` is the command that would decide.
    """

    id: str
    templates: tuple[str, ...]
    kind: str
    causes: Mapping[str, int] = field(default_factory=dict)
    certainty: str = "cannot-tell"
    states: Mapping[str, str] = field(default_factory=dict)
    decide_with: tuple[str, ...] = ()
    about: str = ""
    source: str = ""
    checked: str = ""
    confidence: str = "primary"

    @property
    def fails(self) -> bool:
        """Whether the line tells of a failure."""
        return self.kind in ("error", "headline")


@record(frozen=True)
class TopicRow:
    """How many real reports with a topic had each cause: ``reports.json``. ``fixer.rules.topics`` says what a topic is.

    The row of ``EVERY_REPORT`` counts them all.
    """

    topic: str
    causes: Mapping[str, int]
    source: str = ""
    checked: str = ""
    confidence: str = "primary"
