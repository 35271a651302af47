"""Rules about the GPU itself: switched off, too old or too new for the code that TensorFlow carries.

A machine with several cards is judged by its best one: a card that is left out beside a working one is
a note. What cuDNN has for a card stands in ``cudnn``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from fixer.dataset import ask
from fixer.dataset.rows import KnownFaultRow
from fixer.model import architectures, compare
from fixer.model.finding import Certainty, Evidence, Finding, RowRef, Severity
from fixer.model.record import record
from fixer.rules.cards import Card
from fixer.rules.case import Case
from fixer.rules.say import fact, finding, joined, sentence, weaker

Kind = Literal["served", "compiled first", "too old", "too new", "unknown"]
_GENERATED = "generated from PTX"


@record(frozen=True)
class Fit:
    """How the installed TensorFlow and its libraries serve one card, and what that rests on."""

    card: Card
    kind: Kind
    certainty: Certainty
    why: str
    evidence: tuple[Evidence, ...] = ()


def gpu_powered_off(case: Case) -> Iterator[Finding]:
    """A hybrid laptop's card is off, asleep or not offered."""
    if case.no_gpu:
        yield from _not_offered(case)
    off = tuple(card for card in case.cards if card.gpu.powered is False)
    if not off or case.target == "cpu" and case.wish.device == "cpu":
        return
    severity: Severity = case.gpu_severity if len(off) == len(case.cards) else "note"
    yield finding(
        "gpu-powered-off",
        severity,
        "proven",
        f"the GPU is there but switched off: {joined(card.name for card in off)}",
        tuple(fact(f"gpus[{card.place}].powered", f"false: {card.name}", case.facts.gpus) for card in off),
        "Switch the graphics profile to the NVIDIA card (prime-select nvidia, supergfxctl -m Hybrid, or the firmware's "
        "setting), then log out and in.",
        subject={"gpu": off[0].name},
    )


def _not_offered(case: Case) -> Iterator[Finding]:
    """No card on the bus, and a driver for one: a hybrid laptop may hide it."""
    driver = case.driver
    if driver is None or not driver.version.is_found or case.container or case.wsl or case.os != "linux":
        return
    yield finding(
        "gpu-powered-off",
        "risks" if case.wish.device == "gpu" else "note",
        "possible",
        "an NVIDIA driver is installed, but no NVIDIA GPU is to be seen: it may be switched off",
        (fact("gpus", "none", case.facts.gpus), case.driver_evidence()),
        "On a hybrid laptop, switch the graphics profile to the NVIDIA card (prime-select nvidia, supergfxctl -m Hybrid, or "
        "the firmware's setting), then log out and in.",
        code="gpu-not-offered",
    )


def fits(case: Case) -> tuple[Fit, ...]:
    """Each card against the installed TensorFlow; empty where that uses no GPU at all."""
    known: tuple[Fit, ...] | None = case.memory.get("fits")
    if known is None:
        used = case.tensorflow is not None and case.is_cuda_build is not False and case.os != "macos"
        known = tuple(_fit(case, card) for card in case.cards) if used else ()
        case.memory["fits"] = known
    return known


def _fit(case: Case, card: Card) -> Fit:
    if card.capability is None:
        return _fit_of_any(case, card)
    served = architectures.coverage(case.compute_capabilities, case.ptx, card.capability)
    trust = case.row_trust if case.row is not None else "likely"
    if served == "unknown":
        # Whatever code the wheel holds, libraries of a CUDA before the card do not know it.
        fit = _libraries_fit(case, card, "served", "possible")
        return fit if fit.kind == "too new" else Fit(card, "served", "possible", "presumed")
    if served == "none":
        old = architectures.older_than_all((*case.compute_capabilities, *case.ptx), card.capability)
        codes = ", ".join(case.compute_capabilities)
        why = f"its code is for {codes}" + (" and PTX for " + ", ".join(case.ptx) if case.ptx else "")
        return Fit(card, "too old" if old else "too new", trust, why)
    fault = _published(case, "gpu-arch-too-new") if served == "ptx" else None
    if fault is not None:
        return Fit(card, "too new", weaker(trust, "proven" if fault.confidence == "primary" else "likely"), fault.what)
    return _libraries_fit(case, card, "served" if served == "machine code" else "compiled first", trust)


def _fit_of_any(case: Case, card: Card) -> Fit:
    """An ambiguous name decides where all that it can mean are served alike."""
    judged = [_fit(case, replace(card, capability=one, family=ask.family(case.dataset, one))) for one in card.candidates]
    if judged and len({fit.kind for fit in judged}) == 1:
        return replace(judged[-1], certainty=weaker("likely", judged[-1].certainty))
    return Fit(card, "unknown", "cannot-tell", "its compute capability is unknown")


def _libraries_fit(case: Case, card: Card, kind: Kind, trust: Certainty) -> Fit:
    """Whether CUDA's own libraries know the card: kernels that the driver compiles do not help cuBLAS and cuDNN."""
    first = compare.cuda(card.family.first_cuda) if card.family is not None else None
    built = compare.cuda(case.cuda_built)
    if first is None or built is None:
        return Fit(card, kind, trust, "")
    if first.major > built.major:
        why = f"the libraries of CUDA {built.major} do not know this GPU, CUDA {first} is the first that does"
        return Fit(card, "too new", "likely", why)
    if kind == "served":
        return Fit(card, kind, trust, "")
    loaded = cuda_of_libraries(case, built.major)
    version = compare.cuda(loaded.value) if loaded is not None else None
    if loaded is not None and version is not None and version < first:
        why = f"its libraries are of CUDA {version}, CUDA {first} is the first that knows this GPU"
        return Fit(card, "too new", "likely", why, (loaded,))
    return Fit(card, kind, trust, _GENERATED)


def cuda_of_libraries(case: Case, major: int) -> Evidence | None:
    """The CUDA release of the libraries that the environment or a toolkit of this major brings, where known."""
    for name in (f"nvidia-cublas-cu{major}", f"nvidia-cuda-runtime-cu{major}", "nvidia-cublas"):
        version = case.packages.get(name)
        if version is not None and compare.release(version)[:1] == (major,) and (major >= 12 or "runtime" in name):
            text = ".".join(map(str, compare.minor(version)))
            return Evidence(f"environment.packages.{name}", text, case.packages_seen.source)
    toolkits = [compare.cuda(one.version) for one in case.facts.toolkits.or_else(()) if one.version]
    same = [version for version in toolkits if version is not None and version.major == major]
    return fact("toolkits", str(max(same)), case.facts.toolkits) if same else None


def gpu_arch_too_old(case: Case) -> Iterator[Finding]:
    """The wheel has no code for so old a GPU."""
    yield from _outside(case, "too old")


def gpu_arch_too_new(case: Case) -> Iterator[Finding]:
    """The wheel, or the CUDA libraries it is built for, have no code for so new a GPU."""
    yield from _outside(case, "too new")


def _outside(case: Case, kind: Kind) -> Iterator[Finding]:
    judged = fits(case)
    bad = [fit for fit in judged if fit.kind == kind]
    if not bad:
        return
    alone = all(fit.kind in ("too old", "too new") for fit in judged)
    worst = bad[0]
    cause = "gpu-arch-too-old" if kind == "too old" else "gpu-arch-too-new"
    fault = _published(case, cause)
    refs: tuple[RowRef, ...] = (*case.row_refs, *worst.card.rows)
    yield finding(
        cause,
        case.gpu_severity if alone else "note",
        weaker(*(fit.certainty for fit in bad)),
        f"{case.tensorflow_name} has no code for {worst.card.name} (compute capability {worst.card.capability}): {worst.why}",
        (*case.card_evidence(tuple(fit.card for fit in bad)), *case.tensorflow_evidence(), *worst.evidence),
        sentence(fault.remedy) if fault is not None else _advice(kind),
        rows=(*refs, case.dataset.ref(fault)) if fault is not None else refs,
        subject={"compute_capability": worst.card.capability or "", "package": case.distribution or ""},
    )


def _published(case: Case, cause: str) -> KnownFaultRow | None:
    rows = ask.known_faults(case.dataset, case.row.distribution, case.tensorflow or "") if case.row is not None else ()
    return next((row for row in rows if row.cause == cause), None)


def _advice(kind: Kind) -> str:
    if kind == "too old":
        return "Use a TensorFlow whose wheel still carries this architecture; convfix plan names the newest that fits."
    return "Use a TensorFlow built for this architecture (convfix plan names one where it exists), or NVIDIA's container."


def gpu_compiled_first(case: Case) -> Iterator[Finding]:
    """No machine code for this card, but PTX: the driver compiles every kernel at the first run."""
    judged = fits(case)
    if not judged or any(fit.kind != "compiled first" for fit in judged):
        return
    disabled = case.variables.get("CUDA_DISABLE_PTX_JIT") == "1"
    card = judged[0].card
    evidence = [*case.card_evidence((card,)), *case.tensorflow_evidence()]
    if disabled:
        evidence.append(fact("variables.CUDA_DISABLE_PTX_JIT", "1", case.variable("CUDA_DISABLE_PTX_JIT")))
    yield finding(
        "gpu-arch-too-new",
        case.gpu_severity if disabled else "note",
        "likely",
        f"CUDA_DISABLE_PTX_JIT=1 keeps the driver from compiling code for {card.name}"
        if disabled
        else f"{card.name} is newer than {case.tensorflow_name}: the driver compiles its code, so the first run is slow",
        evidence,
        "Take CUDA_DISABLE_PTX_JIT away."
        if disabled
        else "Nothing to repair; keep the driver's cache (CUDA_CACHE_PATH on a writable disk, CUDA_CACHE_MAXSIZE raised).",
        code="gpu-compiled-first",
        rows=case.row_refs,
        plan="auto" if disabled else "none",
        subject={"setting": "CUDA_DISABLE_PTX_JIT"} if disabled else {},
    )


def gpu_arch_unknown(case: Case) -> Iterator[Finding]:
    """Nobody knows what the cards are: their compute capability decides which TensorFlow serves them."""
    judged = fits(case)
    if not judged or any(fit.kind != "unknown" for fit in judged) or case.target == "cpu" or case.wsl:
        return
    if not case.compute_capabilities:
        return
    yield finding(
        "gpu-arch-too-old",
        case.gpu_severity,
        "cannot-tell",
        f"cannot tell whether {case.tensorflow_name} has code for {judged[0].card.name}",
        (*case.card_evidence(tuple(fit.card for fit in judged)), *case.tensorflow_evidence()),
        "Give the GPU's compute capability (nvidia-smi --query-gpu=compute_cap --format=csv).",
        code="gpu-arch-unknown",
        commands=(("nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv"),),
        plan="none",
        needs=("gpus[0].compute_capability",),
    )
