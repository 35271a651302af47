"""Files that an action makes or edits, each one journaled, and the way back from the journal alone.

The unit is a deed record in an intention: ``create`` (a whole new file) or ``edit`` (bytes of ours put
into somebody's file, with the before-image kept). The way back is idempotent. A file that is as we left
it is taken back whole; in one that somebody changed since, only our own pieces go, and where these are
no longer to be found as we wrote them the file is left and reported.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import errno
import os
import stat
from typing import Any, Iterable, Mapping, Sequence

from fixer.actions.base import StepFailed, Unforeseen, Workplace, lies_in
from fixer.host import durable
from fixer.model.action import FileChange
from fixer.model.edits import Outline, outline
from fixer.model.journal import JournalEntry

LARGEST = 8 << 20


def create(
    work: Workplace, path: str, data: bytes, mode: int = 0o644, inside: str | None = None, extra: Mapping[str, Any] | None = None
) -> None:
    """Make ``path`` and the folders that it lacks; StepFailed where it does not really lie in the folder ``inside``.

    The folder is resolved once: a link that takes the place of one of its parents from now on is not followed.
    """
    folders = durable.missing_folders(path)
    real = os.path.realpath(os.path.dirname(path))
    if inside is not None and not lies_in(real, inside):
        raise StepFailed("cannot-apply", f"{path} leads out of {inside}")
    work.intend(
        {"deed": "create", "path": path, "sha256": durable.sha256(data), "folders": list(folders), **(extra or {})}
    )
    for folder in folders:
        durable.make_dir_straight(real[: len(real) - len(os.path.dirname(path)) + len(folder)], 0o755)
    durable.write_new(os.path.join(real, os.path.basename(path)), data, mode, straight=True)
    work.done({"sha256": durable.sha256(data)})


def edit(work: Workplace, path: str, old: bytes, new: bytes, pieces: Sequence[bytes]) -> None:
    """Put ``new`` in the place of ``old`` in the file that ``path`` leads to; ``pieces`` are the bytes added."""
    target = os.path.realpath(path)
    found = os.stat(target)
    work.intend(
        {
            "deed": "edit",
            "path": path,
            "target": target,
            "kept": work.keep(old),
            "before": durable.sha256(old),
            "after": durable.sha256(new),
            "times": [found.st_atime_ns, found.st_mtime_ns],
            "pieces": [base64.b64encode(piece).decode("ascii") for piece in pieces],
        }
    )
    durable.replace(target, new, durable.sha256(old))
    work.done({"sha256": durable.sha256(new)})


def undo(entry: JournalEntry, allowed: Iterable[str], work: Workplace) -> tuple[str, ...]:
    """Take a ``create`` or ``edit`` back; ``allowed`` are the only paths that this action may speak of."""
    record = entry.before
    path = record.get("path")
    if not isinstance(path, str) or path not in set(allowed):
        raise StepFailed("damaged-journal", f"the journal names a file that is not this action's: {str(path)[:80]!r}")
    if record.get("deed") == "create":
        return _uncreate(path, record)
    if record.get("deed") == "edit":
        return _unedit(path, record, work)
    raise StepFailed("damaged-journal", f"the journal holds an unknown deed: {str(record.get('deed'))[:40]!r}")


def look(path: str, shell: str = "") -> Outline | None:
    """The file that ``path`` leads to, now, as the facts outline it; raises Unforeseen where it cannot be read."""
    try:
        return outline(readable(path), shell)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unforeseen(f"{path}: {error.strerror}") from error


def changed(path: str, old: bytes, content: bytes) -> FileChange:
    """The diff of an edit whose last line must be quoted, since it lacks its line feed; odd bytes are shown escaped."""
    before, after = (text.decode("utf-8", "backslashreplace").splitlines(keepends=True) for text in (old, content))
    lines = difflib.unified_diff(before, after, path, path, n=0)
    return FileChange(path, "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines))


def readable(path: str) -> bytes:
    """The content of the regular file that ``path`` leads to; raises OSError."""
    target = os.path.realpath(path)
    if os.path.islink(target):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    return durable.read(target, LARGEST)


def edit_problem(path: str) -> str | None:
    """Why the existing file behind ``path`` cannot be edited safely; None when it can."""
    target = os.path.realpath(path)
    where = path if target == path else f"{path} (a link to {target})"
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return f"{where}: the link leads nowhere"
    except OSError as error:
        return f"{where}: {error.strerror}"
    if not stat.S_ISREG(found.st_mode):
        return f"{where} is not a regular file"
    if found.st_size > LARGEST:
        return f"{where} is larger than {LARGEST >> 20} MiB"
    if found.st_uid != os.geteuid():
        return f"{where} belongs to user id {found.st_uid}"
    if found.st_nlink > 1:
        return f"{where} has {found.st_nlink} hard links; replacing it would part them"
    if not os.access(target, os.R_OK | os.W_OK) or not os.access(os.path.dirname(target), os.W_OK | os.X_OK):
        return f"{where} is read-only"
    return None


def _uncreate(path: str, record: Mapping[str, Any]) -> tuple[str, ...]:
    durable.unlink(durable.temporary(path))
    left: tuple[str, ...] = ()
    try:
        if os.path.islink(path) or durable.hash_file(path) != record.get("sha256"):
            # An empty file claims the name where the filesystem has no hard links; a kill may leave it.
            if os.path.islink(path) or os.path.getsize(path) > 0:
                left = (f"{path}: changed since convfix wrote it",)
        if not left:
            durable.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    folders = record.get("folders")
    for folder in reversed(folders if isinstance(folders, list) else []):
        if isinstance(folder, str) and path.startswith(folder + "/"):
            durable.remove_dir(folder)
    return left


def _unedit(path: str, record: Mapping[str, Any], work: Workplace) -> tuple[str, ...]:
    target = str(record.get("target"))
    if os.path.realpath(path) != target:
        # Somebody made the name lead elsewhere: what we wrote is still at the old place, if anywhere.
        if not os.path.isfile(target) or os.path.islink(target):
            return ()
        return (f"{path} leads to {os.path.realpath(path)} now, not to {target}; our lines there are left",)
    former, ours = str(record.get("before")), str(record.get("after"))
    durable.settle(target, former, ours)
    durable.settle(target, ours, former, back=True)
    try:
        now = durable.read(target, LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    digest = durable.sha256(now)
    if digest == former:
        return ()
    if digest == ours:
        old = work.kept(str(record.get("kept")))
        if durable.sha256(old) != former:
            raise StepFailed("damaged-backup", f"the before-image of {path} is damaged; the file is left as it is")
        times = record.get("times")
        both = (int(times[0]), int(times[1])) if isinstance(times, list) else None
        durable.replace(target, old, digest, both, back=True)
        return ()
    return _take_out(path, target, now, digest, _pieces(record))


def _take_out(path: str, target: str, now: bytes, digest: str, pieces: Sequence[bytes]) -> tuple[str, ...]:
    """Remove our pieces, and nothing else, from a file that somebody changed since."""
    rest = now
    for piece in pieces:
        for form in (piece, piece.lstrip(b"\n")):
            # The newline before our block stays where somebody wrote on below it: it ends the line above.
            if rest.count(form) == 1 and (not form.startswith(b"\n") or rest.endswith(form)):
                rest = rest.replace(form, b"")
                break
        else:
            lines = [line for line in piece.split(b"\n") if b"convfix" in line]
            if any(line in rest for line in lines):
                return (f"{path}: our lines in it were changed since; remove them by hand",)
    if rest != now:
        durable.replace(target, rest, digest, back=True)
    return ()


def _pieces(record: Mapping[str, Any]) -> list[bytes]:
    try:
        return [base64.b64decode(piece, validate=True) for piece in record.get("pieces", [])]
    except (TypeError, ValueError, binascii.Error):
        raise StepFailed("damaged-journal", "the journal's record of an edit is damaged") from None
