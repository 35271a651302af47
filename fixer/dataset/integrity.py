"""Whether a dataset's bytes are the ones that its manifest promises, and whether every row has the fields of its type.

The unit is ``damage(files)``: every broken file, block and row as a ``Violation`` that names its place. What
the rows mean is judged in ``meaning``, and only of data that is whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fixer.dataset.load import DEFAULTS, Files, digest
from fixer.dataset.meaning import Violation
from fixer.dataset.questions import GPUS, NAMES, TABLES
from fixer.errors import ConvfixError
from fixer.model.codec import from_json
from fixer.model.digest import digest as sha256_of

WRONG_HASH = "does not match its hash in manifest.json"


def damage(files: Files) -> tuple[Violation, ...]:
    """Everything that is damaged in the folder of ``files``; empty when all of it is whole."""
    found: list[Violation] = []
    known = dict.fromkeys(name for name, _, _ in TABLES.values())
    for name in dict.fromkeys((*known, *files.names())):
        try:
            found += _file(files, name)
        except ConvfixError as error:
            found.append(Violation(name, "the whole file", _without_path(error.message, name)))
    return tuple(found)


def _without_path(message: str, name: str) -> str:
    # The file stands in the violation already.
    return message.split(f"{name}: ", 1)[-1]


def _file(files: Files, name: str) -> Iterator[Violation]:
    data = files.folder.read(name)
    promised = files.hash(name)
    if sha256_of(data) != promised:
        broken = list(_blocks(files, name, data))
        yield from broken or [Violation(name, "outside its rows", WRONG_HASH)]
        return
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError) as error:
        yield Violation(name, "the whole file", f"is not JSON: {error}")
        return
    listed = {part for part in whole if isinstance(whole[part], dict)} if isinstance(whole, dict) else set()
    for part in sorted(listed ^ {DEFAULTS, *files.sections(name)}):
        if part != DEFAULTS:
            yield Violation(name, f"section {part}", "stands in the file or in manifest.json alone")
    yield from _rows(files, name, whole)


def _blocks(files: Files, name: str, data: bytes) -> Iterator[Violation]:
    for part in (DEFAULTS, *files.sections(name)):
        for block in files.blocks(name, part):
            if digest(data[block.offset : block.offset + block.length]) != block.digest:
                place = f"{part}, bytes {block.offset} to {block.offset + block.length} (from {block.first})"
                yield Violation(name, place, WRONG_HASH)


def _rows(files: Files, name: str, whole: Any) -> Iterator[Violation]:
    for part in files.sections(name):
        seen = []
        for key, group in files.groups(name, part):
            seen.append(key)
            for place, raw in enumerate(group):
                yield from _row(name, part, key, place, raw)
        if seen != sorted(whole.get(part, {})):
            yield Violation(name, f"section {part}", "the blocks of manifest.json do not cover its rows")


def _row(name: str, part: str, key: str, place: int, raw: dict[str, Any]) -> Iterator[Violation]:
    where = f"{part} {key}" if place == 0 else f"{part} {key} [{place}]"
    if (name, part) == (GPUS, NAMES):
        if not isinstance(raw.get("pci_id"), str):
            yield Violation(name, where, "names no pci_id")
        return
    kind = next((kind for kind, (file, section, _) in TABLES.items() if file == name and section in ("*", part)), None)
    if kind is None:
        yield Violation(name, where, "this convfix knows no such section")
        return
    try:
        from_json(kind, raw, "row")
    except ConvfixError as error:
        yield Violation(name, where, error.message)
