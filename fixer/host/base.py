"""What the rest of convfix may ask of a machine, as a protocol, and what a child process answered.

Probes get a ``Host`` and nothing else, so a recorded machine can stand in for a live one. Writing is
apart (``host.durable``): only actions touch.
"""

from __future__ import annotations

import os
import stat
from typing import Callable, Mapping, Protocol, Sequence

from fixer.model.record import record

DEFAULT_LIMIT = 4 << 20
SYSTEM_FOLDERS = (
    "/proc", "/sys", "/etc", "/usr", "/dev", "/opt", "/bin", "/sbin", "/lib", "/lib64", "/var", "/run", "/.dockerenv", "/.flatpak-info",
)  # fmt: skip


@record(frozen=True)
class Ran:
    """How a child process ended.

    ``status`` is its exit status, negative for a signal, None when it was killed at the time limit or
    could not be started (``missing``). ``stdout`` and ``stderr`` are text with undecodable bytes
    replaced, cut at the byte limit (``cut``).
    """

    argv: tuple[str, ...]
    status: int | None
    stdout: str
    stderr: str
    timed_out: bool = False
    missing: bool = False
    cut: bool = False

    @property
    def ok(self) -> bool:
        return self.status == 0


@record(frozen=True)
class Vantage:
    """From where we look: convfix's own process, and what the kernel and the C library say of themselves to it.

    ``groups`` are group ids, the effective one first. ``machine`` and ``release`` are uname's; ``libc`` is
    confstr's CS_GNU_LIBC_VERSION, "" where there is none. ``folder`` is None when it was deleted under us.
    """

    uid: int
    groups: tuple[int, ...]
    machine: str
    release: str
    libc: str
    folder: str | None
    python: str


class Host(Protocol):
    """A machine to look at. Paths below SYSTEM_FOLDERS are read below ``--sys-root`` when one is given."""

    sys_root: str | None
    timeout: float

    @property
    def environ(self) -> Mapping[str, str]: ...

    @property
    def vantage(self) -> Vantage: ...

    @property
    def is_data(self) -> bool:
        """True when a ``--sys-root`` is given: the patient is data then, and is never run."""

    @property
    def remembers(self) -> bool:
        """Whether what was read of files may be kept between runs: not of a recorded or described machine."""

    def read(self, path: str, limit: int = DEFAULT_LIMIT) -> bytes:
        """At most ``limit`` bytes of a regular file; raises OSError."""

    def read_at(self, path: str, offset: int, size: int) -> bytes:
        """``size`` bytes of a regular file from ``offset`` on, fewer at its end; raises OSError."""

    def text(self, path: str, limit: int = DEFAULT_LIMIT) -> str | None:
        """The file as text with undecodable bytes replaced, or None when it cannot be read."""
        try:
            return self.read(path, limit).decode("utf-8", "replace")
        except (OSError, ValueError):
            return None

    def entries(self, path: str) -> tuple[str, ...]:
        """The sorted names in a folder; empty when it cannot be read."""

    def exists(self, path: str) -> bool:
        return self.stat(path) is not None

    def is_dir(self, path: str) -> bool:
        found = self.stat(path)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def stat(self, path: str) -> os.stat_result | None:
        """The file's status, links followed; None when there is none."""

    def may_write(self, path: str) -> bool:
        """Whether this user may write to a file or into a folder."""

    def real_path(self, path: str) -> str:
        """``path`` with links resolved, as the machine names it (without the sys-root)."""

    def which(self, name: str) -> str | None:
        """The first executable ``name`` on PATH, or one that lies beside convfix's own Python."""

    def disk_free(self, path: str) -> int | None:
        """Free bytes for this user on the filesystem of ``path``."""

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
        """Run ``argv`` (no shell) in its own process group and wait at most ``timeout`` seconds.

        ``environ`` replaces the child's environment. ``tee`` gets the text of both streams as it comes.
        ``meanwhile`` is called once while the child runs, for a child that writes little; then the waiting begins.
        """
