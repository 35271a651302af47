"""Writes data files in their one canonical form, and the manifest with their hashes.

The unit is a file: sections that map a key to a list of rows, one key a line, keys sorted, so that a
reader can fetch the line that it needs and a diff shows the row that changed. The same rows always
give the same bytes. It does not know what rows mean.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from fixer.dataset.load import DEFAULTS, FORMAT, digest
from fixer.dataset.locate import MANIFEST
from fixer.dataset.questions import TABLES

BLOCK_BYTES = 8 << 10
ORDER = {name: at for at, name in enumerate(dict.fromkeys(field.name for kind in TABLES for field in fields(kind)))}
Rows = Sequence[Mapping[str, Any]]
Sections = Mapping[str, Mapping[str, Rows]]


def shared_fields(rows: Rows, candidates: Sequence[str]) -> dict[str, Any]:
    """The fields among ``candidates`` that most rows share, with the shared value: what ``defaults`` holds."""
    common: dict[str, Any] = {}
    for field in candidates:
        counts: dict[str, int] = {}
        for row in rows:
            if field in row:
                shown = json.dumps(row[field], sort_keys=True)
                counts[shown] = counts.get(shown, 0) + 1
        if counts:
            best = max(sorted(counts), key=lambda shown: counts[shown])
            if counts[best] > 1 and all(field in row for row in rows):
                common[field] = json.loads(best)
    return common


def encode(sections: Sections, note: str = "") -> tuple[bytes, dict[str, Any]]:
    """The bytes of one file and its entry in the manifest. ``note`` stands at its head (a licence, for example)."""
    whole: dict[str, dict[str, list[dict[str, Any]]]] = {DEFAULTS: {}}
    for name, groups in sections.items():
        every = [row for rows in groups.values() for row in rows]
        common = shared_fields(every, ("source", "sources", "checked", "confidence"))
        if common:
            whole[DEFAULTS][name] = [common]
        whole[name] = {
            key: [_ordered({k: v for k, v in row.items() if k not in common or v != common[k]}) for row in rows]
            for key, rows in groups.items()
        }
    out = bytearray(b'{\n"format": %d,\n' % FORMAT)
    if note:
        out += b'"note": ' + _json(note) + b",\n"
    entry: dict[str, Any] = {}
    for position, (name, groups_) in enumerate(whole.items()):
        out += (b",\n" if position else b"") + _json(name) + b": {\n"
        entry[name] = _section(out, groups_)
        out += b"}"
    out += b"\n}\n"
    data = bytes(out)
    rows_in = {name: sum(map(len, groups.values())) for name, groups in sections.items()}
    return data, {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "rows": rows_in, "sections": entry}


def _ordered(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its fields in the order of the row types, so that equal rows give equal bytes."""
    return {key: _sorted(row[key]) for key in sorted(row, key=lambda key: (ORDER.get(key, len(ORDER)), key))}


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, Mapping) else value


def _section(out: bytearray, groups: Mapping[str, Rows]) -> list[list[Any]]:
    lines = [(key, _json(key) + b": " + _json(groups[key])) for key in sorted(groups)]
    blocks: list[list[Any]] = []
    start, first = len(out), ""
    for position, (key, line) in enumerate(lines):
        first = first or key
        out += line + (b",\n" if position < len(lines) - 1 else b"\n")
        if len(out) - start >= BLOCK_BYTES or position == len(lines) - 1:
            blocks.append([first, start, len(out) - start, digest(bytes(out[start:]))])
            start, first = len(out), ""
    return blocks


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def as_it_is(path: Path) -> tuple[dict[str, dict[str, list[dict[str, Any]]]], str]:
    """The sections of a data file as rows with all their fields, and its note: what ``write`` takes."""
    data = json.loads(path.read_bytes())
    common = {part: rows[0] for part, rows in data.get(DEFAULTS, {}).items()}
    sections = {
        part: {key: [{**common.get(part, {}), **row} for row in rows] for key, rows in groups.items()}
        for part, groups in data.items()
        if isinstance(groups, dict) and part != DEFAULTS
    }
    return sections, str(data.get("note", ""))


def write(folder: Path, files: Mapping[str, tuple[Sections, str]], day: str, version: str | None = None) -> list[str]:
    """Write every file and the manifest to ``folder``; returns the names of the files whose bytes changed.

    ``day`` is the day of the harvest, and the dataset's version where none is given; it is an input, so
    that the same inputs give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed: dict[str, Any] = {}
    changed = []
    for name in sorted(files):
        data, listed[name] = encode(*files[name])
        if not (folder / name).is_file() or (folder / name).read_bytes() != data:
            _replace(folder / name, data)
            changed.append(name)
    manifest = {"format": FORMAT, "version": version or day.replace("-", "."), "date": day, "files": listed}
    text = _manifest_text(manifest)
    if not (folder / MANIFEST).is_file() or (folder / MANIFEST).read_bytes() != text:
        _replace(folder / MANIFEST, text)
        changed.append(MANIFEST)
    return changed


def _manifest_text(manifest: dict[str, Any]) -> bytes:
    lines = [f'"{key}": {json.dumps(manifest[key])}' for key in ("format", "version", "date")]
    files = []
    for name, entry in manifest["files"].items():
        head = ", ".join(f'"{key}": {json.dumps(entry[key])}' for key in ("sha256", "bytes", "rows"))
        sections = ",\n  ".join(
            f"{json.dumps(part)}: [" + ",\n    ".join(json.dumps(block, ensure_ascii=False) for block in blocks) + "]"
            for part, blocks in entry["sections"].items()
        )
        files.append(f'{json.dumps(name)}: {{{head}, "sections": {{\n  {sections}}}}}')
    return ("{\n" + ",\n".join(lines) + ',\n"files": {\n' + ",\n".join(files) + "}\n}\n").encode()


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
