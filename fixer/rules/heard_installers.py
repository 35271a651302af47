"""Rules about what an installer printed: which requirement was asked for decides what its failure means.

"No matching distribution" for TensorFlow is a matter of the Python, for the extra's own libraries one of the extra, for
tensorflow-gpu one of the package. Where the index was not reached, none of them is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.dataset import ask
from fixer.model import compare
from fixer.model.finding import Finding
from fixer.model.subject import DISTRIBUTIONS
from fixer.rules.case import Case
from fixer.rules.events import Heard, evidence, said
from fixer.rules.heard import about, candidates, named
from fixer.rules.requirements import is_framework, is_of_an_extra, name_of
from fixer.rules.say import finding

_MANYLINUX = re.compile(r"manylinux_2_(\d{1,3})_(\w+?)(?![a-z0-9_])")
_EXACT = re.compile(r"==\s*(\d+(?:\.\d+)*)")
_VERSIONS = re.compile(r"from versions:\s*([^)]*)")
# 2.12.0 is an archive that only says that the package is gone; no release came after it.
_LAST_GPU_PACKAGE = (2, 12)
# https://www.tensorflow.org/install/pip: [and-cuda] came with 2.14; an unknown extra is a warning of pip's, no failure.
_FIRST_WITH_EXTRA = (2, 14)
# From 2.1 on the package tensorflow is built for CUDA too.
_ONE_PACKAGE = (2, 1)
# Which wheels a Python takes: its system and processor, and whether it is one of 64 bits.
_PLATFORM = "import sys, sysconfig; print(sysconfig.get_platform(), sys.maxsize > 2**32)"
# Packages that have wheels for macOS alone.
_OF_MACS = ("tensorflow-macos", "tensorflow-metal")
_WITHOUT_GPU = ("tensorflow", "tensorflow-cpu", "intel-tensorflow")


def extra_of_a_later_release(case: Case) -> Iterator[Finding]:
    """TensorFlow was asked for with its CUDA libraries, and pip went back to a release from before that extra, which it takes as it is."""
    asked = tuple(one for one in said(case, "wheels-asked") if "and-cuda" in one.event.text and "==" not in one.event.text)
    taken = [(one.event.values.get("version", ""), one.evidence) for one in said(case, "wheel-taken")]
    if asked and not taken and "tensorflow" in case.packages:
        taken = [(case.packages["tensorflow"], case.package("tensorflow"))]
    for version, told in taken if asked else ():
        if compare.minor(version) < _FIRST_WITH_EXTRA:
            title = f"pip took TensorFlow {version.partition('-')[0]}, which has no extra for CUDA: none of its libraries is installed"
            yield named("and-cuda-extra-unsatisfiable", "likely", title, (asked[0].evidence, told), "said-extra-of-later")
            return


def requirement_unmet(case: Case) -> Iterator[Finding]:
    """The index has no such release for this Python and system."""
    asked = said(case, "pip-no-version") or said(case, "pip-no-match", "uv-no-version")
    for one in asked:
        text = one.event.values.get("requirement", "")
        name = name_of(text)
        if name is not None:
            yield from _unmet(case, one, name, text)


def _unmet(case: Case, one: Heard, name: str, text: str) -> Iterator[Finding]:
    exact, listed = _EXACT.search(text), _VERSIONS.search(text)
    version = exact.group(1) if exact else ""
    on_a_mac = case.os == "macos" or name in _OF_MACS and not case.facts.os.is_found
    if said(case, "pip-network"):
        if is_framework(name):
            title = f"the index was not reached, so {name} was not found"
            yield named("unresolved-other", "likely", title, (one.evidence,), "said-network")
    elif is_of_an_extra(name):
        title = f"{name}, which the extra asks for, cannot be had"
        yield named("and-cuda-extra-unsatisfiable", "likely", title, (one.evidence,), "said-extra")
    elif name == "tensorflow-gpu" and (_beyond(version) or listed is not None and "2.12.0" in listed.group(1) and not version):
        title = "tensorflow-gpu ended with 2.12: the package is called tensorflow"
        yield named("tensorflow-gpu-removed", "likely", title, (one.evidence,), "said-gpu-package")
    elif is_framework(name):
        if _is_musl(case) and not _names_versions(listed):
            yield named("libc-musl", "likely", f"there are no wheels of {name} for musl", (one.evidence,), "said-musl")
        elif not on_a_mac and not _names_versions(listed) and _serves_this_python(case, name, version):
            release = f"{name} {version}".strip()
            title = f"{release} has wheels for Python {case.python}: the index has none for this processor or system"
            # Without a number it may be an older index too, from before this Python was served.
            weights = {"apple-silicon": 46.0, "python-unsupported": 34.0, "libc-musl": 20.0}
            if not version:
                weights = {"python-unsupported": 64.0, "apple-silicon": 22.0, "libc-musl": 14.0}
            yield from candidates("requirement-unmet", weights, title, (one.evidence,), ("python3", "-c", _PLATFORM))
        elif on_a_mac and not _names_versions(listed):
            weights = {"python-unsupported": 62.0, "apple-silicon": 38.0}
            title = f"there is no wheel of {name} for this Python or this Mac"
            yield from candidates("requirement-unmet", weights, title, (one.evidence,), ("python3", "--version"))
        else:
            title = f"there is no {name}{' ' + version if version else ''} for this Python"
            if not version or _is_release(case, name, version):
                yield named("python-unsupported", "likely", title, (one.evidence,), "said-no-wheel")
            else:
                # A number that no release had, or one that is newer than the dataset.
                weights = {"unresolved-other": 60.0, "python-unsupported": 40.0}
                ask_index = ("pip", "index", "versions", name)
                yield from candidates("no-such-release", weights, f"no {name} {version} is known", (one.evidence,), ask_index)


def no_wheel_for_the_platform(case: Case) -> Iterator[Finding]:
    """uv: none of the release's wheels is for the system, whose tag it names; the tag tells what the system lacks."""
    seen = said(case, "uv-platform")
    if not seen:
        return
    told = said(case, "uv-platforms")
    tag = next((one.event.values["tag"].lower() for one in told if one.event.values.get("tag")), "")
    offered = " ".join(one.event.values.get("platforms", "") for one in told).lower()
    lines = evidence((seen[0], *told[:2]))
    if tag.startswith("musllinux"):
        yield named("libc-musl", "likely", "there is no wheel for musl", lines, "said-uv-musl")
    elif tag == "win32":
        yield named("python-unsupported", "likely", "there is no wheel for a Python of 32 bits", lines, "said-uv-32-bit")
    elif tag.startswith("macosx") and tag.endswith("arm64"):
        yield named("apple-silicon", "likely", "there is no wheel for Apple's processors in this release", lines, "said-uv-apple")
    elif _wants_newer_glibc(tag, offered):
        yield named("glibc-too-old", "likely", f"the wheels ask for a newer glibc than {tag} stands for", lines, "said-uv-glibc")
    else:
        yield from candidates("uv-platform", _without_a_wheel(tag), about(seen[0]), lines, ("python3", "-c", _PLATFORM))


def _without_a_wheel(tag: str) -> dict[str, float]:
    if tag.startswith("macosx"):
        # A Python of Intel's kind, on a Mac of that kind or under Rosetta on one of Apple's.
        return {"apple-silicon": 50.0, "unresolved-other": 50.0}
    if tag.startswith("manylinux") and tag.endswith("x86_64"):
        return {"glibc-too-old": 46.0, "unresolved-other": 30.0, "python-unsupported": 24.0}
    if tag:
        # Windows, or a processor that the release is not made for.
        return {"unresolved-other": 70.0, "python-unsupported": 30.0}
    return {"python-unsupported": 34.0, "apple-silicon": 25.0, "glibc-too-old": 20.0, "libc-musl": 15.0, "unresolved-other": 6.0}


def _wants_newer_glibc(tag: str, offered: str) -> bool:
    """Whether wheels for the processor of ``tag`` are offered, and all of them for a newer glibc."""
    mine = _MANYLINUX.fullmatch(tag)
    theirs = [int(found[1]) for found in _MANYLINUX.finditer(offered) if mine is not None and found[2] == mine[2]]
    return mine is not None and bool(theirs) and min(theirs) > int(mine[1])


def _is_musl(case: Case) -> bool:
    """Whether the report tells of Alpine, or the log shows its image or its packages and no other image after it."""
    distro = case.facts.distro.value
    if distro is not None and distro.id == "alpine":
        return True
    last = max((one.event.line for one in said(case, "glibc-image")), default=0)
    return any(one.event.line > last for one in said(case, "musl-image"))


def _beyond(version: str) -> bool:
    return bool(version) and compare.minor(version) >= _LAST_GPU_PACKAGE


def _names_versions(listed: re.Match[str] | None) -> bool:
    return listed is not None and listed.group(1).strip() not in ("", "none")


def _serves_this_python(case: Case, name: str, version: str) -> bool:
    """Whether the release, or any where none is told, is known to have wheels for the Python that is told."""
    rows = ask.tensorflow_rows(case.dataset, name, version) if version else ask.releases(case.dataset, name)
    return case.python is not None and any(case.python in row.python for row in rows)


def _is_release(case: Case, name: str, version: str) -> bool:
    """Whether the dataset knows a release of this number, or does not follow the package."""
    known = ask.releases(case.dataset, name)
    wanted = compare.release(version)
    return not known or any(compare.release(row.version)[: len(wanted)] == wanted for row in known)


def requirements_exclude_each_other(case: Case) -> Iterator[Finding]:
    """pip: what was asked for cannot be had together; it is ours where one of the packages that the lines name is."""
    seen = said(case, "pip-conflict")
    names = {name for one in (*seen, *said(case, "pip-conflict-asked", "pip-conflict-needs")) for name in _named_in(one)}
    if seen and (not names or any(is_framework(name) or is_of_an_extra(name) for name in names)):
        yield named("tf-torch-pin-conflict", "likely", about(seen[0]), evidence(seen[:3]), "said-pip-conflict")


def _named_in(one: Heard) -> Iterator[str]:
    """The packages that a line about a conflict names; a place in a file of requirements names none."""
    listed = one.event.values.get("names", "").partition(" because ")[0]
    texts = (*re.split(r",\s*|\s+and\s+", listed), one.event.values.get("package", ""), one.event.values.get("requirement", ""))
    return (name for text in texts if text and (name := name_of(text)) is not None)


def left_incompatible(case: Case) -> Iterator[Finding]:
    """pip installed, and names the packages whose bounds it left."""
    for one in said(case, "pip-incompatible"):
        package, needs, dependency, have = (one.event.values.get(key, "").lower() for key in ("package", "needs", "dependency", "have"))
        # A logger may stand right before it: "ERROR:root:tensorflow".
        package = package.rpartition(":")[2]
        if not is_framework(package.replace("_", "-")):
            continue
        cause = _by_dependency(dependency.replace("_", "-"), needs, have)
        if cause:
            title = f"{package} asks for {needs}, and {dependency} {have} is installed"
            yield named(cause, "possible", title, (one.evidence,), "said-incompatible")


def left_lacking(case: Case) -> Iterator[Finding]:
    """pip installed or checked, and names the packages that a framework needs and that are not there."""
    for one in said(case, "pip-not-installed"):
        package = name_of(one.event.values.get("package", "").rpartition(":")[2])
        needed = name_of(one.event.values.get("needs", ""))
        if package is not None and needed is not None and is_framework(package):
            cause = "pip-nvidia-libs-not-found" if is_of_an_extra(needed) else "environment-broken"
            title, advice = f"{package} needs {needed}, which is not installed", f"Install {needed} as {package} asks for it."
            yield finding(cause, "blocks", "possible", title, (one.evidence,), advice, code="said-not-installed")


def _by_dependency(dependency: str, needs: str, have: str) -> str | None:
    if dependency == "protobuf":
        floor = re.search(r">=\s*([\d.]+)", needs)
        older = floor is not None and compare.release(have) < compare.release(floor.group(1))
        return "protobuf-too-old" if older else "protobuf-too-new"
    if dependency == "numpy":
        return "numpy-abi"
    if dependency == "ml-dtypes":
        return "ml-dtypes-mismatch"
    if dependency in ("keras", "tf-keras", "tensorflow-estimator"):
        return "keras-tf-mismatch"
    if dependency in DISTRIBUTIONS:
        return "plugin-built-for-other-tf"
    return "tf-torch-pin-conflict" if dependency.startswith("nvidia-") or dependency == "typing-extensions" else None


def python_excluded(case: Case) -> Iterator[Finding]:
    """conda's solver: a framework's builds are for other Pythons than the one that the environment has."""
    seen, asked = said(case, "mamba-python"), said(case, "mamba-asked")
    if seen and asked:
        title = f"conda has no {asked[0].event.values['name']} for the Python of the environment"
        yield named("python-unsupported", "likely", title, (asked[0].evidence, seen[0].evidence), "said-conda-python-excluded")


def two_builds(case: Case) -> Iterator[Finding]:
    """TensorFlow's package for the GPU and one without are listed, and the run has the CPU alone: one is written over the other."""
    seen = said(case, "cpu-only-list", "gpu-list-empty", "no-gpu-kernel", "not-cuda-build")
    others = [name for name in case.distributions if name in _WITHOUT_GPU]
    # Where conda installed both, tensorflow-gpu holds no files: which build is there its row tells.
    if said(case, "conda-cpu-build", "conda-gpu-build"):
        return
    if seen and others and "tensorflow-gpu" in case.packages and case.tensorflow and compare.minor(case.tensorflow) < _ONE_PACKAGE:
        title = f"tensorflow-gpu and {others[0]} are installed over each other, and the CPU alone is used"
        weights = {"duplicate-tf-packages": 74.0, "cpu-build-selected": 18.0, "cuda-libs-missing": 8.0}
        yield from candidates("two-builds", weights, title, (seen[0].evidence,), ("pip", "list"))
