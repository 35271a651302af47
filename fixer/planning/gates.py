"""What keeps a TensorFlow wheel off a machine: platform, C and C++ library, processor, GPU, driver; each with its row.

The unit is ``verdicts``: the wheels of the dataset against one ``Ground``, remembered part by part. A verdict holds
reasons (it cannot work), flaws (it works, but something published or slow speaks against it) and needs (an
unknown fact decides). Python, wishes and packages are judged elsewhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Iterator, NamedTuple

from fixer.dataset import ask, compiling
from fixer.dataset.driver_floor import of_major
from fixer.dataset.questions import Dataset
from fixer.dataset.rows import GpuFamilyRow, TensorFlowRow
from fixer.model import architectures, compare
from fixer.model.plan import Reason
from fixer.model.record import altered, record
from fixer.planning.ground import Ground

# The fact behind a fault of the release itself: only another release mends it.
RELEASE = "wish.tensorflow"
# The name under which ``wheels`` knows conda-forge's builds, which are judged by the same gates.
CONDA_FORGE = "conda-forge"
_FIRST_WITH_AVX = (1, 6)
# Every wheel for Apple silicon, from 2.13 to 2.21, is tagged macosx_12_0_arm64.
_FIRST_MACOS = (12,)
IDLE = "idle"
_COMPILED = (("compiled", "the driver compiles every kernel at the first run, which is slow"),)


@record(frozen=True)
class Verdict:
    """Why a wheel cannot work here, what speaks against it all the same, and which unknown facts decide."""

    reasons: tuple[Reason, ...] = ()
    flaws: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    driver: str | None = None


_FREE = Verdict()


def row_name(dataset: Dataset, row: Any) -> str:
    """A dataset row as a reason names it: its file and key."""
    ref = dataset.ref(row)
    return f"{ref.table}: {ref.key}"


@lru_cache(maxsize=64)
def wheels(dataset: Dataset, distribution: str, platform: str) -> tuple[TensorFlowRow, ...]:
    """The index's wheels of a distribution for a platform, newest first; or conda-forge's builds of TensorFlow."""
    by_conda = distribution == CONDA_FORGE
    rows = dataset.tensorflow_releases("tensorflow" if by_conda else distribution)
    return tuple(row for row in rows if row.platform == platform and bool(row.build) == by_conda)


@lru_cache(maxsize=64)
def versions(dataset: Dataset, distribution: str, platform: str) -> tuple[str, ...]:
    """The releases of ``wheels``, in order."""
    return tuple(row.version for row in wheels(dataset, distribution, platform))


@lru_cache(maxsize=1024)
def wheel(dataset: Dataset, distribution: str, platform: str, version: str) -> TensorFlowRow | None:
    """The one of ``wheels`` that is this release."""
    return next((row for row in wheels(dataset, distribution, platform) if row.version == version), None)


def verdicts(dataset: Dataset, distribution: str, platform: str, ground: Ground) -> tuple[Verdict, ...]:
    """The gates' word on every wheel of ``wheels(dataset, distribution, platform)``.

    Each gate looks at one part of the ground and is remembered by that part, so that a fleet of machines, which
    differ in all parts at once, asks each gate a few questions.
    """
    system = _on_system(dataset, distribution, platform, ground.glibc, ground.avx, ground.glibcxx, ground.macos)
    if not ground.gpu:
        return system.verdicts
    served = _on_gpu(dataset, distribution, platform, ground.capabilities, ground.driver, ground.driver_unknown, ground.wsl)
    if not system.refuses:
        return served
    return tuple(
        altered(gpu, reasons=(*one.reasons, *gpu.reasons)) if one.reasons else gpu for one, gpu in zip(system.verdicts, served)
    )


def widest(dataset: Dataset, distribution: str, platform: str, ground: Ground) -> Ground:
    """The same ground for all systems that refuse no wheel, whatever their C library is."""
    system = _on_system(dataset, distribution, platform, ground.glibc, ground.avx, ground.glibcxx, ground.macos)
    return ground if system.refuses else altered(ground, glibc=None, avx=True, glibcxx=None, macos=None)


@record(frozen=True)
class _OnSystem:
    """The system's word on every wheel, and whether it refuses any."""

    verdicts: tuple[Verdict, ...]
    refuses: bool


@lru_cache(maxsize=256)
def _on_system(
    dataset: Dataset, distribution: str, platform: str, glibc: str | None, avx: bool, glibcxx: str | None, macos: str | None
) -> _OnSystem:  # fmt: skip
    """What the system and its processor refuse."""
    rows = wheels(dataset, distribution, platform)
    found = tuple(_of((*_basics(dataset, row, glibc, avx, glibcxx), *_macos(dataset, row, macos))) for row in rows)
    return _OnSystem(found, any(one.reasons for one in found))


def _of(reasons: tuple[Reason, ...]) -> Verdict:
    return Verdict(reasons) if reasons else _FREE


def _basics(dataset: Dataset, row: TensorFlowRow, glibc: str | None, avx: bool, glibcxx: str | None) -> Iterator[Reason]:
    name = row_name(dataset, row)
    if row.yanked:
        yield Reason("this release was withdrawn from the index", name, RELEASE)
    if glibc == "" and row.platform.startswith("linux"):
        yield Reason("it needs glibc, and this system has another C library", name, "glibc")
    needed, present = compare.glibc(row.glibc), compare.glibc(glibc)
    if needed is not None and present is not None and present < needed:
        yield Reason(f"it needs glibc {needed}, this system has {present}", name, "glibc")
    # Of other wheels the tag bounds GLIBCXX as well, and who has its glibc has that, too (tests/dataset/test_libstdcxx.py).
    if row.glibcxx and glibcxx and compare.release(glibcxx) < compare.release(row.glibcxx):
        yield Reason(f"it needs a libstdc++ with GLIBCXX {row.glibcxx}, this system's has {glibcxx}", name, "distro")
    if not avx and compare.minor(row.version) >= _FIRST_WITH_AVX:
        yield Reason("it needs a processor with AVX", name, "cpu_flags")
    if row.distribution == "tensorflow-gpu" and compare.minor(row.version) >= (2, 12):
        yield Reason("tensorflow-gpu was retired; this release is empty", name, RELEASE)


def _macos(dataset: Dataset, row: TensorFlowRow, macos: str | None) -> Iterator[Reason]:
    present = compare.release(macos or "")
    if row.platform == "macosx_arm64" and present and present < _FIRST_MACOS:
        yield Reason(f"its wheels are for macOS {_FIRST_MACOS[0]} and later, this Mac has {macos}", row_name(dataset, row), "distro")


@lru_cache(maxsize=1024)
def _on_gpu(
    dataset: Dataset, distribution: str, platform: str, cards: tuple[str | None, ...], driver: str | None,
    driver_unknown: bool, wsl: bool,
) -> tuple[Verdict, ...]:  # fmt: skip
    """What the cards and their driver refuse; wheels for which the same holds share one verdict."""
    served, places = _on_cards(dataset, distribution, platform, cards)
    windows = platform.startswith("win")
    found = []
    for one in served:
        if one.refused is not None:
            found.append(one.refused)
            continue
        told = _driver(dataset, one.cuda, cards, driver, driver_unknown, windows, wsl)
        minimum, reasons = told.driver, told.reasons
        if one.compiled and not wsl:
            toolkit = compiling.first(dataset, one.compiled)
            minimum = _newer(minimum, toolkit.linux_driver if toolkit is not None else None)
            reasons = reasons or tuple(_compiler(dataset, one.name, one.compiled, driver))
        found.append(Verdict(reasons, one.flaws, (*one.needs, *told.needs), minimum))
    return tuple([found[place] for place in places])


class _Served(NamedTuple):
    """What holds for some wheels on the cards whatever the driver is: no card is served, or by which code.

    ``name`` is the row of the first of these wheels.
    """

    refused: Verdict | None
    cuda: str = ""
    flaws: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    compiled: str | None = None
    name: str = ""


@lru_cache(maxsize=256)
def _on_cards(
    dataset: Dataset, distribution: str, platform: str, cards: tuple[str | None, ...]
) -> tuple[tuple[_Served, ...], tuple[int, ...]]:
    """The different cases, and which of them each wheel is."""
    rows = wheels(dataset, distribution, platform)
    by_card = [_on_card(dataset, distribution, platform, one) for one in cards or (None,)]
    need = ("gpus",) if not cards else ()
    known: dict[tuple[object, ...], int] = {}
    cases: list[_Served] = []
    places = []
    for place, row in enumerate(rows):
        served = [one[place] for one in by_card if not one[place].reasons]
        key: tuple[object, ...] = (by_card[0][place],)
        case = _Served(by_card[0][place])
        if served:
            # One card that works is enough; the best served one decides what is said.
            best = min(served, key=lambda one: (bool(one.needs), len(one.flaws)))
            compiled = _compiled(dataset, row, best)
            idle = ", ".join(card or "" for card, one in zip(cards, by_card) if one[place].reasons)
            flaws = tuple(flaw for flaw in best.flaws if flaw[0] != "partly compiled")
            flaws = (*flaws, (IDLE, f"it has no code for compute capability {idle}")) if idle else flaws
            key = (row.cuda, best.flaws, best.needs, compiled, idle)
            case = _Served(None, row.cuda or "", flaws, need or best.needs, compiled, row_name(dataset, row))
        if key not in known:
            known[key] = len(cases)
            cases.append(case)
        places.append(known[key])
    return tuple(cases), tuple(places)


@lru_cache(maxsize=512)
def _on_card(dataset: Dataset, distribution: str, platform: str, capability: str | None) -> tuple[Verdict, ...]:
    """What one card refuses."""
    return tuple(_built(dataset, row) or _card(dataset, row, capability) for row in wheels(dataset, distribution, platform))


def _built(dataset: Dataset, row: TensorFlowRow) -> Verdict | None:
    name = row_name(dataset, row)
    if row.is_cuda_build is None and "+" in row.version:
        # Somebody's own build, offered to whom has it alone: nothing is known against it.
        return _FREE
    if row.is_cuda_build is False or row.distribution == "tensorflow-cpu":
        return Verdict((Reason(f"its wheel for {row.platform} is built without CUDA", name, RELEASE),))
    if row.is_cuda_build is None or row.cuda is None:
        return Verdict((Reason("the dataset does not know which CUDA it was built with", name, RELEASE),))
    return None


def _card(dataset: Dataset, row: TensorFlowRow, capability: str | None) -> Verdict:
    if capability is None:
        return Verdict(needs=("gpus[0].compute_capability",))
    name = row_name(dataset, row)
    served = architectures.coverage(row.compute_capabilities, row.ptx, capability)
    fault = next(
        (f for f in ask.known_faults(dataset, row.distribution, row.version) if f.cause == "gpu-arch-too-new"), None
    )
    if served == "none":
        code = ", ".join(row.compute_capabilities) or "none"
        tail = f"; PTX for {', '.join(row.ptx)} does not serve it" if row.ptx else ""
        named = (
            row_name(dataset, fault)
            if fault is not None and (architectures.capability(capability) or (0,))[0] >= 10
            else name
        )
        return Verdict(
            (Reason(f"it has no code for compute capability {capability} (machine code: {code}{tail})", named, "gpus"),)
        )
    known = ask.family(dataset, capability)
    unfit = _libraries(dataset, row, known, capability)
    if unfit is not None:
        return Verdict((unfit,))
    if served == "ptx":
        return Verdict(flaws=_COMPILED)
    return Verdict(flaws=(("partly compiled", ""),) if compiling.partly(row, capability) else ())


def _libraries(dataset: Dataset, row: TensorFlowRow, known: GpuFamilyRow | None, capability: str) -> Reason | None:
    """Why the CUDA libraries of the wheel's major do not serve the card."""
    built = compare.cuda(row.cuda)
    if known is None or built is None:
        return None
    first, last = compare.cuda(known.first_cuda), compare.cuda(known.last_cuda)
    if first is not None and first.major > built.major:
        return Reason(
            f"CUDA {built.major} has no libraries for {known.name}: CUDA {first} is the first", row_name(dataset, known), "gpus"
        )
    if last is not None and last.major < built.major:
        return Reason(
            f"CUDA {built.major} no longer serves {known.name}: CUDA {last} was the last", row_name(dataset, known), "gpus"
        )
    return None


def _driver(
    dataset: Dataset, built: str, cards: tuple[str | None, ...], driver: str | None, unknown: bool, windows: bool, wsl: bool
) -> Verdict:
    oldest = of_major(dataset, built, windows, wsl)
    text = str(oldest.driver) if oldest is not None else None
    if unknown:
        return Verdict(needs=("driver.version",), driver=text)
    present = compare.driver(driver)
    if present is None or oldest is None:
        return Verdict(driver=text)
    if present < oldest.driver:
        words = f"CUDA {built} needs driver {text} or newer, this machine has {present}"
        return Verdict((Reason(words, row_name(dataset, oldest.row), "driver.version"),), driver=text)
    known = [ask.family(dataset, one) for one in cards if one is not None]
    newer = [one for one in known if one is not None and (one.first_driver_branch or 0) > present.branch]
    # Windows numbers its releases of a branch from the branch on: R570 is 572 there.
    if newer and len(newer) == len(cards):
        words = (
            f"{newer[0].name} needs driver branch {newer[0].first_driver_branch} or newer, this machine has {present}"
        )
        return Verdict((Reason(words, row_name(dataset, newer[0]), "driver.version"),), driver=text)
    return Verdict(driver=text)


def _compiled(dataset: Dataset, row: TensorFlowRow, verdict: Verdict) -> str | None:
    """The PTX version that the driver must know to compile the wheel's kernels for a card; None where it compiles none."""
    kinds = {kind for kind, _ in verdict.flaws}
    return compiling.wanted(dataset, row, "compiled" not in kinds) if kinds & {"compiled", "partly compiled"} else None


def _compiler(dataset: Dataset, name: str, wanted: str, driver: str | None) -> Iterator[Reason]:
    """Why this driver cannot compile the PTX of the wheel whose row is ``name``."""
    present = compare.driver(driver)
    if present is not None and not compiling.compiles(dataset, present, wanted):
        known = compiling.newest(dataset, present.branch)
        words = f"its kernels for this GPU are PTX {wanted}, and driver {present} compiles up to PTX {known}"
        yield Reason(words, name, "driver.version")


def _newer(one: str | None, other: str | None) -> str | None:
    return max(filter(None, (one, other)), key=compare.release, default=None)
