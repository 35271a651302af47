"""One guarded block at the end of a shell profile, which sources an activation script if that is there.

The unit is a block between two marker lines. The profile is read and written as bytes: nobody's line ends,
encoding or last line are touched. A profile that cannot be edited safely (read-only, a dangling link,
hard links, markers that do not match) is refused, and the text to add by hand is shown.
"""

from __future__ import annotations

import os

from fixer.actions import files
from fixer.actions.base import Look, NothingKept, Params, StepFailed, Unforeseen, Workplace, owner_problem
from fixer.actions.foreseen import put_in
from fixer.host import durable
from fixer.host.base import Host
from fixer.model.action import ActionSpec, FileChange, Preview
from fixer.model.edits import added
from fixer.model.journal import JournalEntry
from fixer.shells import SHELLS, begin, block, block_key

_KNOWN = ("shell", "path", "source")
_BEGIN, _END = b"# >>> convfix ", b"# <<< convfix "
_NAMES = {
    "bash": (".bashrc", ".bash_profile", ".bash_login", ".profile"),
    "sh": (".profile",),
    "zsh": (".zshrc", ".zshenv", ".zprofile", ".zlogin"),
}


class ProfileBlock(NothingKept):
    """See the module's docstring."""

    kind = "profile_block"

    def check(self, spec: ActionSpec, host: Host) -> tuple[str, ...]:
        shell, path, source = _read(spec)
        if path not in _profiles(shell, host):
            raise Params(spec, _KNOWN).error("path", f"is no profile of {shell} in this home, found {path[:80]!r}")
        problem = _source_problem(source) or _elsewhere(shell, path, host)
        if problem is None and os.path.lexists(path):
            problem = files.edit_problem(path) or _marker_problem(path)
            if problem is None and _has_another(spec, path):
                other = "an earlier convfix's (convfix undo takes it back), or one that was edited"
                return (f"{path} holds another block for {source} already: {other}",)
        elif problem is None:
            problem = owner_problem(os.path.dirname((durable.missing_folders(path) or (path,))[0]))
        return () if problem is None else (f"{problem}; {_by_hand(shell, path, source)}",)

    def preview(self, spec: ActionSpec, host: Host) -> Preview:
        path = _read(spec)[1]
        try:
            return Preview(files=self.foresee(spec, files.look))
        except Unforeseen:
            old = _content(path)
            return Preview(files=(files.changed(path, old, old + _piece(spec, old)),) if old is not None else ())

    def foresee(self, spec: ActionSpec, look: Look) -> tuple[FileChange, ...]:
        """The diffs that follow from what ``look`` knows."""
        shell, path, source = _read(spec)
        before = look(path, shell)
        if before is None:
            return (added(path, _piece(spec, b"")),)
        if block_key(source) in before.blocks:
            return ()
        return put_in(path, before, ((before.lines, _piece(spec, b"")),))

    def perform(self, spec: ActionSpec, host: Host, work: Workplace) -> None:
        shell, path, source = _read(spec)
        try:
            if not os.path.lexists(path):
                files.create(work, path, _piece(spec, b""))
                return
            old = files.readable(path)
            if _piece(spec, b"") not in old:
                piece = _piece(spec, old)
                files.edit(work, path, old, old + piece, [piece])
        except OSError as error:
            # An immutable folder, a full quota: what no look beforehand tells.
            raise StepFailed("cannot-edit", f"{path}: {error.strerror}; {_by_hand(shell, path, source)}") from error

    def satisfied(self, spec: ActionSpec, host: Host) -> bool:
        return _piece(spec, b"") in (_content(_read(spec)[1]) or b"")

    def undo(self, spec: ActionSpec, entry: JournalEntry, host: Host, work: Workplace) -> tuple[str, ...]:
        return files.undo(entry, (_read(spec)[1],), work)


def _read(spec: ActionSpec) -> tuple[str, str, str]:
    params = Params(spec, _KNOWN)
    return params.choice("shell", SHELLS), params.path("path"), params.path("source")


def _profiles(shell: str, host: Host) -> tuple[str, ...]:
    """The only files that a block may go into: this user's profiles of this shell."""
    home = host.environ.get("HOME", "")
    if not os.path.isabs(home):
        return ()
    if shell == "fish":
        config = host.environ.get("XDG_CONFIG_HOME", "")
        config = os.path.normpath(config) if os.path.isabs(config) else os.path.join(os.path.normpath(home), ".config")
        return tuple(os.path.join(config, "fish", name) for name in ("config.fish", "conf.d/convfix.fish"))
    folders = [home]
    if shell == "zsh" and os.path.isabs(host.environ.get("ZDOTDIR", "")):
        folders.insert(0, host.environ["ZDOTDIR"])
    return tuple(os.path.join(os.path.normpath(folder), name) for folder in folders for name in _NAMES[shell])


def _elsewhere(shell: str, path: str, host: Host) -> str | None:
    """zsh reads its profile from ZDOTDIR, which ``.zshenv`` may set without telling us where it leads."""
    if shell != "zsh" or host.environ.get("ZDOTDIR"):
        return None
    settings = os.path.join(os.path.dirname(path), ".zshenv")
    if b"ZDOTDIR" not in (_content(settings) or b"") or os.path.basename(path) == ".zshenv":
        return None
    return f"{settings} sets ZDOTDIR, so zsh reads its other files elsewhere"


def _by_hand(shell: str, path: str, source: str) -> str:
    return f"add by hand to {path}: {block(shell, source).splitlines()[1]}"


def _source_problem(source: str) -> str | None:
    """A profile may source a script of ours alone; one that is still to be written is checked by the transaction."""
    content = _content(source)
    if content is None:
        return None if not os.path.lexists(source) else f"{source} cannot be read"
    if not content.startswith(b"# convfix activation "):
        return f"{source} is no activation script of convfix's"
    return None


def _marker_problem(path: str) -> str | None:
    content = _content(path)
    if content is None:
        return f"{path} cannot be read"
    depth = 0
    for line in content.splitlines():
        depth += line.startswith(_BEGIN) - line.startswith(_END)
        if depth not in (0, 1):
            break
    return None if depth == 0 else f"{path}: the convfix markers in it do not match"


def _has_another(spec: ActionSpec, path: str) -> bool:
    """Whether a block of ours for this script is there that does not say what ours says now: two would be one too many."""
    content = _content(path) or b""
    return begin(block_key(_read(spec)[2])).encode() in content.splitlines() and _piece(spec, b"") not in content


def _piece(spec: ActionSpec, old: bytes) -> bytes:
    """The block, with a newline before it where the file's last line has none."""
    shell, _, source = _read(spec)
    return (b"\n" if old and not old.endswith(b"\n") else b"") + block(shell, source).encode("utf-8")


def _content(path: str) -> bytes | None:
    try:
        return files.readable(path)
    except OSError:
        return None
