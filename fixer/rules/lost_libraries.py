"""Libraries of the GPU's stack that lines of a log say were not loaded, and what a library's name tells of it.

The unit is ``Lost``. Whose a library is (the driver's, cuDNN's, CUDA's) and of which CUDA it is, its file name says alone.
"""

from __future__ import annotations

import re

from fixer.model import compare
from fixer.model.record import record
from fixer.model.versions import CudaVersion
from fixer.rules.case import Case
from fixer.rules.events import Heard, heard, said

# A part of cuDNN that the rest of it could not load.
A_PART = "cudnn-sub-missing"
# Every line that says a library was not loaded.
LINES = (
    "library-not-loaded", "library-not-found", "dylib-not-loaded", "dll-not-found", "cudnn-sub-missing", "cudnn-dll-code",
    "library-import", "library-in-words", "linker-not-found",
)  # fmt: skip
_OTHERWISE = ("container-driver-file", "library-unreadable", "library-damaged", "library-wrong-class")
_OPTIONAL = re.compile(r"nvinfer|tensorrt|cupti|libnvrtc-builtins|amdhip|rocm|hip|libtpu|tcmalloc|libpython|libaoti", re.IGNORECASE)
OF_DRIVER = re.compile(r"(?:^|/)(?:libcuda\.so|nvcuda\.dll|libnvidia-)", re.IGNORECASE)
OF_CUDNN = re.compile(r"cudnn", re.IGNORECASE)
OF_CUDA = re.compile(r"(?:lib)?cu(?:dart|blas|blaslt|fft|rand|solver|sparse|pti)|nvrtc|nvjitlink|nccl|libnv", re.IGNORECASE)
_SONAME = re.compile(r"lib([A-Za-z_]+)\.(?:so\.(\d+(?:\.\d+)*)|(\d+\.\d+)\.dylib)")
_DLL = re.compile(r"([A-Za-z]+)64_(\d+)\.dll", re.IGNORECASE)
# .NET leaves the ending away.
_BARE_DLL = re.compile(r"64_\d+$")
# Two digits of a DLL's name from here on are a major and a minor number: CUDA 5.0 to 9.2.
_BOTH_NUMBERS = 50
# From this CUDA on a name holds for the whole major.
MAJOR_ALONE = 11


@record(frozen=True)
class Lost:
    """A library that was not loaded: its file name, its kind, the CUDA that its name tells, and the line."""

    name: str
    kind: str
    cuda: CudaVersion | None
    line: Heard
    other: str = ""

    @property
    def windows(self) -> bool:
        return self.name.lower().endswith(".dll") or _BARE_DLL.search(self.name) is not None


def lost(case: Case) -> tuple[Lost, ...]:
    """Every library of the GPU's stack that a line says was not loaded, each once."""
    known: tuple[Lost, ...] | None = case.memory.get("lost")
    if known is None:
        found: dict[str, Lost] = {}
        parts = {one.event.line for one in said(case, A_PART)}
        otherwise = {one.event.line for one in said(case, *_OTHERWISE)}
        refused = {one.event.line for one in said(case, "library-symbol")}
        failing = {one.event.line for one in heard(case) if one.row.fails}
        for one in said(case, *LINES):
            if one.row.id == "library-in-words" and one.event.line in failing:
                # A program's own wording says more than the words by which anybody tells of a library.
                continue
            if one.row.id == "library-not-found" and one.event.line in parts | otherwise:
                # What a part of cuDNN needs: the part is what was lost. Or a file that is there, and of no use.
                continue
            if one.row.id == A_PART and one.event.line in refused:
                # It is there, and what it was linked with is of another release.
                continue
            stem = one.event.values.get("stem")
            name = f"lib{stem}.so" if stem else file_name(one.event.values.get("library", ""))
            if not name:
                continue
            if one.row.id == "library-import" and one.event.text.rpartition(name)[2].strip("\"'`.,:;) "):
                # The sentence goes on, and says itself what is the matter.
                continue
            kind = kind_of(name)
            if kind and name not in found:
                error = one.event.values.get("dlerror") or one.event.values.get("error", "")
                other = error.partition(":")[0].strip()
                found[name] = Lost(name, kind, cuda_of(name), one, other if other and other != name and ".so" in other else "")
        known = tuple(found.values())
        case.memory["lost"] = known
    return known


def file_name(path: str) -> str:
    """The last part of a path as logs print it, of either system, without quotes."""
    return path.strip().replace("\\", "/").rpartition("/")[2].strip("\"'")


def kind_of(name: str) -> str:
    """Whose the library is: ``driver``, ``cudnn`` or ``cuda``; empty where TensorFlow runs without it or it is of no GPU's stack."""
    if _OPTIONAL.search(name):
        return ""
    if OF_DRIVER.search(name):
        return "driver"
    if OF_CUDNN.search(name):
        return "cudnn"
    return "cuda" if OF_CUDA.search(name) else ""


def cuda_of(name: str) -> CudaVersion | None:
    """The CUDA that a library's name belongs to: libcudart.so.10.1, libcublas.so.12, cudart64_110.dll."""
    if OF_CUDNN.search(name):
        return None
    dll = _DLL.search(name)
    if dll:
        stem, digits = dll.group(1), dll.group(2)
        # cudart64_90.dll is of 9.0 as cudart64_110.dll is of 11.0; cublas64_10.dll and cudart64_12.dll tell a major alone.
        number = f"{digits[:-1]}.{digits[-1]}" if len(digits) > 2 or int(digits) >= _BOTH_NUMBERS else digits
    else:
        parts = _SONAME.search(name)
        if parts is None:
            return None
        stem, number = parts.group(1), parts.group(2) or parts.group(3)
    major, _, minor = number.partition(".")
    if int(major) < MAJOR_ALONE:
        # Before 11 each minor release had its own names; those of a major alone several releases share.
        return compare.cuda(number) if minor and "." not in minor else None
    return compare.cuda(major) if stem in ("cudart", "cublas", "cublasLt", "nvrtc", "nvJitLink") else None


def soname(name: str) -> str:
    """The name that a DLL's library has on Linux: cusolver64_10.dll is libcusolver.so.10."""
    dll = _DLL.fullmatch(name)
    return f"lib{dll.group(1)}.so.{dll.group(2)}" if dll else name
