"""Steps inside an open folder, from which ``durable`` makes its primitives: fill, look at, take and change a name.

The unit is one name relative to a folder's descriptor. Nothing here is whole by itself: what a step leaves
when it is stopped, ``durable`` clears or the caller's journal knows. A name that changes places with another
does so in one step where kernel and filesystem can (``renameat2`` with RENAME_EXCHANGE: ext4, xfs, btrfs,
tmpfs, overlayfs; https://man7.org/linux/man-pages/man2/rename.2.html).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from typing import Iterator

CHUNK = 1 << 20
_EXCHANGE = 2
_CANNOT_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_LOST_ATTRIBUTES_MATTER = "system.posix_acl"


@contextlib.contextmanager
def opened(folder: str, straight: bool = False) -> Iterator[int]:
    """The open folder; ``straight`` is for one whose path is resolved: a link that has come into it since is not followed."""
    place = _straight(folder) if straight else os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield place
    finally:
        os.close(place)


def _straight(folder: str) -> int:
    """Open step by step, each name in the folder before; ENOTDIR where one is a link."""
    flags = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    steps = ["/", *(name for name in folder.split("/") if name)]
    place: int | None = None
    for number, name in enumerate(steps):
        # A folder above may be one that we can pass and not list.
        look = os.O_RDONLY if number == len(steps) - 1 else getattr(os, "O_PATH", os.O_RDONLY)
        try:
            further = os.open(name, look | flags, dir_fd=place)
        finally:
            if place is not None:
                os.close(place)
        place = further
    assert place is not None
    return place


def fill(
    place: int,
    name: str,
    data: bytes,
    mode: int,
    times: tuple[int, int] | None,
    like: os.stat_result | None = None,
    like_path: str = "",
) -> None:
    """A new file ``name`` with ``data`` in it, synced; gone again when anything fails."""
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=place)
    try:
        try:
            write_all(handle, data)
            if like is not None:
                _take_after(handle, like, like_path)
            os.fchmod(handle, mode)
            if times is not None:
                os.utime(handle, ns=times)
            os.fsync(handle)
        finally:
            os.close(handle)
    except BaseException:
        forget(place, name)
        raise


def _take_after(handle: int, like: os.stat_result, path: str) -> None:
    """Owner and extended attributes of the file that will be replaced."""
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
        os.fchown(handle, like.st_uid, like.st_gid)
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return
    for name in names:
        try:
            os.setxattr(handle, name, os.getxattr(path, name, follow_symlinks=False))
        except OSError:
            # A label that the system sets by itself may be refused; an access list must not be lost.
            if name.startswith(_LOST_ATTRIBUTES_MATTER):
                raise


def take_new_name(place: int, passing: str, name: str) -> bool:
    """Give the file ``passing`` the name ``name`` unless that is taken; whether it has both names now."""
    try:
        os.link(passing, name, src_dir_fd=place, dst_dir_fd=place, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # No hard links here: an empty file claims the name first, so nobody's file is overwritten.
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=place))
        os.rename(passing, name, src_dir_fd=place, dst_dir_fd=place)
        return False
    return True


def forget(place: int, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=place)


def write_all(handle: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        written = os.write(handle, left[:CHUNK])
        if written <= 0:
            raise OSError(errno.EIO, "nothing was written")
        left = left[written:]


def hash_at(place: int, name: str, path: str) -> str:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    return hash_open(handle, path)


def hash_open(handle: int, path: str) -> str:
    with os.fdopen(handle, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        import hashlib

        digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def digest_at(place: int, name: str, path: str) -> str:
    """``hash_at``, or "" for what is no regular file, or is not there."""
    try:
        return hash_at(place, name, path)
    except OSError:
        return ""


def there(place: int, name: str) -> bool:
    """Whether the folder has this name, whatever it is."""
    try:
        os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def exchange(place: int, one: str, other: str) -> bool:
    """Let ``one`` and ``other``, both in the open folder ``place``, change places; False where that is not possible."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    if call(place, os.fsencode(one), place, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), other)
