"""The user's cache of an updated dataset: where it lies, which one holds, how it is replaced and thrown away.

The unit is a folder named by the hash of its manifest, beside the file ``current`` that names it together
with the bundle for which it was made. A cache that is not exactly that is not used, so it is never older
than the bundle. It is written beside the old one and takes its place by one rename; nothing is fsynced,
since what a crash leaves half written fails its hash and is thrown away. What rows mean is not known here.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping

from fixer.errors import ConvfixError, UsageError
from fixer.model.digest import digest as sha256_of
from fixer.model.record import record

CURRENT, LOCK = "current", "lock"
_POINTER = re.compile(r"([0-9a-f]{64}) ([0-9a-f]{64})\n")
_LONGEST = 200
_NEW = ".new-"


@record(frozen=True)
class Cache:
    """The folder of updated datasets of this user."""

    folder: str

    def current(self, manifest: str, bundle: Callable[[], bytes]) -> str | None:
        """The folder of the dataset that holds for a bundle, whose manifest file ``bundle`` reads; None without one.

        The file named ``manifest`` in it has the hash that it was written with.
        """
        try:
            # O_NONBLOCK: a named pipe in the place of a file must not hang us.
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
            with open(os.open(os.path.join(self.folder, CURRENT), flags), "rb", buffering=0) as file:
                text = file.read(_LONGEST) or b""
        except OSError:
            return None
        match = _POINTER.fullmatch(text.decode("ascii", "replace"))
        if match is None or not self._is_ours() or sha256_of(bundle()) != match[1]:
            return None
        path = os.path.join(self.folder, match[2])
        try:
            with open(os.path.join(path, manifest), "rb") as whole:
                if sha256_of(whole.read()) == match[2]:
                    return path
        except OSError:
            pass
        self.discard(path)
        return None

    def _is_ours(self) -> bool:
        # What others can write to says nothing about this user's choices.
        if not hasattr(os, "geteuid"):
            return True
        try:
            found = os.stat(self.folder)
        except OSError:
            return False
        return found.st_uid == os.geteuid() and not found.st_mode & 0o022

    def discard(self, path: str) -> None:
        """Throw the dataset in ``path`` away whole; what cannot be removed is left, unused."""
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self.folder, CURRENT))
        _remove(path)

    def _sweep(self, keep: str) -> None:
        # Only under the lock: what else lies here was left by updates that were cut short, or is out of date.
        with contextlib.suppress(OSError):
            for name in os.listdir(self.folder):
                if name not in (CURRENT, LOCK, keep):
                    _remove(os.path.join(self.folder, name))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the cache for one update; UsageError when another one is at work, or the folder cannot be written."""
        import fcntl

        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            handle = os.open(os.path.join(self.folder, LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError("no-cache", f"{self.folder}: {error.strerror}", "set XDG_CACHE_HOME to a folder of your own") from None
        try:
            if not self._is_ours():
                raise UsageError("no-cache", f"{self.folder}: others may write to it", "set XDG_CACHE_HOME to a folder of your own")
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError("busy", "another convfix is renewing the data") from None
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def making(self) -> Iterator[str]:
        """An empty folder in which a dataset is made; gone afterwards unless ``install`` took it."""
        import tempfile

        work = tempfile.mkdtemp(prefix=_NEW, dir=self.folder)
        try:
            yield work
        finally:
            _remove(work)

    def install(self, work: str, manifest: str, bundle: bytes) -> str:
        """Let the dataset in ``work`` take the place of the current one, at once and whole; its folder from now on."""
        try:
            with open(os.path.join(work, manifest), "rb") as file:
                name = sha256_of(file.read())
            path = os.path.join(self.folder, name)
            _remove(path)
            os.rename(work, path)
            pointer = os.path.join(self.folder, f"{_NEW}pointer")
            with open(pointer, "w", encoding="ascii") as out:
                out.write(f"{sha256_of(bundle)} {name}\n")
            os.replace(pointer, os.path.join(self.folder, CURRENT))
        except OSError as error:
            raise ConvfixError("no-cache", f"{self.folder}: {error.strerror}") from None
        self._sweep(name)
        return path


def _remove(path: str) -> None:
    # Most runs remove nothing: they need not load what could.
    import shutil

    shutil.rmtree(path, ignore_errors=True)


def cache_folder(environ: Mapping[str, str]) -> str:
    """The folder of all that convfix keeps for this user only to be quicker; it need not exist."""
    home = environ.get("XDG_CACHE_HOME") or ""
    if not os.path.isabs(home):
        if sys.platform in ("darwin", "win32"):
            import platformdirs

            return platformdirs.user_cache_dir("convfix", appauthor=False)
        home = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".cache")
    return os.path.join(home, "convfix")


def cache() -> Cache:
    """This user's cache of the dataset; its folder need not exist."""
    return Cache(os.path.join(cache_folder(os.environ), "dataset"))
