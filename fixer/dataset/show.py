"""Answers ``convfix data show``: which rows speak of a requirement, a GPU or a driver.

The unit is ``show(dataset, query) -> rows``; a row is a JSON object. A query that nobody can read is a
UsageError; one that the dataset knows nothing of is an empty answer.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from fixer.dataset.questions import Dataset, contains
from fixer.dataset.rows import GpuRow, TensorFlowRow
from fixer.errors import UsageError
from fixer.model.codec import to_json
from fixer.model.pep440 import normal_name
from fixer.model.versions import CudaVersion, DriverRelease

_PCI_ID = re.compile(r"(10de:)?[0-9a-f]{4}")
_EXACT = re.compile(r"==([0-9][^*,]*)")
_BRANCH = re.compile(r"\d{3}")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\]\s*)?([<>=!~].*)?")


def show(dataset: Dataset, query: str) -> tuple[dict[str, Any], ...]:
    """The rows for ``query``: a requirement, a GPU's name, a PCI id, or ``driver VERSION``."""
    text = query.strip()
    if not text or len(text) > 200:
        raise UsageError("usage", "expected a requirement, a GPU's name, a PCI id or 'driver VERSION'")
    if text.lower().startswith("driver "):
        return (_driver(dataset, text.split(None, 1)[1]),)
    if _PCI_ID.fullmatch(text.lower()):
        row = dataset.gpu(text.lower() if ":" in text else f"10de:{text.lower()}")
        if row is not None or ":" in text:
            return (_gpu(dataset, row),) if row is not None else ()
    if _REQUIREMENT.fullmatch(text):
        rows = _releases(dataset, text)
        if rows or any(sign in text for sign in "<>=!~["):
            return rows
    return tuple(_gpu(dataset, row) for row in dataset.gpus_named(text))


def _releases(dataset: Dataset, text: str) -> tuple[dict[str, Any], ...]:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(text)
    except InvalidRequirement:
        raise UsageError(
            "malformed-requirement", f"{text[:80]!r}: expected a requirement such as 'tensorflow==2.15.*'"
        ) from None
    name, specifier = normal_name(wanted.name), str(wanted.specifier)
    exact = _EXACT.fullmatch(specifier)
    # One release is one block of the file; a range asks every release of the name.
    rows = dataset.tensorflow(name, exact[1]) if exact else dataset.tensorflow_releases(name)
    found: list[Any] = [row for row in rows if contains(specifier, row.version)]
    if not found:
        found = [row for row in dataset.releases(name) if contains(specifier, row.version)]
        found += [row for row in _read(dataset, name) if contains(specifier, row.version)]
    return tuple(_release(dataset, row) for row in found)


def _read(dataset: Dataset, name: str) -> tuple[Any, ...]:
    """What was read in NVIDIA's wheels, and what PyTorch and JAX pin."""
    return dataset.torch() if name == "torch" else dataset.nvidia_wheels(name) or dataset.jax(name)


def _release(dataset: Dataset, row: Any) -> dict[str, Any]:
    shown: dict[str, Any] = to_json(row)
    if isinstance(row, TensorFlowRow):
        shown["known_faults"] = [fault.id for fault in dataset.known_faults(row.distribution, row.version)]
        shown["disagreements"] = [
            to_json(one) for one in dataset.disagreements(row.distribution, row.version) if one.platform == row.platform and not row.build
        ]
    return shown


def _gpu(dataset: Dataset, row: GpuRow) -> dict[str, Any]:
    shown = dataclasses.asdict(row)
    family = dataset.family(row.compute_capability) if row.compute_capability else None
    if family is not None and shown["last_driver_branch"] is None:
        shown["last_driver_branch"] = family.last_driver_branch
    shown["family"] = None if family is None else to_json(family)
    return shown


def _driver(dataset: Dataset, version: str) -> dict[str, Any]:
    """What a driver's release runs: the newest toolkit whose own driver it is, and every CUDA major by its floor."""
    try:
        # A branch alone means its newest release: the first one already runs the toolkit that it was made for.
        driver = DriverRelease.parse(version.strip() + (".999" if _BRANCH.fullmatch(version.strip()) else ""))
    except ValueError as error:
        raise UsageError("malformed-version", f"driver {version[:40]!r}: {error}") from None
    own = [row for row in dataset.cuda_releases() if row.linux_driver and DriverRelease.parse(row.linux_driver) <= driver]
    newest = max(own, key=lambda row: CudaVersion.parse(row.version), default=None)
    floors = [row for major in range(9, 20) if (row := dataset.cuda_major(major)) is not None]
    runs = [row for row in floors if DriverRelease.parse(row.linux_driver) <= driver]
    return {
        "driver": version.strip(),
        "branch": driver.branch,
        "newest_toolkit": newest.version if newest else None,
        "cuda_majors": [row.major for row in runs],
        "sources": sorted({row.source for row in ([newest] if newest else []) + runs}),
    }
