"""Rules about CUDA's own libraries: of another version, missing, in two wheels at once.

``nvidia-smi``'s "CUDA Version" is the driver's ceiling and never stands for a toolkit here: only lists
of toolkits, libraries and wheels are read. Where the loader looks is a matter of ``search_paths``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fixer.model import compare
from fixer.model.finding import Evidence, Finding
from fixer.model.observed import Observed
from fixer.rules.case import Case
from fixer.rules.copies import soname_number
from fixer.rules.cudnn import loader_evidence
from fixer.rules.hardware import cuda_of_libraries
from fixer.rules.loading import Opening, openings, trust
from fixer.rules.say import fact, few, finding, joined, weaker

# Their first number is that of their soname (of cudart below 11 the first two).
_NUMBERED = ("cudart", "cublas", "cublasLt", "cufft", "curand", "cusolver", "cusparse")
# Wheels that put one soname into one folder whatever CUDA they are for; one GPU needs the first alone.
_COLLIDING = ("nvidia-cudnn", "nvidia-nccl", "nvidia-nvshmem")


def _wanted(case: Case) -> str:
    """The CUDA that TensorFlow opens, as people write it: 11.2, 12."""
    built = compare.cuda(case.cuda_built)
    if built is None:
        return ""
    return str(built.major) if built.major >= 12 else f"{built.major}.{built.minor}"


def cuda_libs_wrong_version(case: Case) -> Iterator[Finding]:
    """CUDA of another generation is there, and not the one that TensorFlow opens."""
    wrong = [one for one in openings(case) if one.verdict == "other generation" and not one.is_cudnn]
    if not wrong:
        return
    others = {other.words: other.evidence for one in wrong for other in one.generations}
    yield finding(
        "cuda-libs-wrong-version",
        case.gpu_severity,
        weaker(*(trust(case, one) for one in wrong)),
        f"{case.tensorflow_name} opens {few(one.soname for one in wrong)} (CUDA {_wanted(case)}), but what is there is "
        f"{joined(list(others)[:4])}",
        (*list(others.values())[:6], *case.tensorflow_evidence()),
        f"Provide CUDA {_wanted(case)} beside it (a wheel in this environment is enough), or take a TensorFlow for the CUDA "
        "that is there. Never give a library another name by a symbolic link.",
        rows=case.row_refs,
        subject={"sonames": ",".join(one.soname for one in wrong), "cuda": _wanted(case)},
    )


def cuda_libs_missing(case: Case) -> Iterator[Finding]:
    """No CUDA library at all, some of them, or one that cannot be loaded."""
    several = openings(case)
    cuda = [one for one in several if not one.is_cudnn]
    unknown = [one for one in cuda if one.verdict == "unknown lists"]
    if unknown:
        yield _cannot_tell(case, unknown)
    gone = [one for one in cuda if one.verdict == "missing"]
    broken = [one for one in cuda if one.verdict == "cannot load"]
    if gone:
        everything = len(gone) == len(cuda)
        lost = [one for one in several if one.verdict == "missing"] if everything else gone
        yield finding(
            "cuda-libs-missing",
            case.gpu_severity,
            weaker(*(trust(case, one) for one in lost)),
            f"the CUDA libraries that {case.tensorflow_name} opens are not installed"
            if everything
            else f"{few(one.soname for one in gone)} {'is' if len(gone) == 1 else 'are'} missing",
            (
                fact("libraries", f"no {joined((one.soname for one in lost), 'or')}", _seen(case, lost)),
                *_wheels(case),
                *case.tensorflow_evidence(),
            ),
            f"Install the libraries of CUDA {_wanted(case)} into the environment (tensorflow[and-cuda] where it exists).",
            rows=case.row_refs,
            subject={"sonames": ",".join(one.soname for one in lost), "cuda": _wanted(case)},
        )
    if broken:
        first = broken[0]
        yield finding(
            "cuda-libs-missing",
            case.gpu_severity,
            trust(case, first),
            f"{joined(one.soname for one in broken)} cannot be loaded: {first.problem}",
            tuple(line for one in broken for line in loader_evidence(case, one)),
            "Provide what it needs beside it, of the same CUDA release.",
            code="cuda-libs-broken",
            rows=case.row_refs,
            subject={
                "sonames": ",".join(one.soname for one in broken),
                "problem": first.problem or "",
                "cuda": _wanted(case),
            },
        )


def _seen(case: Case, lost: list[Opening]) -> Observed[Any]:
    return case.facts.resolutions if lost[0].measured else case.facts.libraries


def _wheels(case: Case) -> tuple[Evidence, ...]:
    has = bool(case.nvidia_wheels)
    return () if has else (fact("environment.packages", "no nvidia-* wheels", case.packages_seen),)


def _cannot_tell(case: Case, unknown: list[Opening]) -> Finding:
    needs = tuple(name for name in ("libraries", "toolkits") if getattr(case.facts, name).is_unknown)
    return finding(
        "cuda-libs-missing",
        case.gpu_severity,
        "cannot-tell",
        f"cannot tell whether {few(one.soname for one in unknown)} {'is' if len(unknown) == 1 else 'are'} anywhere",
        tuple(fact(name, "unknown", getattr(case.facts, name)) for name in needs),
        "Give the libraries and toolkits outside the environment (libraries and toolkits in the machine file; [] says that "
        "there are none).",
        code="cuda-libs-unknown",
        commands=(),
        plan="none",
        needs=needs,
        rows=case.row_refs,
    )


def cuda_libs_unknown(case: Case) -> Iterator[Finding]:
    """The dataset does not know what this TensorFlow opens: a clean bill for the GPU would be a guess."""
    if openings(case) or not case.tensorflow_may_use_gpu or case.by_conda or case.os != "linux" or not case.cards:
        return
    yield finding(
        "cuda-libs-missing",
        "risks",
        "cannot-tell",
        f"the dataset does not know which CUDA libraries {case.tensorflow_name} opens",
        case.tensorflow_evidence(),
        "Run convfix verify: it asks TensorFlow itself.",
        code="cuda-libs-unlisted",
        commands=(("convfix", "verify"),),
        plan="none",
        needs=("resolutions",),
    )


def cuda_older_minor(case: Case) -> Iterator[Finding]:
    """CUDA of the right major and an older minor version: its names fit, some newer function may be missing."""
    built = compare.cuda(case.cuda_built)
    several = openings(case)
    if built is None or built.major < 11 or not several or any(one.verdict != "ok" for one in several):
        return
    loaded = cuda_of_libraries(case, built.major)
    version = compare.cuda(loaded.value) if loaded is not None else None
    # The runtime tells its minor version alone, the build its update too (12.5.1): updates share their functions.
    if loaded is None or version is None or (version.major, version.minor) >= (built.major, built.minor):
        return
    yield finding(
        "cuda-libs-wrong-version",
        "risks" if case.target != "cpu" else "note",
        "possible",
        f"{case.tensorflow_name} is built for CUDA {built}, its libraries are of {version}: a newer function may be missing",
        (loaded, *case.tensorflow_evidence()),
        f"Provide CUDA {built} or a newer one of major {built.major} when a symbol is reported missing.",
        code="cuda-older-minor",
        rows=case.row_refs,
        subject={"cuda": str(built)},
    )


def named_as_another(case: Case) -> Iterator[Finding]:
    """A library that answers with another major version than the name it is opened by: a link gives one release the name of another."""
    answers = {copy.path: copy.version for copy in case.facts.libraries.or_else(())}
    for one in openings(case):
        loaded = one.winner
        if loaded is None or not one.measured or one.verdict != "ok" or one.library not in _NUMBERED:
            continue
        told, number = compare.release(answers.get(loaded.path) or ""), compare.release(soname_number(one.soname))
        length = 2 if one.library == "cudart" and number[:1] < (11,) else 1
        if not told or told[:length] == number[:length]:
            continue
        yield finding(
            "cuda-libs-wrong-version",
            "risks" if case.target != "cpu" else "note",
            "proven",
            f"{loaded.path} is named {one.soname} and is {one.library} {loaded.version}: a link gives one release the name of another",
            (fact(f"loader.{one.soname}", f"{loaded.path} {loaded.version}", case.facts.libraries), *case.tensorflow_evidence()),
            f"Take the link away and provide the {one.library} that {case.tensorflow_name} was built with: where the two differ in a "
            "function, the call crashes or computes something else.",
            code="named-as-another-release",
            subject={"path": loaded.path, "soname": one.soname},
        )


def nvidia_wheel_collision(case: Case) -> Iterator[Finding]:
    """Wheels for two CUDA majors own the same files: the one installed last has won."""
    wheels = case.nvidia_wheels
    if case.os != "linux" or len(wheels) < 2:
        return
    for stem in _COLLIDING:
        both = sorted(name for name in wheels if re.fullmatch(rf"{stem}-cu\d+", name))
        majors = {compare.release(case.packages[name])[:1] for name in both}
        if len(both) < 2 or len(majors) != 1:
            continue
        used = case.tensorflow_may_use_gpu and case.facts.gpus.is_found and stem == _COLLIDING[0]
        yield finding(
            "nvidia-wheel-collision",
            case.gpu_severity if used else "risks",
            "likely",
            f"{joined(f'{name} {case.packages[name]}' for name in both)} own the same files: one has overwritten the other",
            tuple(case.package(name) for name in both),
            "Keep the one of TensorFlow's CUDA: uninstall both, then install that one again; give the other framework an "
            "environment of its own.",
            subject={"packages": ",".join(both), "cuda": _wanted(case)},
        )


def tf_torch_pin_conflict(case: Case) -> Iterator[Finding]:
    """Another framework shares the nvidia wheels, and their versions are not those that TensorFlow pins."""
    row = case.row
    others = [name for name in ("torch", "jax") if name in case.packages]
    if row is None or not others or case.target == "cpu" or case.is_cuda_build is False:
        return
    pins = row.extras.get("and-cuda", {})
    outside = [
        name for name, bound in pins.items() if name in case.packages and compare.within(bound, case.packages[name]) is False
    ]
    if not outside:
        return
    yield finding(
        "tf-torch-pin-conflict",
        "risks",
        "likely",
        f"{joined(others)} and TensorFlow want different versions of {joined(outside)}",
        (
            *(case.package(name) for name in outside),
            *(case.package(name) for name in others),
            *case.tensorflow_evidence(),
        ),
        "Give each framework an environment of its own, or use TensorFlow on the CPU here.",
        rows=case.row_refs,
        subject={"packages": ",".join(outside), "frameworks": ",".join(others)},
    )
