"""The installed distributions of a folder, read from their metadata: *.dist-info and *.egg-info.

The unit is a ``Folder``: its distributions, and what is wrong with them. Only the head of each METADATA is
read, so a huge or binary one costs no more than a small one. Nothing is imported and no file is run.
"""

from __future__ import annotations

import re
from typing import Iterator

from fixer.host.base import Host
from fixer.model.facts import BrokenPackage
from fixer.model.pep440 import normal_name
from fixer.model.record import record
from fixer.model.subject import TENSORFLOWS
from fixer.probes.plain import clean, is_version

_HEAD, _LONGEST_HEAD = 4096, 65536
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,198}[A-Za-z0-9])?")
_FILE_NAME = re.compile(r"(?P<name>[A-Za-z0-9._]+?)-(?P<version>[A-Za-z0-9.!+_]+?)(-py\d(\.\d+)?)?\.(dist|egg)-info")


@record(frozen=True)
class Distribution:
    """One installed distribution. ``name`` is normalised; ``info`` its metadata folder, ``folder`` where it lies."""

    name: str
    version: str
    installer: str
    info: str
    folder: str


@record(frozen=True)
class Folder:
    """What one folder for packages holds."""

    path: str
    distributions: tuple[Distribution, ...]
    broken: tuple[BrokenPackage, ...]


def read_folder(host: Host, path: str) -> Folder:
    """The distributions in ``path``. Of two that carry one name, the one that was written last counts."""
    made: dict[str, list[Distribution]] = {}
    broken = []
    for entry in host.entries(path):
        if entry.startswith("~"):
            broken.append(_leftover(host, path, entry))
        elif entry.endswith((".dist-info", ".egg-info")):
            one = _distribution(host, path, entry)
            if isinstance(one, Distribution):
                made.setdefault(one.name, []).append(one)
            elif one is not None:
                broken.append(one)
    held = []
    for several in made.values():
        last = max(several, key=lambda one: (_written(host, one), one.version, one.info))
        held.append(last)
        if len({one.version for one in several}) > 1:
            versions = " and ".join(sorted(one.version for one in several))
            broken.append(BrokenPackage(last.name, last.version, "two-versions", f"metadata of {versions}", last.info))
    held += _nameless(host, path, [one for one in broken if one.name not in made])
    return Folder(path, tuple(held), tuple(broken))


def _nameless(host: Host, path: str, broken: list[BrokenPackage]) -> Iterator[Distribution]:
    """A TensorFlow whose metadata is gone and whose files are there: it is imported all the same, and its folder tells the version."""
    for one in broken:
        lost = one.problem == "metadata-missing" and one.version is not None and is_version(one.version)
        if lost and one.name in TENSORFLOWS and host.exists(f"{path}/tensorflow/__init__.py"):
            yield Distribution(one.name, one.version or "", "", one.path, path)


def _written(host: Host, one: Distribution) -> float:
    status = host.stat(one.info)
    return status.st_mtime if status is not None else 0.0


def _leftover(host: Host, path: str, entry: str) -> BrokenPackage:
    # pip renames what it is about to remove: ~umpy, ~-mpy, ~umpy-1.26.4.dist-info.
    values = _header(host, f"{path}/{entry}/METADATA") if entry.endswith(".dist-info") else None
    name = values.get("name", "") if values else ""
    name = normal_name(name) if _NAME.fullmatch(name) else clean(entry)
    version = values.get("version") if values else None
    return BrokenPackage(
        name, clean(version) if version else None, "leftover", "left by an interrupted pip", f"{path}/{entry}"
    )


def _distribution(host: Host, path: str, entry: str) -> Distribution | BrokenPackage | None:
    info = f"{path}/{entry}"
    named = _FILE_NAME.fullmatch(entry)
    if entry.endswith(".dist-info"):
        values = _header(host, f"{info}/METADATA")
    else:
        values = _header(host, f"{info}/PKG-INFO") if host.is_dir(info) else _header(host, info)
    if values is None and not named and entry.endswith(".egg-info"):
        # A build's own folder in a source checkout; installers do not write it without a version.
        return None
    guess = normal_name(named["name"]) if named else clean(entry.rsplit(".", 1)[0])
    if values is None:
        why = "METADATA cannot be read" if host.exists(info) else "a link that leads nowhere"
        return BrokenPackage(guess, named["version"] if named else None, "metadata-missing", why, info)
    name, version = values.get("name", ""), values.get("version", "")
    if not _NAME.fullmatch(name):
        return BrokenPackage(guess, None, "metadata-missing", "METADATA names no package", info)
    if not is_version(version):
        why = (
            f"METADATA gives no version that can be read: {clean(version)!r}"
            if version
            else "METADATA gives no version"
        )
        return BrokenPackage(normal_name(name), None, "metadata-missing", why, info)
    return Distribution(normal_name(name), version, _installer(host, info), info, path)


def _installer(host: Host, info: str) -> str:
    words = (host.text(f"{info}/INSTALLER", 100) or "").split()
    return words[0] if words and re.fullmatch(r"[A-Za-z0-9._-]{1,40}", words[0]) else ""


def _header(host: Host, path: str) -> dict[str, str] | None:
    """Name and Version of a METADATA file's head; None when there is no file to read."""
    try:
        data = host.read(path, _HEAD)
        values = _fields(data)
        if len(values) < 2 and len(data) == _HEAD:
            values = _fields(host.read(path, _LONGEST_HEAD))
    except (OSError, ValueError):
        return None
    return values


def _fields(data: bytes) -> dict[str, str]:
    made: dict[str, str] = {}
    for line in data.replace(b"\r\n", b"\n").split(b"\n"):
        if not line:
            break
        key, colon, value = line.partition(b":")
        word = key.lower()
        if colon and word in (b"name", b"version"):
            made.setdefault(word.decode(), value.strip().decode("utf-8", "replace"))
            if len(made) == 2:
                break
    return made
