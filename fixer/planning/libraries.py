"""Which nvidia wheels a TensorFlow wheel needs on these GPUs, each in one exact version.

The unit is ``LibrarySet``: pins, or the reasons why the index cannot provide them. The names and ranges
are the wheel's own extra; a wheel without one borrows those of a release for the same CUDA and cuDNN
major that opens the same sonames. TensorRT is left out: TensorFlow does without it. A version that is
installed and fits stays.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import Iterable, Iterator, Mapping

from fixer.dataset.ask import family
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import CudnnRow, TensorFlowRow
from fixer.model import compare
from fixer.model.plan import Reason
from fixer.model.record import record
from fixer.model.versions import CudnnVersion
from fixer.planning.gates import RELEASE, row_name, wheel, wheels
from fixer.planning.releases import Asked, newest, release_row, releases

EXTRA = "and-cuda"
_BY_CUDA = (
    "nvidia-cublas",
    "nvidia-cuda-runtime",
    "nvidia-cuda-nvcc",
    "nvidia-cuda-cupti",
    "nvidia-cuda-nvrtc",
    "nvidia-nvjitlink",
)


@record(frozen=True)
class LibrarySet:
    """Exact versions of the nvidia wheels; ``reasons`` says why there are none.

    ``remove`` are wheels of another CUDA major that own the same files and must go first. ``conda`` are conda's
    specifications where conda brings the libraries instead.
    """

    pins: Mapping[str, str] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    borrowed_from: str = ""
    remove: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()


@record(frozen=True)
class Needs:
    """What decides a library set beside the wheel: Python, C library, GPUs, and the nvidia wheels that are there.

    ``held_by`` names the framework that needs the installed ones as they are, ``pinned`` what another one or the person
    demands. ``bound`` are ranges of a framework that is installed: (wheel, range, framework); they ask for no wheel.
    """

    python: str
    glibc: str | None
    capabilities: tuple[str, ...]
    installed: tuple[tuple[str, str], ...]
    held_by: str = ""
    pinned: tuple[tuple[str, str], ...] = ()
    bound: tuple[tuple[str, str, str], ...] = ()


@record(frozen=True)
class LoadRule:
    """What a cuDNN must pass: TensorFlow's own check against the one it was compiled with, and code for every card."""

    compiled: str | None
    major: int | None
    capabilities: tuple[str, ...]


def library_set(dataset: Dataset, row: TensorFlowRow, needs: Needs) -> LibrarySet:
    """The nvidia wheels for ``row``; what is installed is kept where it fits."""
    return _library_set(dataset, row.distribution, row.platform, row.version, needs)


@lru_cache(maxsize=2048)
def _library_set(dataset: Dataset, distribution: str, platform: str, version: str, needs: Needs) -> LibrarySet:
    row = wheel(dataset, distribution, platform, version)
    if row is None:
        raise LookupError(version)
    ranges, donor = ranges_of(dataset, row)
    if not ranges:
        words = f"the index has no wheels with the CUDA {row.cuda} libraries that it opens"
        return LibrarySet(reasons=(Reason(words, row_name(dataset, row), RELEASE),))
    chosen: dict[str, str] = {}
    reasons: list[Reason] = []
    waiting = [*ranges.items(), *((name, spec) for name, spec in needs.pinned if name not in ranges)]
    while waiting:
        name, spec = waiting.pop(0)
        pin = _pick(dataset, row, name, spec, chosen, needs)
        if isinstance(pin, Reason):
            reasons.append(pin)
            continue
        chosen[name] = pin
        known = release_row(dataset, name, pin)
        for other, bound in (known.bounds if known is not None else {}).items():
            if other.startswith("nvidia-") and other not in chosen and other not in dict(waiting):
                waiting.append((other, bound))
    own_twins = tuple(_own_twins(chosen, needs, row_name(dataset, row)))
    if own_twins:
        return LibrarySet(reasons=own_twins)
    twins = _twins(chosen, needs)
    if twins and needs.held_by:
        words = f"its {twins[0][0]} would own the same files as {twins[0][1]}, which {needs.held_by} needs here"
        reasons.append(Reason(words, row_name(dataset, row), f"environment.packages.{twins[0][1]}"))
    return LibrarySet(chosen, tuple(reasons), donor, tuple(twin for _, twin in twins))


def _twins(chosen: Mapping[str, str], needs: Needs) -> tuple[tuple[str, str], ...]:
    """Installed wheels of the same library for another CUDA major: the two overwrite each other's files."""
    stems = {stem_of(name): name for name in chosen}
    return tuple(
        (stems[stem_of(name)], name) for name, _ in needs.installed if stem_of(name) in stems and name not in chosen
    )


def _own_twins(chosen: Mapping[str, str], needs: Needs, row: str) -> Iterator[Reason]:
    """Wheels asked for beside TensorFlow's own that would own the same files."""
    stems = {stem_of(name): name for name in chosen if name not in dict(needs.pinned)}
    for name, _ in needs.pinned:
        mine = stems.get(stem_of(name))
        if mine is not None and name in chosen:
            yield Reason(f"{name} owns the same files as {mine}, which it needs", row, f"wish.{name}")


def stem_of(name: str) -> str:
    """A wheel's name without its CUDA major: nvidia-cudnn for nvidia-cudnn-cu12."""
    return name.rpartition("-cu")[0] if name[-4:-2] == "cu" else name


def ranges_of(dataset: Dataset, row: TensorFlowRow) -> tuple[Mapping[str, str], str]:
    """The nvidia wheels and ranges for ``row``, and the release that they are borrowed from ("" for its own)."""
    own = _without_tensorrt(row)
    if own:
        return own, ""
    donor = _donor(dataset, row.distribution, row.platform, row.version)
    return (_without_tensorrt(donor), donor.version) if donor is not None else ({}, "")


def _without_tensorrt(row: TensorFlowRow) -> dict[str, str]:
    return {name: spec for name, spec in row.extras.get(EXTRA, {}).items() if name.startswith("nvidia-")}


@lru_cache(maxsize=512)
def _donor(dataset: Dataset, distribution: str, platform: str, version: str) -> TensorFlowRow | None:
    row = wheel(dataset, distribution, platform, version)
    if row is None:
        raise LookupError(version)
    built, compiled = compare.cuda(row.cuda), compare.cudnn(row.cudnn_compiled)
    if built is None or not row.sonames:
        return None
    wanted = _opened(dataset, row)
    for other in wheels(dataset, "tensorflow", platform):
        theirs, own = compare.cuda(other.cuda), compare.cudnn(other.cudnn_compiled)
        if (
            theirs is None
            or theirs.major != built.major
            or other.cudnn_major != row.cudnn_major
            or not _without_tensorrt(other)
        ):
            continue
        enough = theirs >= built and (compiled is None or own is None or own.satisfies(compiled))
        if enough and wanted <= _opened(dataset, other) and not other.prerelease:
            return other
    return None


def _opened(dataset: Dataset, row: TensorFlowRow) -> frozenset[str]:
    """The sonames that the row's TensorFlow opens and that a wheel holds; TensorRT, NCCL and the driver aside."""
    named = ((soname, dataset.library(soname)) for soname in row.sonames)
    apart = ("tensorrt", "nccl", "nvshmem", "cuda_cupti", None)
    # Neither cuRAND nor cuFFT's twin is opened by every release of one era; the extra brings both.
    return frozenset(
        soname for soname, known in named if known is not None and known.wheel_folder not in (*apart, "curand")
    )


def _pick(
    dataset: Dataset, row: TensorFlowRow, name: str, spec: str, chosen: Mapping[str, str], needs: Needs
) -> str | Reason:
    installed = dict(needs.installed).get(name)
    limits = [
        spec,
        *_limits(dataset, name, needs.capabilities),
        *(bound for other, bound in needs.pinned if other == name),
    ]
    for other, version in chosen.items():
        known = release_row(dataset, other, version)
        if known is not None and name in known.bounds:
            limits.append(known.bounds[name])
    own = ",".join(part for part in limits if part)
    whole = ",".join(filter(None, (own, *(bound for other, bound, _ in needs.bound if other == name))))
    loads = LoadRule(row.cudnn_compiled, row.cudnn_major, needs.capabilities) if "cudnn" in name else None
    if installed is not None and _loads(dataset, installed, loads) and compare.within(whole, installed):
        return installed
    asked = ",".join(bound for other, bound, _ in needs.bound if other == name)
    # What lies outside the framework's own range is no choice of the framework's: it may as well be put right.
    if installed is not None and needs.held_by and (not asked or compare.within(asked, installed)):
        words = f"it needs {name}{own}, and {needs.held_by} holds it at {installed} in this environment"
        return Reason(words, row_name(dataset, row), f"environment.packages.{name}")
    found = _newest(dataset, name, Asked(needs.python, needs.glibc, whole), loads)
    if found is not None:
        return found
    exact = spec.startswith("==") and "," not in spec and "*" not in spec
    if exact and not releases(dataset, name) and _loads(dataset, spec[2:], loads):
        return spec[2:]
    served = f" that serves compute capability {', '.join(needs.capabilities)}" if needs.capabilities else ""
    return Reason(
        f"no release of {name} within {whole or 'any range'}{served} is known for Python {needs.python}",
        row_name(dataset, row),
        _fact(name, needs),
    )


def _fact(name: str, needs: Needs) -> str:
    """What would have to change for another release of ``name``."""
    if name in dict(needs.pinned):
        return f"wish.{name}"
    framework = next((one for other, _, one in needs.bound if other == name), None)
    return f"environment.packages.{framework}" if framework else "gpus" if needs.capabilities else RELEASE


def _limits(dataset: Dataset, name: str, capabilities: Iterable[str]) -> list[str]:
    """The oldest CUDA whose libraries know every card, as a range for the wheels that are numbered by CUDA."""
    if stem_of(name) not in _BY_CUDA:
        return []
    known = [family(dataset, one) for one in capabilities]
    first = [row.first_cuda for row in known if row is not None and row.first_cuda]
    if not first:
        return []
    newest_first = max(first, key=compare.release)
    major = name.rpartition("-cu")[2]
    return [f">={newest_first}"] if str(compare.release(newest_first)[0]) == major else []


@lru_cache(maxsize=1024)
def _newest(dataset: Dataset, name: str, asked: Asked, loads: LoadRule | None) -> str | None:
    """The newest release that is asked for and, where it is cuDNN, can be loaded; one that needs nothing unknown first."""

    def fits(version: str) -> bool:
        return _loads(dataset, version, loads)

    whole = newest(dataset, name, asked, lambda version: _pinned_whole(dataset, name, version) and fits(version))
    return whole or newest(dataset, name, asked, fits)


def _pinned_whole(dataset: Dataset, name: str, version: str) -> bool:
    """Whether every wheel that this one brings along has known releases; the installer would choose another by itself."""
    known = release_row(dataset, name, version)
    needed = known.bounds.items() if known is not None else ()
    return all(releases(dataset, other) or spec.startswith("==") for other, spec in needed if other.startswith("nvidia-"))


def _loads(dataset: Dataset, version: str, rule: LoadRule | None) -> bool:
    if rule is None:
        return True
    return cudnn_serves(dataset, version, compare.cudnn(rule.compiled), rule.major, rule.capabilities)


def cudnn_serves(
    dataset: Dataset, version: str, compiled: CudnnVersion | None, major: int | None, capabilities: Iterable[str]
) -> bool:
    """Whether this cuDNN passes TensorFlow's own check and has code for the cards; an empty list means not known."""
    loaded = compare.cudnn(version)
    if loaded is None or (major is not None and loaded.major != major):
        return False
    if compiled is not None and not loaded.satisfies(compiled):
        return False
    known = _cudnn(dataset, ".".join(map(str, compare.release(version)[:3])))
    if known is None or not known.compute_capabilities:
        return True
    return all(one in known.compute_capabilities for one in capabilities)


@lru_cache(maxsize=512)
def _cudnn(dataset: Dataset, version: str) -> CudnnRow | None:
    return dataset.cudnn(version)
