"""A conda channel of tiny packages on disk, and conda's own solver (resolvo, by py-rattler) asked about it.

The unit is ``Channel``. Virtual packages are given, never looked for, so that a test says for which machine it asks.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rattler


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

    def _write(self) -> None:
        for subdir, packages in self.records.items():
            folder = self.folder / subdir
            folder.mkdir(parents=True, exist_ok=True)
            document = {"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}, "repodata_version": 1}
            (folder / "repodata.json").write_text(json.dumps(document))

    async def solve(self, specs: Sequence[str], virtual: Mapping[str, str] | None = None) -> dict[str, str]:
        """Names to versions of the solution; raises rattler's SolverError where there is none."""
        return {one.name.normalized: str(one.version) for one in await self.records_of(specs, virtual)}

    async def records_of(self, specs: Sequence[str], virtual: Mapping[str, str] | None = None) -> list[Any]:
        """The solution's records, for ``install``."""
        given = {"__glibc": "2.36", "__linux": "6.1", "__unix": "0", **(virtual or {})}
        packages = [
            rattler.GenericVirtualPackage(rattler.PackageName(name), rattler.Version(version), _build("0"))
            for name, version in given.items()
        ]
        found: list[Any] = await rattler.solve(
            [rattler.Channel(f"file://{self.folder}")], list(specs), platforms=["linux-64", "noarch"], virtual_packages=packages
        )
        return found


def _build(text: str) -> Any:
    kind = getattr(getattr(rattler, "package", None), "build_string", None)
    return kind.BuildString(text) if kind is not None else text
