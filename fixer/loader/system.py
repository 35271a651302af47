"""This machine's dynamic loader: which folders are built into it and which subfolders it tries in each.

The unit is ``System``. The distribution decides these things when it builds glibc, so they are learnt from
the loader itself: ``ld.so --list PROGRAM`` with LD_DEBUG=libs prints every folder that it would try, and
runs nothing of the program. Works alike for glibc 2.17 to 2.4x (the --list-diagnostics of 2.33 does not).
"""

from __future__ import annotations

import re
from typing import Mapping

from fixer.host.base import Host
from fixer.model.record import record

DEFAULT_LOADER = "/lib64/ld-linux-x86-64.so.2"
# Variables that change which subfolders the loader tries.
PASSED_ON = ("GLIBC_TUNABLES", "LD_HWCAP_MASK")
_MARK = "/convfix-nowhere"
_LINE = re.compile(r"^[ \t]*\d+:[ \t]+search path=(\S*)[ \t]+\((.*)\)[ \t]*$", re.MULTILINE)


@record(frozen=True)
class System:
    """What is built into a loader.

    ``folders`` are the default ones, each with a slash at its end. ``subfolders`` are tried in every folder
    before the folder itself, in this order ("glibc-hwcaps/x86-64-v3/"). ``learnt`` is False when the loader
    could not be asked and the values are the distribution family's usual ones.
    """

    folders: tuple[str, ...]
    subfolders: tuple[str, ...] = ()
    lib: str = "lib64"
    platform: str | None = "x86_64"
    learnt: bool = False

    @property
    def hwcaps(self) -> tuple[str, ...]:
        """The active glibc-hwcaps names, best first."""
        start = "glibc-hwcaps/"
        return tuple(folder[len(start) : -1] for folder in self.subfolders if folder.startswith(start))

    @property
    def legacy(self) -> tuple[str, ...]:
        """The active names of the scheme before glibc 2.37 (tls, haswell, x86_64)."""
        names = (name for folder in self.subfolders if not folder.startswith("glibc-hwcaps/") for name in folder.split("/"))
        return tuple(dict.fromkeys(name for name in names if name))


def learn(host: Host, loader: str, program: str, variables: Mapping[str, str]) -> System:
    """Ask ``loader`` by having it list ``program`` (a dynamic executable); ``usual`` where it does not answer."""
    if host.is_data:
        return usual(host)
    environ = {name: variables[name] for name in PASSED_ON if name in variables}
    environ.update({"LD_DEBUG": "libs", "LC_ALL": "C"})
    search = f"{_MARK}/$LIB:{_MARK}-platform/${{PLATFORM}}"
    ran = host.run(
        [loader, "--inhibit-cache", "--library-path", search, "--list", program], environ=environ, timeout=5.0
    )
    return parse(ran.stderr + "\n" + ran.stdout) or usual(host)


def parse(text: str) -> System | None:
    """What the loader's own search lines say; None when they do not say enough."""
    subfolders: tuple[str, ...] | None = None
    lib, platform = "", None
    folders: dict[str, None] = {}
    for paths, label in _LINE.findall(text):
        parts = paths.split(":")
        marked = [part for part in parts if part.startswith(_MARK + "/")]
        if marked and subfolders is None:
            plain = marked[-1]
            lib = plain[len(_MARK) + 1 :]
            # Two legacy capabilities may share a name: the folder is then printed twice and counts once.
            subfolders = tuple(dict.fromkeys(part[len(plain) + 1 :] + "/" for part in marked[:-1]))
            others = [part for part in parts if part.startswith(_MARK + "-platform/")]
            platform = others[-1][len(_MARK) + 10 :] if others else None
        elif "system search path" in label:
            folders.update(dict.fromkeys(parts))
    if subfolders is None or not lib:
        return None
    tails = tuple("/" + subfolder.rstrip("/") for subfolder in subfolders)
    system = tuple(folder + "/" for folder in folders if folder and not folder.endswith(tails))
    return System(system, subfolders, lib, platform, learnt=True) if system else None


def usual(host: Host) -> System:
    """The default folders that the file tree suggests: Debian's multiarch ones, or those of Fedora, SUSE and Arch."""
    if host.is_dir("/usr/lib/x86_64-linux-gnu"):
        folders = ("/lib/x86_64-linux-gnu/", "/usr/lib/x86_64-linux-gnu/", "/lib/", "/usr/lib/")
        return System(folders, lib="lib/x86_64-linux-gnu")
    return System(("/lib64/", "/usr/lib64/"))
