"""The stand-in libraries of the GPU lab: which there are, what they are like, and one command that builds them.

    python -m tests.lab.build FOLDER        every library, in a few seconds

The unit is ``Library``: a file with the soname, DT_NEEDED and RUNPATH of NVIDIA's own (read with readelf from the wheels
named in ``SEEN_IN``) and the version it tells when asked. Sources are ``stubs/*.c``, our own; nothing of NVIDIA's is used.
A built file is kept in a cache folder under the hash of its sources and flags.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

STUBS = Path(__file__).parent / "stubs"
SEEN_IN = (
    "nvidia-cusolver-cu12 11.6.3.83 and 11.5.2.141, nvidia-cusparse-cu12 12.5.1.3 and 12.1.2.141, nvidia-cublas-cu12 12.5.3.2, "
    "nvidia-cufft-cu12 11.2.3.61, nvidia-curand-cu12 10.3.6.82, nvidia-cudnn-cu12 9.3.0.75 and 8.9.4.25, "
    "nvidia-cusolver-cu11 11.4.1.48, nvidia-cusparse-cu11 11.7.5.86, nvidia-cudnn-cu11 8.6.0.163"
)
# Which functions of do_nothing.txt belong to a source.
_PREFIXES = {
    "driver.c": r"cu(?!dnn|blas|fft|solver|sparse|rand|da)[A-Z]",
    "cudart.c": r"(__)?cuda[A-Z]",
    "cudnn.c": r"cudnn[A-Z]",
    "math.c": r"(cublas|cufft|cusolver|cusparse|curand|nccl|nvrtc|cupti|nvJitLink)[A-Z]",
}

# A definition that EX marks, after the preprocessor: what it answers with, and its name.
_EXPORT = re.compile(r'__attribute__\(\(visibility\("hidden"\)\)\)\s+([\w\s*]+?)\s*\b(\w+)\s*\((?!\()')


@dataclass(frozen=True)
class Library:
    """A stand-in: ``soname`` is its file name too. ``version`` is dotted, as the wheel or the toolkit counts it."""

    soname: str
    source: str
    version: str = "0"
    needed: tuple[str, ...] = ()
    runpath: str = ""
    flags: tuple[str, ...] = ()


def driver_libraries() -> tuple[Library, ...]:
    """The driver's two libraries. They tell the version that the machine's settings say."""
    return Library("libcuda.so.1", "driver.c"), Library("libnvidia-ml.so.1", "nvml.c")


def cudnn_number(version: str) -> int:
    """cuDNN's own number: 8.9.4.25 is 8904, 9.3.0.75 is 90300."""
    major, minor, patch = (int(part) for part in (version.split(".") + ["0", "0"])[:3])
    return major * 10000 + minor * 100 + patch if major >= 9 else major * 1000 + minor * 100 + patch


def cudnn(version: str, cuda: str) -> tuple[Library, ...]:
    """cuDNN ``version`` for CUDA ``cuda``: the head and, from 8 on, its parts with their needs among themselves."""
    major = int(version.split(".")[0])
    numbers = (f"-DDNNVER={cudnn_number(version)}", f"-DDNNRT={_runtime_number(cuda)}")
    head = Library(f"libcudnn.so.{major}", "cudnn.c", version, (), "$ORIGIN", numbers)
    inside = "$ORIGIN:$ORIGIN/../../cublas/lib:$ORIGIN/../../nvrtc/lib"
    if major == 8:
        needs = {
            "ops_infer": (),
            "ops_train": ("ops_infer",),
            "cnn_infer": ("ops_infer",),
            "cnn_train": ("ops_infer", "ops_train", "cnn_infer"),
            "adv_infer": ("ops_infer",),
            "adv_train": ("ops_infer", "ops_train", "adv_infer"),
        }
    elif major == 9:
        graph = ("graph",)
        needs = {"graph": (), "ops": graph, "cnn": ("ops", "graph"), "adv": ("ops", "graph"), "heuristic": graph}
        needs |= {"engines_precompiled": graph, "engines_runtime_compiled": graph}
    else:
        needs = {}
    # Bound to CUDA 11, the parts name cuBLAS among their needs; later they open it.
    blas = ("libcublas.so.11", "libcublasLt.so.11") if needs and cuda.startswith("11.") else ()
    parts = [
        Library(
            f"libcudnn_{name}.so.{major}",
            "cudnn_part.c",
            version,
            tuple(f"libcudnn_{need}.so.{major}" for need in part) + (blas if name in ("ops_infer", "cnn_infer", "cnn_train") else ()),
            inside,
            (*numbers, *_check(name, [f"libcudnn_{need}.so.{major}" for need in part])),
        )
        for name, part in needs.items()
    ]
    return (head, *parts)


def _check(name: str, needs: list[str]) -> tuple[str, str]:
    """The name of a part's own check of versions, and the parts that it compares itself with."""
    words = "".join(word.capitalize() for word in name.split("_"))
    return f"-DPART_CHECK=cudnn{words}VersionCheck", "-DPART_NEEDS=" + "".join(f'"{need}",' for need in needs)


def _runtime_number(cuda: str) -> int:
    major, minor = (int(part) for part in cuda.split(".")[:2])
    return major * 1000 + minor * 10


def runtime(cuda: str) -> Library:
    """The CUDA runtime. Up to 11 its symbols carry the version of the soname."""
    soname = {10: f"libcudart.so.{cuda[:4]}", 11: "libcudart.so.11.0", 12: "libcudart.so.12"}[int(cuda.split(".")[0])]
    flags: tuple[str, ...] = (f"-DRTVER={_runtime_number(cuda)}",)
    if soname == "libcudart.so.11.0":
        flags += (f"-Wl,--version-script={STUBS / 'cudart11.map'}",)
    return Library(soname, "cudart.c", cuda, flags=flags)


def mathematics(soname: str, version: str) -> Library:
    """One library of the CUDA family besides the runtime and cuDNN, with its true needs and RUNPATH."""
    name, major = re.fullmatch(r"lib(\w+)\.so\.(\d+)(?:\.\d+)?", soname).groups()  # type: ignore[union-attr]
    cuda12 = (name, major) in {("cublas", "12"), ("cusparse", "12")} or name == "cusolver" and version >= "11.5"
    needed: tuple[str, ...] = ()
    runpath = "$ORIGIN"
    if soname.endswith(".10.0"):
        # CUDA 10.0, whose libraries carry its minor version; what they need of each other was not read: nothing is claimed.
        runpath = ""
    elif name == "cublas":
        needed = (f"libcublasLt.so.{major}",)
    elif name == "cusparse" and cuda12:
        needed, runpath = ("libnvJitLink.so.12",), "$ORIGIN:$ORIGIN/../../nvjitlink/lib"
    elif name == "cufft" and major == "11":
        runpath = "$ORIGIN:$ORIGIN/../../nvjitlink/lib"
    elif name == "cusolver" and cuda12:
        needed = ("libnvJitLink.so.12", "libcusparse.so.12", "libcublas.so.12", "libcublasLt.so.12")
        runpath = "$ORIGIN:$ORIGIN/../../cublas/lib:$ORIGIN/../../nvjitlink/lib:$ORIGIN/../../cusparse/lib"
    elif name == "cusolver":
        # libcusolver.so.10 is of CUDA 10 up to its 10.3 and of CUDA 11.0 from 10.4 on. What that of CUDA 10 needs was not read.
        major = "10" if version.startswith(("10.1.", "10.2.", "10.3.")) else "11"
        needed = (f"libcublas.so.{major}", f"libcublasLt.so.{major}")
        runpath = "$ORIGIN:$ORIGIN/../../cublas/lib:$ORIGIN/../../cusparse/lib"
    elif name in ("nvJitLink", "nccl", "cupti"):
        runpath = ""
    parts = (version.split(".") + ["0", "0", "0"])[:3]
    flags = tuple(f"-D{label}={int(part)}" for label, part in zip(("MAJOR", "MINOR", "PATCH"), parts))
    return Library(soname, "math.c", version, needed, runpath, flags)


class Builder:
    """Builds stand-ins below ``cache``, each once. ``RuntimeError`` where there is no C compiler."""

    def __init__(self, cache: Path | None = None) -> None:
        self.cache = cache or Path(tempfile.gettempdir()) / f"convfix-lab-{os.getuid()}"
        self.compiler = compiler()
        if self.compiler is None:
            raise RuntimeError("the lab needs a C compiler (cc, gcc or clang)")

    def file(self, library: Library) -> Path:
        """The built file of ``library``, in a folder of its own."""
        mixed = hashlib.sha256(repr(library).encode())
        for source in ("common.h", "failing.h", "kernels.h", "visible.h", "do_nothing.txt", "cudart11.map", library.source):
            mixed.update((STUBS / source).read_bytes())
        made = self.cache / mixed.hexdigest()[:16] / library.soname
        if not made.exists():
            made.parent.mkdir(parents=True, exist_ok=True)
            self._compile(library, made)
        return made

    def install(self, library: Library, folder: Path, real_name: str | None = None) -> Path:
        """Put a copy of ``library`` into ``folder``, as ``real_name`` with the soname as a link to it when given."""
        folder.mkdir(parents=True, exist_ok=True)
        placed = folder / (real_name or library.soname)
        shutil.copy(self.file(library), placed)
        if real_name and real_name != library.soname:
            link = folder / library.soname
            link.unlink(missing_ok=True)
            link.symlink_to(real_name)
        return placed

    def _compile(self, library: Library, made: Path) -> None:
        beside = made.parent
        for need in library.needed:  # ld wants to see the needed file; the loader finds its own later
            self._empty(need, beside)
        main = beside / "main.c"
        body = f'#include "{STUBS / library.source}"\n' + _do_nothing(library.source)
        main.write_text(body)
        main.write_text(_exports(self._declared(library, main)) % body)
        unfinished = beside / f"{library.soname}.{os.getpid()}"
        argv = [str(self.compiler), "-O2", "-w", "-shared", "-fPIC", f"-I{STUBS}", *library.flags]
        argv += [f"-Wl,-soname,{library.soname}", "-Wl,--enable-new-dtags", "-Wl,--no-as-needed", str(main), "-o", str(unfinished)]
        argv += [str(beside / "needed" / need) for need in library.needed]
        argv += [f"-Wl,-rpath,{library.runpath}"] if library.runpath else []
        argv += ["-Wl,--as-needed", "-ldl", "-lm", "-lpthread"]
        ended = subprocess.run(argv, capture_output=True, text=True)
        if ended.returncode:
            raise RuntimeError(f"{library.soname}: {ended.stderr}")
        unfinished.rename(made)

    def _declared(self, library: Library, main: Path) -> list[tuple[str, bool]]:
        """The functions that ``main`` exports, in order, and whether each answers with a status."""
        argv = [str(self.compiler), "-E", "-P", "-w", f"-I{STUBS}", *(flag for flag in library.flags if flag.startswith("-D")), str(main)]
        text = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        return [(name, "*" not in kind and kind.strip() != "void") for kind, name in _EXPORT.findall(text)]

    def _empty(self, soname: str, beside: Path) -> None:
        folder = beside / "needed"
        folder.mkdir(exist_ok=True)
        argv = [str(self.compiler), "-shared", "-fPIC", f"-Wl,-soname,{soname}", "-x", "c", "/dev/null", "-o", str(folder / soname)]
        subprocess.run(argv, check=True, capture_output=True)


def compiler() -> str | None:
    """The C compiler at hand."""
    return next((found for found in map(shutil.which, ("cc", "gcc", "clang")) if found), None)


def _do_nothing(source: str) -> str:
    """A C function that does nothing and succeeds for each name that belongs to ``source``."""
    belongs = re.compile(_PREFIXES.get(source, r"\Z."))
    names = [name for name in (STUBS / "do_nothing.txt").read_text().split() if belongs.match(name)]
    line = 'EX int %s(void) { if (fg_trace() > 1) fprintf(stderr, "[stand-in] %s\\n"); return 0; }\n'
    return "".join(line % (name, name) for name in names)


def _exports(declared: list[tuple[str, bool]]) -> str:
    """A C file around its body (``%s``) in which each function goes by another name, and stands behind what may fail for it."""
    renamed = "".join(f"#define {name} own_{name}\n" for name, _ in declared)
    back = "".join(f"#undef {name}\n" for name, _ in declared)
    doors = "".join(f"EXPORTED({name}, {place})\n" for place, (name, _) in enumerate(declared))
    names = ", ".join(f'"{name}"' for name, _ in declared)
    statuses = ", ".join(str(int(is_status)) for _, is_status in declared)
    return (
        f'#include "failing.h"\n{renamed}%s\n{back}{doors}'
        f'__attribute__((visibility("hidden"))) Failing failing[{len(declared)}];\n'
        f"static const char* const failing_names[] = {{{names}, 0}};\nstatic const char failing_statuses[] = {{{statuses}}};\n"
        "__attribute__((constructor)) static void choose_failing(void) { read_failing(failing, failing_names, failing_statuses); }\n"
    )


def main() -> int:
    from tests.lab.wheels import SETS

    builder = Builder(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    everything = {*driver_libraries(), *(library for wheels in SETS.values() for wheel in wheels for library in wheel.libraries)}
    for library in sorted(everything, key=lambda item: (item.soname, item.version)):
        print(library.version, builder.file(library))
    return 0


if __name__ == "__main__":
    sys.exit(main())
