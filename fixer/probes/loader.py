"""Which file the dynamic loader takes for each library that the patient's TensorFlow opens, and why.

The unit is ``observe``: it starts a model of the patient's process (``loader.search``), loads what convfix's
own hook would load, then the object that opens the CUDA libraries, and calls dlopen in TensorFlow's order.
What was read of a file is remembered in the user's cache by its path, size and time. It does
nothing for a CPU build. Nothing of the patient is run.
"""

from __future__ import annotations

import ast
import posixpath
import re
from typing import Mapping, Sequence

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import TensorFlowRow
from fixer.host.base import Host
from fixer.loader.remember import Memory
from fixer.loader.search import Answer, Failure, Process
from fixer.model.facts import DEVICE_PLUGIN, Library, Patient, Resolution, TensorFlowBuild
from fixer.model.observed import Observed, absent, found, unknown
from fixer.probes.tensorflow import package_folder

_OPENERS = ("libtensorflow_framework.so.2", "libtensorflow_framework.so.1")
# Who calls dlopen, as LD_DEBUG=files says of the wheels: of 1.15 libtensorflow_framework (1.15.5), from 2.0 to 2.10 the Python module
# (2.4.4, 2.10.1), which has the wrapper in itself; later libtensorflow_framework (2.13.1, 2.15.1, 2.20.0; the module of 2.11.1
# imports the wrapper).
_EARLY_OPENER = "python/_pywrap_tensorflow_internal.so"
_BY_MODULE, _FIRST_BY_FRAMEWORK = (2, 0), (2, 11)
_HOOK, _HOOK_LINE = "_convfix_preload.py", "convfix_preload.pth"
_SOURCE = "model of the dynamic loader"
_MOST_PLUGINS = 20
_CXX = "libstdc++.so.6"
# What cuDNN's head opens by name when it starts and at the first convolution, by its major version (readelf and strings of
# NVIDIA's wheels). The parts for recurrent networks are left out: a convolution never opens them.
_PARTS = {
    "8": ("ops_infer", "ops_train", "cnn_infer", "cnn_train"),
    "9": ("graph", "ops", "cnn", "heuristic"),
}


def observe(
    host: Host,
    patient: Patient,
    packages: Mapping[str, str],
    build: TensorFlowRow | TensorFlowBuild | None,
    variables: Mapping[str, str],
    libraries: Sequence[Library],
    dataset: Dataset,
    before: Sequence[str] = (),
) -> Observed[tuple[Resolution, ...]]:
    """One resolution for each soname, in the order in which TensorFlow opens them; ``before`` is what is loaded before it."""
    if build is None or build.is_cuda_build is False:
        return absent("TensorFlow's build")
    sonames = build.sonames
    package = package_folder(host, patient.site_packages)
    opener = next((path for path in (posixpath.join(package, part) for part in _openers(build)) if host.exists(path)), None)
    if not sonames or opener is None:
        return unknown("which libraries this TensorFlow opens is not known", "TensorFlow's build")
    memory = _memory(host)
    process = _process(host, patient, variables, memory)
    if process.started is not None:
        return unknown(f"the patient's own start cannot be followed: {process.started.message}", _SOURCE)
    for path in (*_hooked(host, patient), *before):
        process.dlopen(path)
    itself = process.dlopen(opener)
    caller = process.find(opener)
    if itself.failure is not None or caller is None:
        stopped = _older_ground(host, process, opener, itself.failure)
        return found((stopped,), _SOURCE) if stopped is not None else unknown(f"{opener} cannot be followed", _SOURCE)
    known = {copy.path: copy.version for copy in libraries}
    plugins = tuple(_plugin(process, opener, path) for path in _plugins(host, patient))
    opened = [(opener, process.dlopen(soname, caller)) for soname in sonames]
    opened += _parts(process, [answer for _, answer in opened])
    made = (*plugins, *(_resolution(host, answer, by, known, patient, packages, dataset) for by, answer in opened))
    memory.save()
    return found(made, _SOURCE)


def _plugins(host: Host, patient: Patient) -> list[str]:
    """The device plugins that TensorFlow loads at the end of its own import (tensorflow/__init__.py of 2.5 and newer)."""
    folder = posixpath.join(patient.site_packages, DEVICE_PLUGIN)
    return [posixpath.join(folder, name) for name in host.entries(folder)[:_MOST_PLUGINS] if name.endswith(".so")]


def _plugin(process: Process, opener: str, path: str) -> Resolution:
    failure = process.dlopen(path, process.find(opener)).failure
    name, problem = posixpath.basename(path), failure.message if failure is not None else None
    return Resolution(name, DEVICE_PLUGIN, opener, path, None, "by its path", (), problem)


def _openers(build: TensorFlowRow | TensorFlowBuild) -> tuple[str, ...]:
    number = re.match(r"(\d{1,4})\.(\d{1,4})", build.version or "")
    early = number is not None and _BY_MODULE <= (int(number[1]), int(number[2])) < _FIRST_BY_FRAMEWORK
    return (_EARLY_OPENER, *_OPENERS) if early else _OPENERS


def _parts(process: Process, opened: Sequence[Answer]) -> list[tuple[str, Answer]]:
    """cuDNN's head and what the loader does for each part that it opens by name."""
    head = next((one.path for one in opened if one.name.startswith("libcudnn.so.") and one.failure is None), None)
    caller = process.find(head) if head is not None else None
    if head is None or caller is None:
        return []
    major = posixpath.basename(caller.elf.soname or head).rpartition(".so.")[2].partition(".")[0]
    return [(head, process.dlopen(f"libcudnn_{part}.so.{major}", caller)) for part in _PARTS.get(major, ())]


def _memory(host: Host) -> Memory:
    """What was read of ELF files in earlier runs, in the user's own cache; a described root's files are not remembered."""
    home, cache = host.environ.get("HOME", ""), host.environ.get("XDG_CACHE_HOME", "")
    folder = cache if posixpath.isabs(cache) else posixpath.join(home, ".cache") if posixpath.isabs(home) else None
    above = host.stat(cache if folder == cache else home) if folder is not None else None
    # Root in another user's home (sudo) must leave no file there.
    if not host.remembers or folder is None or (above is not None and above.st_uid != host.vantage.uid):
        return Memory()
    return Memory(posixpath.join(folder, "convfix"))


def _process(host: Host, patient: Patient, variables: Mapping[str, str], memory: Memory) -> Process:
    from fixer.loader.cache import PATH, parse_cache
    from fixer.loader.files import HostFiles
    from fixer.loader.search import PRELOAD_FILE, Setting
    from fixer.loader.system import DEFAULT_LOADER, learn

    executable = host.real_path(patient.interpreter)
    try:
        cache = parse_cache(host.read(PATH))
    except OSError:
        cache = None
    system = learn(host, DEFAULT_LOADER, executable, variables)
    preload = host.text(PRELOAD_FILE, 1 << 16) or ""
    # A relative or empty element of a path list means the folder in which the program is started: ours stands for it.
    here = host.vantage.folder or "/"
    process = Process(HostFiles(host, memory, here), Setting(system, cache, variables, here, preload_file=preload), executable)
    process.start()
    return process


def _hooked(host: Host, patient: Patient) -> tuple[str, ...]:
    """What convfix's own hook in this environment loads first; all or nothing, as the hook does it."""
    text = host.text(posixpath.join(patient.site_packages, _HOOK), 1 << 18)
    if text is None or not host.exists(posixpath.join(patient.site_packages, _HOOK_LINE)):
        return ()
    try:
        statements = ast.parse(text).body
        listed = next(
            ast.literal_eval(one.value)
            for one in statements
            if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name) and one.targets[0].id == "LIBRARIES"
        )
    except (ValueError, SyntaxError, RecursionError, MemoryError, StopIteration):
        return ()
    # The hook writes its paths as bytes.
    named = (
        [one.decode("utf-8", "surrogateescape") if isinstance(one, bytes) else one for one in listed] if isinstance(listed, tuple) else []
    )
    paths = tuple(path for path in named if isinstance(path, str))
    return paths if all(host.exists(path) for path in paths) else ()


def _older_ground(host: Host, process: Process, opener: str, failure: Failure | None) -> Resolution | None:
    """The C++ library that is taken for TensorFlow's own file and lacks a version that it was linked with."""
    if failure is None or failure.path is None or failure.name != _CXX or not failure.text.startswith("version `"):
        return None
    answer = process.dlopen(_CXX)
    why = answer.detail if answer.path is not None and host.real_path(answer.path) == host.real_path(failure.path) else ""
    passed = tuple((one.path, None) for one in answer.passed)
    return Resolution(_CXX, "libstdc++", opener, failure.path, None, why or "needed by TensorFlow's own library", passed, failure.message)


def _plain(host: Host, path: str | None) -> str | None:
    """``path`` from the root and without the ``..`` of a $ORIGIN, where that names the same file (a linked folder may say otherwise)."""
    if path is not None and not path.startswith("/"):
        path = posixpath.join(host.vantage.folder or "/", path)
    if path is None or ".." not in path:
        return path
    plain = posixpath.normpath(path)
    return plain if host.real_path(plain) == host.real_path(path) else path


def _own_copies(host: Host, soname: str, winner: str | None, patient: Patient, dataset: Dataset) -> list[str]:
    row = dataset.library(soname)
    if row is None or row.wheel_folder is None:
        return []
    path = posixpath.join(patient.site_packages, "nvidia", row.wheel_folder, "lib", soname)
    same = winner is not None and host.real_path(winner) == host.real_path(path)
    return [path] if host.exists(path) and not same else []


def _resolution(
    host: Host,
    answer: Answer,
    opener: str,
    known: Mapping[str, str | None],
    patient: Patient,
    packages: Mapping[str, str],
    dataset: Dataset,
) -> Resolution:
    row = dataset.library(answer.name)
    failure = answer.failure
    # A file that was found and cannot be mapped ends the search: that file is the one, and no other is asked.
    itself = failure.path if failure is not None and failure.name == answer.name and not failure.needed_by else None
    path = _plain(host, answer.path or itself)
    why = answer.detail or answer.rule or "not found"
    if answer.path is None and itself is not None:
        why = next((one.rule for one in answer.passed if one.path == itself), why)
    # The wheel's own copy counts too where the search never comes to its folder: that is the fault to be seen.
    others = dict.fromkeys(
        [_plain(host, one.path) or one.path for one in answer.passed if one.path != itself]
        + _own_copies(host, answer.name, path, patient, dataset)
    )
    passed = tuple((one, _version(host, one, known, patient, packages, dataset)) for one in others)
    return Resolution(
        soname=answer.name,
        library=row.name if row is not None else answer.name,
        opened_by=opener,
        path=path,
        version=_version(host, path, known, patient, packages, dataset) if path is not None else None,
        why=why,
        passed_over=passed,
        problem=failure.message if failure is not None and path is not None else None,
    )


def _version(
    host: Host, path: str, known: Mapping[str, str | None], patient: Patient, packages: Mapping[str, str], dataset: Dataset
) -> str | None:
    """The version of a copy: what its call answered, or the version of the wheel whose folder it lies in."""
    part = posixpath.basename(path).startswith("libcudnn_")
    if path in known and (known[path] is not None or not part):
        return known[path]
    folder = posixpath.join(patient.site_packages, "nvidia") + "/"
    if not posixpath.normpath(path).startswith(folder):
        # A part of cuDNN has no call of its own to ask: NVIDIA's archives and packages name the real file by its version.
        named = re.fullmatch(r"libcudnn_\w+\.so\.(\d+\.\d+\.\d+)", posixpath.basename(host.real_path(path)))
        return named.group(1) if named else None
    row = dataset.library(posixpath.basename(path))
    wheels = [wheel for wheel in row.wheels if wheel in packages] if row is not None else []
    if len(wheels) > 1:
        # Two wheels own this folder (-cu12 and -cu13): the one whose record fits the file has written it.
        wheels = [wheel for wheel in wheels if _wrote(host, patient, wheel, packages[wheel], path)]
    told = {packages[wheel] for wheel in wheels}
    return told.pop() if len(told) == 1 else None


def _wrote(host: Host, patient: Patient, wheel: str, version: str, path: str) -> bool:
    """Whether the file has the size that this wheel's RECORD gives it."""
    status = host.stat(path)
    record = host.text(posixpath.join(patient.site_packages, f"{wheel.replace('-', '_')}-{version}.dist-info", "RECORD"), 1 << 20)
    name = posixpath.relpath(posixpath.normpath(path), patient.site_packages)
    line = next((line for line in (record or "").splitlines() if line.startswith(f"{name},")), "")
    return status is not None and line.rpartition(",")[2] == str(status.st_size)
