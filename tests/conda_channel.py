"""A conda channel of tiny packages on disk, and conda's own solver (resolvo, by py-rattler) asked about it.

The unit is ``Channel``. Virtual packages are given, never looked for, so that a test says for which machine it asks.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn


class NoSolution(Exception):
    """The solver found none."""


class Channel:
    """A folder of packages with its repodata."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[str, dict[str, Any]] = {"linux-64": {}, "noarch": {}}

    def add(
        self,
        name: str,
        version: str,
        build: str = "0",
        depends: Sequence[str] = (),
        constrains: Sequence[str] = (),
        files: Mapping[str, bytes] | None = None,
        number: int = 0,
        features: str = "",
    ) -> None:
        """Write one package and list it."""
        index = {
            "name": name, "version": version, "build": build, "build_number": number, "depends": list(depends),
            "constrains": list(constrains), "subdir": "linux-64", "arch": "x86_64", "platform": "linux", "license": "MIT",
        }  # fmt: skip
        if features:
            index["track_features"] = features
        content = dict(files or {f"share/{name}.txt": version.encode()})
        place = self.folder / "linux-64" / f"{name}-{version}-{build}.tar.bz2"
        place.parent.mkdir(parents=True, exist_ok=True)
        paths = [
            {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(), "size_in_bytes": len(data)}
            for path, data in content.items()
        ]
        content["info/index.json"] = json.dumps(index).encode()
        content["info/paths.json"] = json.dumps({"paths": paths, "paths_version": 1}).encode()
        with tarfile.open(place, "w:bz2") as archive:
            for path, data in content.items():
                member = tarfile.TarInfo(path)
                member.size, member.mode = len(data), 0o755
                archive.addfile(member, io.BytesIO(data))
        data = place.read_bytes()
        listed = {**index, "md5": hashlib.md5(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        self.records["linux-64"][place.name] = listed
        self._write()

    def add_pythons(self) -> None:
        """Python 3.8 to 3.14, each with pip."""
        for minor in range(8, 15):
            self.add("python", f"3.{minor}.5", depends=["pip"])
        self.add("pip", "24.0")

    def _write(self) -> None:
        for subdir, packages in self.records.items():
            folder = self.folder / subdir
            folder.mkdir(parents=True, exist_ok=True)
            document = {"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}, "repodata_version": 1}
            (folder / "repodata.json").write_text(json.dumps(document))

    def solve(self, specs: Sequence[str], virtual: Mapping[str, str] | None = None) -> dict[str, tuple[str, str]]:
        """Names to version and build of the solution; raises NoSolution with the solver's own words where there is none.

        The solver runs in a child: its threads do not always survive the end of an interpreter.
        """
        asked = json.dumps({"specs": list(specs), "virtual": dict(virtual or {})})
        command = [sys.executable, __file__, str(self.folder)]
        done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise NoSolution(done.stderr.strip() or f"exit status {done.returncode}")
        return {name: (version, build) for name, version, build in json.loads(done.stdout)}


async def records(folder: Path, specs: Sequence[str], virtual: Mapping[str, str]) -> list[Any]:
    """The solution's records; raises NoSolution. For a child alone."""
    import rattler
    from rattler.exceptions import SolverError
    from rattler.package.build_string import BuildString

    given = {"__glibc": "2.36", "__linux": "6.1", "__unix": "0", **virtual}
    packages = [
        rattler.GenericVirtualPackage(rattler.PackageName(name), rattler.Version(version), BuildString("0"))
        for name, version in given.items()
    ]
    # Lenient as conda's own command line is, which takes name=version=build.
    wanted = [rattler.MatchSpec(text, strict=False) for text in specs]
    place = [rattler.Channel(f"file://{folder}")]
    try:
        return list(await rattler.solve(place, wanted, platforms=["linux-64", "noarch"], virtual_packages=packages))
    except SolverError as error:
        raise NoSolution(str(error)) from error


def _main() -> int:
    asked = json.load(sys.stdin)
    try:
        found = asyncio.run(records(Path(sys.argv[1]), asked["specs"], asked["virtual"]))
    except NoSolution as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps([(one.name.normalized, str(one.version), str(one.build)) for one in found]))
    return 0


def leave(code: int) -> NoReturn:
    """End this process at once, without the solver's threads."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(_main())
