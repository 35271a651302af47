"""Whether the files of an installed distribution agree with its RECORD: present, not cut short, not another release's.

The unit is one ``BrokenPackage`` or None for each package that TensorFlow stands on. It looks at names
and sizes, never at hashes, and of a very big package only at its libraries and the packages near its
root, and for modules that were emptied: the whole look costs milliseconds. Tests, headers, scripts and bytecode may be missing in a slimmed
image and are passed over. A whole library of another size was stripped or patched, which harms nothing, or comes from
another release: of NVIDIA's wheels the second is told (``replaced``), and ``cudnn_files`` decides between the two.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import Iterable, Iterator

from fixer.host.base import Host
from fixer.model.facts import BrokenPackage
from fixer.model.needed_packages import BY_KERAS, BY_TENSORFLOW
from fixer.probes.packages import Distribution
from fixer.probes.plain import clean

NAMES = frozenset((*BY_TENSORFLOW, *BY_KERAS, "packaging", "tf-keras", "tf-nightly"))
PREFIXES = ("tensorflow", "nvidia-")
# These write sizes that stay true; conda and distributions rewrite files after the record was made.
_EXACT = ("pip", "uv")
REPLACED = "replaced"
UNREADABLE = "unreadable"
_LIMIT = 16 << 20
_BIG = 60_000
_DEEP = 2
_SKIPPED = frozenset((b"test", b"tests", b"testing", b"examples", b"include", b"docs", b"..", b"bin"))


def matters(name: str) -> bool:
    """Whether a broken copy of this package breaks TensorFlow."""
    return name in NAMES or name.startswith(PREFIXES)


def check(host: Host, distributions: Iterable[Distribution]) -> tuple[BrokenPackage, ...]:
    """What is wrong with the files of those distributions that matter."""
    folders: dict[str, frozenset[str]] = {}
    made = [_check(host, one, folders) for one in distributions if matters(one.name)]
    return tuple(one for one in made if one is not None)


def _check(host: Host, one: Distribution, folders: dict[str, frozenset[str]]) -> BrokenPackage | None:
    try:
        record = host.read(f"{one.info}/RECORD", _LIMIT)
    except (OSError, ValueError):
        record = b""
    if not record:
        if one.installer in _EXACT and one.info.endswith(".dist-info"):
            return BrokenPackage(one.name, one.version, "record-missing-files", f"{one.installer} left no RECORD", one.info)
        return None
    wanted = _wanted(record)
    if one.name.startswith("nvidia-"):
        # Every such wheel lists nvidia/__init__.py: uninstalling one takes it from all, and nothing needs it.
        wanted = [(path, size) for path, size in wanted if ".so" in path]
    missing, other = [], []
    short = [f"{path}: it is empty" for path in _emptied(host, one.folder, record)] if one.installer in _EXACT else []
    for path, size in wanted:
        folder, _, name = path.rpartition("/")
        place = f"{one.folder}/{folder}" if folder else one.folder
        if place not in folders:
            folders[place] = frozenset(host.entries(place))
        if name not in folders[place]:
            if not folders[place] and _closed(host, place):
                return BrokenPackage(one.name, one.version, UNREADABLE, "this user may not look into it", place)
            missing.append(path)
        elif ".so" in name and host.stat(f"{place}/{name}") is None:
            missing.append(f"{path}, a link that leads nowhere")
        elif ".so" in name and _closed(host, f"{place}/{name}"):
            return BrokenPackage(one.name, one.version, UNREADABLE, "this user may not read it", f"{place}/{name}")
        elif ".so" in name or not name:
            recorded = size if one.installer in _EXACT else None
            why = cut_short(host, f"{place}/{name}", recorded)
            if why:
                short.append(f"{path}: {why}")
            elif one.name.startswith("nvidia-") and recorded is not None:
                status = host.stat(f"{place}/{name}")
                if status is not None and status.st_size != recorded:
                    other.append(f"{path}: {status.st_size} bytes, where its RECORD says {recorded}")
    if missing:
        words = f"{len(missing)} of the {len(wanted)} files looked at are missing, first {clean(missing[0])}"
        return BrokenPackage(one.name, one.version, "record-missing-files", words, one.info)
    if short:
        return BrokenPackage(one.name, one.version, "truncated", clean(short[0]), one.info)
    if other:
        return BrokenPackage(one.name, one.version, REPLACED, clean(other[0]), one.info)
    return None


def _closed(host: Host, path: str) -> bool:
    """Whether a folder or a file is there and its mode keeps this user from it."""
    status = host.stat(path)
    if status is None:
        return False
    is_folder, seen_from = stat.S_ISDIR(status.st_mode), host.vantage
    needed = 0o5 if is_folder else 0o4
    shift = 6 if status.st_uid == seen_from.uid else 3 if status.st_gid in seen_from.groups else 0
    if status.st_mode >> shift & needed == needed:
        return False
    # Root reads whatever the mode says, unless that power was taken from it: only the attempt tells.
    return not host.entries(path) if is_folder else host.text(path, 1) is None


def _wanted(record: bytes) -> list[tuple[str, int | None]]:
    """The files of a RECORD worth looking at, with the size it gives."""
    big = len(record) > _BIG
    lines = [*_lines_with(record, b".so"), *_lines_with(record, b"/__init__.py,")] if big else record.split(b"\n")
    made = []
    for line in lines:
        # "path,hash,size": a path with a comma is quoted, and such a file is no library of ours.
        path, _, rest = line.partition(b",")
        is_library = b".so" in path
        if not (is_library or path.endswith(b".py")) or path.startswith((b'"', b"/")):
            continue
        if big and not is_library and path.count(b"/") > _DEEP:
            continue
        if _SKIPPED.intersection(path.split(b"/")):
            continue
        size = rest.rpartition(b",")[2].strip()
        made.append((os.fsdecode(path), int(size) if size.isdigit() and len(size) < 16 else None))
    return list(dict.fromkeys(made))


def _emptied(host: Host, folder: str, record: bytes) -> Iterator[str]:
    """The modules that RECORD gives a size and that have none: a full disk or a crash takes the text and leaves the name."""
    for line in _lines_with(record, b".py,"):
        path, _, rest = line.partition(b",")
        if path.endswith(b".py") and not rest.endswith((b",0", b",0\r", b",", b",\r")) and not _SKIPPED.intersection(path.split(b"/")):
            status = host.stat(f"{folder}/{os.fsdecode(path)}")
            if status is not None and status.st_size == 0:
                yield clean(os.fsdecode(path))


def _lines_with(record: bytes, word: bytes) -> Iterator[bytes]:
    """The lines that hold ``word``: found by search, since splitting 20,000 lines costs more than the whole look."""
    at = record.find(word)
    while at >= 0:
        end = record.find(b"\n", at)
        end = len(record) if end < 0 else end
        yield record[record.rfind(b"\n", 0, at) + 1 : end]
        at = record.find(word, end)


def cut_short(host: Host, path: str, recorded: int | None) -> str | None:
    """Why a shared library is not whole: empty, smaller than its own header says, or smaller than recorded without one."""
    status = host.stat(path)
    if status is None:
        return None
    if status.st_size == 0:
        return None if recorded == 0 else "it is empty"
    if recorded is not None and status.st_size >= recorded:
        return None
    end = _end(host, path)
    if end is not None:
        return f"{status.st_size} bytes of at least {end}" if end > status.st_size else None
    return f"{status.st_size} bytes of {recorded}" if recorded is not None else None


def _end(host: Host, path: str) -> int | None:
    """Where a shared library ends by its own header; None when that does not say."""
    try:
        head = host.read(path, 64)
    except (OSError, ValueError):
        return None
    if len(head) < 64 or head[:6] != b"\x7fELF\x02\x01":
        return None
    # The section table closes a shared library: its offset, entry size and count (ELF64 header).
    offset, size, number = struct.unpack_from("<Q", head, 40)[0], *struct.unpack_from("<HH", head, 58)
    return int(offset + size * number) if offset else None
