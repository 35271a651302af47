"""What a program does to files, programs and the network, as strace sees it, its children included.

The unit is ``Watched``, from one run: the programs started in their order, the paths that were changed or opened for
writing (absolute, with the process that did it), and who connected to an address. Reading is not looked at,
nor are sockets of this machine's own (AF_UNIX), by which the C library asks for a user's name.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import patients

_CALLS = (
    "execve", "openat", "open", "creat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "link",
    "linkat", "symlink", "symlinkat", "truncate", "chmod", "fchmodat", "fchmodat2", "lchown", "fchownat", "chown", "utimensat",
    "setxattr", "connect", "sendto", "chdir",
)  # fmt: skip
_STRING = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(r"(?P<at>[\d.]+) (?P<name>\w+)\((?P<rest>.*)\) += (?P<result>-?\d+)")
_AT = re.compile(r"(?:AT_FDCWD|\d+)<(?P<folder>[^>]*)>, " + _STRING)
_FAMILY = re.compile(r"sa_family=(AF_\w+)")


@dataclass
class Watched:
    """See the module. ``programs`` are (process, argv), ``changes`` (process, path), ``connected`` (process, family)."""

    status: int
    out: str
    err: str
    programs: list[tuple[int, list[str]]] = field(default_factory=list)
    changes: list[tuple[int, str]] = field(default_factory=list)
    connected: list[tuple[int, str]] = field(default_factory=list)

    def changed(self, *apart: str | os.PathLike[str]) -> set[str]:
        """The paths changed by any process, devices and what lies in the folders ``apart`` left out."""
        folders = ("/dev/", "/proc/", "pipe:", "socket:", *(os.fspath(one).rstrip("/") + "/" for one in apart))
        tops = {os.fspath(one).rstrip("/") for one in apart}
        return {path for _, path in self.changes if not path.startswith(folders) and path not in tops}


def watch(argv: Sequence[str], folder: Path, env: Mapping[str, str], cwd: Path) -> Watched:
    """Run ``argv`` under strace, whose logs go into the empty ``folder``."""
    folder.mkdir(parents=True)
    command = [patients.need("strace"), "-ff", "-ttt", "-qq", "-y", "-v", "-s", "100000", "-e", "trace=" + ",".join(f"?{call}" for call in _CALLS), "-o", str(folder / "log")]
    done = subprocess.run([*command, *argv], capture_output=True, text=True, env=env, cwd=cwd, stdin=subprocess.DEVNULL)
    seen = Watched(done.returncode, done.stdout, done.stderr)
    started = []
    for log in folder.glob("log.*"):
        process = int(log.suffix[1:])
        here = str(cwd)
        for match in _lines(log):
            name, rest, result = match["name"], match["rest"], int(match["result"])
            if name == "connect" or (name == "sendto" and "sa_family" in rest):
                seen.connected += [(process, family) for family in _FAMILY.findall(rest) if family != "AF_UNIX"]
            elif result < 0:
                continue
            elif name == "execve":
                started.append((float(match["at"]), process, _texts(rest[rest.index("[") : _end_of_list(rest)])))
            elif name == "chdir":
                here = os.path.normpath(os.path.join(here, _texts(rest)[0]))
            elif name not in ("openat", "open", "creat") or re.search(r"O_WRONLY|O_RDWR|O_CREAT", rest):
                seen.changes += [(process, path) for path in _paths(name, rest, here)]
    seen.programs = [(process, argv) for _, process, argv in sorted(started)]
    return seen


def _lines(log: Path) -> Iterator[re.Match[str]]:
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is not None:
            yield match


def _paths(name: str, rest: str, here: str) -> list[str]:
    """The absolute paths that a changing call names; a symbolic link's target is none."""
    pairs = [(_text(match["folder"]), _text(match[2])) for match in _AT.finditer(rest)]
    if not pairs:
        pairs = [(here, text) for text in _texts(rest)]
    if name == "symlink":
        pairs = pairs[1:]
    if name in ("setxattr", "utimensat", "chmod", "truncate"):
        pairs = pairs[:1]
    return [os.path.normpath(os.path.join(folder, path)) for folder, path in pairs]


def _texts(rest: str) -> list[str]:
    return [_text(one) for one in re.findall(_STRING, rest)]


def _text(quoted: str) -> str:
    return bytes(ast.literal_eval(f'b"{quoted}"')).decode("utf-8", "surrogateescape")


def _end_of_list(rest: str) -> int:
    """Where the first list of an execve ends."""
    inside = False
    at = rest.index("[")
    while at < len(rest):
        if rest[at] == "\\":
            at += 1
        elif rest[at] == '"':
            inside = not inside
        elif rest[at] == "]" and not inside:
            return at
        at += 1
    return at
