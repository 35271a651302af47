"""Rules about lines that name their cause, and about lines that several causes share.

A row of the dataset says which causes a line can have. A line that names one is a verdict as strong as the row
says; a line that several share names them all, each with its weight, and cannot tell. Lines whose values must be
compared first have rules of their own, which build their candidates here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast

from fixer.dataset import ask
from fixer.model import compare
from fixer.model.finding import Certainty, Evidence, Finding
from fixer.rules.advice import ADVICE
from fixer.rules.case import Case
from fixer.rules.emulated import is_emulated
from fixer.rules.events import Heard, heard, said
from fixer.rules.requirements import is_framework, is_of_an_extra, name_of
from fixer.rules.say import finding

# The allocator asks for less after each refusal: the same words as of a failure, and often nothing.
_LADDERS = {"cuda-out-of-memory": "cuda-oom-ladder"}
_MAY_BE_NOTHING = 40.0
_SILENT = ("noise", "folk", "fact", "success")
# Wrappers of a failed import: the lines above them say why, and only where those were lost do they name what it may be.
_WRAPPERS = ("native-runtime", "keras-cannot")
# A program that ends by a signal is told by its end, and by what saw it end: one crash is counted once.
_ENDS_BY_SIGNAL = "exit-illegal-instruction"
_SIGNALS = ("illegal-instruction", "illegal-instruction-4", "illegal-hardware-instruction")
# Rows that say of a line that it is an error, or that something is missing around it, and not what; and what follows from no GPU.
_NAMELESS = ("an-error", "lines-cut-off", "gpu-list-empty", "cpu-only-list", "no-gpu-kernel")
# A status by its number alone: a row of its own tells what the known ones mean.
_ANY_NUMBER = "cudnn-unknown-status"
# The card is kept for a virtual machine: a driver is not what is missing, and its rule says so.
GIVEN_AWAY = ("card-given-away", "lspci-vfio")
_IGNORED = re.compile(r"(?:Ignoring (?:visible )?gpu device \(device: |Found GPU)(\d{1,3})(?=, name: | )")
_TAKEN = re.compile(r"\bdevice: (\d{1,3}), name: ")
# Names of libstdc++'s own, as a linker writes them.
OF_LIBSTDCXX = ("_ZSt", "_ZNSt", "_ZNKSt")
_RUNTIMES = ("glibc-needed", "glibcxx-needed")
_A_MODULE = re.compile(r"\w*Error: |-packages|tensorflow|torch|jaxlib|libcu[a-z]{2}|python", re.IGNORECASE)
_OWN_LIBRARY = re.compile(r"tensorflow/(?:python/|libtensorflow|lib\w+\.so)\S*(?: |:)")
_FURTHER_MODULE = re.compile(r"nvidia[\w-]*[_-](?:uvm|modeset|drm|peermem)\b")
# A traceback's last frame and the line that ends it.
_RAISES = re.compile(r"\s*(?:-+>\s*\d+\s+|\d+\s+)?raise \w+\(")
_ENDS = re.compile(r"\s*[\w.]*(?:Error|Exception)\b: ")
_OF_A_TRACEBACK = 4
_FIRST_WITH_PROTOBUF_4 = (2, 12)
_IMPORTED = re.compile(r"while importing ([\w.]{1,80})")
# Native modules of the frameworks and of what they import.
_NATIVE_MODULE = re.compile(
    r"_?pywrap|tensorflow|numpy|umath|jaxlib|xla|torch|_C\b|h5py|^defs$|protobuf|_message|ml_dtypes|onnxruntime|cupy|mxnet|^cv2$",
    re.IGNORECASE,
)
_SITE = ("site-packages", "dist-packages")
# Headings of a resolver, which do not say what could not be resolved.
_RESOLVERS = ("uv-unsatisfiable", "uv-no-solution")


def said_outright(case: Case) -> Iterator[Finding]:
    """A line that names one cause."""
    for one in heard(case):
        if len(one.row.causes) == 1 and one.row.kind not in _SILENT and one.row.id not in GIVEN_AWAY and not left_out(case, one):
            sure = not _is_for_another(one) and not (one.row.id in _DOUBTED and _DOUBTED[one.row.id](case, one))
            certainty = cast(Certainty, one.row.certainty if sure or one.row.certainty != "proven" else "likely")
            yield named(next(iter(one.row.causes)), certainty, about(one), (one.evidence,), f"said-{one.row.id}")


def left_out(case: Case, one: Heard) -> bool:
    """Whether something else that the log tells takes the line its meaning."""
    if _of_an_ignored_card(case, one) or _only_stands_in_the_source(case, one):
        return True
    return one.row.id in _UNLESS and _UNLESS[one.row.id](case, one)


def _of_an_ignored_card(case: Case, one: Heard) -> bool:
    """Whether the line is of a card that TensorFlow or PyTorch ignores beside another one, which it takes: then nothing stops."""
    ignored = _IGNORED.search(one.event.text)
    every = [found for other in heard(case) if (found := _IGNORED.search(other.event.text)) is not None]
    if ignored is not None and "0" not in {found[1] for found in every} and _fails_later(case, one):
        # Nobody ignores the first card, and something failed that runs there.
        return True
    made = (_TAKEN.search(other.event.text) for other in said(case, "created-device", "creating-device-old"))
    taken = {found[1] for found in made if found is not None}
    return ignored is not None and bool(taken) and ignored[1] not in taken


def _only_stands_in_the_source(case: Case, one: Heard) -> bool:
    """Whether the words stand in a line of source that a traceback shows, and the error that ends it is another one."""
    if _RAISES.match(one.event.text) is None or one.event.last > one.event.line:
        return False
    ends = [other for other in heard(case) if 0 < other.event.line - one.event.line <= _OF_A_TRACEBACK and _ENDS.match(other.event.text)]
    return bool(ends) and all(other.row.id != one.row.id for other in ends)


def _runtime_is_too_old(case: Case, one: Heard) -> bool:
    """Whether what the plugin lacks is the C or C++ library's, and not TensorFlow's."""
    symbols = [other.event.values.get("symbol", "") for other in said(case, "library-symbol")]
    return bool(said(case, *_RUNTIMES)) or any(name.startswith(OF_LIBSTDCXX) for name in symbols)


def has_the_names_of_one(case: Case) -> bool:
    """Whether the TensorFlow is known to be a 1.x, which has what 2.x gave up."""
    return case.tensorflow is not None and compare.minor(case.tensorflow) < (2, 0)


def _of_tensorflow_itself(case: Case, one: Heard) -> bool:
    """Whether the library that lacks the symbol is one of TensorFlow's own, and no plugin."""
    return _OWN_LIBRARY.search(one.event.text.replace("\\", "/")) is not None


def _module_is_there(case: Case, one: Heard) -> bool:
    """Whether only a further module is missing beside the driver's own, which told its version, or one is there and was refused."""
    if said(case, "key-rejected"):
        return True
    return _FURTHER_MODULE.search(one.event.text) is not None and bool(said(case, "kernel-reported"))


def _is_for_another(one: Heard) -> bool:
    """Whether the C or C++ library is too old for some program: for Python's modules it need not be."""
    return one.row.id in _RUNTIMES and _A_MODULE.search(one.event.text) is None


def _of_no_framework(case: Case, one: Heard) -> bool:
    """Whether the module that does not start is another program's: what fails there says nothing of TensorFlow."""
    module = _IMPORTED.search(one.event.text)
    return module is not None and _NATIVE_MODULE.search(module[1]) is None


def _is_hidden(case: Case, one: Heard) -> bool:
    """Whether the loader's cache leads to another libcuda first."""
    paths = [other.event.values.get("path", "") for other in said(case, "libcuda-in-cache")]
    return bool(paths) and "/stubs/" not in paths[0]


def own_file(case: Case, module: str) -> Heard | None:
    """A traceback's line through a file of the user's that is called like ``module``, and is imported in its place."""
    for one in said(case, "own-file"):
        path = one.event.values.get("path", "") + one.event.values.get("file", "")
        if is_own(path) and file_of(path) == f"{module.partition('.')[0]}.py":
            return one
    return None


def file_of(path: str) -> str:
    """The last part of a path of either system."""
    return re.split(r"[/\\]", path)[-1]


def is_own(path: str) -> bool:
    """Whether a module's file lies where nobody installs."""
    return path.endswith(".py") and not any(part in path for part in _SITE) and "/lib/python" not in path.replace("\\", "/").lower()


def mixes_user_site(case: Case) -> tuple[Heard, ...]:
    """A line through the user's own site-packages and one through an environment's, where a traceback has both."""
    own, environment = said(case, "in-user-site"), said(case, "in-environment")
    return (own[0], environment[0]) if own and environment else ()


def _of_another_module(case: Case, one: Heard) -> bool:
    """Whether what dkms could not build is another driver's module."""
    built = [other.event.values.get("module", "") for other in said(case, "dkms-module")]
    return "nvidia" not in one.event.text.lower() and bool(built) and not any("nvidia" in name for name in built)


def _fails_later(case: Case, one: Heard) -> bool:
    """Whether the program went on behind the line, and failed by something that a row knows."""
    return any(other.row.fails and other.event.line > one.event.last and other.row.id != one.row.id
               for other in heard(case) if other.row.id not in _NAMELESS)  # fmt: skip


def _may_be_emulated(case: Case, one: Heard) -> bool:
    """Whether the system is not told, or is a container's, which Macs of Apple's run too: what emulates them lacks the instructions."""
    return not case.facts.os.is_found or bool(case.container)


def _may_be_of_another(case: Case, one: Heard) -> bool:
    """Whether the code that is too old for this protobuf may be none of the TensorFlow that belongs here.

    One that takes newer ones, or one of the user's site-packages that an environment's protobuf met.
    """
    takes_newer = case.tensorflow is not None and compare.minor(case.tensorflow) >= _FIRST_WITH_PROTOBUF_4
    return takes_newer or bool(mixes_user_site(case))


def _driver_is_told_newer(case: Case, one: Heard) -> bool:
    """Whether the driver that is told serves a newer CUDA than the libcuda that answered: then another libcuda answered."""
    number, told = one.event.values.get("cuda", ""), compare.driver(case.driver_version)
    if not number.isdigit() or told is None:
        return False
    answered = (int(number) // 1000, int(number) % 1000 // 10)
    newer = [row.linux_driver for row in ask.cuda_releases(case.dataset) if compare.minor(row.version) > answered]
    needed = [driver for driver in map(compare.driver, newer) if driver is not None]
    return case.os == "linux" and not case.wsl and any(driver.branch <= told.branch for driver in needed)


def _runtime_is_newer(case: Case, one: Heard) -> bool:
    written, runtime = (one.event.values.get(name, "") for name in ("gencode", "runtime"))
    return bool(written and runtime) and compare.release(runtime) >= compare.release(written)


# What takes "proven" from a line that is the program's own word.
_DOUBTED: Mapping[str, Callable[[Case, Heard], bool]] = {
    "cpu-feature": _may_be_emulated,
    "jaxlib-avx": _may_be_emulated,
    # What they say is so, and the program went on without it.
    "growth-too-late": _fails_later,
    "growth-differs": _fails_later,
    "windows-no-gpu-support": _fails_later,
    "hides-all-gpus": _fails_later,
    "protobuf-descriptors": _may_be_of_another,
    "torch-driver-old": _driver_is_told_newer,
}
_UNLESS: Mapping[str, Callable[[Case, Heard], bool]] = {
    "plugin-io": _runtime_is_too_old,
    # PyTorch says in the same breath where the other copy lies.
    "torch-cudnn-other": lambda case, one: bool(said(case, "torch-library-path")),
    "dll-init": _of_no_framework,
    "dkms-failed": _of_another_module,
    "stub-in-cache": _is_hidden,
    "tf1-memory-snippet": lambda case, one: own_file(case, "tensorflow") is not None or has_the_names_of_one(case),
    "cpu-feature": lambda case, one: case.os == "macos" or is_emulated(case),
    "jaxlib-avx": lambda case, one: case.os == "macos" or is_emulated(case),
    "protobuf-runtime-older": _runtime_is_newer,
    "plugin-symbol": _of_tensorflow_itself,
    "plugin-framework": _of_tensorflow_itself,
    "numpy-import": lambda case, one: bool(said(case, "dll-not-win32")),
    "module-not-found": _module_is_there,
    "module-symbol": _module_is_there,
}


def said_among_several(case: Case) -> Iterator[Finding]:
    """A line that several causes share: each of them is named, none is told."""
    failed = [one for one in heard(case) if one.row.fails and one.row.id not in _WRAPPERS]
    silent = (*(_WRAPPERS if failed else ()), *(_RESOLVERS if _asked_for_others(case) or said(case, "uv-platform") else ()))
    for one in heard(case):
        if one.row.id in silent or one.row.id == _ANY_NUMBER and _number_is_known(case, one):
            continue
        if one.row.id == _ENDS_BY_SIGNAL and said(case, *_SIGNALS):
            continue
        if len(one.row.causes) > 1 and one.row.kind not in _SILENT:
            causes: dict[str, float] = dict(one.row.causes)
            if _beside(case, one, _LADDERS):
                causes["benign-noise"] = _MAY_BE_NOTHING
            yield from candidates(one.row.id, causes, about(one), (one.evidence,), one.row.decide_with)


def _beside(case: Case, one: Heard, table: Mapping[str, str]) -> bool:
    """Whether the very line is one of the kind that ``table`` names for it."""
    other = table.get(one.row.id)
    return other is not None and any(beside.event.text == one.event.text for beside in said(case, other))


def _number_is_known(case: Case, one: Heard) -> bool:
    """Whether another row says what the number of this very line means."""
    return any(
        other.row.id != one.row.id and other.event.line == one.event.line and other.event.values.get("number") == one.event.values["number"]
        for other in heard(case)
    )


def _asked_for_others(case: Case) -> bool:
    """Whether the releases that the installer did not find are all of packages that no cause is about."""
    names = [name_of(one.event.values.get("requirement", "")) for one in said(case, "uv-no-version")]
    return bool(names) and not any(name is None or is_framework(name) or is_of_an_extra(name) for name in names)


def about(one: Heard) -> str:
    """What the line means, in words."""
    return one.row.about or one.event.text[:120]


def named(cause: str, certainty: Certainty, title: str, evidence: Iterable[Evidence], code: str) -> Finding:
    """A verdict on one cause, with the advice for it."""
    advice = ADVICE[cause]
    return finding(cause, "blocks", certainty, title, evidence, advice.summary, code=code, commands=advice.commands)


def candidates(
    group: str, weights: Mapping[str, float], title: str, evidence: tuple[Evidence, ...], decide_with: tuple[str, ...] = ()
) -> Iterator[Finding]:
    """One finding a candidate: all of one ``group`` share what was seen, by their weights."""
    whole = sum(weights.values())
    for cause, weight in weights.items():
        if weight > 0:
            advice = ADVICE[cause]
            yield finding(
                cause,
                "blocks",
                "cannot-tell",
                title,
                evidence,
                advice.summary,
                code=f"said-{group}",
                commands=advice.commands,
                needs=(" ".join(decide_with or advice.decide_with),),
                subject={"group": group, "weight": f"{100 * weight / whole:.2f}", "decide": "\n".join(decide_with)},
            )
