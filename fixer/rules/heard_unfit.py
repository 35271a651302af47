"""Rules about libraries that are there and do not serve a run: of two releases, damaged, closed, or for another processor.

A symbol that one library wants and another lacks says that two releases meet; whose they are, the names tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.emulated import for_another_processor, is_emulated
from fixer.rules.events import evidence, said
from fixer.rules.heard import OF_LIBSTDCXX, about, candidates, named
from fixer.rules.lost_libraries import OF_CUDNN, file_name, kind_of

# Packages with operations of their own, compiled for one TensorFlow.
OF_A_PLUGIN = re.compile(
    r"tensorflow_(?:text|addons|io|recommenders|decision_forests|compression|quantum|graphics)/|horovod/tensorflow/|tensorflow-plugins/"
)
# C++ names of TensorFlow and its parts, as a linker writes them: a length before each.
_OF_TENSORFLOW = re.compile(r"\d(?:tensorflow|tflite|tsl|xla|absl|perftools|stream_executor)|^TF_|^TFE_")
_TWO_RELEASES = {
    "cuda-libs-wrong-version": 36.0,
    "cudnn-shadowed": 26.0,
    "ld-library-path-shadows-env": 20.0,
    "tf-torch-pin-conflict": 18.0,
}
_OLDER_TOOLKIT = {
    "ld-library-path-shadows-env": 42.0,
    "cuda-libs-wrong-version": 38.0,
    "cudnn-shadowed": 10.0,
    "tf-torch-pin-conflict": 10.0,
}
# TensorFlow's own files of two releases lie over each other.
_TWO_TENSORFLOWS = {"environment-broken": 56.0, "duplicate-tf-packages": 44.0}
# The driver's own library lacks a function: the driver is older than what asks for it, or a stand-in answers in its place.
_LIBCUDA = re.compile(r"libcuda\.so")
_OLDER_DRIVER = {"driver-too-old": 76.0, "cuda-compat-lib": 14.0, "libcuda-stub-loaded": 10.0}
_OLD_RUNTIME = {"libstdcxx-too-old": 80.0, "environment-broken": 20.0}
_OF_LIBRARIES = ("cublas", "__nvJitLink", "nccl", "cusparse")
# A part of cuDNN that refuses another part: the two lie in two folders, and both were searched.
_TWO_CUDNN = {
    "cudnn-shadowed": 52.0,
    "ld-library-path-shadows-env": 26.0,
    "cuda-libs-wrong-version": 12.0,
    "tf-torch-pin-conflict": 10.0,
}
_OF_THE_SYSTEM = re.compile(r"^/(?:usr|opt)/(?!.*site-packages).*cuda", re.IGNORECASE)
# TensorFlow's own libraries, and those of frameworks beside it: a cut one was half written.
_OF_TENSORFLOWS_OWN = re.compile(r"-packages/tensorflow/|/(?:lib|_pywrap_)tensorflow[\w.]*$")
_IN_TENSORFLOW = re.compile(rf"-packages/(?:keras|jaxlib|torch)/|{_OF_TENSORFLOWS_OWN.pattern}")


def instructions_under_rosetta(case: Case) -> Iterator[Finding]:
    """A program for Intel's processors says on a Mac, or on another ARM machine, that it lacks instructions: what emulates them does."""
    seen = said(case, "cpu-feature", "jaxlib-avx")
    if seen and (case.os == "macos" or is_emulated(case)):
        intel = case.facts.arch.is_found and case.arch == "x86_64" and not for_another_processor(case)
        weights = {"cpu-without-avx": 96.0, "apple-silicon": 4.0} if intel else {"apple-silicon": 88.0, "cpu-without-avx": 4.0}
        yield from candidates("instructions-on-a-mac", weights, about(seen[0]), (seen[0].evidence,), ("uname", "-m"))


def emulated(case: Case) -> Iterator[Finding]:
    """A program of an image for Intel's processors ended under qemu: so do Macs of Apple's run it, and ARM machines that are none."""
    ended = said(case, "qemu-signal")
    other = for_another_processor(case)
    if ended and (other or case.os == "macos"):
        title = "an image for Intel's processors runs under emulation, which lacks their later instructions"
        weights = {"apple-silicon": 84.0, "unresolved-other": 12.0, "cpu-without-avx": 4.0}
        yield from candidates("emulated", weights, title, evidence((*other[:1], ended[0])), ("uname", "-m"))


def loader_trace(case: Case) -> Iterator[Finding]:
    """The loader's own trace: what an environment's library needs is sought in LD_LIBRARY_PATH's CUDA first."""
    needed = said(case, "loader-needed-by")
    for one in said(case, "loader-shadow"):
        folders = one.event.values.get("path", "").split(":")
        foreign = [folder for folder in folders if re.search(r"cuda|cudnn|nccl", folder) and "site-packages" not in folder]
        if needed and foreign:
            title = f"a library of the environment is sought in {foreign[0]} first"
            yield named("ld-library-path-shadows-env", "likely", title, (one.evidence, needed[0].evidence), "loader-trace")
            return


def library_symbol(case: Case) -> Iterator[Finding]:
    """A library of the stack lacks a function that another wants: two releases meet."""
    unopened = {one.event.line for one in said(case, "cudnn-old-symbol", "stub-by-path", "cudnn-symbol")}
    named_too = {one.event.line for one in said(case, "library-symbol")}
    for one in said(case, "library-symbol", "symbol-alone"):
        if one.event.line in unopened or one.row.id == "symbol-alone" and one.event.line in named_too:
            continue
        name, symbol = one.event.values.get("library", ""), one.event.values.get("symbol", "")
        title = f"{name} lacks {symbol}" if name and symbol else about(one)
        if OF_A_PLUGIN.search(name.replace("\\", "/")) and _OF_TENSORFLOW.search(symbol):
            title = f"{name.rpartition('/')[2]} asks for a function that this TensorFlow has not"
            yield named("plugin-built-for-other-tf", "likely", title, (one.evidence,), "said-plugin-symbol")
            return
        if OF_A_PLUGIN.search(name.replace("\\", "/")) and symbol.startswith(OF_LIBSTDCXX):
            yield from candidates("library-symbol", {**_OLD_RUNTIME, "plugin-built-for-other-tf": 10.0}, title, (one.evidence,))
            return
        if _LIBCUDA.match(file_name(name)):
            yield from candidates("library-symbol", _OLDER_DRIVER, title, (one.evidence,), ("nvidia-smi",))
            return
        if kind_of(file_name(name)) == "cuda" and name.startswith("/") and "-packages/" not in name:
            # A toolkit's own library, of an older release than what asks: it was found before the right one.
            yield from candidates("library-symbol", _OLDER_TOOLKIT, title, (one.evidence,), ("convfix", "doctor"))
            return
        if kind_of(name.rpartition("/")[2]) == "cudnn":
            own = [line for line in said(case, "library-listed") if "site-packages" in line.event.text and OF_CUDNN.search(line.event.text)]
            weights = dict(_TWO_CUDNN)
            if own and _OF_THE_SYSTEM.search(name):
                # The environment has this part too, and the system's came first.
                weights["ld-library-path-shadows-env"] = 90.0
            evidence = (one.evidence, *(line.evidence for line in own[:2]))
            yield from candidates("library-symbol", weights, title, evidence, ("convfix", "doctor"))
            return
        if _OF_TENSORFLOWS_OWN.search(name.replace("\\", "/")) and symbol.startswith("_Z"):
            weights = _OLD_RUNTIME if symbol.startswith(OF_LIBSTDCXX) else _TWO_TENSORFLOWS
            yield from candidates("library-symbol", weights, title, (one.evidence,), ("convfix", "doctor"))
            return
        of_the_stack = kind_of(name.rpartition("/")[2]) or OF_CUDNN.match(symbol) or symbol.startswith(_OF_LIBRARIES)
        if one.row.id == "symbol-alone" or of_the_stack:
            weights = dict(_TWO_RELEASES)
            if not OF_CUDNN.search(name) and not OF_CUDNN.match(symbol) and "cudnn" not in one.event.text.lower():
                # CUDA's own libraries among themselves: cuDNN has no part in it.
                weights["cudnn-shadowed"] = 8.0
            if "-packages/" in name.replace("\\", "/"):
                # A wheel's own copy met a companion of another release: what the loader looks at first brought it.
                weights["ld-library-path-shadows-env"] += 30.0
            yield from candidates("library-symbol", weights, title, (one.evidence,), ("convfix", "doctor"))
            return


def symbol_not_loaded(case: Case) -> Iterator[Finding]:
    """cuDNN asks another library for a function that it has not: of its own parts two releases are mixed, of cuBLAS' it is an older one."""
    for one in said(case, "cudnn-symbol"):
        if not one.event.values.get("symbol", "").startswith("cublas"):
            yield named("cudnn-shadowed", "likely", "libraries of two cuDNN releases are mixed", (one.evidence,), "said-cudnn-symbol")
            return
    for one in said(case, "cudnn-symbol"):
        # cuDNN goes on without what an older cuBLAS cannot tell.
        weights = {"cuda-libs-wrong-version": 60.0, "benign-noise": 24.0, "cudnn-too-new": 10.0, "cudnn-shadowed": 6.0}
        title = "cuBLAS is older than the one that this cuDNN asks for"
        yield from candidates("cublas-symbol", weights, title, (one.evidence,), ("convfix", "doctor"))
        return


def library_unusable(case: Case) -> Iterator[Finding]:
    """A library of the stack is there and is damaged, or closed to this user."""
    for one in said(case, "library-damaged"):
        name = one.event.values.get("library", "")
        if kind_of(name) or _IN_TENSORFLOW.search(name.replace("\\", "/")):
            if kind_of(name) == "driver":
                # A container's runtime mounts the driver's libraries over empty files, which stay in an image that was made of it.
                weights = {"container-without-gpu": 46.0, "driver-not-loaded": 40.0, "driver-library-mismatch": 14.0}
                yield from candidates("driver-library-damaged", weights, f"{name}: {about(one)}", (one.evidence,), ("nvidia-smi",))
                continue
            cause = "cudnn-missing" if kind_of(name) == "cudnn" else "environment-broken"
            yield named(cause, "likely", f"{name}: {about(one)}", (one.evidence,), "library-damaged")
    for one in said(case, "library-unreadable"):
        if kind_of(one.event.values.get("library", "")):
            yield named("device-permissions", "possible", about(one), (one.evidence,), "library-unreadable")


def library_wrong_class(case: Case) -> Iterator[Finding]:
    """A library for another class of processor stands in the way."""
    for one in said(case, "library-wrong-class"):
        if kind_of(one.event.values.get("library", "")):
            yield named("cuda-libs-wrong-version", "likely", about(one), (one.evidence,), "library-wrong-class")
