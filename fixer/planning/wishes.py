"""The person's requirements, read once: PEP 508 strings to names, ranges and extras.

The unit is ``Wishes``. A requirement that cannot be read is a usage error; what it asks for that no row
knows is judged where stacks are judged.
"""

from __future__ import annotations

import re
from dataclasses import field
from functools import lru_cache
from typing import Mapping

from fixer.errors import UsageError
from fixer.model import compare
from fixer.model.once import once
from fixer.model.pep440 import normal_name
from fixer.model.plan import Wish
from fixer.model.record import record

TENSORFLOWS = ("tensorflow", "tensorflow-gpu", "tensorflow-cpu")


@record(frozen=True)
class Wishes:
    """Ranges by package name ("" for any version), the range of Pythons, the extras wished for TensorFlow and for JAX."""

    packages: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    extras: frozenset[str] = frozenset()
    jax_extras: frozenset[str] = frozenset()

    @once
    def tensorflow(self) -> str:
        """The range wished for TensorFlow, under whichever name."""
        return ",".join(part for part in (self.packages.get(name) for name in TENSORFLOWS) if part)

    @once
    def names_tensorflow(self) -> bool:
        return any(name in self.packages for name in TENSORFLOWS)

    @once
    def for_the_cpu(self) -> bool:
        """Whether TensorFlow is wished for under the name of its build without CUDA alone."""
        return "tensorflow-cpu" in self.packages and not {"tensorflow", "tensorflow-gpu"} & self.packages.keys()

    @once
    def others(self) -> tuple[str, ...]:
        """The wished packages that are not TensorFlow."""
        return tuple(self.beside)

    @once
    def beside(self) -> Mapping[str, str]:
        """The same with their ranges."""
        return {name: spec for name, spec in self.packages.items() if name not in TENSORFLOWS}

    def admits(self, name: str, version: str) -> bool:
        """Whether the wish lets ``name`` be ``version``; a pre-release only where the wish itself names one."""
        wanted = self.packages.get(name, "")
        return not wanted or compare.within(wanted, version) is True

    def admits_python(self, minor: str) -> bool:
        """Whether the wish lets the environment's Python be of this minor version, "3.12"; it may name a patch."""
        if not self.python:
            return True
        # The newest patch that there can be answers for ranges such as >=3.12.4.
        known = (minor, f"{minor}.99", self.python_patch(minor))
        return any(compare.within(self.python, one) for one in known if one)

    def python_patch(self, minor: str) -> str | None:
        """The very patch release of this minor version that the wish names, ``3.12.4``; None where any will do."""
        named = re.search(rf"==({re.escape(minor)}\.\d{{1,2}})(,|$)", self.python)
        return named.group(1) if named else None

    def names_prerelease(self, name: str, version: str) -> bool:
        """Whether the wish asks for this very pre-release."""
        return any(part.lstrip("=<>~! ") == version for part in self.packages.get(name, "").split(","))


@lru_cache(maxsize=1024)
def read(requirements: tuple[str, ...]) -> Wishes:
    """The wishes in ``requirements``; raises UsageError for one that cannot be read."""
    from packaging.requirements import InvalidRequirement, Requirement

    packages: dict[str, str] = {}
    python, extras, of_jax = "", frozenset[str](), frozenset[str]()
    for text in requirements:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            raise UsageError(
                "malformed-requirement", f"wish {text[:80]!r}: expected a requirement such as 'tensorflow==2.15.*'"
            ) from None
        if wanted.url is not None:
            raise UsageError("malformed-requirement", f"wish {text[:80]!r}: expected a version range, found an address")
        name, specifier = normal_name(wanted.name), str(wanted.specifier)
        if name == "python":
            python = ",".join(part for part in (python, specifier) if part)
            continue
        packages[name] = ",".join(part for part in (packages.get(name, ""), specifier) if part)
        if name in TENSORFLOWS:
            extras = extras | frozenset(wanted.extras)
        if name == "jax":
            of_jax = of_jax | frozenset(wanted.extras)
    return Wishes(packages, python, extras, of_jax)


def of(wish: Wish) -> Wishes:
    """The wishes of ``wish``."""
    return read(tuple(wish.requirements))
