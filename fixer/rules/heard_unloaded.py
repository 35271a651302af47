"""Rules about libraries that a run could not load: what is missing, and whether it is missing or only not found.

The name of the library says who should have brought it and of which CUDA it is; which libraries did open, the
toolkits that are there and the library path tell a missing library from a wrong CUDA and from a path that does
not name its folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fixer.dataset import ask
from fixer.model import compare
from fixer.model.finding import Evidence, Finding
from fixer.model.versions import CudaVersion
from fixer.rules.case import Case, is_reported
from fixer.rules.copies import toolkit_serves
from fixer.rules.events import Heard, heard, said
from fixer.rules.heard import candidates, named
from fixer.rules.listed_files import listed_as, not_there, sought_in_vain
from fixer.rules.lost_libraries import A_PART, LINES, MAJOR_ALONE, OF_CUDA, OF_CUDNN, OF_DRIVER, Lost, lost, soname
from fixer.rules.say import fact

_PROFILER = re.compile(r"cupti", re.IGNORECASE)
_TENSORRT = re.compile(r"nvinfer", re.IGNORECASE)
# The group of candidates of a log in which nothing but TensorRT is not there.
TENSORRT = "tensorrt-not-loaded"
_RELEASE = re.compile(r"\.so\.(\d{3}\.\d+(?:\.\d+)?)$")
_CUDART = re.compile(r"cudart", re.IGNORECASE)
_WINDOWS_PART = re.compile(r"cudnn_\w+64_\d", re.IGNORECASE)
_MODULE_NOT_FOUND = "126"
_FIRST_WITH_ZLIB = (8, 3)
_ELSEWHERE = 8.0
_NO_DRIVER = dict.fromkeys(("driver-not-loaded", "no-nvidia-gpu", "container-without-gpu", "wsl-libcuda-path"), 20.0)
_A_CUDNN = ("cudnn-missing", "cudnn-too-old", "cudnn-too-new")


def _started_elsewhere(case: Case) -> bool:
    """Whether a notebook, an editor or a service started the program: none of them sees what a shell sets."""
    return bool(said(case, "notebook")) or is_reported(case.facts.launchers)


def _opened(case: Case) -> set[str]:
    return {one.event.values.get("library", "") for one in said(case, "library-opened")}


def driver_library_not_loaded(case: Case) -> Iterator[Finding]:
    """The driver's own library could not be loaded: that is not a matter of CUDA's libraries."""
    gone = [one for one in lost(case) if one.kind == "driver"]
    if not gone:
        return
    module = compare.driver(case.driver.kernel_module.value) if case.driver is not None else None
    weights = {"driver-not-loaded": 36.0, "no-nvidia-gpu": 34.0, "container-without-gpu": 18.0, "wsl-libcuda-path": 12.0}
    if module is not None:
        # The kernel's half is loaded: its libraries are not installed, lie where nobody looks, or are of another release.
        weights["ld-library-path-missing"] = 34.0
        other = next((lib for lib in gone if (compare.driver(_release_of(lib.name)) or module) != module), None)
        if other is not None:
            title = f"{other.name} is of another release than the driver {module}"
            yield named("driver-library-mismatch", "likely", title, (other.line.evidence,), "driver-library-release")
            return
    title = f"the driver's {gone[0].name} could not be loaded"
    yield from candidates("driver-library", weights, title, (gone[0].line.evidence,), ("nvidia-smi",))


def _release_of(name: str) -> str | None:
    """The driver's release that the name of one of its files ends in: libnvidia-fatbinaryloader.so.375.51."""
    found = _RELEASE.search(name)
    return found.group(1) if found else None


def cudnn_not_loaded(case: Case) -> Iterator[Finding]:
    """Of all libraries cuDNN alone could not be loaded."""
    gone = [one for one in lost(case) if one.kind == "cudnn"]
    if not gone or any(one.kind == "cuda" for one in lost(case)):
        return
    one = gone[0]
    evidence = tuple(item.line.evidence for item in gone[:3])
    listed = listed_as(case, one.name)
    vain = sought_in_vain(case, one.name)
    if one.windows and listed and one.line.event.values.get("code") != _MODULE_NOT_FOUND:
        evidence += listed[:2]
        weights = {"windows-dll-search-path": 70.0, "zlibwapi-missing": 14.0, "cudnn-missing": 10.0, "cuda-libs-wrong-version": 6.0}
    elif one.windows:
        weights = {"cudnn-missing": 52.0, "zlibwapi-missing": 14.0, "windows-dll-search-path": 18.0, "cuda-libs-wrong-version": 16.0}
        if _WINDOWS_PART.search(one.name) and one.line.event.values.get("code") == _MODULE_NOT_FOUND and not _needs_no_zlib(case):
            # The part was found and something that it needs was not: from cuDNN 8.3 on that is zlib.
            weights = {"zlibwapi-missing": 56.0, "cudnn-missing": 26.0, "windows-dll-search-path": 12.0, "cuda-libs-wrong-version": 6.0}
        elif _is_told(case, one.name):
            weights = {"windows-dll-search-path": 52.0, "cudnn-missing": 30.0, "zlibwapi-missing": 10.0, "cuda-libs-wrong-version": 8.0}
    elif listed:
        evidence += listed[:2]
        weights = {"ld-library-path-missing": 66.0, "env-not-inherited": 14.0, "cudnn-missing": 12.0, "cudnn-shadowed": 8.0}
    elif one.other and OF_DRIVER.search(one.other):
        # cuDNN 8's inference part opens libcuda.so by that name; WSL2 keeps it in a folder of its own, a driver may lack the link.
        weights = {"wsl-libcuda-path": 60.0, "ld-library-path-missing": 22.0, "driver-not-loaded": 10.0, "container-without-gpu": 8.0}
        if case.facts.wsl.value is False:
            del weights["wsl-libcuda-path"]
    elif one.other and OF_CUDA.search(one.other) and not OF_CUDNN.search(one.other):
        weights = {"cuda-libs-missing": 30.0, "cuda-libs-wrong-version": 44.0, "ld-library-path-missing": 26.0}
        if one.line.row.id == A_PART:
            # cuDNN itself was loaded, and this part of it asks for a CUDA that is not there: it may be of another build.
            weights = {
                "cudnn-shadowed": 38.0,
                "cuda-libs-wrong-version": 22.0,
                "ld-library-path-shadows-env": 14.0,
                "cuda-libs-missing": 14.0,
                "ld-library-path-missing": 12.0,
                "cudnn-missing": 12.0,
            }
    else:
        weights = {"cudnn-missing": 66.0, "ld-library-path-missing": 22.0, "cuda-libs-wrong-version": 6.0, "cudnn-shadowed": 6.0}
        if one.line.row.id == A_PART:
            weights["environment-broken"] = 8.0
            if case.wsl and not one.other:
                # cuDNN's parts ask for libcuda by a name that WSL keeps in a folder of its own.
                weights["wsl-libcuda-path"] = 8.0
        installed = [lib for lib in case.facts.libraries.or_else(()) if lib.name == "cudnn"]
        wanted = re.search(r"\.so\.(\d+)", one.name)
        wheel = _cudnn_wheel(case)
        held = compare.cudnn(wheel.event.values["version"]) if wheel is not None else None
        if wheel is not None and held is not None and wanted:
            evidence += (wheel.evidence,)
            if str(held.major) == wanted.group(1):
                # A wheel's folder is searched by the program that knows of it, and by nobody else.
                weights = {"pip-nvidia-libs-not-found": 14.0, "ld-library-path-missing": 44.0, "cudnn-missing": 30.0, "cudnn-shadowed": 4.0}
            else:
                newer = held.major > int(wanted.group(1))
                weights = {"cudnn-too-new" if newer else "cudnn-too-old": 60.0, "cudnn-missing": 34.0, "ld-library-path-missing": 6.0}
        elif installed and wanted:
            known = compare.cudnn(installed[0].version)
            evidence += (fact("libraries", f"cuDNN {installed[0].version}", case.facts.libraries),)
            if known is not None and str(known.major) == wanted.group(1):
                weights = {"ld-library-path-missing": 60.0, "cudnn-missing": 26.0, "env-not-inherited": 8.0, "cudnn-shadowed": 6.0}
            elif known is not None:
                newer = known.major > int(wanted.group(1))
                weights = {"cudnn-too-new" if newer else "cudnn-too-old": 60.0, "cudnn-missing": 30.0, "ld-library-path-missing": 10.0}
    if vain and not listed:
        evidence += vain[:2]
        weights = not_there(weights)
    if _is_of_another_cuda(case, one.name):
        # To change cuDNN alone is of no use there: no build that opens it runs with the CUDA that is there.
        evidence += tuple(fact("toolkits", f"CUDA {kit.version}", case.facts.toolkits) for kit in case.facts.toolkits.or_else(()))
        weights = {"cuda-libs-wrong-version": 60.0, **{cause: 0.5 * weight for cause, weight in weights.items() if cause in _A_CUDNN}}
    if _started_elsewhere(case):
        weights["env-not-inherited"] = weights.get("env-not-inherited", 6.0) * _ELSEWHERE
    if any(other.kind == "driver" for other in lost(case)):
        # Without the driver's own library cuDNN is of no use, and tells nothing of why that one is not there.
        weights = _NO_DRIVER | {"cudnn-missing": 20.0}
    yield from candidates("cudnn-not-loaded", weights, f"{one.name} could not be loaded", evidence, ("convfix", "doctor"))


def _cudnn_wheel(case: Case) -> Heard | None:
    """The line that lists the one wheel of cuDNN, where the log lists one."""
    listed = said(case, "wheels-listed")
    return listed[0] if len({one.event.values.get("version", "") for one in listed}) == 1 else None


def _is_told(case: Case, dll: str) -> bool:
    """Whether a cuDNN of the major that the DLL's name tells is said to be there."""
    wanted = re.search(r"cudnn\D*(?:64_)?(\d+)", dll, re.IGNORECASE)
    told = [compare.cudnn(one.version) for one in case.facts.libraries.or_else(()) if one.name == "cudnn"]
    return wanted is not None and any(one is not None and str(one.major) == wanted.group(1) for one in told)


def _is_of_another_cuda(case: Case, name: str) -> bool:
    """Whether no TensorFlow that opens the cuDNN ``name`` was made with the CUDA that is told."""
    kits = [kit.version for kit in case.facts.toolkits.or_else(()) if kit.version]
    builds = [case.cuda_built] if case.cuda_built else list(ask.cuda_that_opens(case.dataset, soname(name)))
    # Of the builds for a CUDA before 11 the dataset does not know every name.
    whole = [compare.cuda(build) for build in builds]
    if not kits or not all(build is not None and build.major >= MAJOR_ALONE for build in whole):
        return False
    return bool(builds) and not any(toolkit_serves(kit, build, "cudart") for kit in kits for build in builds if build)


def _needs_no_zlib(case: Case) -> bool:
    """Whether the cuDNN is known to be older than the first that needs zlib on Windows."""
    told = [compare.cudnn(one.version) for one in case.facts.libraries.or_else(()) if one.name == "cudnn"]
    return any(one is not None and len(one.parts) > 1 and (one.major, one.minor) < _FIRST_WITH_ZLIB for one in told)


def cuda_not_loaded(case: Case) -> Iterator[Finding]:
    """CUDA's libraries could not be loaded: another CUDA, no CUDA, or a folder that nobody searches."""
    gone = [one for one in lost(case) if one.kind == "cuda"]
    if not gone:
        return
    evidence = tuple(item.line.evidence for item in gone[:4])
    wanted = next((one.cuda for one in gone if one.cuda is not None), None)
    if wanted is None and case.cuda_built and case.cuda_built in (_builds(case) or [case.cuda_built]):
        # Where the missing names belong to another build than the report's release, the names are right.
        wanted = compare.cuda(case.cuda_built)
    weights = _windows(case, wanted) if any(one.windows for one in gone) else _elsewhere(case, gone, wanted)
    listed = tuple(line for one in gone for line in listed_as(case, one.name))
    if listed:
        evidence += listed[:2]
        weights = {"ld-library-path-missing": 70.0, "env-not-inherited": 16.0, "cuda-libs-wrong-version": 8.0, "cuda-libs-missing": 6.0}
        if any(one.windows for one in gone):
            weights = {"windows-dll-search-path": 82.0, "cuda-libs-wrong-version": 8.0, "windows-dll-missing": 10.0}
    vain = tuple(line for one in gone for line in sought_in_vain(case, one.name))
    if vain and not listed:
        evidence += vain[:2]
        weights = not_there(weights)
    if all(_CUDART.search(one.name) for one in gone) and not case.cards and not case.facts.driver.is_found:
        # The first library that TensorFlow asks for; on a machine without a GPU it says the same and goes on.
        weights["no-nvidia-gpu"] = 8.0
    fits, known = toolkit_fits(case, wanted)
    if known:
        evidence += known
    title = f"{gone[0].name} could not be loaded" + (f": a library of CUDA {wanted}" if wanted is not None else "")
    yield from candidates("cuda-not-loaded", weights, title, evidence, ("convfix", "doctor"))


def profiler_not_loaded(case: Case) -> Iterator[Finding]:
    """The profiler's library alone could not be loaded: nothing but a profile needs it, and it lies in a folder of its own."""
    seen = [one for one in said(case, *LINES) if _PROFILER.search(one.event.values.get("library", ""))]
    if not seen or lost(case):
        return
    windows = seen[0].event.values["library"].lower().endswith(".dll")
    weights = {"benign-noise": 46.0, "windows-dll-search-path" if windows else "ld-library-path-missing": 40.0, "cuda-libs-missing": 14.0}
    yield from candidates("profiler-not-loaded", weights, "the profiler's library could not be loaded", (seen[0].evidence,))


def tensorrt_not_loaded(case: Case) -> Iterator[Finding]:
    """TensorRT's libraries alone could not be loaded: TensorFlow tries them at its start and goes on without them."""
    seen = [one for one in said(case, *LINES) if _TENSORRT.search(one.event.values.get("library", ""))]
    lines = {one.event.line for one in seen}
    failed = (one for one in heard(case) if one.row.fails and one.event.line not in lines)
    if seen and not any(failed):
        title = "TensorRT's libraries are not there, and are rarely needed: harmless"
        yield from candidates(TENSORRT, {"benign-noise": 1.0}, title, (seen[0].evidence,))


def toolkit_fits(case: Case, wanted: CudaVersion | None) -> tuple[bool | None, tuple[Evidence, ...]]:
    """Whether one of the toolkits that are there has the wanted libraries; None where none is known."""
    toolkits = case.facts.toolkits.or_else(())
    versions = [version for version in (compare.cuda(one.version) for one in toolkits) if version is not None]
    sought = _sought(case, wanted)
    if not versions or not sought:
        return None, ()
    seen = tuple(fact("toolkits", f"CUDA {one.version}", case.facts.toolkits) for one in toolkits)
    return any(_serves(str(one), sought) for one in versions), seen


def _serves(toolkit: str, sought: list[tuple[str, Sequence[str]]]) -> bool:
    return all(_has(toolkit, library, builds) for library, builds in sought)


def _has(toolkit: str, library: str, builds: Sequence[str]) -> bool:
    return any(toolkit_serves(toolkit, build, library) for build in builds)


def _sought(case: Case, wanted: CudaVersion | None) -> list[tuple[str, Sequence[str]]]:
    """Each missing library of CUDA's, and the CUDA versions of which it may be; what tells none by its name is of ``wanted``."""
    found: list[tuple[str, Sequence[str]]] = []
    for one in lost(case):
        builds = (str(one.cuda),) if one.cuda is not None else ask.cuda_that_opens(case.dataset, soname(one.name))
        if one.kind == "cuda" and builds:
            found.append(("cusolver" if "cusolver" in one.name else "cudart", builds))
    return found or ([("cudart", (str(wanted),))] if wanted is not None else [])


def _builds(case: Case) -> list[str]:
    """Where no name tells its CUDA: that of the TensorFlow builds which open every library that is missing."""
    sets = [set(ask.cuda_that_opens(case.dataset, one.name)) for one in lost(case) if one.kind == "cuda"]
    return sorted(set.intersection(*sets)) if sets else []


def _windows(case: Case, wanted: CudaVersion | None) -> dict[str, float]:
    fits, _ = toolkit_fits(case, wanted)
    if fits is True:
        return {"windows-dll-search-path": 76, "cuda-libs-missing": 10, "windows-dll-missing": 10, "cuda-libs-wrong-version": 4}
    if fits is False:
        return {"cuda-libs-wrong-version": 72, "windows-dll-missing": 14, "windows-dll-search-path": 10, "cuda-libs-missing": 4}
    return {"windows-dll-missing": 46, "windows-dll-search-path": 26, "cuda-libs-wrong-version": 18, "cuda-libs-missing": 10}


def _elsewhere(case: Case, gone: list[Lost], wanted: CudaVersion | None) -> dict[str, float]:
    fits, _ = toolkit_fits(case, wanted)
    opened = {name for name in _opened(case) if OF_CUDA.search(name) and not OF_CUDNN.search(name)}
    if fits is True:
        weights = {"ld-library-path-missing": 66.0, "env-not-inherited": 12.0, "cuda-libs-missing": 12.0, "cuda-libs-wrong-version": 10.0}
    elif fits is False:
        weights = {"cuda-libs-wrong-version": 84.0, "cuda-libs-missing": 8.0, "ld-library-path-missing": 8.0}
    else:
        weights = {"ld-library-path-missing": 38.0, "cuda-libs-missing": 28.0, "cuda-libs-wrong-version": 28.0, "env-not-inherited": 6.0}
        if any(one.other for one in gone) or opened:
            weights = {"cuda-libs-wrong-version": 56.0, "cuda-libs-missing": 30.0, "ld-library-path-missing": 14.0}
        path = case.variables.get("LD_LIBRARY_PATH", "")
        named_versions = [compare.cuda(text) for text in re.findall(r"/cuda-(\d+\.\d+)", path)]
        sought = _sought(case, wanted)
        if sought and named_versions and not any(_serves(str(one), sought) for one in named_versions if one is not None):
            weights = {"cuda-libs-wrong-version": 76.0, "ld-library-path-missing": 16.0, "cuda-libs-missing": 8.0}
    if _started_elsewhere(case) and fits is not False:
        weights["env-not-inherited"] = weights.get("env-not-inherited", 6.0) * _ELSEWHERE
    if fits is None and not case.cards and not case.driver and any("cudart" in one.name for one in gone):
        # TensorFlow says of this very line that it means nothing where there is no GPU.
        weights["no-nvidia-gpu"] = 12.0
    return weights
