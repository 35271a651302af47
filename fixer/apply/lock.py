"""Locks: one apply or undo at a time per user, and one per environment and per profile, whoever runs it.

The unit is a held ``flock``, gone with the process however that ends. The lock of an environment or a profile is
taken on the folder itself, so it leaves no file behind and two users share it. A filesystem that has no locks
(some network mounts) is refused for the state; for an environment the state's lock then has to do.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import Callable, Iterable, Iterator

from fixer.apply.state import State
from fixer.errors import ConvfixError
from fixer.model.action import ActionSpec

_BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_WAIT_FOR_INSTALLER = 30.0


class LockedError(ConvfixError):
    """Another convfix is at work."""

    exit_code = 3


@contextlib.contextmanager
def state_lock(state: State) -> Iterator[None]:
    """Hold the user's lock; raises LockedError naming the holder's process id."""
    try:
        handle = os.open(state.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(state.lock, error) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                raise LockedError("busy", f"another convfix is at work{_holder(handle)}; nothing was changed") from None
            hint = "set CONVFIX_STATE_DIR to a folder on a local disk"
            text = f"{state.lock}: this filesystem has no locks ({error.strerror})"
            raise LockedError("no-locks", text, hint) from None
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def environment_lock(prefix: str) -> Iterator[None]:
    """Hold the lock of one environment, or of a profile's folder; nothing is held when its folder is not there or knows no locks."""
    try:
        handle = os.open(prefix, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _BUSY:
                raise LockedError(
                    "busy", f"another convfix is changing {prefix}{_holder(handle)}; nothing was changed"
                ) from None
        yield
    finally:
        os.close(handle)


def places(actions: Iterable[ActionSpec]) -> tuple[str, ...]:
    """The folders to lock for these actions: each environment, and the folder in which each profile really lies."""
    found = set()
    for spec in actions:
        prefix, path = spec.params.get("prefix"), spec.params.get("path")
        if isinstance(prefix, str):
            found.add(os.path.realpath(prefix))
        if spec.kind in ("profile_block", "kernelspec") and isinstance(path, str):
            found.add(os.path.dirname(os.path.realpath(path)))
    return tuple(sorted(found))


def wait_for_installer(state: State, say: Callable[[str], None]) -> None:
    """Wait until no process of an earlier run's installer lives; raises LockedError after half a minute."""
    try:
        handle = os.open(state.installer_lock, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(state.installer_lock, error) from error
    try:
        deadline = time.monotonic() + _WAIT_FOR_INSTALLER
        told = False
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if error.errno not in _BUSY:
                    return
            if not told:
                say("waiting for the installer of the interrupted run to end")
                told = True
            if time.monotonic() > deadline:
                raise LockedError("busy", f"the installer of an interrupted run still works{_holder(handle)}")
            time.sleep(0.05)
    finally:
        os.close(handle)


def _unusable(path: str, error: OSError) -> LockedError:
    """A lock that is a link, a folder or another user's file, as a run with sudo leaves it."""
    return LockedError("no-lock", f"nothing was changed: the lock {path}: {error.strerror}", "if no convfix is at work, remove it")


def _holder(handle: int) -> str:
    """`` (process 123)`` when the kernel tells who holds the lock of this file."""
    found = os.fstat(handle)
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as file:
            rows = [line.split() for line in file]
    except OSError:
        return ""
    for row in rows:
        if len(row) > 5 and row[1] == "FLOCK" and row[5] == place and row[4] != "0":
            return f" (process {row[4]})"
    return ""
