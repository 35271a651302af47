"""The ground: operating system, distribution, kernel, C library, container, WSL2, processor, Secure Boot.

The unit is ``observe(host) -> dict`` of fields of Facts. It reads files of /etc, /proc and /sys; it runs
nothing. What the GPU or the driver is stands elsewhere.
"""

from __future__ import annotations

import os
import re
from typing import Any

from fixer.host.base import Host
from fixer.model.facts import Distro
from fixer.model.observed import Observed, absent, found, unknown
from fixer.probes.plain import assignments, clean, line

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
EFI = "/sys/firmware/efi"
SECURE_BOOT = f"{EFI}/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
WSL_FOLDER = "/usr/lib/wsl/lib"
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_CGROUP_WORDS = {
    "docker": "docker",
    "kubepods": "kubernetes",
    "libpod": "podman",
    "lxc": "lxc",
    "containerd": "containerd",
}
_CONTAINER_MARKS = {
    "/run/.toolboxenv": "toolbox", "/.flatpak-info": "flatpak", "/.dockerenv": "docker", "/run/.containerenv": "podman",
}  # fmt: skip
_DISTROBOX = "/usr/bin/distrobox-export"
_LIBC_FOLDERS = ("/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib/aarch64-linux-gnu", "/usr/lib", "/lib")
_LIBC_BANNER = re.compile(rb"GNU C Library [^\n]{0,80}? version (\d\.\d{1,3}(?:\.\d{1,3})?)")
_LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/usr/lib/ld-linux-x86-64.so.2")


def observe(host: Host) -> dict[str, Observed[Any]]:
    """The system's part of Facts, by field name."""
    container = container_of(host)
    return {
        "os": found("linux", "sys.platform"),
        "distro": _distro(host),
        "arch": _arch(host),
        "glibc": _glibc(host),
        "kernel": _kernel(host),
        "wsl": is_wsl(host),
        "container": container,
        "secure_boot": _secure_boot(host),
        "cpu_flags": _cpu_flags(host),
        "root": found(host.vantage.uid == 0, "effective user id"),
    }


def _distro(host: Host) -> Observed[Distro]:
    for path in OS_RELEASE:
        text = host.text(path, 65536)
        if text is None:
            continue
        values = assignments(text)
        # os-release(5): lower case, no spaces; without ID the default is "linux".
        name = clean(values.get("ID", "linux").lower())
        if not re.fullmatch(r"[a-z0-9._-]{1,60}", name):
            return unknown(f"ID in {path} is no distribution's name: {name!r}", path)
        version = clean(values.get("VERSION_ID", "")) or None
        return found(Distro(name, version, tuple(clean(values.get("ID_LIKE", "")).lower().split())), path)
    return unknown("there is no os-release file", *OS_RELEASE)


def _arch(host: Host) -> Observed[str]:
    if host.is_data:
        loaders = {"/lib64/ld-linux-x86-64.so.2": "x86_64", "/lib/ld-linux-aarch64.so.1": "aarch64"}
        for path, machine in loaders.items():
            if host.exists(path):
                return found(machine, path)
        if host.exists("/lib/x86_64-linux-gnu") or host.exists("/usr/lib/x86_64-linux-gnu"):
            return found("x86_64", "/usr/lib/x86_64-linux-gnu")
        return unknown("no loader's file tells the architecture", *loaders)
    machine = host.vantage.machine
    return found(_MACHINES.get(machine, machine), "uname")


def _kernel(host: Host) -> Observed[str]:
    release = line(host, "/proc/sys/kernel/osrelease")
    if release:
        return found(clean(release), "/proc/sys/kernel/osrelease")
    words = (line(host, "/proc/version") or "").split()
    if len(words) > 2 and words[:2] == ["Linux", "version"]:
        return found(clean(words[2]), "/proc/version")
    if not host.is_data:
        return found(host.vantage.release, "uname")
    return unknown("neither file says it", "/proc/sys/kernel/osrelease", "/proc/version")


def is_wsl(host: Host) -> Observed[bool]:
    """WSL2: Microsoft's kernel, whose GPU is /dev/dxg and never a PCI device."""
    version = (host.text("/proc/version", 4096) or "") + (line(host, "/proc/sys/kernel/osrelease") or "")
    if "microsoft" in version.lower():
        seen = [path for path in ("/dev/dxg", WSL_FOLDER) if host.exists(path)]
        return found(True, "/proc/version", *seen)
    if host.exists("/dev/dxg") and host.exists(WSL_FOLDER):
        return found(True, "/dev/dxg", WSL_FOLDER)
    if not version:
        return unknown("the kernel's version cannot be read", "/proc/version")
    return found(False, "/proc/version")


def container_of(host: Host) -> Observed[str]:
    """What kind of container this is, by what each leaves in it; absent where nothing tells of one."""
    for path, name in _CONTAINER_MARKS.items():
        if host.exists(path):
            # distrobox puts its own program into a container of docker's or podman's, and its home and life are the host's.
            boxed = name in ("docker", "podman") and host.exists(_DISTROBOX) and bool(host.environ.get("CONTAINER_ID"))
            return found("distrobox", path, _DISTROBOX) if boxed else found(name, path)
    if not host.is_data:
        if host.environ.get("KUBERNETES_SERVICE_HOST"):
            return found("kubernetes", "KUBERNETES_SERVICE_HOST")
        name = clean(host.environ.get("container", ""))
        if name:
            return found(name, "variable container")
        if host.environ.get("APPTAINER_CONTAINER") or host.environ.get("SINGULARITY_CONTAINER"):
            return found("apptainer", "APPTAINER_CONTAINER")
    marker = line(host, "/run/systemd/container")
    if marker and marker != "wsl":
        return found(clean(marker), "/run/systemd/container")
    groups = host.text("/proc/1/cgroup", 65536)
    for word, name in _CGROUP_WORDS.items():
        if groups and word in groups:
            return found(name, "/proc/1/cgroup")
    return absent("/.dockerenv", "/run/.containerenv", "/run/systemd/container", "/proc/1/cgroup")


def _secure_boot(host: Host) -> Observed[bool]:
    try:
        value = host.read(SECURE_BOOT, 16)
    except (OSError, ValueError):
        value = b""
    # Four bytes of attributes, then the value (UEFI specification, "SecureBoot").
    if len(value) == 5:
        return found(value[4] == 1, SECURE_BOOT)
    if host.exists(EFI):
        return unknown("the firmware's variables cannot be read here", SECURE_BOOT)
    # A container often has an empty /sys/firmware: that says nothing of the machine.
    if host.entries("/sys/firmware"):
        return found(False, EFI, detail="not started by UEFI")
    return unknown("/sys/firmware is empty or hidden", EFI)


def _cpu_flags(host: Host) -> Observed[tuple[str, ...]]:
    text = host.text("/proc/cpuinfo", 65536) or ""
    match = re.search(r"^(?:flags|Features)[ \t]*:[ \t]*(.*)$", text, re.MULTILINE)
    flags = (
        tuple(sorted({flag for flag in match.group(1).split() if re.fullmatch(r"[a-z0-9_]{1,40}", flag)}))
        if match
        else ()
    )
    return found(flags, "/proc/cpuinfo") if flags else unknown("it lists no flags", "/proc/cpuinfo")


def _glibc(host: Host) -> Observed[str]:
    if not host.is_data:
        name, _, version = host.vantage.libc.partition(" ")
        if name == "glibc" and re.fullmatch(r"\d\.\d{1,3}(\.\d{1,3})?", version):
            return found(version, "confstr CS_GNU_LIBC_VERSION")
    for folder in _LIBC_FOLDERS:
        path = f"{folder}/libc.so.6"
        # Before 2.34 the file behind the link carries the version: libc-2.31.so.
        named = re.fullmatch(r"libc-(\d\.\d{1,3})\.so", os.path.basename(host.real_path(path)))
        if named and host.exists(path):
            return found(named.group(1), path)
        try:
            banner = _LIBC_BANNER.search(host.read(path))
        except (OSError, ValueError):
            continue
        if banner:
            return found(banner.group(1).decode(), path)
    return _without_glibc(host)


def _without_glibc(host: Host) -> Observed[str]:
    musl = [name for name in host.entries("/lib") if name.startswith("ld-musl-")]
    if musl and not any(host.exists(path) for path in _LOADERS):
        return absent(f"/lib/{musl[0]}", detail="the C library is musl")
    return unknown("no libc.so.6 tells its version", *(f"{folder}/libc.so.6" for folder in _LIBC_FOLDERS[:2]))
