"""The live machine: reads with limits, child processes with a time limit and without a shell."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import selectors
import signal
import stat
import subprocess
import sys
import time
from typing import IO, Any, Callable, Mapping, Sequence

from fixer.host.base import DEFAULT_LIMIT, SYSTEM_FOLDERS, Host, Ran, Vantage

_GRACE = 2.0


class RealHost(Host):
    """This machine, or the file tree of another one below ``sys_root``."""

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        sys_root: str | None = None,
        timeout: float = 20.0,
        folder: str | None = None,
    ) -> None:
        """``environ`` and ``folder`` stand in for our own where another process is looked at through its eyes."""
        self._folder = folder
        self._environ = _own_environ() if environ is None else dict(environ)
        self.sys_root = os.path.abspath(sys_root) if sys_root else None
        self.timeout = timeout

    @property
    def environ(self) -> Mapping[str, str]:
        return self._environ

    @functools.cached_property
    def vantage(self) -> Vantage:
        kernel = os.uname()
        groups = tuple(dict.fromkeys((os.getegid(), *os.getgroups())))
        return Vantage(os.geteuid(), groups, kernel.machine, kernel.release, _libc(), self._folder or _folder_now(), sys.executable)

    @property
    def is_data(self) -> bool:
        return self.sys_root is not None

    @property
    def remembers(self) -> bool:
        return self.sys_root is None

    def _at(self, path: str) -> str:
        if self.sys_root and any(path == top or path.startswith(top + "/") for top in SYSTEM_FOLDERS):
            return self.sys_root + path
        return path

    def read(self, path: str, limit: int = DEFAULT_LIMIT) -> bytes:
        # O_NONBLOCK: a named pipe in the place of a file must not hang us.
        handle = os.open(self._at(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            return file.read(limit)

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        handle = os.open(self._at(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise OSError(errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL, "not a regular file", path)
            return os.pread(handle, size, offset)
        finally:
            os.close(handle)

    def entries(self, path: str) -> tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(self._at(path))))
        except (OSError, ValueError):
            return ()

    def stat(self, path: str) -> os.stat_result | None:
        try:
            return os.stat(self._at(path))
        except (OSError, ValueError):
            return None

    def may_write(self, path: str) -> bool:
        return os.access(self._at(path), os.W_OK)

    def real_path(self, path: str) -> str:
        real = os.path.realpath(self._at(path))
        if self.sys_root and real.startswith(self.sys_root + "/"):
            return real[len(self.sys_root) :]
        return real

    def which(self, name: str) -> str | None:
        folders = self._environ.get("PATH", os.defpath).split(os.pathsep)
        found = next((path for folder in folders if folder and _is_program(path := os.path.join(folder, name))), None)
        if found is None:
            beside = os.path.join(os.path.dirname(sys.executable), name)
            found = beside if os.access(beside, os.X_OK) else None
        return found

    def disk_free(self, path: str) -> int | None:
        try:
            filesystem = os.statvfs(self._at(path))
        except (OSError, ValueError):
            return None
        return filesystem.f_bavail * filesystem.f_frsize

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        environ: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        cwd: str | None = None,
        limit: int = DEFAULT_LIMIT,
        tee: Callable[[str], None] | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Ran:
        command = tuple(argv)
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self._environ if environ is None else environ),
                cwd=cwd or self._folder,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Ran(command, None, "", str(error), missing=True)
        try:
            if meanwhile is not None:
                meanwhile()
            streams, timed_out, cut = _collect(child, stdin or b"", self.timeout if timeout is None else timeout, limit, tee)
        except BaseException:
            _end(child)
            raise
        status = None if timed_out or cut else child.wait()
        out, err = (bytes(stream).decode("utf-8", "replace") for stream in streams)
        return Ran(command, status, out, err, timed_out=timed_out, cut=cut)


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def _own_environ() -> dict[str, str]:
    """This process's variables; a service or a bare container has no HOME, which the user database then knows."""
    made = dict(os.environ)
    if not made.get("HOME"):
        import pwd

        with contextlib.suppress(KeyError):
            made["HOME"] = pwd.getpwuid(os.geteuid()).pw_dir
    return made


def _folder_now() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _collect(
    child: subprocess.Popen[bytes], stdin: bytes, timeout: float, limit: int, tee: Callable[[str], None] | None
) -> tuple[tuple[bytearray, bytearray], bool, bool]:
    """Read both streams until they close, the time is up or ``limit`` is passed; then end the whole group."""
    streams = (bytearray(), bytearray())
    deadline = time.monotonic() + timeout
    timed_out = cut = False
    with selectors.DefaultSelector() as selector:
        for number, pipe in enumerate((child.stdout, child.stderr)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, streams[number])
        if child.stdin is not None:
            _feed(child.stdin, stdin)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                timed_out = True
                break
            for key, _ in selector.select(min(left, 0.5)):
                cut = _take(key, selector, limit, tee) or cut
            if cut or (child.poll() is not None and not selector.select(0)):
                # A grandchild may hold the pipes open after our child is gone: do not wait for it.
                break
        held = bool(selector.get_map())
    if child.poll() is None and not timed_out and not cut:
        timed_out = not _wait(child, max(0.0, deadline - time.monotonic()))
    if timed_out or cut or held:
        _end(child)
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()
    return streams, timed_out, cut


def _feed(pipe: IO[bytes], data: bytes) -> None:
    # Only short inputs are ever sent (a payload's parameters), so a blocking write cannot stall.
    try:
        pipe.write(data)
        pipe.close()
    except BrokenPipeError:
        pass


def _take(
    key: selectors.SelectorKey, selector: selectors.BaseSelector, limit: int, tee: Callable[[str], None] | None
) -> bool:
    chunk = os.read(key.fd, 1 << 16)
    if not chunk:
        selector.unregister(key.fileobj)
        return False
    kept: Any = key.data
    kept += chunk
    if tee is not None:
        tee(chunk.decode("utf-8", "replace"))
    return len(kept) > limit


def _wait(child: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(child: subprocess.Popen[bytes]) -> None:
    """Terminate the child's whole process group, then kill what is left of it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        if _wait(child, _GRACE):
            break
    # A child in uninterruptible sleep (a dead driver) cannot be waited for; it must not hang us.
