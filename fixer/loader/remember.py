"""What was read of ELF files, kept between runs in one small JSON file of the user's cache folder.

The unit is one answer (``Elf`` or ``Refused``) under a file's real path, size and time of change. A lost,
foreign or damaged file only costs time. Answers that depend on the moment (a file that could not be
opened) are not kept.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from fixer.loader.elf import Elf, Refused
from fixer.model import bounded_json

FORMAT = 1
MOST = 2000
LARGEST = 8 << 20
Key = tuple[str, int, int, bool]


class Memory:
    """Answers of earlier runs; without a folder, of this run alone."""

    def __init__(self, folder: str | None = None) -> None:
        self._file = os.path.join(folder, "elf.json") if folder else None
        self._answers: dict[str, Any] | None = None
        self._changed = False

    def get(self, key: Key) -> Elf | Refused | None:
        path, size, changed, as_library = key
        entry = self._all().get(f"{path}|{'library' if as_library else 'program'}")
        if not isinstance(entry, list) or len(entry) != 3 or entry[0] != size or entry[1] != changed:
            return None
        return _decoded(entry[2])

    def put(self, key: Key, answer: Elf | Refused) -> None:
        if isinstance(answer, Refused) and answer.kind in ("absent", "unknown"):
            return
        path, size, changed, as_library = key
        kind = "elf" if isinstance(answer, Elf) else "refused"
        self._all()[f"{path}|{'library' if as_library else 'program'}"] = [size, changed, {kind: vars(answer)}]
        self._changed = True

    def save(self) -> None:
        """Write the answers where others can find them whole or not at all; failure is silent."""
        if not self._file or not self._changed:
            return
        answers = self._all()
        kept = dict(list(answers.items())[-MOST:])
        folder = os.path.dirname(self._file)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=".elf-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
                    json.dump({"format": FORMAT, "answers": kept}, file)
                os.replace(temporary, self._file)
            except OSError:
                os.unlink(temporary)
        except OSError:
            return
        self._changed = False

    def _all(self) -> dict[str, Any]:
        if self._answers is None:
            self._answers = self._read()
        return self._answers

    def _read(self) -> dict[str, Any]:
        if not self._file:
            return {}
        try:
            # O_NONBLOCK: a named pipe in the place of a file must not hang us.
            handle = os.open(self._file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with open(handle, encoding="utf-8", errors="surrogateescape") as file:
                data = bounded_json.loads(file.read(LARGEST))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("answers"), dict):
            return {}
        answers: dict[str, Any] = data["answers"]
        return answers


def _decoded(content: Any) -> Elf | Refused | None:
    if not isinstance(content, dict) or len(content) != 1:
        return None
    kind, fields = next(iter(content.items()))
    try:
        if kind == "refused":
            made = Refused(str(fields["kind"]), str(fields["text"]), int(fields["number"]), bool(fields["while_mapping"]))
            return made if made.kind in ("other", "error", "kills") else None
        return Elf(
            soname=_text(fields["soname"]),
            needed=_texts(fields["needed"]),
            rpath=_text(fields["rpath"]),
            runpath=_text(fields["runpath"]),
            interpreter=_text(fields["interpreter"]),
            flags_1=int(fields["flags_1"]),
            is_executable=bool(fields["is_executable"]),
            version_needs=tuple((str(name), _texts(wanted)) for name, wanted in fields["version_needs"]),
            versions=None if fields["versions"] is None else _texts(fields["versions"]),
        )
    except (LookupError, TypeError, ValueError):
        return None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value)
