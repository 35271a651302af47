"""The state folder: where the journals and before-images of this user's runs lie.

The unit is ``State``, a checked folder. It is the user's own (mode 0700): one that belongs to somebody
else or that others may write to is refused, since its journals say what ``undo`` will do. Opening it
writes nothing; ``prepare`` makes it. What the journals say is not known here.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys

from fixer.errors import UsageError
from fixer.host import durable
from fixer.host.base import Host
from fixer.model.record import record

_HINT = "set CONVFIX_STATE_DIR to a folder of your own"


@record(frozen=True)
class State:
    """The folder of the journals; ``runs/N.jsonl`` is run N's journal, ``runs/N.files`` its before-images."""

    folder: str

    @classmethod
    def open(cls, host: Host) -> State:
        """The state folder of this user, checked; it need not exist yet. Raises UsageError when it cannot be used."""
        folder = _folder(host)
        state = cls(folder)
        state.check()
        return state

    @property
    def runs(self) -> str:
        return os.path.join(self.folder, "runs")

    @property
    def lock(self) -> str:
        return os.path.join(self.folder, "lock")

    @property
    def installer_lock(self) -> str:
        """Held by an installer that convfix started for as long as any of its processes lives."""
        return os.path.join(self.folder, "installer.lock")

    def journal(self, run: str) -> str:
        """The path of a run's journal."""
        return os.path.join(self.runs, f"{run}.jsonl")

    def files(self, run: str) -> str:
        """The folder of a run's before-images."""
        return os.path.join(self.runs, f"{run}.files")

    def numbers(self) -> tuple[int, ...]:
        """The numbers of all runs, in order; empty when there is no state folder.

        An empty journal is no run: where there are no hard links, a name is claimed first and filled by a rename.
        """
        try:
            with os.scandir(self.runs) as found:
                names = [one.name for one in found if one.name.endswith(".jsonl") and one.stat(follow_symlinks=False).st_size]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UsageError("state-unreadable", f"{self.runs}: {error.strerror}", _HINT) from error
        stems = (name[: -len(".jsonl")] for name in names)
        return tuple(sorted(int(stem) for stem in stems if stem.isascii() and stem.isdecimal()))

    def check(self) -> None:
        """Raise UsageError unless the folder, and that of the journals, is this user's alone, or not there yet."""
        _check(self.folder)
        # It may be a link, or be from a time when others could write to the folder above.
        _check(self.runs)

    def sweep(self) -> None:
        """Remove what a killed run left half-written beside the journals; for the holder of the lock."""
        with contextlib.suppress(OSError):
            for name in os.listdir(self.runs):
                if name.endswith(durable.UNFINISHED):
                    durable.unlink(os.path.join(self.runs, name), sync=False)

    def prepare(self) -> None:
        """Make the folder where it is missing; raises UsageError when that fails or it is not ours alone."""
        try:
            for folder in durable.missing_folders(os.path.join(self.runs, "")):
                # Each name is on disk before anything is changed: a journal in a folder that a loss of power takes is none.
                with contextlib.suppress(FileExistsError):
                    durable.make_dir(folder)
            self.check()
            if stat.S_IMODE(os.stat(self.folder).st_mode) & 0o077:
                durable.set_mode(self.folder, 0o700)
        except OSError as error:
            text = f"the state folder {self.folder}: {error.strerror}"
            raise UsageError("state-not-writable", text, _HINT) from error


def _folder(host: Host) -> str:
    given = host.environ.get("CONVFIX_STATE_DIR", "")
    if given:
        if not os.path.isabs(given):
            raise UsageError("state-folder", f"CONVFIX_STATE_DIR: expected an absolute path, found {given[:80]!r}")
        return os.path.normpath(given)
    if sys.platform != "linux":
        import platformdirs

        return platformdirs.user_state_dir("convfix", appauthor=False)
    # The same folder as platformdirs gives, but from the host's variables rather than from ours.
    base = host.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        home = host.environ.get("HOME", "")
        if not os.path.isabs(home):
            raise UsageError("no-home", "HOME is empty or not absolute: there is no place for the journal", _HINT)
        base = os.path.join(home, ".local", "state")
    return os.path.join(os.path.normpath(base), "convfix")


def _check(folder: str) -> None:
    try:
        found = os.stat(folder)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", error)
        raise UsageError("state-folder", f"the state folder {folder}: {why}", _HINT) from error
    if not stat.S_ISDIR(found.st_mode):
        raise UsageError("state-folder", f"the state folder {folder} is not a folder", _HINT)
    if found.st_uid != os.geteuid():
        text = f"the state folder {folder} belongs to user id {found.st_uid}, not to you"
        raise UsageError("state-folder", text, _HINT)
    if stat.S_IMODE(found.st_mode) & 0o022:
        text = f"the state folder {folder} can be written to by others"
        raise UsageError("state-folder", text, f"chmod 700 it, or {_HINT}")
