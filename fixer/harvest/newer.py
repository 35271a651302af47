"""Reads what the package index has and a dataset has not: new releases of TensorFlow and of the packages around it.

The unit is ``News``: rows to add to the dataset's files, and the releases that were left out with the reason.
A release that cannot be read is left out and the others stand. What no artefact on the index tells (drivers,
GPUs, the sonames that stand in TensorFlow's code) is taken from the dataset: the sonames of a known release
that is built with the same CUDA and cuDNN.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import field
from typing import Any, TypeVar

from packaging.version import Version

from fixer.dataset.questions import PACKAGES, ROWS, TENSORFLOW, Dataset, contains
from fixer.dataset.rows import KnownFaultRow, ReleaseRow, TensorFlowRow
from fixer.errors import ConvfixError
from fixer.harvest.errors import HarvestError
from fixer.harvest.index import Index
from fixer.harvest.pages import File
from fixer.harvest.releases import (
    INDEX_SOURCE,
    LINUX,
    elsewhere,
    metadata_of,
    newest_python,
    package_families,
    package_row,
    tensorflow_row,
    wheel_families,
    without_cuda,
)
from fixer.harvest.wheels import read_wheel
from fixer.model.codec import from_json
from fixer.model.record import record

T = TypeVar("T")
# Half of a TensorFlow's life has fewer releases; an index that lists more new ones than this is not to be believed.
MOST_NEW = 500
GPU_NAMES = ("tensorflow", "tensorflow-gpu")
ARTEFACT = (
    "is_cuda_build", "cuda", "cudnn_major", "compute_capabilities", "ptx", "search_kind", "search_path", "opener", "needed", "glibcxx",
)  # fmt: skip
_UNREADABLE = (struct.error, zlib.error, ValueError, LookupError, TypeError, SyntaxError, RecursionError, MemoryError)


@record(frozen=True)
class LeftOut:
    """A release that got no row, and why."""

    distribution: str
    version: str
    reason: str


@record(frozen=True)
class News:
    """New rows by (file, section, key), and what was left out."""

    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    def without(self, refused: dict[tuple[str, str], str]) -> News:
        """The news less the releases (name, version) that are refused, which are left out with their reasons."""
        kept = {place: rows for place, rows in self.rows.items() if not any(named(row) in refused for row in rows)}
        more = [LeftOut(name, version, reason) for (name, version), reason in sorted(refused.items())]
        return News(kept, [*self.left_out, *more])


def named(row: dict[str, Any]) -> tuple[str, str]:
    """The distribution and version of a row of either file."""
    return str(row.get("distribution") or row.get("name")), str(row["version"])


def news(dataset: Dataset, index: Index, day: str, say: Callable[[str], None]) -> News:
    """Every release on the index that ``dataset`` lacks. Raises HarvestError when the index itself cannot be asked."""
    found = News()
    for distribution in dataset.files.sections(TENSORFLOW):
        say(f"{distribution}: asking for new releases")
        _tensorflow(dataset, index, distribution, day, found)
    known: dict[str, list[str]] = {}
    for row in dataset.all(ReleaseRow):
        known.setdefault(row.name, []).append(row.version)
    say(f"{len(known)} packages around it: asking for new releases")
    for made in index.each(lambda name: _package(index, name, known[name], day), sorted(known)):
        found.rows.update(made.rows)
        found.left_out.extend(made.left_out)
    return found


def _believed(name: str, keys: set[Any]) -> None:
    if len(keys) > MOST_NEW:
        raise HarvestError(f"the page of {name} lists {len(keys)} new releases; expected at most {MOST_NEW}")


def _tensorflow(dataset: Dataset, index: Index, distribution: str, day: str, found: News) -> None:
    known = {row.version for row in dataset.all(TensorFlowRow, distribution)}
    families = {key: files for key, files in wheel_families(index.project(distribution)).items() if str(key[0]) not in known}
    _believed(distribution, {version for version, _ in families})
    failed: set[Version] = set()
    for key in sorted(families):
        version, platform = key
        try:
            row = _read(lambda key=key: _tensorflow_row(dataset, index, distribution, key, families[key], day))  # type: ignore[misc]
        except HarvestError as error:
            if version not in failed:
                found.left_out.append(LeftOut(distribution, str(version), str(error)))
            failed.add(version)
            continue
        found.rows.setdefault((TENSORFLOW, distribution, str(version)), []).append(row)
    for version in failed:
        # Half a release would say that the other half does not exist.
        found.rows.pop((TENSORFLOW, distribution, str(version)), None)


def _tensorflow_row(
    dataset: Dataset, index: Index, distribution: str, key: tuple[Version, str], family: list[File], day: str
) -> dict[str, Any]:
    version, platform = key
    row = {**tensorflow_row(distribution, key, family, metadata_of(index, family)), "confidence": "primary"}
    why = without_cuda(distribution, platform, version)
    if why is not None:
        row.update(is_cuda_build=False, sources=[*row["sources"], why])
    elif platform == LINUX and distribution in GPU_NAMES:
        _add_build(dataset, row, read_wheel(index, newest_python(family)), newest_python(family))
    faults = [
        fault.id
        for fault in dataset.all(KnownFaultRow)
        if fault.distribution == distribution and contains(fault.versions, row["version"]) and fault.platform in (platform, "any")
    ]
    return _typed(TensorFlowRow, {**row, "checked": day, **({"known_faults": faults} if faults else {})})


def _typed(kind: type, row: dict[str, Any]) -> dict[str, Any]:
    """``row``, whose fields have the types of ``kind``; HarvestError where a hostile wheel gave another one."""
    try:
        from_json(kind, row, "the row")
    except ConvfixError as error:
        raise HarvestError(error.message) from None
    return row


def _add_build(dataset: Dataset, row: dict[str, Any], read: dict[str, Any], file: File) -> None:
    """What the wheel itself says of its build."""
    row.update({key: read[key] for key in ARTEFACT if read.get(key) not in (None, [])})
    sources = [*row["sources"], f"{file.filename}: build_info.py and {read.get('opener')}"]
    if read.get("glibc") and Version(read["glibc"]) > Version(row.get("glibc", "0")):
        row["glibc"] = read["glibc"]
    like = _built_alike(dataset, row) if row.get("is_cuda_build") else None
    if like is not None:
        row["sonames"] = list(like.sonames)
        sources.append(f"sonames: those of {like.distribution} {like.version}, built with the same CUDA and cuDNN")
    row["sources"] = sources


def _built_alike(dataset: Dataset, row: dict[str, Any]) -> TensorFlowRow | None:
    """The newest known release with the same CUDA and cuDNN."""
    alike = [
        one
        for one in dataset.all(TensorFlowRow)
        if one.sonames and one.platform == LINUX and (one.cuda, one.cudnn_major) == (row.get("cuda"), row.get("cudnn_major"))
    ]
    return max(alike, key=lambda one: Version(one.version), default=None)


def _package(index: Index, name: str, known: list[str], day: str) -> News:
    found = News()
    oldest = str(min(map(Version, known)))
    have = set(known)
    files = index.project(name)
    every, by_platform = package_families(files, name, oldest), wheel_families(files)
    families = {version: files for version, files in every.items() if str(version) not in have}
    _believed(name, set(families))
    made = []
    for version, family in sorted(families.items(), reverse=True):
        try:
            row = _read(lambda version=version, family=family: package_row(name, version, family, metadata_of(index, family)))  # type: ignore[misc]
            if row is not None:
                row.update(elsewhere(by_platform, version, row["python"]))
                made.append(_typed(ReleaseRow, {**row, "source": INDEX_SOURCE, "checked": day, "confidence": "primary"}))
        except HarvestError as error:
            found.left_out.append(LeftOut(name, str(version), str(error)))
    if made:
        found.rows[PACKAGES, ROWS, name] = made
    return found


def _read(work: Callable[[], T]) -> T:
    """What ``work`` gives; HarvestError where what it reads is no wheel or no metadata."""
    try:
        return work()
    except _UNREADABLE as error:
        said = str(error) if isinstance(error, ValueError) and len(str(error)) < 200 else type(error).__name__
        raise HarvestError(f"it cannot be read: {said}") from None
