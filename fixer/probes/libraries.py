"""Every copy of an NVIDIA library outside the environment's own wheels, with the version that it gives itself.

The unit is ``observe``. Copies are found by the sonames that the dataset knows, in the toolkits, the
distribution's folders, a conda prefix, LD_LIBRARY_PATH, WSL's folder, cuda-compat and stubs. cuDNN and cudart
are asked for their version by a call in a child; a version is never read off a file name, so the others
stay unknown.
"""

from __future__ import annotations

import json
import os
import posixpath
import sys
from typing import Iterable, Mapping

from fixer.dataset.questions import Dataset
from fixer.host.base import Host
from fixer.model.facts import Library, Patient
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


def observe(
    host: Host, patient: Patient | None, variables: Mapping[str, str], dataset: Dataset, ask: bool = True
) -> Observed[tuple[Library, ...]]:
    """The copies, each once by its path; ``ask`` False leaves every version unknown and starts no process."""
    names = {soname: row.name for row in dataset.libraries() for soname in row.sonames}
    seen: dict[str, tuple[str, str]] = {}
    folders = _folders(host, patient, variables)
    for folder in folders:
        for entry in host.entries(folder):
            if entry in names:
                # By real folder and name: one file may stand under two sonames, and each is another answer.
                seen.setdefault(f"{host.real_path(folder)}/{entry}", (names[entry], posixpath.join(folder, entry)))
    if not seen:
        return absent(*folders[:2])
    asked = [path for _, path in seen.values() if posixpath.basename(path).startswith(_ASKED) and "stubs" not in path]
    versions = _versions(host, asked) if ask and asked else {}
    copies = sorted((Library(name, versions.get(path), path) for name, path in seen.values()), key=lambda copy: copy.path)
    return found(tuple(copies), *folders[:2])


def _folders(host: Host, patient: Patient | None, variables: Mapping[str, str]) -> tuple[str, ...]:
    searched = [part for part in variables.get("LD_LIBRARY_PATH", "").replace(";", ":").split(":") if posixpath.isabs(part)]
    prefix = [posixpath.join(patient.prefix, "lib")] if patient is not None and host.is_dir(f"{patient.prefix}/conda-meta") else []
    kits = toolkits.observe(host).or_else(())
    inside = [posixpath.join(kit.path, part) for kit in kits for part in _TOOLKIT]
    own = posixpath.join(patient.site_packages, "nvidia") + "/" if patient is not None else None
    wanted = [posixpath.normpath(part) for part in (*searched, *prefix, *inside, *_DISTRIBUTION)]
    return tuple(dict.fromkeys(part for part in wanted if own is None or not part.startswith(own)))


def _versions(host: Host, paths: Iterable[str]) -> dict[str, str | None]:
    """What the libraries answer; a library that kills the child is asked no more, and all of them stay unknown."""
    if host.is_data:
        return {}
    marker = os.urandom(16).hex()
    ran = host.run([sys.executable, "-I", "-B", _PAYLOAD, marker, *paths], timeout=min(_LIMIT, host.timeout))
    for line in ran.stdout.splitlines():
        if line.startswith(marker):
            try:
                told = json.loads(line[len(marker) :])
            except ValueError:
                return {}
            return {path: version for path, version in told.items() if isinstance(version, str)} if isinstance(told, dict) else {}
    return {}
