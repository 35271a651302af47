"""A recording stand-in of conda, mamba and micromamba: it writes down how it was called and lets py-rattler do the work.

The unit is ``put``: three programs in a folder that share one log and one channel. A machine's GPU is what
CONDA_OVERRIDE_CUDA says, as for a build machine. Only the calls that convfix makes are understood.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

NAMES = ("conda", "mamba", "micromamba")
_WITH_VALUE = ("--prefix", "--channel", "--file")


def put(folder: Path, channel: Path, log: Path) -> Path:
    """The folder of the three programs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        path = folder / name
        path.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{__file__}' '{channel}' '{log}' {name} \"$@\"\n")
        path.chmod(0o755)
    return folder


def calls(log: Path) -> list[dict[str, Any]]:
    """What was called, in order: the program's name and arguments, and the CUDA it was told."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def main(arguments: list[str]) -> int:
    channel, log, name, *argv = arguments
    with open(log, "a") as file:
        file.write(json.dumps({"argv": [name, *argv], "cuda": os.environ.get("CONDA_OVERRIDE_CUDA")}) + "\n")
    given: dict[str, str] = {}
    words, flags = [], set()
    rest = iter(argv[1:])
    for word in rest:
        if word in _WITH_VALUE:
            given[word] = next(rest)
        elif word.startswith("--"):
            flags.add(word)
        else:
            words.append(word)
    return asyncio.run(_do(argv[0], Path(given["--prefix"]), Path(channel), words, given.get("--file"), flags))


async def _do(verb: str, prefix: Path, channel: Path, words: list[str], file: str | None, flags: set[str]) -> int:
    import rattler

    from tests.conda_channel import NoSolution, records

    there = {one["name"]: one for one in map(json.loads, (path.read_text() for path in prefix.glob("conda-meta/*.json")))}
    if verb == "list":
        print("@EXPLICIT", *(one["url"] for one in there.values()), sep="\n")
        return 0
    if file is not None:
        names = [line.rpartition("/")[2].removesuffix(".tar.bz2").rsplit("-", 2) for line in Path(file).read_text().splitlines()[1:]]
        wanted = [f"{name}=={version}={build}" for name, version, build in names]
    elif verb == "remove":
        wanted = [f"{name}=={one['version']}={one['build']}" for name, one in there.items() if name not in words]
    else:
        kept = {name for name in there if name not in {word.partition("=")[0] for word in words}}
        wanted = [*(f"{name}=={there[name]['version']}" for name in kept), *words]
    cuda = os.environ.get("CONDA_OVERRIDE_CUDA")
    try:
        found = await records(channel, wanted, {"__cuda": cuda} if cuda else {})
    except NoSolution as error:
        print(error, file=sys.stderr)
        return 1
    if "--dry-run" in flags:
        return 0
    await rattler.install(found, target_prefix=str(prefix), cache_dir=str(channel / "cache"), show_progress=False)
    if verb == "create":
        base = getattr(sys, "_base_executable", sys.executable)
        subprocess.run([base, "-m", "venv", "--without-pip", str(prefix)], check=True)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.conda_channel import leave

    leave(main(sys.argv[1:]))
