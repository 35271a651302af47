"""What must hold over all rows and no schema can say: ranges parse, and each row finds the rows that it speaks of.

The unit is a check: a function of a dataset that yields every ``Violation`` of one law. Nothing is
repaired and nothing raised: a foreign dataset may break every law at once. Which causes exist, and
whether planning can act on a fault's remedy, is given by the caller, since both belong to other rooms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from fixer.dataset import rows as kinds
from fixer.dataset.questions import GPUS, NAMES, TABLES, TENSORFLOW, Dataset, contains
from fixer.errors import ConvfixError
from fixer.model.record import record
from fixer.model.versions import DriverRelease

EFFECTS = ("breaks-import", "breaks-use", "works")
CONFIDENCES = ("primary", "secondary", "inference", "recipe")
MODULES = ("proprietary", "open", "either")
OS_DRIVERS = (("linux", "linux_driver"), ("windows", "windows_driver"))
Refusal = Callable[[Dataset, kinds.KnownFaultRow], str | None]


@record(frozen=True)
class Violation:
    """One broken law: the file, the row's key in it, and what is wrong, in words."""

    file: str
    key: str
    text: str

    @property
    def line(self) -> str:
        return f"{self.file}: {self.key}: {self.text}"


def violations(dataset: Dataset, causes: Collection[str], refusal: Refusal) -> tuple[Violation, ...]:
    """Every violation of every law, in the order of the laws.

    ``causes`` are the slugs that exist; ``refusal`` says why planning cannot act on a known fault, or None.
    Raises ConvfixError only for data that cannot be read at all.
    """
    found: list[Violation] = []
    for check in CHECKS:
        found += check(dataset)
    found += _faults(dataset, causes, refusal)
    found += _meetings(dataset, causes)
    found += _reports(dataset, causes)
    return tuple(found)


def _at(dataset: Dataset, row: Any, text: str) -> Violation:
    reference = dataset.ref(row)
    return Violation(f"{reference.table}.json", reference.key, text)


def _every(dataset: Dataset, *chosen: type) -> Iterator[Any]:
    for kind in chosen or TABLES:
        yield from dataset.all(kind)


def provenance(dataset: Dataset) -> Iterator[Violation]:
    """Every row says where it comes from, when that was looked at, and how far it can be trusted."""
    for row in _every(dataset):
        source = row.sources if isinstance(row, kinds.TensorFlowRow) else row.source
        if not source:
            yield _at(dataset, row, "names no source")
        if not row.checked:
            yield _at(dataset, row, "names no day on which it was checked")
        if row.confidence not in CONFIDENCES:
            yield _at(dataset, row, f"has confidence {row.confidence!r}; expected one of {', '.join(CONFIDENCES)}")


def keys(dataset: Dataset) -> Iterator[Violation]:
    """No two rows have the same key, and a row stands under the key by which it is looked for."""
    for kind, (name, section, fields) in TABLES.items():
        counts = Counter(tuple(getattr(row, field) for field in fields) for row in _every(dataset, kind))
        for key, count in counts.items():
            if count > 1:
                yield Violation(name, " ".join(map(str, key)), f"{count} rows have this key")
        # Symptoms stand below a heading; everything else below a field of its own.
        for part in dataset.files.sections(name) if name == TENSORFLOW else (section,) if section != "*" else ():
            for key_, group in dataset.files.groups(name, part):
                for raw in group:
                    if key_ not in map(str, raw.values()) or (name == TENSORFLOW and raw.get("distribution") != part):
                        yield Violation(name, f"{part} {key_}", "holds a row of another key")


def ranges(dataset: Dataset) -> Iterator[Violation]:
    """Every range is a PEP 440 specifier and every version a version in its canonical spelling."""
    parses: dict[str, bool] = {}
    for row in _every(dataset):
        for text in _specifiers(row):
            if not parses.setdefault(text, _is_range(text)):
                yield _at(dataset, row, f"{text!r} is no version range")
        if isinstance(row, (kinds.TensorFlowRow, kinds.ReleaseRow)) and not _is_canonical(row.version):
            yield _at(dataset, row, f"{row.version!r} is no version as PEP 440 writes it")


def _specifiers(row: Any) -> Iterator[str]:
    if isinstance(row, kinds.PackageFaultRow):
        yield from (row.versions, row.tensorflow, row.python)
    elif isinstance(row, (kinds.KnownFaultRow, kinds.CudnnRow, kinds.DriverStepRow)):
        yield row.versions
    elif isinstance(row, (kinds.ReleaseRow, kinds.TensorFlowRow)):
        if isinstance(row, kinds.ReleaseRow):
            yield row.requires_python
        else:
            for extra in row.extras.values():
                yield from extra.values()
        yield from row.bounds.values()
        for bounds in row.python_bounds.values():
            yield from bounds.values()


def _is_range(text: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


def _is_canonical(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(text)) == text
    except InvalidVersion:
        return False


def libraries(dataset: Dataset) -> Iterator[Violation]:
    """Every soname that a row names belongs to one library, and a library needs only libraries."""
    counts = Counter(soname for row in dataset.libraries() for soname in row.sonames)
    names = {row.name for row in dataset.libraries()}
    for library in dataset.libraries():
        for soname in library.sonames:
            if counts[soname] > 1:
                yield _at(dataset, library, f"the soname {soname} belongs to another library too")
        for need in library.needs:
            if need not in names:
                yield _at(dataset, library, f"needs {need}, which has no row")
    for row in _every(dataset, kinds.TensorFlowRow, kinds.CudnnRow):
        for soname in row.sonames:
            if soname not in counts:
                yield _at(dataset, row, f"the soname {soname} has no row in libraries.json")


def drivers(dataset: Dataset) -> Iterator[Violation]:
    """Every CUDA that a TensorFlow is built with has a driver for that system, and minimum drivers grow with CUDA."""
    fields = dict(OS_DRIVERS)
    known = {cuda: dataset.cuda(cuda) for cuda in {row.cuda for row in dataset.all(kinds.TensorFlowRow)} if cuda}
    for row in dataset.all(kinds.TensorFlowRow):
        system = "windows" if row.platform.startswith("win") else "linux"
        if row.cuda and known[row.cuda] is None:
            yield _at(dataset, row, f"CUDA {row.cuda} has no row in cuda.json")
        elif row.cuda and getattr(known[row.cuda], fields[system]) is None:
            yield _at(dataset, row, f"CUDA {row.cuda} has no {system} driver in cuda.json")
    majors = sorted(dataset.all(kinds.CudaMajorRow, "majors"), key=lambda row: row.major)
    for system, field in OS_DRIVERS:
        for ladder in (tuple(reversed(dataset.cuda_releases())), tuple(majors)):
            yield from _growing(dataset, ladder, system, field)


def _growing(dataset: Dataset, ladder: Iterable[Any], system: str, field: str) -> Iterator[Violation]:
    highest: tuple[DriverRelease, Any] | None = None
    for row in ladder:
        text = getattr(row, field)
        if text is None:
            continue
        try:
            driver = DriverRelease.parse(text)
        except ValueError as error:
            yield _at(dataset, row, f"{system} driver: {error}")
            continue
        if highest is not None and driver < highest[0]:
            before = dataset.ref(highest[1]).key
            yield _at(dataset, row, f"its {system} driver {text} is older than {highest[0].text}, the one of CUDA {before}")
        else:
            highest = driver, row


def capabilities(dataset: Dataset) -> Iterator[Violation]:
    """Every compute capability belongs to a family of gpus.json, and a card's last driver branch is its family's."""
    families = {capability: row for row in dataset.families() for capability in row.compute_capabilities}
    for family in dataset.families():
        if family.module not in MODULES:
            yield _at(dataset, family, f"has module {family.module!r}; expected one of {', '.join(MODULES)}")
    for row in _every(dataset, kinds.TensorFlowRow, kinds.CudnnRow):
        listed = (*row.compute_capabilities, *(row.ptx if isinstance(row, kinds.TensorFlowRow) else ()))
        for capability in dict.fromkeys(one.rstrip("af") for one in listed):
            if capability not in families:
                yield _at(dataset, row, f"compute capability {capability} belongs to no family of gpus.json")
    for gpu in dataset.all(kinds.GpuRow):
        if gpu.compute_capability is None:
            continue
        own = families.get(gpu.compute_capability)
        if own is None:
            yield _at(dataset, gpu, f"compute capability {gpu.compute_capability} belongs to no family")
        elif own.last_driver_branch != gpu.last_driver_branch:
            yield _at(dataset, gpu, f"its last driver branch is {gpu.last_driver_branch}, its family's {own.last_driver_branch}")


def gpu_names(dataset: Dataset) -> Iterator[Violation]:
    """Every name of a GPU leads to a row."""
    known = {row.pci_id for row in dataset.all(kinds.GpuRow)}
    for name, group in dataset.files.groups(GPUS, NAMES):
        for raw in group:
            if raw.get("pci_id") not in known:
                yield Violation(GPUS, f"{NAMES} {name}", f"leads to {raw.get('pci_id')!r}, which has no row")


def cudnn_ranges(dataset: Dataset) -> Iterator[Violation]:
    """A cuDNN that a wheel pins or was compiled with falls into one range."""
    of_tensorflow = ((row, row.cudnn_compiled) for row in dataset.all(kinds.TensorFlowRow) if row.cudnn_compiled)
    of_wheels = ((row, row.version) for row in dataset.all(kinds.ReleaseRow) if row.name.startswith("nvidia-cudnn-"))
    ranges_ = [row.versions for row in dataset.all(kinds.CudnnRow)]
    hits: dict[str, list[str]] = {}
    for row, text in (*of_tensorflow, *of_wheels):
        if text not in hits:
            hits[text] = [one for one in ranges_ if _admits(one, text)]
        if len(hits[text]) != 1:
            yield _at(dataset, row, f"cuDNN {text} falls into {len(hits[text])} ranges of cudnn.json: {' and '.join(hits[text])}")


def _admits(specifier: str, version: str) -> bool:
    try:
        return contains(specifier, version)
    except ConvfixError:
        return False


def _faults(dataset: Dataset, causes: Collection[str], refusal: Refusal) -> Iterator[Violation]:
    """A known fault names an existing release and a remedy that planning accepts."""
    releases: dict[str, list[kinds.TensorFlowRow]] = {}
    for row in dataset.all(kinds.TensorFlowRow):
        releases.setdefault(row.distribution, []).append(row)
    ids = {fault.id for fault in dataset.all(kinds.KnownFaultRow)}
    for row in dataset.all(kinds.TensorFlowRow):
        for one in row.known_faults:
            if one not in ids:
                yield _at(dataset, row, f"names the fault {one}, which has no row")
    for fault in dataset.all(kinds.KnownFaultRow):
        hit = [row for row in releases.get(fault.distribution, ()) if _admits(fault.versions, row.version)]
        if not hit:
            yield _at(dataset, fault, f"no release of {fault.distribution} is in {fault.versions!r}")
        elif not any(fault.id in row.known_faults for row in hit):
            yield _at(dataset, fault, "no release of its range names it")
        if fault.cause not in causes:
            yield _at(dataset, fault, f"the cause {fault.cause!r} does not exist")
        if not fault.remedy:
            yield _at(dataset, fault, "has no remedy")
        refused = refusal(dataset, fault)
        if refused is not None:
            yield _at(dataset, fault, refused)


def _reports(dataset: Dataset, causes: Collection[str]) -> Iterator[Violation]:
    """No topic has more reports of a cause than there are, and every cause exists."""
    rows = dataset.reported_topics()
    every = next((row.causes for row in rows if row.topic == kinds.EVERY_REPORT), {})
    for row in rows:
        for cause, number in row.causes.items():
            if cause not in causes:
                yield _at(dataset, row, f"the cause {cause!r} does not exist")
            elif not 0 < number <= every.get(cause, 0):
                yield _at(dataset, row, f"expected 1 to {every.get(cause, 0)} reports of {cause}, found {number}")


def _meetings(dataset: Dataset, causes: Collection[str]) -> Iterator[Violation]:
    """What happens when two packages meet was measured, or is marked as an inference."""
    for meeting in dataset.all(kinds.PackageFaultRow):
        if meeting.effect not in EFFECTS:
            yield _at(dataset, meeting, f"has effect {meeting.effect!r}; expected one of {', '.join(EFFECTS)}")
        if meeting.cause not in causes:
            yield _at(dataset, meeting, f"the cause {meeting.cause!r} does not exist")
        if not meeting.measured and meeting.confidence != "inference":
            yield _at(dataset, meeting, "was not measured and is not marked as an inference")
        if meeting.effect != "works" and not (meeting.message and meeting.remedy):
            yield _at(dataset, meeting, "has no message or no remedy")


CHECKS: tuple[Callable[[Dataset], Iterator[Violation]], ...] = (
    provenance,
    keys,
    ranges,
    libraries,
    drivers,
    capabilities,
    gpu_names,
    cudnn_ranges,
)
