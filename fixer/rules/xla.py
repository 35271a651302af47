"""Rules about what XLA needs to compile: libdevice, and a ptxas that knows the GPU.

Plain convolutions need neither, so none of these blocks: compiled functions stop (Keras' optimizers from
2.11 on are such). Where XLA looks: --xla_gpu_cuda_data_dir, PATH (ptxas alone), /usr/local/cuda, /opt/cuda,
the nvcc wheel, a conda prefix.
"""

from __future__ import annotations

from typing import Iterator

from fixer.model.finding import Evidence, Finding
from fixer.rules import compare
from fixer.rules.case import Case
from fixer.rules.copies import folder, library_name, toolkit_version
from fixer.rules.loading import openings
from fixer.rules.say import fact, finding

_FIRST_PTXAS_FOR_BLACKWELL = (12, 8)
# XLA passes over a ptxas older than this one.
_OLDEST_PTXAS = (11, 8)
_XLA_OPTIMIZERS = (2, 11)


def _nvcc(case: Case) -> str:
    """The wheel that brings ptxas and libdevice for TensorFlow's CUDA."""
    return f"nvidia-cuda-nvcc-cu{(case.cuda_built or '12').split('.')[0]}"


def _data_dir_is_set(case: Case) -> bool:
    return "xla_gpu_cuda_data_dir" in case.variables.get("XLA_FLAGS", "")


def libdevice_missing(case: Case) -> Iterator[Finding]:
    """XLA finds no libdevice: neither a toolkit nor the wheel is there."""
    if not openings(case) or case.kind == "conda" or compare.minor(case.tensorflow or "") < _XLA_OPTIMIZERS:
        return
    if not case.facts.toolkits.is_absent or _data_dir_is_set(case):
        return
    if any(library_name(one) in ("libdevice", "device") for one in case.facts.libraries.or_else(())):
        return
    wheels = [name for name in case.packages if name.startswith("nvidia-")]
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
        ),
        f"Install {_nvcc(case)}, or point XLA_FLAGS=--xla_gpu_cuda_data_dir at a folder that holds nvvm/libdevice.",
        rows=case.row_refs,
        subject={"package": _nvcc(case)},
    )


def ptxas_too_old(case: Case) -> Iterator[Finding]:
    """XLA takes its PTX version from the first ptxas it finds: one older than 12.8 cannot compile for Blackwell."""
    new = tuple(card for card in case.cards if (compare.capability(card.capability or "") or (0,))[0] >= 10)
    first = _first_ptxas(case) if new and case.tensorflow_may_use_gpu and not _data_dir_is_set(case) else None
    if first is None or compare.minor(first[0]) >= _FIRST_PTXAS_FOR_BLACKWELL:
        return
    yield finding(
        "ptxas-missing",
        "risks",
        "likely",
        f"the ptxas that XLA finds first is of CUDA {first[0]} and cannot compile for {new[0].name}",
        (first[1], *case.card_evidence(new)),
        f"Install {_nvcc(case)} 12.8 or newer; where an older toolkit stands on PATH or in /usr/local/cuda, point "
        "XLA_FLAGS=--xla_gpu_cuda_data_dir at the wheel's folder.",
        code="ptxas-too-old",
        subject={"package": _nvcc(case), "wanted": ">=12.8"},
    )


def _first_ptxas(case: Case) -> tuple[str, Evidence] | None:
    """The version of the ptxas that XLA would take, and where that is known from."""
    toolkits = {folder(case, one.path): one for one in case.facts.toolkits.or_else(())}
    places = [entry for entry in case.variables.get("PATH", "").split(":") if entry]
    for entry in (*places, "/usr/local/cuda/bin", "/opt/cuda/bin"):
        base = folder(case, entry.rstrip("/").removesuffix("/bin"))
        one = toolkits.get(base)
        version = toolkit_version(one) if one is not None else None
        if version is not None and compare.minor(version) >= _OLDEST_PTXAS:
            return version, fact("toolkits", f"CUDA {version} in {base}, reached by {entry}", case.facts.toolkits)
    wheel = case.packages.get(_nvcc(case))
    return (wheel, case.package(_nvcc(case))) if wheel is not None else None
