"""Installed distributions as their own RECORD tells: which files are theirs, and whether they are whole.

The unit is ``Distribution``, read from one ``.dist-info`` folder. Paths are absolute and normal. Success of
an installer is not believed: ``faults`` reads and hashes every file. It changes nothing.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import itertools
import os
import re
import stat
from typing import Iterable, Iterator, TextIO

from fixer.actions.base import StepFailed
from fixer.host import durable
from fixer.model.record import record

_SEPARATORS = re.compile(r"[-_.]+")
_LARGEST_RECORD = 24 << 20
# The largest wheels have some ten thousands. Each costs some hundred bytes when it is read.
_MOST_ROWS, _LONGEST_LINE = 200_000, 1 << 16


@record(frozen=True)
class Row:
    """One line of a RECORD: an absolute path, its hash as ``sha256=...`` or "", its size or None."""

    path: str
    hash: str
    size: int | None


@record(frozen=True)
class Distribution:
    """One installed distribution. ``rows`` is None when it has no readable RECORD."""

    name: str
    version: str
    folder: str
    rows: tuple[Row, ...] | None

    @property
    def paths(self) -> frozenset[str]:
        """Every file that is this distribution's: what RECORD lists, and the whole metadata folder."""
        listed = {row.path for row in self.rows or ()}
        for top, _, names in os.walk(self.folder):
            listed.update(os.path.join(top, name) for name in names)
        return frozenset(listed)


def normal(name: str) -> str:
    """A distribution's normalised name (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


def installed(sites: Iterable[str], read_records: bool = True) -> tuple[Distribution, ...]:
    """All distributions in these site-packages folders; two of one name are both listed."""
    found = []
    for site in sites:
        try:
            names = sorted(os.listdir(site))
        except OSError:
            continue
        for entry in names:
            if entry.endswith(".dist-info") and "-" in entry and not entry.startswith("~"):
                name, _, version = entry[: -len(".dist-info")].partition("-")
                folder = os.path.join(site, entry)
                rows = _record(folder, site) if read_records else None
                found.append(Distribution(normal(name), version, folder, rows))
            elif entry.endswith(".egg-info") and "-" in entry:
                parts = entry[: -len(".egg-info")].split("-")
                found.append(Distribution(normal(parts[0]), parts[1], os.path.join(site, entry), None))
    return tuple(found)


def faults(distribution: Distribution) -> tuple[str, ...]:
    """What is wrong with the files of ``distribution`` by its RECORD: missing, of another size, of another content."""
    if distribution.rows is None:
        return (f"{distribution.name}: no readable RECORD",)
    wrong = []
    own = os.path.join(distribution.folder, "RECORD")
    if not any(row.path == own for row in distribution.rows):
        wrong.append(f"{own}: it does not list itself, so it is not whole")
    for row in distribution.rows:
        try:
            found = os.stat(row.path)
            if row.size is not None and found.st_size != row.size:
                wrong.append(f"{row.path}: {found.st_size} bytes, RECORD says {row.size}")
            elif row.hash and _digest(row.path, row.hash) != row.hash:
                wrong.append(f"{row.path}: its content is not what RECORD says")
        except FileNotFoundError:
            if not row.path.endswith(".pyc"):
                wrong.append(f"{row.path}: missing")
        except OSError as error:
            wrong.append(f"{row.path}: {error.strerror}")
    return tuple(wrong)


def compiled(path: str) -> tuple[str, ...]:
    """The compiled files that lie beside a module."""
    if not path.endswith(".py"):
        return ()
    folder, name = os.path.split(path)
    cache = os.path.join(folder, "__pycache__")
    stem = name[: -len("py")]
    try:
        names = os.listdir(cache)
    except OSError:
        return ()
    return tuple(os.path.join(cache, found) for found in names if found.startswith(stem) and found.endswith(".pyc"))


def source(path: str) -> str:
    """The module of a compiled file."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "__pycache__":
        return path[:-1]
    return os.path.join(os.path.dirname(folder), name.partition(".")[0] + ".py")


def _record(folder: str, site: str) -> tuple[Row, ...] | None:
    try:
        content = durable.read(os.path.join(folder, "RECORD"), _LARGEST_RECORD)
        with io.TextIOWrapper(io.BytesIO(content), "utf-8", newline="") as text:
            rows = tuple(itertools.islice(_rows(text, site), _MOST_ROWS + 1))
    except (OSError, ValueError, csv.Error):
        return None
    return rows if 0 < len(rows) <= _MOST_ROWS else None


def _rows(text: TextIO, site: str) -> Iterator[Row]:
    for line in csv.reader(_lines(text)):
        if not line or not line[0] or "\0" in line[0]:
            continue
        path = os.path.normpath(os.path.join(site, line[0]))
        size = int(line[2]) if len(line) > 2 and line[2].isascii() and line[2].isdecimal() else None
        yield Row(path, line[1] if len(line) > 1 else "", size)


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise ValueError("a line that names no file")
        yield line


def _digest(path: str, wanted: str) -> str:
    method = wanted.partition("=")[0]
    if method not in ("sha256", "sha384", "sha512"):
        return wanted
    digest = hashlib.new(method)
    with open(path, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise StepFailed("not-a-file", f"{path} is not a regular file")
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return method + "=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode("ascii")
