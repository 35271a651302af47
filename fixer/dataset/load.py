"""Reads the dataset's files, checks them by hash, and hands out raw rows; nothing is read before it is asked for.

A file is a JSON object of sections; a section maps a key to a list of rows, one key a line, keys
sorted. ``manifest.json`` lists every file's hash and, per section, blocks of some kilobytes with their
first key, place and hash: a question reads the one block that can hold its key, so the cost of an
answer hardly grows with the dataset. Where the user's updated dataset turns out to be damaged, it is
thrown away and the bundle answers. The section ``defaults`` holds, per section, the fields that its
rows leave out. What the rows mean is not known here.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from fixer.dataset.locate import MANIFEST, Folder, unreadable
from fixer.errors import ConvfixError
from fixer.model.digest import digest as sha256_of
from fixer.model.record import record

FORMAT = 1
DEFAULTS = "defaults"
HASH_DIGITS = 32
LARGEST_FILE, LARGEST_MANIFEST = 64 << 20, 4 << 20
R = TypeVar("R")
T = TypeVar("T")


@record(frozen=True)
class Block:
    """A run of whole lines of a section: its first key, place in the file, and truncated SHA-256."""

    first: str
    offset: int
    length: int
    digest: str


class Files:
    """The files of one dataset folder. ``strict`` rows are checked field by field (data that we did not ship)."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        # An updated dataset was checked row by row when it was made, and its hashes say that it is still that one.
        self.strict = not folder.bundled and folder.instead is None
        self.manifest = self._read_manifest()
        self._blocks: dict[tuple[str, int], dict[str, Any]] = {}
        self._sections: dict[tuple[str, str], tuple[Block, ...]] = {}

    @property
    def version(self) -> str:
        return str(self.manifest["version"])

    def names(self) -> tuple[str, ...]:
        """The data files that the manifest lists."""
        return tuple(self.manifest["files"])

    def sections(self, name: str) -> tuple[str, ...]:
        """The sections of the file ``name`` that hold rows."""
        return tuple(part for part in self._entry(name)["sections"] if part != DEFAULTS)

    def group(self, name: str, section: str, key: str) -> list[dict[str, Any]]:
        """The raw rows under ``key``; empty when there is no such key. Raises ConvfixError on damage."""
        return self._whole(lambda: self._group(name, section, key))

    def groups(self, name: str, section: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Every key of a section with its raw rows, in key order. Raises ConvfixError on damage."""
        return iter(self._whole(lambda: self._groups(name, section)))

    def _whole(self, read: Callable[[], T]) -> T:
        """What ``read`` gives; from the bundle, all of it, where an updated dataset is damaged."""
        try:
            return read()
        except ConvfixError:
            if not self.fall_back():
                raise
            return read()

    def fall_back(self) -> bool:
        """Throw an updated dataset away and take the bundle instead; False where this is none."""
        if self.folder.instead is None:
            return False
        from fixer.dataset.cache import cache

        cache().discard(self.folder.path)
        self.folder = self.folder.instead
        self.manifest = self._read_manifest()
        self._blocks.clear()
        self._sections.clear()
        return True

    def _group(self, name: str, section: str, key: str) -> list[dict[str, Any]]:
        blocks = self._section(name, section)
        # A key before the first block is in none; that block is read all the same, so that a wrong first key is noticed.
        at = max(0, bisect_right([block.first for block in blocks], key) - 1)
        return [] if not blocks else self._completed(name, section, self._parsed(name, blocks[at]).get(key, []))

    def _groups(self, name: str, section: str) -> list[tuple[str, list[dict[str, Any]]]]:
        parsed = [self._parsed(name, block) for block in self._section(name, section)]
        return [(key, self._completed(name, section, rows)) for block in parsed for key, rows in block.items()]

    def hash(self, name: str) -> str:
        """The SHA-256 that the manifest gives for the file ``name``."""
        return str(self._entry(name).get("sha256"))

    def blocks(self, name: str, section: str) -> tuple[Block, ...]:
        """The blocks of a section, in file order."""
        return self._section(name, section)

    def damaged(self, name: str, why: str) -> ConvfixError:
        """The error for a file of this dataset."""
        return unreadable(f"{self.folder.path}/{name}", why)

    def _read_manifest(self) -> dict[str, Any]:
        data = self.folder.part(MANIFEST, 0, -1)
        if len(data) > LARGEST_MANIFEST:
            raise self.damaged(MANIFEST, f"is larger than {LARGEST_MANIFEST >> 20} MiB")
        try:
            manifest = json.loads(data)
        except (ValueError, RecursionError):
            raise self.damaged(MANIFEST, "is not JSON") from None
        if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
            raise self.damaged(MANIFEST, "lists no files")
        if manifest.get("format") != FORMAT:
            raise self.damaged(MANIFEST, f"has format {manifest.get('format')!r}; this convfix reads format {FORMAT}")
        if not isinstance(manifest.get("version"), str):
            raise self.damaged(MANIFEST, "names no version")
        return manifest

    def _entry(self, name: str) -> Mapping[str, Any]:
        entry = self.manifest["files"].get(name)
        if not isinstance(entry, dict) or not isinstance(entry.get("sections"), dict):
            raise self.damaged(MANIFEST, f"does not list {name}")
        return entry

    def _section(self, name: str, section: str) -> tuple[Block, ...]:
        known = self._sections.get((name, section))
        if known is None:
            rows = self._entry(name)["sections"].get(section, [])
            try:
                known = tuple(Block(str(a), int(b), int(c), str(d)) for a, b, c, d in rows)
            except (TypeError, ValueError, OverflowError):
                raise self.damaged(MANIFEST, f"describes {name} wrongly") from None
            self._sections[name, section] = known
        return known

    def _parsed(self, name: str, block: Block) -> dict[str, Any]:
        parsed = self._blocks.get((name, block.offset))
        if parsed is None:
            if not 0 <= block.offset <= LARGEST_FILE or not 0 <= block.length <= LARGEST_FILE:
                raise self.damaged(MANIFEST, f"describes {name} wrongly")
            data = self.folder.part(name, block.offset, block.length)
            if digest(data) != block.digest:
                raise self.damaged(name, "does not match its hash in manifest.json")
            try:
                parsed = json.loads(b"{" + data.rstrip(b",\n") + b"}")
            except (ValueError, RecursionError):
                raise self.damaged(name, "is not in the format that manifest.json describes") from None
            if next(iter(parsed), None) != block.first:
                raise self.damaged(MANIFEST, f"describes {name} wrongly")
            self._blocks[name, block.offset] = parsed
        return parsed

    def _completed(self, name: str, section: str, rows: Any) -> list[dict[str, Any]]:
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.damaged(name, f"section {section!r} holds something that is no row")
        if section == DEFAULTS:
            return rows
        common = self._group(name, DEFAULTS, section)
        return [{**common[0], **row} for row in rows] if common else rows


def digest(data: bytes) -> str:
    """The hash of a block as the manifest writes it."""
    return sha256_of(data)[:HASH_DIGITS]


def build(files: Files, name: str, kind: type[R], raw: Mapping[str, Any]) -> R:
    """One row as its type; raises ConvfixError naming the file when the fields do not fit."""
    if files.strict:
        from fixer.model.codec import from_json

        try:
            return from_json(kind, dict(raw), name)  # type: ignore[no-any-return]
        except ConvfixError as error:
            raise files.damaged(name, error.message) from None
    try:
        return kind(**{key: _frozen(value) for key, value in raw.items()})
    except TypeError as error:
        raise files.damaged(name, str(error)) from None


def _frozen(value: Any) -> Any:
    if type(value) is list:
        return tuple([_frozen(item) for item in value])
    return value
