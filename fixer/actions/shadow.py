"""A shadow of a virtual environment, in convfix's cache: uv's dry run sees the same packages, and nothing is written there.

The unit is one environment. uv locks a virtual environment even for a dry run, by a file in the folder that holds
``pyvenv.cfg``, and never removes it. So the dry run is given a folder of ours with the same ``pyvenv.cfg`` and links to the
same interpreter and packages. It stays, as a cache does, for the next time. An environment of another kind (conda's, a
Python of its own) uv locks in the temporary folder, which lies in the cache for every installer's dry run.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
import time

from fixer.actions.base import StepFailed
from fixer.actions.interpreter import ask
from fixer.dataset.cache import cache_folder
from fixer.host.base import Host
from fixer.model.digest import digest

_CONFIGURATION = "pyvenv.cfg"
_LARGEST = 1 << 20
_LINKED = ("lib", "lib64")
# A shadow's folder, and a lock of uv's: an empty file that the next one uses again.
_OURS = re.compile(r"[0-9a-f]{24}|uv-.*\.lock")
_OLD = 2 * 86_400


class NoShadow(StepFailed):
    """A shadow cannot be made, or does not answer as the environment does; nothing was changed."""

    exit_code = 6


def temporary(host: Host) -> str:
    """The folder for what an installer's dry run keeps for a moment, and leaves when it is killed. Raises NoShadow."""
    folder = _proving(host)
    _sweep(folder)
    return folder


def _proving(host: Host) -> str:
    """The folder in the cache, made and checked. Raises NoShadow."""
    folder = os.path.join(cache_folder(host.environ), "proving")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found = os.stat(folder)
    except OSError as error:
        raise NoShadow("no-cache", f"{folder}: {error.strerror}", "set XDG_CACHE_HOME to a folder of your own") from None
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise NoShadow("no-cache", f"{folder}: others may write to it", "set XDG_CACHE_HOME to a folder of your own")
    return folder


def _sweep(folder: str) -> None:
    """Remove what killed installers left, once it is so old that none can be at work on it."""
    with contextlib.suppress(OSError):
        for one in os.scandir(folder):
            if not _OURS.fullmatch(one.name) and time.time() - one.stat(follow_symlinks=False).st_mtime > _OLD:
                shutil.rmtree(one.path, ignore_errors=True)


def interpreter(real: str, host: Host) -> str:
    """The interpreter to name to uv's dry run instead of ``real``. Raises NoShadow."""
    prefix = os.path.dirname(os.path.dirname(real))
    configuration = os.path.join(prefix, _CONFIGURATION)
    try:
        with open(os.open(configuration, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            text = file.read(_LARGEST)
    except FileNotFoundError:
        return real
    except OSError as error:
        raise NoShadow("no-shadow", f"{configuration}: {error.strerror}") from None
    whole = _proving(host)
    folder = os.path.join(whole, digest(os.fsencode(f"{prefix}\0{real}"))[:24])
    name = os.path.join(folder, "bin", "python")
    if not _is_made(folder, name, real, prefix, text):
        try:
            _make(whole, folder, real, prefix, text)
        except OSError as error:
            raise NoShadow("no-shadow", f"{folder}: {error.strerror}") from None
    told = ask(name, host)
    if any(not path.startswith(folder + os.sep) for path in (os.path.join(told.prefix, ""), *told.sites)):
        raise NoShadow(
            "no-shadow", f"{real} does not show the environment when it is called from {folder}", "try --manager pip, which locks nothing"
        )
    return name


def _is_made(folder: str, name: str, real: str, prefix: str, text: bytes) -> bool:
    """Whether the shadow is there, and still the environment's."""
    try:
        with open(os.path.join(folder, _CONFIGURATION), "rb") as file:
            same = file.read() == text
        return same and os.readlink(name) == real and _links(folder) == _wanted(prefix)
    except OSError:
        return False


def _wanted(prefix: str) -> dict[str, str]:
    return {name: path for name in _LINKED if os.path.isdir(path := os.path.join(prefix, name))}


def _links(folder: str) -> dict[str, str]:
    return {name: os.readlink(path) for name in _LINKED if os.path.islink(path := os.path.join(folder, name))}


def _make(whole: str, folder: str, real: str, prefix: str, text: bytes) -> None:
    """Beside its place first: another convfix may make the same."""
    work = tempfile.mkdtemp(dir=whole)
    try:
        with open(os.path.join(work, _CONFIGURATION), "wb") as file:
            file.write(text)
        os.mkdir(os.path.join(work, "bin"))
        os.symlink(real, os.path.join(work, "bin", "python"))
        for name, path in _wanted(prefix).items():
            os.symlink(path, os.path.join(work, name))
        shutil.rmtree(folder, ignore_errors=True)
        try:
            os.rename(work, folder)
        except OSError as error:
            # The other one's is as good as ours.
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
