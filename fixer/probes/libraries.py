"""Every copy of an NVIDIA library outside the environment's own wheels, with the version that it gives itself.

The unit is ``observe``. Copies are found by the sonames that the dataset knows, in the toolkits, the
distribution's folders, a conda prefix, LD_LIBRARY_PATH, ld.so.cache, WSL's folder, cuda-compat and stubs;
libdevice and ptxas beside them. A version is what the library answers in a child, or what its toolkit's own
version.json records of it; it is never read off a file name. CUPTI, libcuda and cuDNN's parts have no such call:
without a record they stay unknown.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from dataclasses import replace
from typing import Iterable, Iterator, Mapping, Sequence

from fixer.dataset.questions import Dataset
from fixer.host.base import Host
from fixer.model.facts import Library, Mapped, Patient, Resolution
from fixer.model.observed import Observed, absent, found
from fixer.probes import nvml, toolkits

_DISTRIBUTION = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", *nvml.APART, "/usr/local/lib")
_TOOLKIT = (
    "lib64",
    "lib64/stubs",
    "extras/CUPTI/lib64",
    "compat",
    "targets/x86_64-linux/lib",
    "targets/x86_64-linux/lib/stubs",
)
_MOST_UNPACKED = 20
# In this order: the versions that decide come before those that are only told.
_ASKED = (
    "cudnn", "cudart", "cublas", "cublasLt", "cufft", "curand", "cusolver", "cusparse", "nvjitlink", "nccl", "nvrtc",
)  # fmt: skip
# The components of a toolkit's version.json, and the libraries that they bring.
_COMPONENTS = {
    "libcublas": ("cublas", "cublasLt", "nvblas"),
    "libcufft": ("cufft", "cufftw"),
    "libcurand": ("curand",),
    "libcusolver": ("cusolver", "cusolverMg"),
    "libcusparse": ("cusparse",),
    "libnvjitlink": ("nvjitlink",),
    "cuda_cupti": ("cupti",),
    "cuda_cudart": ("cudart",),
    "cuda_nvrtc": ("nvrtc", "nvrtc-builtins"),
    "cuda_nvcc": ("ptxas", "libdevice"),
}
_DECIDES = ("cudnn", "cudart")
_PAYLOAD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "payloads", "library_versions.py")
_LIMIT = 10.0
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,5}){1,3}")
_DATA_DIR = re.compile(r"--xla_gpu_cuda_data_dir=[\"']?(/[^\s\"']{1,4000})")
_RELEASE = re.compile(r"release [0-9.]+, V([0-9]{1,2}(?:\.[0-9]{1,4}){1,2})")


def observe(
    host: Host,
    patient: Patient | None,
    variables: Mapping[str, str],
    dataset: Dataset,
    ask: bool = True,
    mapped: Iterable[Mapped] = (),
    beside: Iterable[str] = (),
) -> Observed[tuple[Library, ...]]:
    """The copies, each once by its path; ``ask`` False leaves every version unknown and starts no process.

    ``mapped`` are those that a running process has loaded, wherever they lie; ``beside`` path lists of what else starts the patient.
    """
    names = {soname: row.name for row in dataset.libraries() for soname in row.sonames}
    seen: dict[str, tuple[str, str]] = {}
    kits = tuple(kit.path for kit in toolkits.observe(host).or_else(()))
    folders = _folders(host, patient, (variables.get("LD_LIBRARY_PATH", "").replace(";", ":"), *beside), kits)
    for folder in folders:
        for entry in host.entries(folder):
            if entry in names:
                # By real folder and name: one file may stand under two sonames, and each is another answer.
                seen.setdefault(f"{host.real_path(folder)}/{entry}", (names[entry], posixpath.join(folder, entry)))
    for soname, path in _cached(host, names):
        seen.setdefault(f"{host.real_path(posixpath.dirname(path))}/{soname}", (names[soname], path))
    own = f"{patient.site_packages}/nvidia/" if patient is not None else None
    for one in mapped:
        if one.soname in names and not one.deleted and (own is None or not one.path.startswith(own)):
            seen.setdefault(host.real_path(one.path), (names[one.soname], one.path))
    tools = _compilers(host, patient, (*kits, *_data_dir(variables)), ask)
    records = {host.real_path(kit): _recorded(host, kit) for kit in kits}
    copies = [_with_record(host, Library(name, None, path), records) for name, path in seen.values()]
    versions = _versions(host, _worth_asking(copies)) if ask else {}
    copies = [replace(copy, version=versions.get(copy.path) or copy.version) for copy in copies]
    # A link whose library was moved away is no copy: the loader passes it over.
    copies = [copy for copy in copies if copy.version or host.exists(copy.path)]
    if not copies and not tools:
        return absent(*folders[:2])
    tools = [copy if copy.version else _with_record(host, copy, records) for copy in tools]
    return found(tuple(sorted((*copies, *tools), key=lambda copy: copy.path)), *folders[:2])


def completed(host: Host, predicted: Observed[tuple[Resolution, ...]], known: Iterable[Library]) -> Observed[tuple[Resolution, ...]]:
    """The loader's winners with what they answer, where no folder that is looked into held them (an RPATH leads anywhere)."""
    seen = {copy.path for copy in known}
    lost = [one for one in predicted.or_else(()) if one.version is None and one.path and one.path not in seen]
    names = {one.path: one.library for one in lost if one.library in _ASKED and not one.soname.startswith("libcudnn_")}
    asked = _worth_asking(Library(name, None, path) for path, name in names.items() if path)
    versions = _versions(host, asked) if asked else {}
    if not versions:
        return predicted
    made = tuple(one if one.version else replace(one, version=versions.get(one.path or "")) for one in predicted.or_else(()))
    return replace(predicted, value=made)


def _recorded(host: Host, kit: str) -> dict[str, str]:
    """What a toolkit's version.json says of its libraries, by their names in the dataset."""
    try:
        told = json.loads(host.text(posixpath.join(kit, "version.json"), 1 << 16) or "")
    except (ValueError, RecursionError):
        return {}
    made = {}
    for component, names in _COMPONENTS.items():
        entry = told.get(component) if isinstance(told, dict) else None
        version = entry.get("version") if isinstance(entry, dict) else None
        if isinstance(version, str) and _VERSION.fullmatch(version):
            made.update(dict.fromkeys(names, version))
    return made


def _with_record(host: Host, copy: Library, records: Mapping[str, Mapping[str, str]]) -> Library:
    """``copy`` with its toolkit's word for its version. A stub is no such library."""
    real = host.real_path(copy.path)
    if "/stubs/" in copy.path:
        return copy
    kit = next((kit for kit in records if real.startswith(kit + "/")), None)
    return copy if kit is None else replace(copy, version=records[kit].get(copy.name))


def _worth_asking(copies: Iterable[Library]) -> list[str]:
    """The copies to ask: those whose version decides a verdict, whatever is recorded; others without a record."""
    wanted = [copy for copy in copies if copy.name in _ASKED and "/stubs/" not in copy.path]
    wanted = [copy for copy in wanted if copy.name in _DECIDES or copy.version is None]
    return [copy.path for copy in sorted(wanted, key=lambda copy: (_ASKED.index(copy.name), copy.path))]


def _cached(host: Host, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What ld.so.cache holds of the sonames that we know, 64-bit entries alone."""
    from fixer.loader.cache import PATH, parse_cache

    try:
        cache = parse_cache(host.read(PATH))
    except OSError:
        cache = None
    for soname in names if cache is not None else ():
        for path in cache.all(soname) if cache is not None else ():
            if host.exists(path):
                yield soname, path


def _compilers(host: Host, patient: Patient | None, kits: tuple[str, ...], ask: bool) -> list[Library]:
    """libdevice and ptxas where XLA may find them: in the toolkits, a conda prefix, and on PATH (ptxas alone)."""
    roots = [*kits, *([patient.prefix] if patient is not None and host.is_dir(f"{patient.prefix}/conda-meta") else [])]
    made = []
    for root in roots:
        folder = posixpath.join(root, "nvvm", "libdevice")
        made += [Library("libdevice", None, posixpath.join(folder, name)) for name in host.entries(folder) if name.endswith(".bc")]
    places = [posixpath.join(root, "bin", "ptxas") for root in roots]
    on_path = None if host.is_data else host.which("ptxas")
    for path in dict.fromkeys((*places, *([on_path] if on_path else []))):
        if host.exists(path):
            made.append(Library("ptxas", _ptxas_version(host, path) if ask else None, path))
    return made


def _data_dir(variables: Mapping[str, str]) -> list[str]:
    """The folder that XLA is told to look into first."""
    named = _DATA_DIR.search(variables.get("XLA_FLAGS", ""))
    return [posixpath.normpath(named[1])] if named else []


def _ptxas_version(host: Host, path: str) -> str | None:
    """``12.5.82`` of "Cuda compilation tools, release 12.5, V12.5.82"; None when it does not answer."""
    if host.is_data:
        return None
    ran = host.run([path, "--version"], timeout=min(_LIMIT, host.timeout))
    match = _RELEASE.search(ran.stdout)
    return match.group(1) if match else None


def _folders(host: Host, patient: Patient | None, lists: Iterable[str], kits: tuple[str, ...]) -> tuple[str, ...]:
    home = host.environ.get("HOME", "")
    named = [_meant(part, home) for one in lists for part in one.split(":")]
    searched = [part for part in named if posixpath.isabs(part)]
    prefix = [posixpath.join(patient.prefix, "lib")] if patient is not None and host.is_dir(f"{patient.prefix}/conda-meta") else []
    inside = [posixpath.join(kit, part) for kit in kits for part in _TOOLKIT]
    own = posixpath.join(patient.site_packages, "nvidia") + "/" if patient is not None else None
    wanted = [posixpath.normpath(part) for part in (*searched, *prefix, *inside, *_unpacked(host), *_DISTRIBUTION)]
    return tuple(dict.fromkeys(part for part in wanted if own is None or not part.startswith(own)))


def _meant(part: str, home: str) -> str:
    """The folder that a person meant by an element that no shell has expanded: the loader takes ``~`` and ``$HOME`` as they stand."""
    written = next((one for one in ("~/", "$HOME/", "${HOME}/") if part.startswith(one)), None)
    return posixpath.join(home, part[len(written) :]) if written is not None and posixpath.isabs(home) else part


def _unpacked(host: Host) -> list[str]:
    """Where people unpack cuDNN's archive beside the toolkits: /usr/local/cudnn, /opt/cudnn-8.9."""
    roots = [f"{base}/{name}" for base in ("/usr/local", "/opt") for name in host.entries(base) if name.startswith("cudnn")]
    return [f"{root}/{part}" for root in roots[:_MOST_UNPACKED] for part in ("lib64", "lib")]


def _versions(host: Host, paths: Sequence[str]) -> dict[str, str | None]:
    """What the libraries answer; one that kills the child leaves those after it unknown."""
    if host.is_data or not paths:
        return {}
    marker = os.urandom(16).hex()
    ran = host.run([host.vantage.python, "-I", "-B", _PAYLOAD, marker, *paths], timeout=min(_LIMIT, host.timeout))
    made: dict[str, str | None] = {}
    for line in ran.stdout.splitlines():
        if line.startswith(marker):
            try:
                path, version = json.loads(line[len(marker) :])
            except (ValueError, TypeError):
                continue
            if path in paths and isinstance(version, str):
                made[path] = version
    return made
