"""A recorded machine as plain files: what was asked of it, and what it answered.

The unit is one ``Recording``. Its folder holds ``recording.json`` (who looked, from where, with which variables),
``tree.json`` (paths: their status, names, links), ``files/`` (what was read, byte for byte), ``pieces.json``
(parts of libraries too big to keep) and ``runs.json`` (programs and their answers). A person can read and
edit all of it. Values that name people and hosts are scrubbed before they are written (``scrub.py``).
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping

from fixer.errors import UsageError
from fixer.host.base import Ran, Vantage
from fixer.host.scrub import scrubbed
from fixer.model import bounded_json

SCHEMA = "convfix-recording/1"
HEAD, TREE, PIECES, RUNS, FILES = "recording.json", "tree.json", "pieces.json", "runs.json", "files"
_LARGEST, _LARGEST_JSON = 64 << 20, 32 << 20
STATUS = ("mode", "size", "mtime_ns", "device", "inode", "uid", "gid")


@dataclass
class Path:
    """What is known of one path; None means nobody asked. ``status`` is () when there is no such path."""

    status: tuple[int, ...] | None = None
    entries: tuple[str, ...] | None = None
    real: str | None = None
    error: int | None = None
    writable: bool | None = None
    free: int | None = None


@dataclass
class Recording:
    """Everything asked and answered. ``unlisted`` says what a path that nobody asked for is: unknown or absent."""

    vantage: Vantage
    environ: Mapping[str, str]
    python: str | None
    unlisted: str = "unknown"
    tree: dict[str, Path] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    pieces: dict[str, dict[int, bytes]] = field(default_factory=dict)
    runs: list[Ran] = field(default_factory=list)
    which: dict[str, str | None] = field(default_factory=dict)

    def at(self, path: str) -> Path:
        """The record of ``path``, made when it is new."""
        return self.tree.setdefault(path, Path())


def save(kept: Recording, folder: str, scrub: Callable[[str], str]) -> None:
    """Write the recording into ``folder``, which must be new or empty; raises UsageError or OSError."""
    os.makedirs(folder, exist_ok=True)
    if os.listdir(folder):
        raise UsageError("folder-not-empty", f"--record {folder}: expected a new or an empty folder")
    head = {
        "schema": SCHEMA, "unlisted": kept.unlisted, "python": kept.python, "vantage": vars(kept.vantage),
        "environ": dict(sorted(kept.environ.items())), "which": kept.which,
    }  # fmt: skip
    _write(folder, HEAD, scrubbed(head, scrub))
    tree = {path: {key: value for key, value in vars(one).items() if value is not None} for path, one in sorted(kept.tree.items())}
    _write(folder, TREE, scrubbed(tree, scrub), lines=True)
    pieces = {path: _encoded(parts) for path, parts in sorted(kept.pieces.items())}
    _write(folder, PIECES, scrubbed(pieces, scrub))
    _write(folder, RUNS, scrubbed([vars(ran) for ran in kept.runs], scrub))
    for path, content in kept.files.items():
        place = os.path.join(folder, FILES, scrub(path).lstrip("/"))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(_scrubbed_bytes(content, scrub))


def _encoded(parts: Mapping[int, bytes]) -> dict[str, str]:
    return {str(at): base64.b64encode(data).decode() for at, data in sorted(parts.items())}


def _write(folder: str, name: str, content: Any, lines: bool = False) -> None:
    if lines:
        rows = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
        text = "{\n" + ",\n".join(rows) + "\n}\n"
    else:
        text = json.dumps(content, indent=1) + "\n"
    with open(os.path.join(folder, name), "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


def _scrubbed_bytes(content: bytes, scrub: Callable[[str], str]) -> bytes:
    if b"\0" in content[:4096]:
        return content
    return scrub(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def load(folder: str) -> Recording:
    """Read a recording; raises UsageError that names the file and what was expected."""
    if not _has(folder, HEAD):
        raise UsageError("malformed-recording", f"{folder} holds no {HEAD}; expected a recording as `convfix facts --record` writes it")
    head = _read(folder, HEAD, dict)
    if head.get("schema") != SCHEMA:
        raise UsageError("unknown-schema", f"{folder}/{HEAD}: schema: expected {SCHEMA!r}, found {str(head.get('schema'))[:40]!r}")
    files = f"{folder}/{FILES}"
    try:
        kept = Recording(
            _vantage(head["vantage"]), _texts(head["environ"]), _text_or_none(head.get("python")), _unlisted(head),
            {path: _path(one) for path, one in _read(folder, TREE, dict).items()},
            _Files(files),
            {path: _pieces(parts) for path, parts in _read(folder, PIECES, dict).items()} if _has(folder, PIECES) else {},
            [_ran(one) for one in _read(folder, RUNS, list)] if _has(folder, RUNS) else [],
            {str(name): _text_or_none(path) for name, path in head.get("which", {}).items()},
        )  # fmt: skip
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError, binascii.Error) as error:
        raise UsageError("malformed-recording", f"{folder}: expected a recording as `convfix facts --record` writes it: {error}") from None
    return kept


class _Files(dict[str, bytes]):
    """``files/``, each read when it is asked for; a link in it is not followed."""

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, path: str) -> bytes:
        place = os.path.join(self._folder, path.lstrip("/"))
        inside = os.path.realpath(self._folder) + "/"
        if not os.path.isfile(place) or not os.path.realpath(place).startswith(inside):
            raise KeyError(path)
        with open(place, "rb") as file:
            content = self[path] = file.read(_LARGEST)
        return content


def _has(folder: str, name: str) -> bool:
    return os.path.exists(os.path.join(folder, name))


def _read(folder: str, name: str, kind: type) -> Any:
    path = os.path.join(folder, name)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            content = bounded_json.loads(file.read(_LARGEST_JSON))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError("malformed-recording", f"{path}: expected readable JSON: {why}") from None
    if not isinstance(content, kind):
        raise UsageError("malformed-recording", f"{path}: expected {'an object' if kind is dict else 'a list'}")
    return content


def _text_or_none(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{str(value)[:40]!r} is no text")
    return value


def _texts(value: Any) -> dict[str, str]:
    if not all(isinstance(one, str) for one in value.values()):
        raise ValueError("environ holds more than texts")
    return dict(value)


def _unlisted(head: Mapping[str, Any]) -> str:
    value = head.get("unlisted", "unknown")
    if value not in ("unknown", "absent"):
        raise ValueError("unlisted is neither unknown nor absent")
    return str(value)


def _vantage(value: Any) -> Vantage:
    return Vantage(
        int(value["uid"]), tuple(int(one) for one in value["groups"]), str(value["machine"]), str(value["release"]), str(value["libc"]),
        _text_or_none(value["folder"]), str(value["python"]),
    )  # fmt: skip


def _path(value: Any) -> Path:
    status, entries = value.get("status"), value.get("entries")
    made = Path(
        None if status is None else tuple(int(one) for one in status),
        None if entries is None else tuple(str(one) for one in entries),
        _text_or_none(value.get("real")),
        None if value.get("error") is None else int(value["error"]),
        None if value.get("writable") is None else value["writable"] is True,
        None if value.get("free") is None else int(value["free"]),
    )
    if made.status is not None and len(made.status) not in (0, len(STATUS)):
        raise ValueError(f"a status has {len(made.status)} numbers, not {len(STATUS)}")
    return made


def _pieces(parts: Any) -> dict[int, bytes]:
    return {int(at): base64.b64decode(data, validate=True) for at, data in parts.items()}


def _ran(value: Any) -> Ran:
    status = value["status"]
    return Ran(
        tuple(str(one) for one in value["argv"]), None if status is None else int(status), str(value["stdout"]), str(value["stderr"]),
        value.get("timed_out") is True, value.get("missing") is True, value.get("cut") is True,
    )  # fmt: skip
