"""conda's specifications, read strictly, and what an environment's conda-meta says is installed.

The unit is a specification with an exact version, ``cudnn=8.9.2`` or ``tensorflow=2.19.1=cuda128*``.
"""

from __future__ import annotations

import fnmatch
import os
import re
from typing import Mapping

from fixer.actions.base import Params

_SPEC = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*==?[A-Za-z0-9][A-Za-z0-9.+!_-]*(=[A-Za-z0-9._*-]+)?\Z")
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}\Z")
_CUDA = re.compile(r"\d{1,2}\.\d{1,2}\Z")


def read(params: Params, key: str) -> dict[str, str]:
    """Lower-case names to versions (with a build where one is named); raises UsageError for anything else."""
    wanted = {}
    for text in params.texts(key, optional=True):
        if not _SPEC.match(text):
            raise params.error(key, f"must hold exact versions such as cudnn=8.9.2, found {text[:60]!r}")
        name, _, version = text.replace("==", "=").partition("=")
        wanted[name.lower()] = version
    return wanted


def check_cuda(params: Params, given: object) -> None:
    """Refuse a CUDA version that is none; absent is fine."""
    if given is not None and not _CUDA.match(params.text("cuda")):
        raise params.error("cuda", "must be a CUDA version such as 12.8")


def check_channels(params: Params) -> None:
    """Refuse a channel that is no plain name: no address, no folder."""
    for name in params.texts("channels", optional=True):
        if not _CHANNEL.match(name):
            raise params.error("channels", f"must hold plain names such as conda-forge, found {name[:60]!r}")


def installed(prefix: str) -> dict[str, str]:
    """Name to ``version=build`` from conda-meta; OSError where there is none."""
    found = {}
    for name in sorted(os.listdir(os.path.join(prefix, "conda-meta"))):
        if not name.endswith(".json") or name.startswith("."):
            continue
        parts = name[: -len(".json")].rsplit("-", 2)
        if len(parts) == 3:
            found[parts[0].lower()] = f"{parts[1]}={parts[2]}"
    return found


def missing(prefix: str, wanted: Mapping[str, str]) -> list[str]:
    """What of ``wanted`` is not installed as it was asked for."""
    there = installed(prefix) if wanted else {}
    return [f"{name} is {there.get(name, 'not installed')}, not {version}"
            for name, version in wanted.items() if not matches(there.get(name), version)]  # fmt: skip


def matches(there: str | None, wanted: str) -> bool:
    """conda's single ``=``: the version or a longer one that begins with it, and the build where it is named."""
    if there is None:
        return False
    version, _, build = there.partition("=")
    wanted_version, _, wanted_build = wanted.partition("=")
    fits = version == wanted_version or version.startswith(wanted_version + ".")
    return fits and (not wanted_build or fnmatch.fnmatchcase(build, wanted_build))
