"""Every copy of an NVIDIA library outside the environment's own wheels, with the version that it gives itself.

The unit is ``observe``. Copies are found by the sonames that the dataset knows, in the toolkits, the
distribution's folders, a conda prefix, LD_LIBRARY_PATH, ld.so.cache, WSL's folder, cuda-compat and stubs;
libdevice and ptxas beside them. cuDNN, cudart and ptxas are asked for their version in a child; a version is
never read off a file name, so the others stay unknown.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from typing import Iterable, Iterator, Mapping

from fixer.dataset.questions import Dataset
from fixer.host.base import Host
from fixer.model.facts import Library, Mapped, Patient
from fixer.model.observed import Observed, absent, found
from fixer.probes import toolkits

_DISTRIBUTION = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/lib/wsl/lib", "/usr/local/lib")
_TOOLKIT = (
    "lib64",
    "lib64/stubs",
    "extras/CUPTI/lib64",
    "compat",
    "targets/x86_64-linux/lib",
    "targets/x86_64-linux/lib/stubs",
)
_ASKED = ("libcudnn.so.", "libcudart.so.")
_PAYLOAD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "payloads", "library_versions.py")
_LIMIT = 10.0
_RELEASE = re.compile(r"release [0-9.]+, V([0-9]{1,2}(?:\.[0-9]{1,4}){1,2})")


def observe(
    host: Host,
    patient: Patient | None,
    variables: Mapping[str, str],
    dataset: Dataset,
    ask: bool = True,
    mapped: Iterable[Mapped] = (),
) -> Observed[tuple[Library, ...]]:
    """The copies, each once by its path; ``ask`` False leaves every version unknown and starts no process.

    ``mapped`` are those that a running process has loaded, wherever they lie.
    """
    names = {soname: row.name for row in dataset.libraries() for soname in row.sonames}
    seen: dict[str, tuple[str, str]] = {}
    kits = tuple(kit.path for kit in toolkits.observe(host).or_else(()))
    folders = _folders(host, patient, variables, kits)
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
    tools = _compilers(host, patient, kits, ask)
    if not seen and not tools:
        return absent(*folders[:2])
    asked = [path for _, path in seen.values() if posixpath.basename(path).startswith(_ASKED) and "stubs" not in path]
    versions = _versions(host, asked) if ask and asked else {}
    copies = [Library(name, versions.get(path), path) for name, path in seen.values()]
    return found(tuple(sorted((*copies, *tools), key=lambda copy: copy.path)), *folders[:2])


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


def _ptxas_version(host: Host, path: str) -> str | None:
    """``12.5.82`` of "Cuda compilation tools, release 12.5, V12.5.82"; None when it does not answer."""
    if host.is_data:
        return None
    ran = host.run([path, "--version"], timeout=min(_LIMIT, host.timeout))
    match = _RELEASE.search(ran.stdout)
    return match.group(1) if match else None


def _folders(host: Host, patient: Patient | None, variables: Mapping[str, str], kits: tuple[str, ...]) -> tuple[str, ...]:
    searched = [part for part in variables.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":") if posixpath.isabs(part)]
    prefix = [posixpath.join(patient.prefix, "lib")] if patient is not None and host.is_dir(f"{patient.prefix}/conda-meta") else []
    inside = [posixpath.join(kit, part) for kit in kits for part in _TOOLKIT]
    own = posixpath.join(patient.site_packages, "nvidia") + "/" if patient is not None else None
    wanted = [posixpath.normpath(part) for part in (*searched, *prefix, *inside, *_DISTRIBUTION)]
    return tuple(dict.fromkeys(part for part in wanted if own is None or not part.startswith(own)))


def _versions(host: Host, paths: Iterable[str]) -> dict[str, str | None]:
    """What the libraries answer; a library that kills the child is asked no more, and all of them stay unknown."""
    if host.is_data:
        return {}
    marker = os.urandom(16).hex()
    ran = host.run([host.vantage.python, "-I", "-B", _PAYLOAD, marker, *paths], timeout=min(_LIMIT, host.timeout))
    for line in ran.stdout.splitlines():
        if line.startswith(marker):
            try:
                told = json.loads(line[len(marker) :])
            except ValueError:
                return {}
            return {path: version for path, version in told.items() if isinstance(version, str)} if isinstance(told, dict) else {}
    return {}
