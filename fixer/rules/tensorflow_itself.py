"""Rules about TensorFlow's own distributions: none, a retired one, two at once, one without CUDA.

What another package does to TensorFlow stands in ``neighbours``. A build without CUDA is no fault where
the CPU is wished for.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.dataset import ask
from fixer.model import compare
from fixer.model.finding import Finding
from fixer.model.observed import found
from fixer.model.record import altered
from fixer.rules.case import AMD, CPU_DISTRIBUTIONS, Case
from fixer.rules.hardware import fits
from fixer.rules.loading import openings
from fixer.rules.say import fact, finding, joined, sentence
from fixer.rules.wishes import wanted

_FIRST_TOMBSTONE = (2, 12)
# Distributions that pip installs beside tensorflow as its own parts: no second TensorFlow.
_PARTS = ("tensorflow-intel", "tensorflow-macos", "tensorflow-aarch64", "tensorflow-base")


def tensorflow_missing(case: Case) -> Iterator[Finding]:
    """No TensorFlow in the patient, or nobody could look."""
    if case.packages_seen.is_unknown:
        what = "environment" if case.facts.environment.is_unknown else "environment.packages"
        yield finding(
            "tensorflow-missing",
            "blocks",
            "cannot-tell",
            "cannot tell whether TensorFlow is installed",
            (fact(what, "unknown: " + (case.packages_seen.detail or "nobody looked"), case.packages_seen),),
            "Name the environment: convfix doctor --python PATH, or give environment.packages in the machine file.",
            commands=(),
            plan="none",
            needs=(what,),
        )
        return
    if case.distributions or case.some_packages:
        return
    nowhere = case.facts.environment.is_absent
    yield finding(
        "tensorflow-missing",
        "blocks",
        "proven",
        "there is no environment, and no TensorFlow" if nowhere else "TensorFlow is not installed",
        (fact("environment", "none" if nowhere else "no tensorflow among its packages", case.packages_seen),),
        "Install TensorFlow (--want tensorflow is assumed), in an environment of its own where there is none.",
        subject={"package": "tensorflow"},
    )


def tensorflow_gpu_removed(case: Case) -> Iterator[Finding]:
    """The retired name: from 2.12 tensorflow-gpu is an empty package that refuses to be installed."""
    installed = case.packages.get("tensorflow-gpu")
    # conda-forge goes on with a package of that name, which leads to its builds with CUDA.
    if installed is not None and case.kind != "conda" and compare.minor(installed) >= _FIRST_TOMBSTONE:
        yield _removed(case, f"tensorflow-gpu {installed} is empty: the package was retired")
        return
    wish = wanted(case.wish, "tensorflow-gpu")
    # What is wished for by the retired name is there by the other one.
    if wish is None or installed is not None or not wish[0] and case.distribution == "tensorflow":
        return
    rows = ask.releases(case.dataset, "tensorflow-gpu")
    alive = [row for row in rows if compare.release(row.version)[:2] < _FIRST_TOMBSTONE]
    pinned = wish[0] and compare.within(wish[0], "2.12.0") is False
    if pinned and any(compare.within(wish[0], row.version) for row in alive):
        return
    yield _removed(case, "tensorflow-gpu was retired: its newest release refuses to be installed")


def _removed(case: Case, title: str) -> Finding:
    installed = "tensorflow-gpu" in case.packages
    wish = fact("wish", joined(case.wish.requirements), case.packages_seen)
    return finding(
        "tensorflow-gpu-removed",
        "blocks",
        "proven",
        title,
        (case.package("tensorflow-gpu") if installed else wish,),
        "Use the name tensorflow: since 2.1 it holds the GPU build too (tensorflow[and-cuda] brings the libraries).",
        subject={"package": "tensorflow-gpu", "wanted": "tensorflow"},
    )


def part_of_another_release(case: Case) -> Iterator[Finding]:
    """The package that does TensorFlow's work on some systems is there in another release than the one named tensorflow."""
    named = case.packages.get("tensorflow")
    for part in _PARTS[:3]:
        version = case.packages.get(part)
        if named is None or version is None or compare.release(version) == compare.release(named):
            continue
        row = ask.wheel(case.dataset, "tensorflow", named, case.platform)
        empty = row is not None and part in row.bounds
        yield finding(
            "duplicate-tf-packages",
            "risks" if empty else "blocks",
            "likely",
            f"tensorflow {named} is empty and asks for {part} {named}: what is imported is {part} {version}"
            if empty
            else f"tensorflow {named} and {part} {version} are installed over each other",
            (case.package("tensorflow"), case.package(part)),
            f"Install {part} {named}, or TensorFlow {version} under both names."
            if empty
            else "Uninstall both, then install tensorflow alone: removing only one deletes files of the other.",
            code="part-of-another-release",
            rows=(case.dataset.ref(row),) if row is not None else (),
            subject={"packages": f"tensorflow,{part}"},
        )


def duplicate_tf_packages(case: Case) -> Iterator[Finding]:
    """Two TensorFlow distributions own the same files: the one installed last has won, in part."""
    several = [name for name in case.distributions if name not in _PARTS]
    if len(several) < 2:
        return
    versions = {compare.minor(case.packages[name]) for name in several}
    mixed = len(versions) > 1
    lost = case.target == "gpu" and any(name in CPU_DISTRIBUTIONS for name in several) and case.is_cuda_build is not True
    build = case.facts.tensorflow_build.value
    # The files of the build without CUDA lie where the metadata names one with CUDA too: they were written over it.
    seen = lost and build is not None and build.is_cuda_build is False
    names = joined(f"{name} {case.packages[name]}" for name in several)
    yield finding(
        "duplicate-tf-packages",
        "blocks" if mixed or lost else "risks",
        "proven" if seen else "likely" if mixed or not lost else "possible",
        f"{names} are installed over each other",
        tuple(case.package(name) for name in several),
        "Uninstall all of them, then install one: removing only one deletes files of the other.",
        subject={"packages": ",".join(several), "cpu": ",".join(name for name in several if name in CPU_DISTRIBUTIONS)},
    )


def cpu_build_selected(case: Case) -> Iterator[Finding]:
    """A TensorFlow built without CUDA where a GPU is there."""
    if case.is_cuda_build is not False or case.os != "linux" or (case.no_gpu and case.target != "gpu"):
        return
    build = case.facts.tensorflow_build
    measured = build.value is not None and build.value.is_cuda_build is False
    if not measured and "tensorflow-gpu" in case.packages:
        # Which of the packages lies on the disk now, nobody knows: that several do is the fault.
        return
    evidence = [*case.tensorflow_evidence()]
    if measured:
        evidence.append(fact("tensorflow_build.is_cuda_build", "false", build))
    elif case.arch != "x86_64":
        evidence.append(fact("arch", case.arch, case.facts.arch))
    by_name = case.distribution in CPU_DISTRIBUTIONS
    wanted_name = _with_cuda(case)
    yield finding(
        "cpu-build-selected",
        case.gpu_severity,
        "proven" if measured or by_name else case.row_trust,
        f"{case.distribution} {case.tensorflow} is built {_for_what(case)}",
        evidence,
        _cpu_build_advice(case, wanted_name),
        rows=() if measured else case.row_refs,
        plan=None if case.arch == "x86_64" else "advise",
        subject={"package": case.distribution or "", "wanted": wanted_name},
    )


def _for_what(case: Case) -> str:
    return "for AMD's cards and uses none of NVIDIA's" if case.distribution == AMD else "without CUDA and never uses a GPU"


def _with_cuda(case: Case) -> str:
    """The distribution to put in place of a build without CUDA.

    1.15.2 and later and 2.0.x have CUDA under the name tensorflow-gpu alone. Their CUDA has no wheels, so that name serves
    where its libraries lie outside, for these cards; elsewhere a later tensorflow does.
    """
    twin = ask.wheel(case.dataset, "tensorflow-gpu", case.tensorflow or "", case.platform)
    environment = case.environment
    if case.distributions != ("tensorflow",) or twin is None or not twin.is_cuda_build or environment is None:
        return "tensorflow"
    held = {name: version for name, version in case.packages.items() if name != "tensorflow"}
    packages = found({**held, "tensorflow-gpu": twin.version}, *case.packages_seen.via)
    facts = altered(case.facts, environment=found(altered(environment, packages=packages), *case.facts.environment.via))
    other = Case(facts, case.dataset, case.wish)
    opened, judged = openings(other), fits(other)
    whole = bool(opened) and all(one.verdict == "ok" for one in opened)
    return "tensorflow-gpu" if whole and all(one.kind in ("served", "compiled first") for one in judged) else "tensorflow"


def _cpu_build_advice(case: Case, wanted_name: str) -> str:
    if case.arch != "x86_64":
        return "The index has no TensorFlow with CUDA for this processor: use NVIDIA's container or conda-forge's build."
    if case.by_conda:
        return "Choose the build with CUDA (conda: tensorflow=*=cuda*; CONDA_OVERRIDE_CUDA where no driver is seen)."
    if wanted_name == "tensorflow-gpu":
        return f"Install tensorflow-gpu {case.tensorflow} in place of it: the same release with CUDA, whose libraries are here."
    return "Install tensorflow (or, for 1.15 and 2.0, tensorflow-gpu) in place of the CPU build."


def and_cuda_extra_unsatisfiable(case: Case) -> Iterator[Finding]:
    """A release whose and-cuda extra names packages that the index does not have."""
    wish = wanted(case.wish, "tensorflow")
    asked = wish is not None and "and-cuda" in wish[1]
    version = case.tensorflow or (_pinned(wish[0]) if wish else None)
    if version is None or case.target == "cpu":
        return
    without = not case.nvidia_wheels
    for row in ask.known_faults(case.dataset, "tensorflow", version):
        if row.cause != "and-cuda-extra-unsatisfiable" or not without or not (asked or case.tensorflow):
            continue
        if row.python and case.python and not compare.within(row.python, case.python):
            continue
        blocks = asked and (wish is None or compare.within(wish[0], version) is not False)
        yield finding(
            row.cause,
            "blocks" if blocks else "note",
            "proven" if row.confidence == "primary" else "likely",
            f"tensorflow[and-cuda]=={version} cannot be installed: {row.what}",
            case.tensorflow_evidence() or (fact("wish", joined(case.wish.requirements), case.packages_seen),),
            sentence(row.remedy),
            code="and-cuda-extra-unsatisfiable",
            rows=(case.dataset.ref(row),),
            subject={"package": "tensorflow", "version": version},
        )


def _pinned(specifier: str) -> str | None:
    """The one version that a specifier names exactly."""
    return specifier[2:] if specifier.startswith("==") and "," not in specifier and "*" not in specifier else None
