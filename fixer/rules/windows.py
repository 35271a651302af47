"""Rules about native Windows up to TensorFlow 2.10, the last with CUDA there: which DLLs are there, and which is missing.

The unit is one generator of findings. Windows has no sonames and no RUNPATH: a toolkit brings cudart64_*.dll, cuDNN is
copied beside it, and from 8.3 on cuDNN opens zlibwapi.dll, which is another's. Described lists decide; what lies on a
live Windows nobody asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fixer.dataset import ask
from fixer.model import compare
from fixer.model.facts import Library
from fixer.model.finding import Certainty, Finding
from fixer.model.versions import CudaVersion, CudnnVersion
from fixer.rules.case import Case, is_reported
from fixer.rules.copies import toolkit_serves, toolkit_version
from fixer.rules.say import Commands, fact, finding, joined

# The oldest cuDNN that opens zlibwapi.dll (NVIDIA's cuDNN installation guide for Windows).
_FIRST_WITH_ZLIB = (8, 3)
_CONDA_FROM, _CONDA_TO = (2, 5), (2, 10)


class _Wanted(NamedTuple):
    """What TensorFlow opens: its CUDA, the file of that CUDA's runtime, the major version of cuDNN, its file."""

    cuda: CudaVersion
    cudart: str
    cudnn_major: int
    cudnn: str


def _wanted(case: Case) -> _Wanted | None:
    """None where nothing is to be judged: another system, no GPU wished for, no CUDA in the build, lists not given."""
    if case.os != "windows" or case.wsl or case.target == "cpu" or not case.cards or case.is_cuda_build is not True:
        return None
    built, row = compare.cuda(case.cuda_built), case.code_row
    if built is None or row is None or row.cudnn_major is None:
        return None
    # A report names the CUDA that somebody speaks of; what else lies there it does not list.
    if any(seen.is_unknown or is_reported(seen) for seen in (case.facts.toolkits, case.facts.libraries)):
        return None
    number = "110" if built.major == 11 else f"{built.major}{built.minor}"
    return _Wanted(built, f"cudart64_{number}.dll", row.cudnn_major, f"cudnn64_{row.cudnn_major}.dll")


def _listed(case: Case, *names: str) -> tuple[Library, ...]:
    """The listed libraries whose name or file begins with one of ``names``."""
    found = []
    for one in case.facts.libraries.or_else(()):
        file = one.path.replace("\\", "/").rpartition("/")[2].lower()
        if one.name.lower().removeprefix("lib").startswith(names) or file.startswith(names):
            found.append(one)
    return tuple(found)


def _compiled(case: Case) -> CudnnVersion | None:
    """The cuDNN that it was compiled with: nobody read it in a wheel for Windows, Linux' one of the same release tells."""
    row = ask.wheel(case.dataset, "tensorflow", case.tensorflow or "", "linux_x86_64")
    return case.cudnn_built or compare.cudnn(row.cudnn_compiled if row is not None else None)


def _by_conda(case: Case, *names: str) -> bool:
    return any(name in case.packages for name in names)


def _conda_steps(case: Case) -> Commands:
    """conda's CUDA for the releases that TensorFlow's own guide for Windows names."""
    if case.kind != "conda" or not _CONDA_FROM <= compare.minor(case.tensorflow or "") <= _CONDA_TO:
        return ()
    return (("conda", "install", "-c", "conda-forge", "cudatoolkit=11.2", "cudnn=8.1.0"),)


def _trust(case: Case) -> Certainty:
    """A conda environment may hold conda's CUDA, which a described list of packages need not name."""
    return "likely" if case.kind == "conda" else "proven"


def dll_missing(case: Case) -> Iterator[Finding]:
    """No CUDA runtime that this TensorFlow opens: none at all, or another release's."""
    wanted = _wanted(case)
    if wanted is None or _has_runtime(case, wanted):
        return
    kits = [toolkit_version(kit) or "of unknown version" for kit in case.facts.toolkits.or_else(())]
    there = f"only CUDA {joined(kits)} is there" if kits else "no CUDA is installed"
    if any(kit == "of unknown version" for kit in kits):
        return
    yield finding(
        "cuda-libs-wrong-version" if kits else "windows-dll-missing",
        case.gpu_severity,
        _trust(case),
        f"{case.tensorflow_name} opens {wanted.cudart} (CUDA {wanted.cuda}), and {there}",
        (fact("toolkits", joined(kits) or "none", case.facts.toolkits), *case.tensorflow_evidence()),
        _install(case, wanted),
        code="windows-other-cuda" if kits else "windows-dll-missing",
        rows=case.row_refs,
        commands=_conda_steps(case),
        plan="advise",
        subject={"cuda": str(wanted.cuda), "dll": wanted.cudart},
    )


def _has_runtime(case: Case, wanted: _Wanted) -> bool:
    kits = case.facts.toolkits.or_else(())
    if any(toolkit_serves(toolkit_version(kit), str(wanted.cuda), "cudart") for kit in kits):
        return True
    return bool(_listed(case, wanted.cudart.removesuffix(".dll"))) or _by_conda(case, "cudatoolkit")


def dll_search_path(case: Case) -> Iterator[Finding]:
    """The right CUDA is there, and PATH, by which Windows finds its DLLs, does not name its folder."""
    wanted = _wanted(case)
    path = case.variables.get("PATH", case.variables.get("Path"))
    if wanted is None or path is None or _by_conda(case, "cudatoolkit") or _listed(case, wanted.cudart.removesuffix(".dll")):
        return
    named = {_folder(entry) for entry in path.split(";")}
    kits = [kit for kit in case.facts.toolkits.or_else(()) if toolkit_serves(toolkit_version(kit), str(wanted.cuda), "cudart")]
    if not kits or any(_folder(f"{kit.path}/bin") in named for kit in kits):
        return
    folder = kits[0].path.rstrip("\\/") + "\\bin"
    yield finding(
        "windows-dll-search-path",
        case.gpu_severity,
        "likely",
        f"{wanted.cudart} is in {folder}, which PATH does not name",
        (fact("toolkits", kits[0].path, case.facts.toolkits), fact("variables.PATH", path, case.variable("PATH"))),
        f"Put {folder} on PATH, and start the terminal or IDE anew; inside a program, os.add_dll_directory of that folder "
        "before the import.",
        subject={"folder": folder},
    )


def _folder(path: str) -> str:
    """A Windows folder in its compared form."""
    return path.strip().strip('"').replace("\\", "/").rstrip("/").lower()


def _install(case: Case, wanted: _Wanted) -> str:
    compiled = _compiled(case)
    cudnn = f"{compiled.major}.{compiled.minor}" if compiled is not None else str(wanted.cudnn_major)
    return (
        f"Install CUDA {wanted.cuda} and cuDNN {cudnn} for Windows from NVIDIA, with their bin folders on PATH; or use "
        "WSL2. Never take a DLL from a collection site, and never copy one into System32."
    )


def windows_cudnn(case: Case) -> Iterator[Finding]:
    """CUDA is there, and cuDNN is missing, of another major version or too old."""
    wanted = _wanted(case)
    if wanted is None or not _has_runtime(case, wanted) or _by_conda(case, "cudnn", "cudatoolkit"):
        return
    copies = _listed(case, "cudnn")
    versions = [version for version in (compare.cudnn(one.version) for one in copies) if version is not None]
    if len(versions) < len(copies) or any(_fits(case, wanted, version) for version in versions):
        return
    newest = max(versions, default=None)
    too_new = newest is not None and newest.major > wanted.cudnn_major
    cause = "cudnn-missing" if newest is None else "cudnn-too-new" if too_new else "cudnn-too-old"
    there = "no cuDNN is there" if newest is None else f"only cuDNN {newest} is there"
    yield finding(
        cause,
        case.gpu_severity,
        "likely" if newest is not None and newest.major == wanted.cudnn_major else _trust(case),
        f"{case.tensorflow_name} opens {wanted.cudnn}, and {there}",
        (fact("libraries", joined(one.path for one in copies) or "no cuDNN", case.facts.libraries), *case.tensorflow_evidence()),
        _install(case, wanted),
        code=f"windows-{cause}",
        rows=case.row_refs,
        commands=_conda_steps(case),
        plan="advise",
        subject={"package": "cudnn", "dll": wanted.cudnn},
    )


def _fits(case: Case, wanted: _Wanted, version: CudnnVersion) -> bool:
    """TensorFlow's own rule, or the major version where the minor one is not known."""
    compiled = _compiled(case)
    return version.satisfies(compiled) if compiled is not None else version.major == wanted.cudnn_major


def zlibwapi_missing(case: Case) -> Iterator[Finding]:
    """cuDNN 8.3 and newer opens zlibwapi.dll, which neither CUDA nor cuDNN brings."""
    wanted = _wanted(case)
    if wanted is None or not _has_runtime(case, wanted) or _listed(case, "zlibwapi"):
        return
    copies = [(one, compare.cudnn(one.version)) for one in _listed(case, "cudnn")]
    asking = [
        (one, version)
        for one, version in copies
        if version is not None and version.major == wanted.cudnn_major == _FIRST_WITH_ZLIB[0] and version.minor >= _FIRST_WITH_ZLIB[1]
    ]
    if not asking or len(asking) < len(copies):
        return
    one, version = asking[0]
    yield finding(
        "zlibwapi-missing",
        case.gpu_severity,
        "likely",
        f"cuDNN {version} opens zlibwapi.dll, and none is listed",
        (fact("libraries", one.path, case.facts.libraries), fact("libraries", "no zlibwapi.dll", case.facts.libraries)),
        "Put zlibwapi.dll (64 bits) in a folder on PATH, from where NVIDIA's cuDNN guide for Windows says; or take a cuDNN "
        f"older than {'.'.join(map(str, _FIRST_WITH_ZLIB))}. Never rename another program's zlib.dll.",
        commands=(("where", "zlibwapi.dll"),),
        subject={"dll": "zlibwapi.dll"},
    )
