"""Rules about what a run said of XLA's tools: a ptxas that fails matters only where nothing takes its place."""

from __future__ import annotations

from collections.abc import Iterator

from fixer.dataset import ask
from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import evidence, said
from fixer.rules.heard import about, candidates, named

_INSTEAD = "ptxas-driver-instead"
_NO_FUNCTION = {"driver-library-mismatch": 60.0, "driver-too-old": 22.0, "container-without-gpu": 18.0}
# What compiled the module knew neither the card nor, then, the function.
_NO_KERNEL = {"gpu-arch-too-new": 36.0, "ptxas-missing": 24.0, "gpu-arch-too-old": 22.0, "driver-too-old": 18.0}
# XLA names the ptxas only where it does not know the card (LogPtxasTooOld of asm_compiler.cc).
_NO_KERNEL_OF_PTXAS = {"ptxas-missing": 62.0, "gpu-arch-too-new": 38.0}
_WORKS = ("loaded-cudnn-version", "gpu-listed", "epoch")


def ptxas_missing(case: Case) -> Iterator[Finding]:
    """XLA cannot find or run ptxas; where the driver compiles in its place, that is often nothing."""
    gone, tried, failed = said(case, "ptxas-fatal"), said(case, "ptxas-invoke"), said(case, "ptxas-failed")
    instead = said(case, _INSTEAD)
    if instead and (gone or tried or failed):
        title = "ptxas could not be run, and the driver compiled in its place: slower at first, and often nothing else"
        weights = {"ptxas-missing": 50.0, "benign-noise": 50.0}
        if said(case, *_WORKS):
            weights = {"ptxas-missing": 12.0, "benign-noise": 88.0}
        lines = (*evidence((*gone, *tried, *failed), 2), instead[0].evidence)
        yield from candidates("compiled-by-the-driver", weights, title, lines, ("ptxas", "--version"))
    elif gone:
        yield named("ptxas-missing", "likely", about(gone[0]), evidence(gone), "ptxas-not-found")
    elif tried:
        yield named("ptxas-missing", "possible", about(tried[0]), evidence(tried), "ptxas-not-run")
    elif failed:
        weights = {"ptxas-missing": 70.0, "gpu-arch-too-new": 30.0}
        yield from candidates("ptxas-failed", weights, about(failed[0]), evidence(failed), ("ptxas", "--version"))


def ptxas_unknown_gpu(case: Case) -> Iterator[Finding]:
    """ptxas does not know the card: it is of an older CUDA, as the program may be; where no wheel has code for the card, it is."""
    seen = said(case, "ptxas-unknown-gpu")
    if not seen:
        return
    numbers = [one.event.values.get("sm") or one.event.values.get("cc", "").replace(".", "") for one in seen]
    cards = [f"{number[:-1]}.{number[-1]}" for number in numbers if number.isdigit() and len(number) > 1]
    weights = {"ptxas-missing": 62.0, "gpu-arch-too-new": 38.0}
    if any(not ask.some_wheel_has_code(case.dataset, card) for card in cards):
        weights = {"ptxas-missing": 30.0, "gpu-arch-too-new": 70.0}
    yield from candidates("ptxas-unknown-gpu", weights, about(seen[0]), evidence(seen), ("ptxas", "--version"))


def kernel_not_in_module(case: Case) -> Iterator[Finding]:
    """A module was loaded and lacks the function: what compiled it is at fault. Without a module, the driver lacks one."""
    modules, functions = said(case, "ptx-kernel-not-found"), said(case, "cuda-symbol-not-found")
    of_a_module = {one.event.line for one in modules}
    if modules and not said(case, "ptxas-unknown-gpu"):
        used = said(case, "ptxas-used")
        weights = _NO_KERNEL_OF_PTXAS if used else _NO_KERNEL
        yield from candidates("ptx-kernel-not-found", weights, about(modules[0]), evidence((*used[:1], *modules)), ("convfix", "doctor"))
    missing = tuple(one for one in functions if one.event.line not in of_a_module)
    if missing:
        yield from candidates("cuda-symbol-not-found", _NO_FUNCTION, about(missing[0]), evidence(missing), ("nvidia-smi",))
