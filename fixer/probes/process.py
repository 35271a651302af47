"""A running process of the patient: its interpreter, its variables, and the libraries that it has mapped.

The unit is a ``Running``. The kernel tells all of it (/proc/PID), and nothing of the process is run, stopped or
changed. What a process has mapped is no prediction: where it differs from ours, the process is right.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import Callable, Iterable, Iterator, Mapping

from fixer.dataset.questions import Dataset
from fixer.errors import UsageError
from fixer.host.base import Host
from fixer.model.facts import Mapped, Process, Resolution
from fixer.model.observed import Observed, found
from fixer.model.record import record
from fixer.probes.plain import clean, is_executable, split_folders

_LIMIT = 16 << 20
# address perms offset dev inode path (proc(5)); the kernel writes a newline in a path as \012.
_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ [0-9a-f]+ \S+ \d+ +(/.*)$", re.MULTILINE)
# NAME=value between NULs; what has no name is none.
_VARIABLE = re.compile(rb"(?<![^\0])([^=\0]+)=([^\0]*)")
_DELETED = " (deleted)"
_SITE = re.compile(r"^(/.*)/lib(?:64)?/python3\.\d{1,2}/(?:site|dist)-packages/")


@record(frozen=True)
class Running:
    """Where the process stands: ``python`` is its interpreter, ``environ`` what it was started with.

    ``shell_folders`` are those of our own LD_LIBRARY_PATH that the process does not have.
    """

    pid: int
    python: str
    environ: Mapping[str, str]
    folder: str | None
    mapped: tuple[str, ...]
    shell_folders: tuple[str, ...] = ()


def look(host: Host, pid: int) -> Running:
    """The process ``pid``; raises UsageError when there is none, when it is not ours, or when it is no Python."""
    base = f"/proc/{pid}"
    if not host.exists(base):
        hidden = "" if host.vantage.uid == 0 else "where /proc is mounted with hidepid, another user's process is not seen"
        raise UsageError("no-such-process", f"--pid {pid}: there is no such process", hidden)
    try:
        environ = _environ(host.read(f"{base}/environ", _LIMIT))
        mapped = tuple(dict.fromkeys(_paths(host.read(f"{base}/maps", _LIMIT).decode("utf-8", "surrogateescape"))))
        words = [os.fsdecode(word) for word in host.read(f"{base}/cmdline", 1 << 16).split(b"\0")]
    except OSError as error:
        why = "it belongs to another user" if isinstance(error, PermissionError) else error.strerror or "it cannot be read"
        raise UsageError("process-not-ours", f"--pid {pid}: {why}", "ask its owner to run convfix") from None
    folder = host.real_path(f"{base}/cwd")
    program = host.real_path(f"{base}/exe")
    python = _python(host, program, words[0] if words else "", environ, folder, mapped)
    if python is None:
        raise UsageError("not-a-python", f"--pid {pid}: {clean(program)} is no Python that can be asked")
    cwd = folder if host.is_dir(folder) else None
    own = split_folders(environ.get("LD_LIBRARY_PATH"), cwd)
    ours = split_folders(host.environ.get("LD_LIBRARY_PATH"), host.vantage.folder)
    return Running(pid, python, environ, cwd, mapped, tuple(one for one in ours if one not in own))


def _environ(content: bytes) -> dict[str, str]:
    return {os.fsdecode(pair[1]): os.fsdecode(pair[2]) for pair in _VARIABLE.finditer(content)}


def _paths(text: str) -> Iterator[str]:
    for path in _MAPPING.findall(text):
        yield path.replace("\\012", "\n")


def _python(host: Host, program: str, first: str, environ: Mapping[str, str], folder: str, mapped: Iterable[str]) -> str | None:
    """The interpreter by which the process found its packages: the name it was started by, which leads to its program.

    A launcher that hides that name (a zygote, setproctitle) leaves the folder from which packages are mapped.
    """
    if not posixpath.basename(program).startswith("python"):
        return None
    named = first if first.startswith("/") else posixpath.join(folder, first) if "/" in first else None
    searched = [posixpath.join(one, first) for one in environ.get("PATH", "").split(":") if one.startswith("/")] if first else []
    inside = dict.fromkeys(match.group(1) for match in map(_SITE.match, mapped) if match)
    for path in (*([named] if named else searched), *(f"{prefix}/bin/python" for prefix in inside)):
        if is_executable(host, path) and host.real_path(path) == program:
            return posixpath.normpath(path)
    return program if is_executable(host, program) else None


def observe(host: Host, running: Running, dataset: Dataset) -> Observed[Process]:
    """The libraries that we know among those that the process has mapped."""
    names = {soname: row.name for row in dataset.libraries() for soname in row.sonames}
    made = []
    for path in running.mapped:
        gone = path.endswith(_DELETED)
        plain = path[: -len(_DELETED)] if gone else path
        base = posixpath.basename(plain)
        soname = next((one for one in names if base == one or base.startswith(one + ".")), None)
        if soname is not None or base.startswith("libtensorflow_framework.so"):
            made.append(Mapped(soname or base, plain, gone))
    reached: dict[str, str] = {}
    for folder in running.shell_folders:
        for entry in host.entries(folder):
            if entry in names:
                reached.setdefault(entry, posixpath.join(folder, entry))
    return found(Process(running.pid, running.python, tuple(made), reached), f"/proc/{running.pid}/maps")


Predict = Callable[[tuple[str, ...]], Observed[tuple[Resolution, ...]]]
"""``predict(before)``: what TensorFlow would get in a process that has loaded ``before``."""


def overlay(host: Host, process: Process, predict: Predict, versions: Mapping[str, str | None]) -> Observed[tuple[Resolution, ...]]:
    """The predicted resolutions with what the process has really mapped put in the winner's place."""
    predicted = predict(())
    if predicted.value is None:
        return predicted
    mapped = {one.soname: one.path for one in process.mapped}
    ways = {one.soname: one.path for one in predicted.value}
    heads = tuple(path for soname, path in mapped.items() if soname.startswith("libcudnn.so.") and not _same(host, path, ways.get(soname)))
    # A part that is not mapped yet is opened by the cuDNN that is: by its search paths, not by those of the one it replaced.
    parts = (predict(heads).value or ()) if heads else predicted.value
    both = [*(one for one in predicted.value if not _is_part(one)), *(one for one in parts if _is_part(one))]
    made = tuple(_overlaid(host, process.pid, one, mapped.get(one.soname), versions) for one in both)
    return found(made, *predicted.via, f"/proc/{process.pid}/maps")


def _is_part(one: Resolution) -> bool:
    return one.soname.startswith("libcudnn_")


def _same(host: Host, path: str, other: str | None) -> bool:
    return other is not None and host.real_path(path) == host.real_path(other)


def _overlaid(host: Host, pid: int, one: Resolution, path: str | None, versions: Mapping[str, str | None]) -> Resolution:
    if path is None or _same(host, path, one.path):
        return one
    known = {**dict(one.passed_over), **versions}
    lost = ((one.path, one.version),) if one.path is not None else ()
    return Resolution(
        one.soname, one.library, one.opened_by, path, known.get(path), f"mapped by process {pid}",
        (*lost, *(copy for copy in one.passed_over if copy[0] != path)), None,
    )  # fmt: skip
