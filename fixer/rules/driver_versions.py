"""Rules about a driver's age: too old for TensorFlow's CUDA, for the GPU, or for code that it must compile.

A driver newer than CUDA asks for is never a fault. On Windows and WSL2 the numbers are Windows' own.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Iterator

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import CudaRow
from fixer.model.finding import Finding, RowRef
from fixer.model.versions import CudaVersion, DriverRelease
from fixer.rules import ask, compare
from fixer.rules.case import Case
from fixer.rules.driver_loading import install_steps
from fixer.rules.hardware import fits
from fixer.rules.say import fact, finding


def driver_too_old(case: Case) -> Iterator[Finding]:
    """The driver is older than TensorFlow's CUDA runs on, or older than the GPU."""
    if not case.cards or case.is_cuda_build is False or case.driver is None or case.os == "macos":
        return
    present = compare.driver(case.driver_version)
    built = compare.cuda(case.cuda_built)
    if present is None:
        if case.driver_version is None and not _halves_absent(case) and case.tensorflow_may_use_gpu:
            yield finding(
                "driver-too-old",
                case.gpu_severity,
                "cannot-tell",
                "cannot tell which driver this is",
                (fact("driver.version", "unknown", case.driver.version),),
                "Give driver.version (nvidia-smi shows it).",
                code="driver-version-unknown",
                commands=(("nvidia-smi",),),
                plan="none",
                needs=("driver.version",),
            )
        return
    if built is not None:
        floor, rows = _floor(case, built.major, str(built))
        if floor is not None and present < floor:
            yield _too_old(case, f"driver {present} is too old for CUDA {built.major}", floor, rows, str(built.major))
            return
    first = [card for card in case.cards if card.family is not None and (card.family.first_driver_branch or 0) > present.branch]
    if first and len(first) == len(case.cards) and not case.wsl and case.os == "linux":
        branch = first[0].family.first_driver_branch if first[0].family is not None else 0
        floor = compare.driver(f"{branch}.00")
        if floor is not None:
            title = f"driver {present} is older than {first[0].name}, which branch {branch} is the first to serve"
            yield _too_old(case, title, floor, first[0].rows, "", "driver-older-than-gpu")


def _halves_absent(case: Case) -> bool:
    driver = case.driver
    return driver is not None and (driver.version.is_absent or driver.kernel_module.is_absent)


def _floor(case: Case, major: int, built: str) -> tuple[DriverRelease | None, tuple[RowRef, ...]]:
    """The oldest driver that runs this CUDA: the major's floor, or the toolkit's own driver where that is older."""
    windows = case.wsl or case.os == "windows"
    found: list[tuple[DriverRelease, RowRef]] = []
    exact = ask.cuda(case.dataset, built)
    general = ask.cuda_major(case.dataset, major)
    for row in (exact, general):
        text = (
            None
            if row is None
            else (row.windows_driver or (row.linux_driver if case.wsl else None))
            if windows
            else row.linux_driver
        )
        release = compare.driver(text)
        if row is not None and release is not None:
            found.append((release, case.dataset.ref(row)))
    if not found:
        return None, ()
    lowest = min(found, key=lambda pair: pair[0])
    return lowest[0], (lowest[1],)


def _too_old(
    case: Case, title: str, floor: DriverRelease, rows: tuple[RowRef, ...], major: str, code: str = "driver-too-old"
) -> Finding:
    steps, commands = install_steps(case)
    return finding(
        "driver-too-old",
        case.gpu_severity,
        "proven" if case.metadata_trust == "proven" or not major else "likely",
        f"{title} (it needs {floor} or newer)" if major else title,
        (case.driver_evidence(), *case.tensorflow_evidence(), *case.card_evidence(case.cards)),
        "Take a TensorFlow built for an older CUDA, which changes only this environment, or have the driver updated.",
        code=code,
        rows=(*rows, *case.row_refs, *steps),
        commands=(("convfix", "plan"), *commands),
        subject={"minimum": str(floor), "cuda": major},
    )


def driver_cannot_compile(case: Case) -> Iterator[Finding]:
    """The GPU's code must be compiled by the driver, and the driver does not know PTX that new."""
    judged = fits(case)
    present, built = compare.driver(case.driver_version), compare.cuda(case.cuda_built)
    if not judged or present is None or built is None or case.wsl or case.os != "linux":
        return
    if not all(fit.kind == "compiled first" or _partly(case, fit.card.capability) for fit in judged):
        return
    wanted = _compiled(case, all(fit.kind == "compiled first" for fit in judged)) or ask.cuda(case.dataset, str(built))
    newest = _newest_for(case)
    known = ask.cuda(case.dataset, str(newest[0])) if newest is not None else None
    if wanted is None or known is None or not _newer(wanted.ptx_isa, known.ptx_isa):
        return
    yield finding(
        "driver-too-old",
        "risks" if case.target != "cpu" else "note",
        "likely",
        f"driver {present} may not compile PTX {wanted.ptx_isa}, which {case.tensorflow_name} needs on {judged[0].card.name}",
        (case.driver_evidence(), *case.tensorflow_evidence(), *case.card_evidence(case.cards)),
        f"Where kernels fail with an unsupported PTX version, have a driver of CUDA {_short(wanted)} installed "
        f"({wanted.linux_driver or 'or newer'}); running libraries of this CUDA is not affected.",
        code="driver-ptx-too-old",
        rows=(case.dataset.ref(wanted), *case.row_refs),
        plan="advise",
        commands=(),
        subject={"minimum": wanted.linux_driver or ""},
    )


def _compiled(case: Case, all_of_them: bool) -> CudaRow | None:
    """The first CUDA release that compiles the wheel's PTX: of all its kernels, or of the generated ones alone."""
    row = case.code_row
    versions = (row.ptx_versions if all_of_them else row.ptx_versions[1:]) if row is not None else ()
    wanted = max(versions, key=compare.release, default="")
    fitting = (one for one in reversed(ask.cuda_releases(case.dataset)) if one.ptx_isa and not _newer(wanted, one.ptx_isa))
    return next(fitting, None) if wanted else None


def _short(row: CudaRow) -> str:
    return ".".join(map(str, compare.minor(row.version)))


def _newest_for(case: Case) -> tuple[CudaVersion, int] | None:
    """The newest CUDA that the running kernel module's branch can have, and that branch."""
    driver = case.driver
    module = compare.driver(driver.kernel_module.value or driver.version.value) if driver is not None else None
    if module is None:
        return None
    best = _newest_of(case.dataset, module.branch)
    return (best, module.branch) if best is not None else None


@lru_cache(maxsize=256)
def _newest_of(dataset: Dataset, branch: int) -> CudaVersion | None:
    """The newest CUDA that a driver branch can have."""
    best = None
    for row in ask.cuda_releases(dataset):
        floor, version = compare.driver(row.linux_driver), compare.cuda(".".join(map(str, compare.minor(row.version))))
        if floor is not None and version is not None and floor.branch <= branch and (best is None or version > best):
            best = version
    return best


def _partly(case: Case, capability: str | None) -> bool:
    """Whether a part of the wheel's kernels has no machine code for exactly this card (Hopper from 2.16 on)."""
    if capability is None or case.code_row is None:
        return False
    return capability in case.code_row.partly_compiled or f"{capability}a" in case.ptx


def _newer(wanted: str | None, known: str | None) -> bool:
    return bool(wanted and known) and compare.release(wanted or "") > compare.release(known or "")
