"""The CUDA that a person put on native Windows, where no wheel of the index brings one, and which TensorFlow it serves.

The unit is a tuple of pairs (CUDA, cuDNN): toolkits whose folder of DLLs PATH names, with each cuDNN that is listed. A
described list decides; where it is unknown, nothing is presumed. What is missing of a TensorFlow that is there is a rule's.
"""

from __future__ import annotations

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.model import compare
from fixer.model.versions import CudnnVersion
from fixer.planning.gates import verdicts, wheel, wheels
from fixer.planning.situation import Situation

Pairs = tuple[tuple[str, str], ...]
# From this cuDNN on it opens zlibwapi.dll, which is another's (NVIDIA's cuDNN installation guide for Windows).
_FIRST_WITH_ZLIB = (8, 3)


def installed(situation: Situation) -> Pairs:
    """The pairs that a program finds through PATH; none on any other system."""
    if situation.os != "windows":
        return ()
    path = situation.variables.get("PATH", situation.variables.get("Path"))
    named = None if path is None else {_folder(entry) for entry in path.split(";")}
    kits = [
        kit.version
        for kit in situation.facts.toolkits.or_else(())
        if kit.version and (named is None or _folder(f"{kit.path}/bin") in named)
    ]
    files = [(one.version, one.name.lower(), _folder(one.path).rpartition("/")[2]) for one in situation.facts.libraries.or_else(())]
    has_zlib = any(name.startswith("zlibwapi") or file.startswith("zlibwapi") for _, name, file in files)
    copies = [
        version
        for version, name, file in files
        if version and (name.removeprefix("lib") == "cudnn" or file.startswith("cudnn64_"))
        if has_zlib or compare.release(version)[:2] < _FIRST_WITH_ZLIB
    ]
    return tuple([(kit, copy) for kit in kits for copy in copies])


def serve(dataset: Dataset, row: TensorFlowRow, pairs: Pairs) -> bool:
    """Whether one of ``pairs`` has the DLLs that ``row`` opens, and a cuDNN that passes TensorFlow's own check."""
    built, compiled = compare.cuda(row.cuda), _compiled(dataset, row)
    if built is None or compiled is None:
        return False
    for cuda, cudnn in pairs:
        there, copy = compare.cuda(cuda), compare.cudnn(cudnn)
        if there is None or copy is None or there.major != built.major or not copy.satisfies(compiled):
            continue
        # Before 11 each minor version names its own DLLs; cuSOLVER changed its between 11.0 and 11.1.
        if there.minor == built.minor or built.major > 11 or built.major == 11 and 0 not in (there.minor, built.minor):
            return True
    return False


def way_out(situation: Situation) -> str:
    """What brings the GPU where these DLLs are missing for the newest release that serves card and wish; "" where nothing does."""
    dataset, platform, wished = situation.dataset, situation.platform, situation.wishes.tensorflow
    judged = zip(wheels(dataset, "tensorflow", platform), verdicts(dataset, "tensorflow", platform, situation.ground(True)))
    there = installed(situation)
    for row, verdict in judged:
        if not row.is_cuda_build or row.prerelease or verdict.reasons or wished and not compare.within(wished, row.version):
            continue
        compiled = _compiled(dataset, row)
        if compiled is None or serve(dataset, row, there):
            break
        return (
            f"Way out: TensorFlow {row.version} on Python {row.python[0]} to {row.python[-1]} beside NVIDIA's CUDA {row.cuda} and "
            f"cuDNN {compiled.major}.{compiled.minor}, with their bin folders on PATH; or conda, which brings both: "
            "convfix plan --manager conda."
        )
    return ""


def _compiled(dataset: Dataset, row: TensorFlowRow) -> CudnnVersion | None:
    """The cuDNN that it was compiled with: nobody read it in a wheel for Windows, Linux' one of the same release tells."""
    linux = wheel(dataset, row.distribution, "linux_x86_64", row.version)
    return compare.cudnn(row.cudnn_compiled or (linux.cudnn_compiled if linux is not None else None))


def _folder(path: str) -> str:
    """A Windows folder in its compared form."""
    return path.strip().strip('"').replace("\\", "/").rstrip("/").lower()
