"""What facts say outright of a machine and its environment, in the words of wheels and tables.

The unit is ``Subject``, the ground on which a case (judging) and a situation (planning) stand. A fact that
people leave out (operating system, architecture) is presumed ordinary; nothing is concluded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fixer.model import compare
from fixer.model.facts import Environment, Facts, Gpu, Patient
from fixer.model.once import once
from fixer.model.pep440 import normal_name

# The distributions of TensorFlow's own project, in the order in which one counts where several are installed.
TENSORFLOWS = ("tensorflow", "tensorflow-gpu", "tf-nightly", "tf-nightly-gpu", "tensorflow-cpu", "tf-nightly-cpu")
# These, and what others build of it.
DISTRIBUTIONS = (
    *TENSORFLOWS, "tensorflow-rocm", "tensorflow-intel", "tensorflow-macos", "tensorflow-aarch64", "intel-tensorflow",
    "tensorflow-base",
)  # fmt: skip
# Other names of an architecture, and the one that wheels are tagged with.
_ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
_SYSTEMS = {"darwin": "macos", "mac": "macos", "osx": "macos", "win32": "windows", "nt": "windows"}


def unsaid(version: str) -> str:
    """The distribution that a bare version of TensorFlow means: before 2.1 the one with CUDA had a name of its own."""
    numbers = [int(part) for part in re.findall(r"\d{1,4}", version)[:2]]
    return "tensorflow-gpu" if numbers < [2, 1] else "tensorflow"


class Subject:
    """Facts, with what they say in other words; each answer is worked out at most once."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @once
    def os(self) -> str:
        """linux, windows, macos or what else is told; linux where nobody says otherwise."""
        name = self.facts.os.or_else("linux").lower()
        return _SYSTEMS.get(name, name)

    @once
    def arch(self) -> str:
        """The architecture as wheels are tagged; x86_64 where nobody says otherwise."""
        name = self.facts.arch.or_else("x86_64").lower()
        return _ARCHITECTURES.get(name, name)

    @once
    def platform(self) -> str:
        """The platform under which the dataset keeps wheels."""
        if self.os == "windows":
            return "win_amd64"
        if self.os == "macos":
            return "macosx_arm64" if self.arch == "aarch64" else "macosx_x86_64"
        return f"{self.os}_{self.arch}"

    @property
    def wsl(self) -> bool:
        return self.facts.wsl.value is True

    @property
    def in_wsl_1(self) -> bool:
        """WSL 1 has no Linux kernel: its releases read 4.4.0-19041-Microsoft, those of WSL 2 5.15.1-microsoft-standard-WSL2.

        https://learn.microsoft.com/windows/wsl/compare-versions
        """
        return self.wsl and (self.facts.kernel.value or "").endswith("-Microsoft")

    @once
    def variables(self) -> Mapping[str, str]:
        """As a program of the patient's has them."""
        return self.facts.in_force

    @once
    def gpus(self) -> tuple[tuple[int, Gpu], ...]:
        """The cards that programs of this system may have, each with its place among the facts; those handed over where no other is."""
        placed = tuple(enumerate(self.facts.gpus.or_else(())))
        return tuple(one for one in placed if not one[1].handed_over) or placed

    @property
    def environment(self) -> Environment | None:
        return self.facts.environment.value

    @property
    def patient(self) -> Patient | None:
        return self.facts.patient.value

    @once
    def python(self) -> str | None:
        """The environment's Python as its wheels are tagged: 3.11."""
        return compare.feature(self.environment.python.value) if self.environment else None

    @once
    def packages(self) -> Mapping[str, str]:
        """Installed packages by normalised name; empty where nobody could look, too."""
        return {normal_name(name): version for name, version in self.facts.packages.or_else({}).items()}

    @once
    def distributions(self) -> tuple[str, ...]:
        """The TensorFlow distributions that are installed, the one that counts first."""
        return tuple(name for name in DISTRIBUTIONS if name in self.packages)

    @once
    def distribution(self) -> str | None:
        return self.distributions[0] if self.distributions else None

    @once
    def tensorflow(self) -> str | None:
        """The installed TensorFlow's version by its metadata; None when there is none or nobody knows."""
        return self.packages[self.distribution] if self.distribution else None
