"""Rules about what XLA needs to compile: libdevice, and a ptxas that knows the GPU.

Plain convolutions need neither, so none of these blocks: compiled functions stop (Keras' optimizers from
2.11 on are such). Where XLA looks: --xla_gpu_cuda_data_dir, PATH (ptxas alone), /usr/local/cuda, /opt/cuda,
the nvcc wheel, a conda prefix.
"""

from __future__ import annotations

from typing import Iterator

from fixer.model import architectures, compare
from fixer.model.finding import Evidence, Finding
from fixer.model.record import record
from fixer.rules.cards import Card
from fixer.rules.case import Case
from fixer.rules.copies import folder, library_name, toolkit_version
from fixer.rules.loading import openings
from fixer.rules.say import fact, finding

_FIRST_PTXAS_FOR_BLACKWELL = (12, 8)
# XLA passes over a ptxas older than this one.
_OLDEST_PTXAS = (11, 8)
_XLA_OPTIMIZERS = (2, 11)
_FIXED = ("/usr/local/cuda/bin", "/opt/cuda/bin")
# What a shell starts with where nobody told: a distribution's own ptxas lies there.
_USUAL_PATH = "/usr/local/bin:/usr/bin:/bin"


def _nvcc(case: Case) -> str:
    """The wheel that brings ptxas and libdevice for TensorFlow's CUDA."""
    return f"nvidia-cuda-nvcc-cu{(case.cuda_built or '12').split('.')[0]}"


def _data_dir_is_set(case: Case) -> bool:
    return "xla_gpu_cuda_data_dir" in case.variables.get("XLA_FLAGS", "")


def _data_dir_may_serve(case: Case) -> bool:
    """Whether the folder that XLA_FLAGS names may hold libdevice; on a live machine it was looked into."""
    return _data_dir_is_set(case) and not case.complete


def libdevice_missing(case: Case) -> Iterator[Finding]:
    """XLA finds no libdevice: neither a toolkit nor the wheel is there."""
    if not openings(case) or case.kind == "conda" or compare.minor(case.tensorflow or "") < _XLA_OPTIMIZERS:
        return
    if not case.facts.toolkits.is_absent or _data_dir_may_serve(case):
        return
    if any(library_name(one) in ("libdevice", "device") for one in case.facts.libraries.or_else(())):
        return
    wheels = case.nvidia_wheels
    if not wheels or any(name.startswith("nvidia-cuda-nvcc") for name in wheels):
        return
    yield finding(
        "libdevice-missing",
        "risks" if case.target != "cpu" else "note",
        "likely",
        "XLA will not find libdevice and ptxas: functions that it compiles stop",
        (
            fact("toolkits", "none", case.facts.toolkits),
            fact("environment.packages", "no nvidia-cuda-nvcc wheel", case.packages_seen),
            *_of_the_flags(case),
        ),
        f"Install {_nvcc(case)}, or point XLA_FLAGS=--xla_gpu_cuda_data_dir at a folder that holds nvvm/libdevice.",
        rows=case.row_refs,
        subject={"package": _nvcc(case)},
    )


def _of_the_flags(case: Case) -> tuple[Evidence, ...]:
    if not _data_dir_is_set(case):
        return ()
    return (fact("variables.XLA_FLAGS", f"{case.variables['XLA_FLAGS']}: no libdevice there", case.variable("XLA_FLAGS")),)


def ptxas_too_old(case: Case) -> Iterator[Finding]:
    """XLA takes its PTX version from the first ptxas it finds: one older than 12.8 cannot compile for Blackwell."""
    new = tuple(card for card in case.cards if (architectures.capability(card.capability or "") or (0,))[0] >= 10)
    # No wheel of CUDA 11 knows such a card: there the whole TensorFlow is too old, and rules on hardware say so.
    knows = compare.minor(case.cuda_built or "12") >= (12,)
    first = _first_ptxas(case) if new and knows and case.tensorflow_may_use_gpu and not _data_dir_is_set(case) else None
    if first is None:
        return
    if first.version is None:
        yield _unknown_version(case, first, new)
    elif compare.minor(first.version) < _FIRST_PTXAS_FOR_BLACKWELL:
        yield finding(
            "ptxas-missing",
            "risks",
            "likely",
            f"the ptxas that XLA finds first is of CUDA {first.version} and cannot compile for {new[0].name}",
            (first.evidence, *case.card_evidence(new)),
            f"Install {_nvcc(case)} 12.8 or newer; where an older toolkit stands on PATH or in /usr/local/cuda, point "
            "XLA_FLAGS=--xla_gpu_cuda_data_dir at the wheel's folder.",
            code="ptxas-too-old",
            subject={"package": _nvcc(case), "wanted": ">=12.8"},
        )


def _unknown_version(case: Case, first: Ptxas, new: tuple[Card, ...]) -> Finding:
    return finding(
        "ptxas-missing",
        "risks",
        "cannot-tell",
        f"cannot tell whether {first.path}, which XLA finds first, can compile for {new[0].name}",
        (first.evidence, *case.card_evidence(new)),
        f"Ask it: {first.path} --version. It must be of CUDA 12.8 or newer.",
        code="ptxas-version-unknown",
        commands=((first.path, "--version"),),
        plan="none",
        needs=(f"libraries: the version of {first.path}",),
    )


@record(frozen=True)
class Ptxas:
    """A ptxas that XLA may take; ``version`` None means unknown."""

    path: str
    version: str | None
    evidence: Evidence


def _first_ptxas(case: Case) -> Ptxas | None:
    """The ptxas that XLA would take: one on PATH, in the two fixed folders, in the wheel, in a conda prefix.

    Called in the wheels of 2.20 and 2.21 (PreferPtxasFromPath); a copy whose version is known to be too old for
    XLA itself is passed over.
    """
    wheel = case.packages.get(_nvcc(case))
    own = [Ptxas(_nvcc(case), wheel, case.package(_nvcc(case)))] if wheel is not None else []
    on_path = [entry for entry in case.variables.get("PATH", _USUAL_PATH).split(":") if entry.startswith("/")]
    prefix = [f"{case.patient.prefix}/bin"] if case.kind == "conda" and case.patient is not None else []
    outside = _outside(case)
    searched = [
        *(outside[place] for place in (folder(case, one) for one in (*on_path, *_FIXED)) if place in outside),
        *own,
        *(outside[place] for place in (folder(case, one) for one in prefix) if place in outside),
    ]
    return next((one for one in searched if one.version is None or compare.minor(one.version) >= _OLDEST_PTXAS), None)


def _outside(case: Case) -> dict[str, Ptxas]:
    """Every ptxas outside the wheels by its folder: those that are listed, else the one that each toolkit brings."""
    listed = [one for one in case.facts.libraries.or_else(()) if one.name == "ptxas"]
    if listed:
        return {
            folder(case, one.path.rpartition("/")[0]): Ptxas(
                one.path, one.version, fact("libraries", f"{one.path} {one.version or '(version unknown)'}", case.facts.libraries)
            )
            for one in listed
        }
    made = {}
    for kit in case.facts.toolkits.or_else(()):
        version, base = toolkit_version(kit), folder(case, f"{kit.path.rstrip('/')}/bin")
        if version is not None:
            made[base] = Ptxas(f"{base}/ptxas", version, fact("toolkits", f"CUDA {version} in {kit.path}", case.facts.toolkits))
    return made
