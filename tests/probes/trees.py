"""Small recorded file trees for probes: what a machine shows, written below a folder of the test's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fixer.host.real import RealHost

Content = str | bytes | None
LINK = "-> "


def plant(root: Path, files: Mapping[str, Content]) -> Path:
    """Write ``files`` below ``root``: text or bytes, None for a folder, "-> target" for a link."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        elif isinstance(content, str) and content.startswith(LINK):
            path.symlink_to(content.removeprefix(LINK))
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def described(root: Path, files: Mapping[str, Content], environ: Mapping[str, str] | None = None) -> RealHost:
    """A host whose system folders are ``files``."""
    plant(root, files)
    return RealHost(environ=dict(environ or {"PATH": "/usr/bin"}), sys_root=str(root), timeout=5)


def live(environ: Mapping[str, str] | None = None, timeout: float = 5, **changes: str | None) -> RealHost:
    """This machine, with this process's variables and these changes."""
    made = dict(os.environ if environ is None else environ)
    for name, value in changes.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value
    return RealHost(environ=made, timeout=timeout)


def script(path: Path, body: str) -> Path:
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + body + "\n")
    path.chmod(0o755)
    return path


ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
