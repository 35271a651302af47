"""Rules about a driver's age: too old for TensorFlow's CUDA, for the GPU, or for code that it must compile.

A driver newer than CUDA asks for is never a fault. On Windows and WSL2 the numbers are Windows' own.
"""

from __future__ import annotations

from typing import Iterator

from fixer.dataset import compiling
from fixer.dataset.driver_floor import of_release
from fixer.model import compare
from fixer.model.finding import Finding, RowRef
from fixer.model.versions import DriverRelease
from fixer.rules.case import Case
from fixer.rules.driver_loading import install_steps
from fixer.rules.hardware import fits
from fixer.rules.libcuda import own_release
from fixer.rules.say import fact, finding


def driver_too_old(case: Case) -> Iterator[Finding]:
    """The driver is older than TensorFlow's CUDA runs on, or older than the GPU."""
    if not case.cards or case.is_cuda_build is False or case.driver is None or case.os == "macos":
        return
    present = own_release(case)
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
        oldest = of_release(case.dataset, str(built), case.os == "windows", case.wsl)
        if oldest is not None and present < oldest.driver:
            title = f"driver {present} is too old for CUDA {built.major}"
            yield _too_old(case, title, oldest.driver, (case.dataset.ref(oldest.row),), str(built.major))
            return
    first = [card for card in case.cards if card.family is not None and (card.family.first_driver_branch or 0) > present.branch]
    # Windows numbers its releases of a branch from the branch on: R570 is 572 there.
    if first and len(first) == len(case.cards):
        branch = first[0].family.first_driver_branch if first[0].family is not None else 0
        served = compare.driver(f"{branch}.00")
        if served is not None:
            title = f"driver {present} is older than {first[0].name}, which branch {branch} is the first to serve"
            yield _too_old(case, title, served, first[0].rows, "", "driver-older-than-gpu")


def _halves_absent(case: Case) -> bool:
    driver = case.driver
    return driver is not None and (driver.version.is_absent or driver.kernel_module.is_absent)


def _too_old(
    case: Case, title: str, oldest: DriverRelease, rows: tuple[RowRef, ...], major: str, code: str = "driver-too-old"
) -> Finding:
    steps, commands = install_steps(case, oldest.branch)
    driver = case.driver
    own = driver is not None and own_release(case) != compare.driver(case.driver_version)
    seen = fact("driver.kernel_module", str(driver.kernel_module.value), driver.kernel_module) if driver and own else case.driver_evidence()
    return finding(
        "driver-too-old",
        case.gpu_severity,
        "proven" if case.metadata_trust == "proven" or not major else "likely",
        f"{title} (it needs {oldest} or newer)" if major else title,
        (seen, *case.tensorflow_evidence(), *case.card_evidence(case.cards)),
        "Take a TensorFlow built for an older CUDA, which changes only this environment, or have the driver updated."
        if major
        else "Have the driver updated: no release of TensorFlow uses this card through one that does not know it.",
        code=code,
        rows=(*rows, *case.row_refs, *steps),
        commands=(("convfix", "plan"), *commands),
        subject={"minimum": str(oldest), "cuda": major},
    )


def driver_cannot_compile(case: Case) -> Iterator[Finding]:
    """The GPU's code must be compiled by the driver, and the driver does not know PTX that new."""
    judged, row = fits(case), case.code_row
    running, built = _running(case), compare.cuda(case.cuda_built)
    if not judged or row is None or running is None or built is None or case.wsl or case.os != "linux":
        return
    whole = all(fit.kind == "compiled first" for fit in judged)
    if not whole and not all(fit.kind == "compiled first" or compiling.partly(row, fit.card.capability or "") for fit in judged):
        return
    oldest = of_release(case.dataset, str(built), case.os == "windows", case.wsl)
    ptx = compiling.wanted(case.dataset, row, not whole)
    if ptx is None or compiling.compiles(case.dataset, running, ptx) or (oldest is not None and running < oldest.driver):
        # What is too old for the CUDA itself is told by that rule alone.
        return
    first = compiling.first(case.dataset, ptx)
    floor_of_ptx = (first.linux_driver if first is not None else None) or ""
    yield finding(
        "driver-too-old",
        case.gpu_severity,
        "likely",
        f"driver {running} cannot compile PTX {ptx}, which {case.tensorflow_name} needs on {judged[0].card.name}",
        (case.driver_evidence(), *case.tensorflow_evidence(), *case.card_evidence(case.cards)),
        "Take a TensorFlow whose kernels this driver compiles, which changes only this environment, or have the driver "
        f"updated{f' to {floor_of_ptx} or newer' if floor_of_ptx else ''}: the libraries of this CUDA run, and the first kernel "
        "without machine code fails (CUDA_ERROR_UNSUPPORTED_PTX_VERSION).",
        code="driver-ptx-too-old",
        rows=(*((case.dataset.ref(first),) if first is not None else ()), *case.row_refs),
        subject={"minimum": floor_of_ptx, "cuda": str(built.major)},
    )


def _running(case: Case) -> DriverRelease | None:
    """The release of the running kernel module, which compiles; of the user-space library where only that is known."""
    driver = case.driver
    return compare.driver(driver.kernel_module.value or driver.version.value) if driver is not None else None
