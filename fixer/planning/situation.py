"""One situation: the facts, the dataset and the wish, with what planning asks of them again and again.

The unit is ``Situation``, made once per plan. It says where an installation may go, with which installer,
for which GPUs; it chooses nothing. A fact that people leave out (operating system, architecture, a
writable environment) is presumed ordinary; what decides a stack stays unknown.
"""

from __future__ import annotations

import ntpath
import posixpath
import re
from typing import Iterable

from fixer.dataset import ask
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import GpuFamilyRow
from fixer.model import compare
from fixer.model.facts import Facts, Gpu, Patient
from fixer.model.finding import Finding
from fixer.model.once import once
from fixer.model.plan import Wish
from fixer.model.record import altered
from fixer.model.subject import Subject
from fixer.planning import drivers
from fixer.planning.ground import Ground, Seat, Shelf
from fixer.planning.libstdcxx import may_bring_libstdcxx
from fixer.planning.wishes import Wishes, of

CONDA = ("micromamba", "mamba", "conda")
_BASES = re.compile(r"^(conda|base|(mini|ana)conda\d*|mambaforge|miniforge\d*|micromamba)$")
NOWHERE = "<environment>"
# Apple's plugin, through which TensorFlow uses the GPU of a Mac.
METAL = "tensorflow-metal"
# The frameworks that need the installed nvidia wheels as they are.
HOLDERS = ("torch", "jax-cuda12-plugin", "jax-cuda13-plugin")


class Situation(Subject):
    """Facts, findings, dataset and wish, with derived answers computed at most once each."""

    def __init__(self, facts: Facts, findings: Iterable[Finding], dataset: Dataset, wish: Wish) -> None:
        super().__init__(facts)
        self.findings = tuple(findings)
        self.dataset = dataset
        self.wish = wish
        self.wishes: Wishes = of(wish)
        self._grounds: dict[bool, Ground] = {}

    # the machine

    @once
    def glibc(self) -> str | None:
        """The C library's version; "" for another C library, None where nobody knows."""
        if self.facts.glibc.is_found:
            return self.facts.glibc.value
        distro = self.facts.distro.value
        if self.facts.glibc.is_absent or (distro is not None and "alpine" in (distro.id, *distro.like)):
            return "" if self.os == "linux" else None
        row = ask.distro(self.dataset, distro.id, distro.version or "") if distro is not None else None
        return row.glibc if row is not None else None

    @once
    def glibcxx(self) -> str | None:
        """The newest GLIBCXX version of the distribution's libstdc++, where nothing puts another one before it."""
        distro = self.facts.distro.value
        if distro is None or self.kind == "conda" or self.conda is not None or may_bring_libstdcxx(self.variables):
            return None
        row = ask.distro(self.dataset, distro.id, distro.version or "")
        # A glibc that is not the distribution's own says that the machine is not what its name promises.
        return row.glibcxx if row is not None and compare.glibc(self.glibc) == compare.glibc(row.glibc) else None

    @once
    def glibc_step(self) -> str | None:
        """The newest C library that some wheel asks for and this system has: what wheels are chosen by."""
        return ask.glibc_step(self.dataset, self.glibc) if self.glibc else self.glibc

    @once
    def managers(self) -> tuple[str, ...]:
        return self.facts.managers.or_else(())

    @once
    def profiles(self) -> tuple[tuple[str, str], ...]:
        """The user's shell and its profile, and bash's for login shells; bash's first where nobody knows."""
        seen = self.facts.repair_files.or_else(())
        known = tuple((one.shell, one.path) for one in seen if one.role == "profile")
        return known or (("bash", posixpath.join(self.variables.get("HOME") or "~", ".bashrc")),)

    @property
    def kernels(self) -> tuple[str, ...]:
        """The ``kernel.json`` files that start the patient."""
        return tuple(one.path for one in self.facts.repair_files.or_else(()) if one.role == "kernel")

    @once
    def macos(self) -> str | None:
        """The release of macOS, where this is a Mac and it is known."""
        distro = self.facts.distro.value
        return (distro.version or None) if self.os == "macos" and distro is not None else None

    @once
    def metal(self) -> bool:
        """Whether the GPU of a Mac is meant: it is asked for, or Apple's plugin is there or wished for."""
        if self.platform != "macosx_arm64" or self.wish.device == "cpu":
            return False
        return self.wish.device == "gpu" or METAL in self.wishes.packages or METAL in self.packages

    # the GPU and its driver

    @once
    def all_cards(self) -> tuple[Gpu, ...]:
        """The GPUs of this system; their compute capability is filled in by PCI id or name where the rows are sure of it."""
        return tuple(self._known(gpu) for _, gpu in self.gpus)

    @once
    def cards(self) -> tuple[Gpu, ...]:
        """The GPUs that count: those that one driver can serve together, the present one where it serves any."""
        known = [(card, ask.family(self.dataset, card.compute_capability or "")) for card in self.all_cards]
        driver = self.facts.driver.value
        present = compare.driver(self.driver_version)
        if len(known) < 2 or self.wsl or self.os != "linux":
            return self.all_cards
        if driver is not None and present is not None:
            served = [card for card, row in known if drivers.serves(row, present.branch, driver.open_module.value)]
            if served:
                return tuple(served)
        together = drivers.together(tuple(row for _, row in known))
        return tuple(card for card, row in known if row is None or row in together)

    def _known(self, gpu: Gpu) -> Gpu:
        if gpu.compute_capability is None:
            return altered(gpu, compute_capability=ask.capability(self.dataset, gpu.pci_id, gpu.name))
        return gpu

    @once
    def capabilities(self) -> tuple[str | None, ...]:
        return tuple(card.compute_capability for card in self.cards)

    @once
    def known_capabilities(self) -> tuple[str, ...]:
        """The capabilities that are known, each once."""
        return tuple(dict.fromkeys(one for one in self.capabilities if one is not None))

    @once
    def families(self) -> tuple[GpuFamilyRow, ...]:
        known = (ask.family(self.dataset, one) for one in self.capabilities if one is not None)
        return tuple(row for row in known if row is not None)

    @property
    def card_name(self) -> str:
        card = self.cards[0] if self.cards else None
        return (card.name or card.pci_id or "the GPU") if card is not None else "the GPU"

    @once
    def driver_version(self) -> str | None:
        """The driver's release; the running module's where a libcuda that is not the driver's own must go."""
        driver = self.facts.driver.value
        if driver is None:
            return None
        halves = (driver.version.value, driver.kernel_module.value)
        return (halves[1] or halves[0]) if self._libcuda_must_go else (halves[0] or halves[1])

    @property
    def _libcuda_must_go(self) -> bool:
        return any(
            one.certainty != "cannot-tell"
            and (one.cause == "cuda-compat-lib" or one.cause == "driver-library-mismatch" and one.subject.get("step") == "remove")
            for one in self.findings
        )

    @once
    def driver_unknown(self) -> bool:
        """Whether a driver may be there whose release nobody knows."""
        driver = self.facts.driver
        if driver.is_unknown:
            return True
        return driver.value is not None and self.driver_version is None and driver.value.version.is_unknown

    def ground(self, gpu: bool) -> Ground:
        """What gates a wheel here, for the GPU or for the CPU alone."""
        if gpu not in self._grounds:
            self._grounds[gpu] = self._ground(gpu)
        return self._grounds[gpu]

    def _ground(self, gpu: bool) -> Ground:
        flags = self.facts.cpu_flags
        avx = self.arch != "x86_64" or flags.is_unknown or "avx" in flags.or_else(())
        capabilities = tuple(dict.fromkeys(self.capabilities)) if gpu else ()
        driver = self.driver_version if gpu else None
        unknown = gpu and self.driver_unknown
        return Ground(self.platform, self.glibc, avx, gpu, capabilities, driver, unknown, self.wsl, self.glibcxx, self.macos)

    @once
    def seat(self) -> Seat:
        """What the present environment may take."""
        open_ = self.python is not None and (self.not_editable is None or self.owner is not None)
        by_conda = (self.tensorflow or "") if self.by_conda else ""
        full = self.full_python if self.wishes.python else ""
        return Seat(self.python, open_, self.by_conda, by_conda, full, self.wish.requirements)

    @once
    def shelf(self) -> Shelf:
        """The Pythons for a new environment."""
        owned = self.owner is not None
        python, full = (self.python, self.full_python) if owned else (None, "")
        return Shelf(self.pythons, self.can_fetch_python, owned, python, full, self.wish.requirements)

    # the environment

    @once
    def kind(self) -> str | None:
        if self.environment is None:
            return None
        return self.environment.kind.value or ("venv" if self.environment.kind.is_unknown else None)

    @property
    def full_python(self) -> str:
        """The environment's Python in full, as far as known."""
        environment = self.environment
        return (environment.python.value if environment is not None else None) or self.python or ""

    @property
    def owner(self) -> str | None:
        return self.environment.owner.value if self.environment else None

    @once
    def nvidia_wheels(self) -> tuple[tuple[str, str], ...]:
        """The installed wheels of NVIDIA's, by name."""
        return tuple(sorted(item for item in self.packages.items() if item[0].startswith("nvidia-")))

    @once
    def holder(self) -> str:
        """The installed framework that needs them as they are; "" where there is none."""
        return next((f"{name} {self.packages[name]}" for name in HOLDERS if name in self.packages), "")

    @property
    def of_old_api(self) -> bool:
        """Whether the installed TensorFlow is a 1.x, whose programs a 2.x does not run as they are."""
        return (self.tensorflow or "").startswith(("0.", "1."))

    @once
    def by_conda(self) -> bool:
        """Whether conda put the installed TensorFlow there; then conda must change it, too."""
        installers = self.patient.installers if self.patient else {}
        return any(installers.get(name) == "conda" for name in self.distributions) or "tensorflow-base" in self.packages

    def installed_by_conda(self, name: str) -> bool:
        installers = self.patient.installers if self.patient else {}
        return installers.get(name) == "conda" or (name in ("tensorflow", "tensorflow-base") and self.by_conda)

    @once
    def prefix(self) -> str:
        return self.patient.prefix if self.patient else NOWHERE

    @once
    def interpreter(self) -> str:
        return self.patient.interpreter if self.patient else "python"

    @once
    def site_packages(self) -> str:
        if self.patient is not None:
            return self.patient.site_packages
        return f"{NOWHERE}/lib/python{self.python or '3'}/site-packages"

    @once
    def not_editable(self) -> str | None:
        """Why packages may not be put into the environment; None when they may."""
        if self.environment is None:
            return "there is no environment"
        patient = self.patient
        if patient is not None and patient.externally_managed:
            return "its Python is managed by the system (PEP 668)"
        if self.kind in (None, "system"):
            return "it is the system's Python"
        if patient is not None and not patient.writable:
            return "it is not writable for this user"
        if self.kind == "conda" and self._is_base(patient):
            return "it is conda's base environment, which conda itself runs in"
        if (
            patient is not None
            and not patient.has_pip
            and "uv" not in self.managers
            and not self.facts.managers.is_unknown
        ):
            return "it has no pip, and uv is not at hand"
        return None

    def _is_base(self, patient: Patient | None) -> bool:
        if self.variables.get("CONDA_DEFAULT_ENV") == "base" and patient is None:
            return True
        if patient is None:
            return False
        folder, name = posixpath.split(patient.prefix.rstrip("/"))
        return posixpath.basename(folder) != "envs" and bool(_BASES.match(name.lower()))

    @once
    def manager(self) -> str:
        """Who installs wheels into the environment: uv where it is at hand, else pip."""
        if self.wish.manager in ("pip", "uv"):
            return self.wish.manager
        return "uv" if "uv" in self.managers else "pip"

    @property
    def conda(self) -> str | None:
        """The conda-like manager at hand."""
        return next((name for name in reversed(CONDA) if name in self.managers), None)

    @once
    def pythons(self) -> tuple[str, ...]:
        """The Pythons at hand as wheels are tagged, newest first, the environment's own included."""
        found = [compare.feature(text) for text in self.facts.pythons.or_else(())]
        if self.environment is not None and self.facts.pythons.is_unknown:
            found.append(self.python)
        return tuple(sorted({text for text in found if text}, key=compare.release, reverse=True))

    @property
    def can_fetch_python(self) -> bool:
        """Whether a Python that is not at hand can be had."""
        if self.wish.manager == "pip":
            return False
        return "uv" in self.managers or self.conda is not None

    def interpreter_of(self, python: str) -> str | None:
        """A real interpreter of that version, where its path is known."""
        found = [one for one in self.facts.interpreters.or_else(()) if compare.feature(one.version) == python]
        return max(found, key=lambda one: compare.release(one.version)).path if found else None

    @once
    def new_path(self) -> str:
        """Where a new environment goes: below the home, under a name that the present one does not bear.

        Planning knows no home unless the variables carry it; the environment then lies in the folder where the commands run.
        """
        windows = self.os == "windows"
        home = self.variables.get("USERPROFILE" if windows else "HOME")
        name = "convfix-env-2" if posixpath.basename(self.prefix.replace("\\", "/")) == "convfix-env" else "convfix-env"
        if windows:
            return ntpath.join(home or ".", name)
        return posixpath.join(home, name) if home else name
