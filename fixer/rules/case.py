"""One case: the facts, the dataset and the wish, with what follows from them at once and is asked often.

The unit is ``Case``, made once per judgement and given to every rule. It answers questions ("which
TensorFlow is it, is the GPU wished for, what does this card know"); it concludes nothing about causes.
A fact that is usually left unsaid (operating system, architecture, kind of environment) is presumed
ordinary here; facts on which everything hangs stay unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from fixer.dataset import ask
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model import architectures, compare
from fixer.model.facts import SOME_PACKAGES, Driver, Facts, StartVariable
from fixer.model.finding import Certainty, Evidence, RowRef, Severity
from fixer.model.observed import Observed, found
from fixer.model.once import once
from fixer.model.plan import Wish
from fixer.model.subject import Subject
from fixer.model.versions import CudnnVersion
from fixer.rules import wishes
from fixer.rules.cards import Card, card
from fixer.rules.say import fact

_START_UP = "The start-up of this Python"
Target = Literal["gpu", "cpu", "unknown"]
AMD = "tensorflow-rocm"
# Built without CUDA, whatever the card.
CPU_DISTRIBUTIONS = ("tensorflow-cpu", "tf-nightly-cpu", "tensorflow-intel", "intel-tensorflow", "tensorflow-aarch64", AMD)
COMPLETE = ("tensorflow", "nvidia-", "jax")
COMPLETE_NAMES = ("keras", "tf-keras", "torch", "tf-nightly")


def is_reported(seen: Observed[Any]) -> bool:
    """Whether a person's report states the fact, which nothing has looked at."""
    return any(report in via for via in seen.via for report in ("environment file", "form in the log"))


@lru_cache(maxsize=256)
def _telling(names: tuple[str, ...], complete: bool) -> tuple[str, ...]:
    """Those of ``names`` whose silence tells that they are not installed: all of them where the list is complete."""
    return names if complete else tuple(name for name in names if name in COMPLETE_NAMES or name.startswith(COMPLETE))


class Case(Subject):
    """Facts, dataset and wish, with derived answers computed at most once each."""

    def __init__(self, facts: Facts, dataset: Dataset, wish: Wish) -> None:
        super().__init__(facts)
        self.dataset = dataset
        self.wish = wish
        # What other modules of this room worked out for this case; a key belongs to the module that sets it.
        self.memory: dict[str, Any] = {}

    # the system

    @property
    def container(self) -> str | None:
        return self.facts.container.value

    def variable(self, name: str) -> Observed[Any]:
        """Where the value of a variable comes from: for the source of a piece of evidence."""
        changed = self.changed_at_start(name)
        if changed is None:
            return self.facts.variables
        return found(changed.value or "", changed.path or _START_UP)

    def set_where(self, name: str) -> str | None:
        """Which file sets a variable when this Python starts, in words that begin a sentence; None where the shell does."""
        changed = self.changed_at_start(name)
        return None if changed is None else changed.path or _START_UP

    def changed_at_start(self, name: str) -> StartVariable | None:
        """What the interpreter's own start-up makes of a variable."""
        listed = self.patient.set_at_start if self.patient is not None else ()
        return next((one for one in listed if one.name == name), None)

    @property
    def variables_known(self) -> bool:
        return not self.facts.variables.is_unknown

    # the environment

    @once
    def kind(self) -> str:
        return (self.environment.kind.value if self.environment else None) or "venv"

    @once
    def nvidia_wheels(self) -> tuple[str, ...]:
        """The installed wheels of NVIDIA's by name."""
        return tuple([name for name in self.packages if name.startswith("nvidia-")])

    @once
    def packages_seen(self) -> Observed[Mapping[str, str]]:
        return self.facts.packages

    @once
    def complete(self) -> bool:
        """Whether the list of packages names everything that is installed: true for a live machine."""
        return self.facts.patient.is_found

    @once
    def some_packages(self) -> bool:
        """Whether the packages are only those that a log or a report happened to name."""
        return self.packages_seen.detail == SOME_PACKAGES

    def lacks(self, name: str) -> bool:
        """Whether ``name`` is known not to be installed."""
        return bool(self.lacking((name,)))

    def lacking(self, names: tuple[str, ...]) -> list[str]:
        """Those of ``names`` that are known not to be installed."""
        if self.packages_seen.is_unknown or self.some_packages:
            return []
        held = self.packages
        return [name for name in _telling(names, self.complete) if name not in held]

    def package(self, name: str) -> Evidence:
        """The evidence line of an installed package."""
        return fact(f"environment.packages.{name}", self.packages[name], self.packages_seen)

    # TensorFlow

    @once
    def row(self) -> TensorFlowRow | None:
        """The dataset's row for the installed TensorFlow: its own wheel's, else the nearest of its minor version."""
        if self.distribution is None or self.tensorflow is None:
            return None
        names = dict.fromkeys((self.distribution, "tensorflow"))
        for seek in (ask.wheel, ask.neighbour):
            for name in names:
                row = seek(self.dataset, name, self.tensorflow, self.platform)
                if row is not None:
                    return row
        return None

    @once
    def code_row(self) -> TensorFlowRow | None:
        """The row that tells of the compiled code: ``row``, else the nearest of its minor version that was looked into."""
        row = self.row
        if row is None or self.by_conda or self.is_foreign_build:
            return None
        if row.sonames or row.is_cuda_build is False:
            return row
        return ask.looked_into(self.dataset, row.distribution, row.version, self.platform) or row

    @property
    def row_is_exact(self) -> bool:
        """Whether ``row`` describes the very release that is installed."""
        row = self.row
        return row is not None and row.version == self.tensorflow and row.confidence != "inference"

    @once
    def is_foreign_build(self) -> bool:
        """Whether somebody else than the index built it, by its local version (2.17.0+nv25.2): the index takes no such one."""
        return "+" in (self.tensorflow or "") and not self.row_is_own

    @property
    def row_is_own(self) -> bool:
        """Whether ``row`` was read from the installed files, since the dataset does not know the release."""
        build = self.facts.tensorflow_build.value
        return build is not None and build.opener is not None and self.row_is_exact

    @once
    def row_trust(self) -> Certainty:
        """How far a verdict can go that rests on ``row``."""
        row = self.code_row or self.row
        if row is None:
            return "possible"
        return "proven" if row.version == self.tensorflow and row.confidence == "primary" else "likely"

    @property
    def metadata_trust(self) -> Certainty:
        """How far a verdict can go that rests on the wheel's own name and metadata."""
        return "proven" if self.row_is_exact and not self.by_conda else "likely"

    @once
    def row_refs(self) -> tuple[RowRef, ...]:
        rows = [row for row in (self.row, self.code_row) if row is not None]
        return tuple(dict.fromkeys(self.dataset.ref(row) for row in rows))

    @once
    def by_conda(self) -> bool:
        """Whether conda built the installed TensorFlow; then the wheel's row tells little about its libraries."""
        installers = self.patient.installers if self.patient else {}
        if any(installers.get(name) == "conda" for name in self.distributions):
            return True
        return self.kind == "conda" and "tensorflow-base" in self.packages

    @once
    def is_cuda_build(self) -> bool | None:
        """Whether the installed TensorFlow can use an NVIDIA GPU at all; None when nobody knows."""
        build = self.facts.tensorflow_build.value
        if build is not None and build.is_cuda_build is not None:
            return build.is_cuda_build
        if self.distribution is None:
            return None
        if self.distribution in CPU_DISTRIBUTIONS:
            return False
        if self.by_conda:
            return None
        return self.code_row.is_cuda_build if self.code_row is not None else None

    @once
    def cuda_built(self) -> str | None:
        """The CUDA that TensorFlow was built with."""
        build = self.facts.tensorflow_build.value
        if build is not None and build.cuda is not None:
            return build.cuda
        return self.code_row.cuda if self.code_row is not None else None

    @once
    def cudnn_built(self) -> CudnnVersion | None:
        """The cuDNN that TensorFlow was compiled with, major and minor at least; None when nobody knows."""
        build = self.facts.tensorflow_build.value
        texts = [build.cudnn] if build is not None else []
        if self.code_row is not None:
            texts.append(self.code_row.cudnn_compiled)
        for text in texts:
            version = compare.cudnn(text)
            if version is not None and len(version.parts) > 1:
                return version
        return None

    @once
    def compute_capabilities(self) -> tuple[str, ...]:
        """The machine code that the installed TensorFlow carries, as far as known."""
        build = self.facts.tensorflow_build.value
        if self.code_row is not None and self.code_row.compute_capabilities:
            return self.code_row.compute_capabilities
        return build.compute_capabilities if build is not None else ()

    @property
    def ptx(self) -> tuple[str, ...]:
        return self.code_row.ptx if self.code_row is not None else ()

    @property
    def tensorflow_name(self) -> str:
        """The installed TensorFlow in words: TensorFlow 2.15.1."""
        return f"TensorFlow {self.tensorflow}" if self.tensorflow else "TensorFlow"

    def tensorflow_evidence(self) -> tuple[Evidence, ...]:
        return (self.package(self.distribution),) if self.distribution else ()

    # the GPU

    @once
    def no_gpu(self) -> bool:
        """Whether there is certainly no NVIDIA GPU to be seen."""
        return self.facts.gpus.is_absent

    @once
    def cards(self) -> tuple[Card, ...]:
        """The cards that CUDA may count, in the order of the bus."""
        return tuple(card(self.dataset, self.facts.gpus, place, gpu) for place, gpu in self.gpus)

    @once
    def cards_given_away(self) -> tuple[Card, ...]:
        """The cards that are kept for virtual machines, beside others or alone."""
        placed = enumerate(self.facts.gpus.or_else(()))
        return tuple(card(self.dataset, self.facts.gpus, place, gpu) for place, gpu in placed if gpu.handed_over)

    @once
    def target(self) -> Target:
        """The device that the wish means here: any is the GPU where some stack can use it, else the CPU."""
        if self.wish.device in ("gpu", "cpu"):
            return "gpu" if self.wish.device == "gpu" else "cpu"
        if self.os == "macos" or self.no_gpu or wishes.for_the_cpu(self.wish):
            return "cpu"
        if self.facts.gpus.is_unknown:
            return "unknown"
        return "gpu" if any(map(self._usable, self.cards)) else "cpu"

    def _usable(self, card: Card) -> bool:
        if self.os == "linux" and self.arch != "x86_64":
            return self.is_cuda_build is True
        if card.capability is None:
            return True
        served = architectures.coverage(self.compute_capabilities, self.ptx, card.capability)
        return served in ("machine code", "ptx") or ask.some_stack_serves(self.dataset, card.capability)

    @once
    def gpu_severity(self) -> Severity:
        """What a fault that takes the GPU away weighs: everything, or a note when the CPU is wished for."""
        return "note" if self.target == "cpu" else "blocks"

    @property
    def tensorflow_may_use_gpu(self) -> bool:
        """Whether a GPU is wished for and the installed TensorFlow is not known to be without CUDA."""
        return self.target != "cpu" and self.tensorflow is not None and self.is_cuda_build is not False

    # the driver

    @once
    def driver(self) -> Driver | None:
        return self.facts.driver.value

    @once
    def driver_version(self) -> str | None:
        """The driver's release: the user-space library's, else the kernel module's."""
        if self.driver is None:
            return None
        return self.driver.version.value or self.driver.kernel_module.value

    def driver_evidence(self) -> Evidence:
        driver = self.driver
        if driver is not None and driver.version.is_found:
            return fact("driver.version", str(driver.version.value), driver.version)
        if driver is not None and driver.kernel_module.is_found:
            return fact("driver.kernel_module", str(driver.kernel_module.value), driver.kernel_module)
        return fact("driver", "none to be seen" if self.facts.driver.is_absent else "unknown", self.facts.driver)

    def card_evidence(self, cards: tuple[Card, ...]) -> tuple[Evidence, ...]:
        return tuple(
            fact(
                f"gpus[{card.place}]",
                f"{card.name}, compute capability {card.capability or 'unknown'}",
                self.facts.gpus,
            )
            for card in cards
        )
