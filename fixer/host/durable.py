"""Durable writes: each primitive leaves the old state or the new one on disk, whatever stops it.

The unit is one change of one name. A file is filled under a temporary name in its own folder, fsynced,
moved into place, and the folder is fsynced. An fsync that fails ends the primitive with OSError and is
never tried again: after EIO the kernel may have dropped the pages, so a second success would be a lie.
Names are used relative to an open folder, so a folder that is swapped meanwhile is not followed. A file
changes places with its successor in one step and is looked at once more when it is out of everybody's
reach: what another program wrote at the last moment is seen, and put back. It keeps no record and decides
nothing: ``apply.journal`` remembers, the actions choose.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from fixer.host import within

UNFINISHED = ".convfix-new"
_ON_THE_WAY_BACK = ".convfix-back"
# Behind the name of a successor that is still being filled: under the name alone there is always a whole file.
_PART = "-part"


class ForeignEdit(Exception):
    """Somebody else changed ``path`` since it was read; it was left as it is."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: changed by another program while convfix was at work; left as it is")
        self.path = path


def temporary(path: str, back: bool = False) -> str:
    """The name under which ``path`` is filled before it takes its place; known beforehand, so it can be cleared.

    ``back`` is for the way back: whoever finds the file tells by its name which way it was going.
    """
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name[:120]}{_ON_THE_WAY_BACK if back else UNFINISHED}")


def sha256(data: bytes) -> str:
    """The SHA-256 of ``data`` in hexadecimal."""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def hash_file(path: str) -> str:
    """The SHA-256 of a regular file, links not followed; raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return within.hash_open(handle, path)


def read(path: str, limit: int = 64 << 20) -> bytes:
    """The whole of a regular file, links not followed; raises OSError, EFBIG beyond ``limit`` bytes."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        if found.st_size > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
        # Not ``limit``: that much would be reserved at once.
        return file.read(found.st_size + 1)


def missing_folders(path: str) -> tuple[str, ...]:
    """The folders above ``path`` that do not exist, the outermost first."""
    missing = []
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return tuple(reversed(missing))


def write_new(path: str, data: bytes, mode: int = 0o600, straight: bool = False) -> None:
    """Make ``path``, whole or not at all; FileExistsError when there is one. ``straight``: see ``within.opened``."""
    folder, name = os.path.split(path)
    with within.opened(folder, straight) as place:
        passing = os.path.basename(temporary(path))
        within.fill(place, passing, data, mode, None)
        try:
            if within.take_new_name(place, passing, name):
                os.unlink(passing, dir_fd=place)
        except BaseException:
            within.forget(place, passing)
            raise
        os.fsync(place)


def replace(
    path: str, data: bytes, expected: str, times: tuple[int, int] | None = None, back: bool = False
) -> None:
    """Put ``data`` in the place of the regular file ``path``, whose SHA-256 must still be ``expected``.

    Mode, owner and extended attributes stay. Raises ForeignEdit when the file is another one by now,
    OSError else. ``path`` must be resolved: a rename onto a link would replace the link.
    """
    folder, name = os.path.split(path)
    with within.opened(folder, straight=True) as place:
        found = os.stat(name, dir_fd=place, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        passing = os.path.basename(temporary(path, back))
        within.fill(place, passing + _PART, data, stat.S_IMODE(found.st_mode), times, found, path)
        try:
            if within.hash_at(place, name, path) != expected:
                raise ForeignEdit(path)
            os.rename(passing + _PART, passing, src_dir_fd=place, dst_dir_fd=place)
            swapped = within.exchange(place, passing, name)
            if not swapped:
                # A filesystem that cannot exchange names: the look just before has to do.
                os.rename(passing, name, src_dir_fd=place, dst_dir_fd=place)
        except BaseException:
            within.forget(place, passing + _PART)
            within.forget(place, passing)
            raise
        if swapped:
            _let_go(place, passing, name, path, expected, sha256(data))
        os.fsync(place)


def settle(path: str, former: str, ours: str, back: bool = False) -> bool:
    """Clear what a ``replace`` of ``former`` by ``ours`` (SHA-256 each) left when it was killed; idempotent.

    Killed after the two had changed places, it may have left what another program wrote at the last moment; that
    gets its place back. Whether that was so. Raises OSError.
    """
    folder, name = os.path.split(path)
    passing = os.path.basename(temporary(path, back))
    try:
        with within.opened(folder, straight=True) as place:
            theirs = False
            if within.there(place, passing + _PART):
                os.unlink(passing + _PART, dir_fd=place)
            elif not within.there(place, passing):
                return False
            if within.there(place, passing):
                theirs = within.digest_at(place, passing, path) not in (former, ours)
                theirs = theirs and within.digest_at(place, name, path) == ours
                if theirs:
                    os.rename(passing, name, src_dir_fd=place, dst_dir_fd=place)
                else:
                    os.unlink(passing, dir_fd=place)
            os.fsync(place)
            return theirs
    except (FileNotFoundError, NotADirectoryError):
        return False


def _let_go(place: int, passing: str, name: str, path: str, expected: str, ours: str) -> None:
    """Remove the file that was replaced, unless somebody wrote to it at the last moment: then it goes back."""
    if within.digest_at(place, passing, path) == expected:
        os.unlink(passing, dir_fd=place)
        return
    within.exchange(place, passing, name)
    if within.digest_at(place, passing, path) != ours:
        # Somebody wrote again between the two exchanges; the newest stays.
        within.exchange(place, passing, name)
    os.unlink(passing, dir_fd=place)
    os.fsync(place)
    raise ForeignEdit(path)


def copy(source: str, path: str) -> None:
    """A new file ``path`` with content, mode and times of the regular file ``source``; its folder is not synced."""
    taken = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(taken, "rb", buffering=0) as file:
        found = os.fstat(taken)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            while chunk := file.read(within.CHUNK):
                within.write_all(handle, chunk)
            os.fchmod(handle, stat.S_IMODE(found.st_mode))
            os.utime(handle, ns=(found.st_atime_ns, found.st_mtime_ns))
            os.fsync(handle)
        finally:
            os.close(handle)


def append(path: str, data: bytes) -> None:
    """Add ``data`` to the end of an existing file; when that fails, what was there stays. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        size = os.fstat(handle).st_size
        try:
            within.write_all(handle, data)
            os.fdatasync(handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


def cut(path: str, size: int) -> None:
    """Shorten a file to ``size`` bytes."""
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.ftruncate(handle, size)
        os.fsync(handle)
    finally:
        os.close(handle)


def link(source: str, path: str, sync: bool = True) -> None:
    """A second name ``path`` for the file ``source``; links are not followed."""
    os.link(source, path, follow_symlinks=False)
    if sync:
        sync_folder(os.path.dirname(path))


def symlink(target: str, path: str, sync: bool = True) -> None:
    """A symbolic link ``path`` that says ``target``."""
    os.symlink(target, path)
    if sync:
        sync_folder(os.path.dirname(path))


def rename(source: str, path: str, sync: bool = True) -> None:
    """Move ``source`` onto ``path``, on one filesystem."""
    os.rename(source, path)
    if sync:
        folders = {os.path.dirname(source), os.path.dirname(path)}
        for folder in sorted(folders):
            sync_folder(folder)


def unlink(path: str, sync: bool = True) -> None:
    """Take the name ``path`` away; nothing happens when it is not there."""
    try:
        os.unlink(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if sync:
        sync_folder(os.path.dirname(path))


def make_dir_straight(path: str, mode: int) -> None:
    """``make_dir`` below a resolved path, into which no link is followed that has come since."""
    folder, name = os.path.split(path)
    with within.opened(folder, straight=True) as place:
        os.mkdir(name, mode, dir_fd=place)
        made = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
        try:
            os.fchmod(made, mode)
        finally:
            os.close(made)
        os.fsync(place)


def make_dir(path: str, mode: int = 0o700, sync: bool = True) -> None:
    """Make one folder; FileExistsError when there is something."""
    os.mkdir(path, mode)
    os.chmod(path, mode)
    if sync:
        sync_folder(os.path.dirname(path))


def remove_dir(path: str, sync: bool = True) -> bool:
    """Remove one empty folder; False when it is not empty, not there or not ours to remove."""
    try:
        os.rmdir(path)
    except OSError:
        return False
    if sync:
        sync_folder(os.path.dirname(path))
    return True


def set_mode(path: str, mode: int) -> None:
    """Give ``path`` (no link) its permission bits."""
    os.chmod(path, mode)


def set_times(path: str, atime_ns: int, mtime_ns: int) -> None:
    """Give ``path`` its times; a link's own where it is one."""
    os.utime(path, ns=(atime_ns, mtime_ns), follow_symlinks=False)


def sync_folder(path: str) -> None:
    """Make the names in a folder durable; raises OSError."""
    with within.opened(path) as place:
        os.fsync(place)


def sync_filesystem(path: str) -> None:
    """Make everything on the filesystem of ``path`` durable: what an installer wrote without any fsync."""
    import ctypes

    with within.opened(path) as place:
        call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if call is None:
            os.sync()
        elif call(place) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
