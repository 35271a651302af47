"""Turns project pages and wheel metadata into rows: TensorFlow's distributions, and the packages around them.

The unit is a row as a dict, in the shape of ``fixer.dataset.rows``. What a wheel's metadata cannot
tell (CUDA, cuDNN, search paths) is not here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.parser import HeaderParser
from typing import Any

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from fixer.harvest.index import File, Index

PYTHONS = ("2.7", "3.4", "3.5", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
OLD_MANYLINUX = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}
LINUX = "linux_x86_64"
MAC = "macosx_arm64"
ELSEWHERE = ("linux_aarch64", "macosx_arm64", "macosx_x86_64", "win_amd64")
INDEX_SOURCE = "the package index: file names and METADATA of the wheels"
WHEEL = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(-\d[^-]*)?-(?P<py>[^-]+)-(?P<abi>[^-]+)-(?P<plat>[^-]+)\.whl")
SDIST = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)\.(tar\.gz|zip|tar\.bz2)")
SYSTEMS = {"linux": ("linux", "Linux", "posix"), "win": ("win32", "Windows", "nt"), "macosx": ("darwin", "Darwin", "posix")}


def version_of(file: File) -> Version | None:
    """The release that a file belongs to; None for a name that is no release."""
    match = WHEEL.fullmatch(file.filename) or SDIST.fullmatch(file.filename)
    try:
        return Version(match["version"]) if match else None
    except InvalidVersion:
        return None


def platform_of(tag: str) -> tuple[str, str | None] | None:
    """A platform tag as (platform, glibc that it needs); None for one that no row is kept for (musl)."""
    if tag == "any":
        return "any", None
    for part in tag.split("."):
        if part.startswith("musllinux"):
            return None
        arch = next((a for a in ("x86_64", "aarch64", "arm64", "amd64", "i686", "ppc64le", "s390x") if part.endswith(a)), None)
        if part.startswith("macosx") and arch in ("x86_64", "arm64"):
            return f"macosx_{arch}", None
        if part.startswith("macosx"):
            return "macosx_x86_64", None
        if part.startswith("win"):
            return part, None
        if "linux" in part and arch:
            return f"linux_{arch}", _glibc(tag)
    return None


def _glibc(tag: str) -> str | None:
    needs = []
    for part in tag.split("."):
        stem = part.split("_")[0]
        if stem in OLD_MANYLINUX:
            needs.append(OLD_MANYLINUX[stem])
        elif stem == "manylinux":
            needs.append(".".join(part.split("_")[1:3]))
    return min(needs, key=Version) if needs else None


def pythons_of(file: File) -> list[str]:
    """The CPython versions that a wheel installs on."""
    match = WHEEL.fullmatch(file.filename)
    if match is None:
        return []
    allowed = set()
    for tag in match["py"].split("."):
        number = tag[2:]
        if tag.startswith("cp") and len(number) >= 2 and number.isdigit():
            own = f"{number[0]}.{number[1:]}"
            later = [p for p in PYTHONS if p.startswith("3") and Version(p) >= Version(own)]
            allowed.update(later if "abi3" in match["abi"] else [own])
        elif tag.startswith("py") and len(number) >= 2 and number.isdigit():
            allowed.update(p for p in PYTHONS if p[0] == number[0] and Version(p) >= Version(f"{number[0]}.{number[1:]}"))
        elif tag in ("py2", "py3"):
            allowed.update(p for p in PYTHONS if p[0] == number)
    bound = _specifier(file.requires_python)
    # A Python bound speaks of whole versions: >=3.7.1 still admits a 3.7 of today.
    return [p for p in PYTHONS if p in allowed and (not bound or f"{p}.99" in bound or p in bound)]


def _specifier(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text) if text else None
    except InvalidSpecifier:
        return None


def requirements(metadata: str) -> list[Requirement]:
    """The Requires-Dist lines that can be read."""
    made = []
    for line in HeaderParser().parsestr(metadata.split("\n\n", 1)[0]).get_all("Requires-Dist") or []:
        try:
            made.append(Requirement(line))
        except InvalidRequirement:
            continue
    return made


def bounds(needs: Iterable[Requirement], platform: str, python: str, extra: str = "") -> dict[str, str]:
    """What ``needs`` asks for on a platform and Python, of the base (or of one extra alone), as name -> specifier."""
    found: dict[str, list[str]] = {}
    for need in needs:
        asked = _holds(need, platform, python, "")
        if (asked and not extra) or (extra and not asked and _holds(need, platform, python, extra)):
            found.setdefault(canonicalize_name(need.name), []).extend(map(str, need.specifier))
    return {name: ",".join(sorted(set(parts))) for name, parts in sorted(found.items())}


def _holds(need: Requirement, platform: str, python: str, extra: str) -> bool:
    if need.marker is None:
        return True
    stem = platform.split("_")[0]
    system = SYSTEMS.get("win" if stem.startswith("win") else stem, SYSTEMS["linux"])
    machine = {"amd64": "AMD64", "win32": "x86"}.get(platform.split("_", 1)[-1], platform.split("_", 1)[-1])
    environment = {
        "python_version": python, "python_full_version": f"{python}.9", "implementation_name": "cpython",
        "implementation_version": f"{python}.9", "platform_python_implementation": "CPython", "platform_release": "",
        "platform_version": "", "sys_platform": system[0], "platform_system": system[1], "os_name": system[2],
        "platform_machine": "x86_64" if platform in ("any", "source") else machine, "extra": extra,
    }  # fmt: skip
    try:
        return need.marker.evaluate(environment)
    except UndefinedEnvironmentName:
        return False


def dependency_fields(metadata: str, platform: str, pythons: list[str]) -> dict[str, Any]:
    """``bounds`` for the oldest Python, ``python_bounds`` where a newer one differs, and ``extras``."""
    needs = requirements(metadata)
    if not needs or not pythons:
        return {}
    fields: dict[str, Any] = {"bounds": bounds(needs, platform, pythons[0])}
    others = {}
    for python in pythons[1:]:
        own = bounds(needs, platform, python)
        if own != fields["bounds"]:
            changed = {name: spec for name, spec in own.items() if fields["bounds"].get(name) != spec}
            if changed:
                others[python] = changed
    if others:
        fields["python_bounds"] = others
    names = sorted({extra for need in needs for extra in _extras_of(need)})
    extras = {name: bounds(needs, platform, pythons[-1], name) for name in names}
    if any(extras.values()):
        fields["extras"] = {name: spec for name, spec in extras.items() if spec}
    return fields


def _extras_of(need: Requirement) -> list[str]:
    return re.findall(r"extra\s*==\s*[\"']([^\"']+)[\"']", str(need.marker)) if need.marker else []


Families = dict[tuple[Version, str], list[File]]


def wheel_families(files: Iterable[File]) -> Families:
    """The files of a project by release and platform; a release with a source archive alone is platform "source"."""
    families: dict[tuple[Version, str], list[File]] = {}
    sources: dict[Version, File] = {}
    for file in files:
        version = version_of(file)
        match = WHEEL.fullmatch(file.filename)
        if version is None:
            continue
        if match is None:
            sources.setdefault(version, file)
            continue
        place = platform_of(match["plat"])
        if place is not None:
            families.setdefault((version, place[0]), []).append(file)
    having = {version for version, _ in families}
    families.update({(version, "source"): [file] for version, file in sources.items() if version not in having})
    return families


def newest_python(family: list[File]) -> File:
    """The file of a family for the newest Python: the one wheel that is read for all."""
    return max(family, key=lambda file: (len(pythons_of(file)) and PYTHONS.index(pythons_of(file)[-1]), file.filename))


def family_pythons(family: list[File]) -> list[str]:
    """The Pythons that a family's wheels install on, oldest first."""
    every = {python for file in family for python in pythons_of(file)}
    return [python for python in PYTHONS if python in every]


def tensorflow_rows(index: Index, distribution: str) -> dict[str, list[dict[str, Any]]]:
    """Every release of a TensorFlow distribution: version -> one row per platform."""
    families = wheel_families(index.project(distribution))
    ordered = sorted(families)
    texts = index.each(lambda key: metadata_of(index, families[key]), ordered)
    rows: dict[str, list[dict[str, Any]]] = {}
    parts = dict[str, Families]()
    for key, metadata in zip(ordered, texts, strict=True):
        row = tensorflow_row(distribution, key, families[key], metadata)
        rows.setdefault(str(key[0]), []).append({**row, "python": _filled(index, row, parts)})
    return rows


def _filled(index: Index, row: Mapping[str, Any], parts: dict[str, Families]) -> list[str]:
    """The Pythons of a row; those of an empty wheel are its one package's, which lacks some of them and some releases."""
    (name, spec), *others = tuple(row.get("bounds", {}).items()) or (("", ""),)
    if others or not name.startswith("tensorflow-") or not spec.startswith("=="):
        return list(row["python"])
    if name not in parts:
        parts[name] = wheel_families(index.project(name))
    there = family_pythons(parts[name].get((Version(spec[2:]), row["platform"]), []))
    return [python for python in row["python"] if python in there]


def tensorflow_row(distribution: str, key: tuple[Version, str], family: list[File], metadata: str | None) -> dict[str, Any]:
    """The row of one release for one platform, as far as file names and METADATA tell."""
    version, platform = key
    pythons = family_pythons(family)
    file = newest_python(family)
    tags = [WHEEL.fullmatch(item.filename) for item in family]
    needs = [place[1] for tag in tags if tag and (place := platform_of(tag["plat"])) and place[1]]
    row: dict[str, Any] = {"distribution": distribution, "version": str(version), "python": pythons, "platform": platform}
    if version.is_prerelease:
        row["prerelease"] = True
    if needs:
        row["glibc"] = max(needs, key=Version)
    if all(item.yanked for item in family):
        row["yanked"] = True
    row.update(dependency_fields(metadata or "", platform, pythons))
    row["size_bytes"] = file.size
    row["sources"] = [f"{file.filename}: file name and METADATA"]
    return row


def without_cuda(distribution: str, platform: str, version: Version) -> str | None:
    """Why a wheel of this name and platform is a CPU build, where its name alone tells; None where it does not."""
    if distribution == "tensorflow-cpu" or platform.startswith("macosx"):
        return "no CUDA build is published under this name or for this system"
    if platform == "linux_aarch64":
        return "the wheels of Linux aarch64 are CPU builds (2.21.0 scanned)"
    if platform == "win_amd64" and version >= Version("2.11.0.dev0"):
        return "native Windows has no GPU build from 2.11 on (2.20.0 scanned)"
    return None


def metadata_of(index: Index, family: list[File]) -> str | None:
    """The METADATA of the wheel that stands for a family; None for a source archive."""
    file = newest_python(family)
    return index.metadata(file) if file.filename.endswith(".whl") else None


def _wanted(name: str, version: Version) -> bool:
    # A plan takes no pre-release of a companion; Keras is what it repairs, so all of its releases are known.
    return name in ("keras", "tf-keras") or not (version.is_prerelease or version.is_devrelease)


def package_rows(index: Index, name: str, follow: Mapping[str, str]) -> list[dict[str, Any]]:
    """The releases of a package that a Linux x86_64 machine can install from a wheel, newest first.

    Of a package without any wheel for Linux, such as a plugin of Apple's, they are those for a Mac, and none of Linux' Pythons
    stands in their rows. ``follow`` maps a name to the oldest release worth a row. Releases that have only source archives
    are left out: a plan never builds.
    """
    files = index.project(name)
    grouped, families = package_families(files, name, follow[name]), wheel_families(files)
    ordered = sorted(grouped, reverse=True)
    texts = index.each(lambda version: metadata_of(index, grouped[version]), ordered)
    made = (package_row(name, version, grouped[version], metadata) for version, metadata in zip(ordered, texts, strict=True))
    return [{**row, **elsewhere(families, Version(row["version"]), row["python"])} for row in made if row is not None]


def elsewhere(families: Mapping[tuple[Version, str], list[File]], version: Version, pythons: list[str]) -> dict[str, Any]:
    """For which Pythons a release has wheels on other platforms, where these are not those of Linux x86_64."""
    both = [file for file in families.get((version, "macosx_x86_64"), []) if "universal2" in file.filename]
    pure = families.get((version, "any"), [])
    found = {
        one: family_pythons([*families.get((version, one), []), *(both if one == "macosx_arm64" else []), *pure]) for one in ELSEWHERE
    }
    differing = {one: there for one, there in found.items() if there != pythons}
    return {"elsewhere": differing} if differing else {}


def package_families(files: Iterable[File], name: str, oldest: str) -> dict[Version, list[File]]:
    """The wheels of each release from ``oldest`` on that a Linux x86_64 machine can install; a Mac's where none is for Linux."""
    families = wheel_families(files)
    return _grouped(families, (LINUX, "any"), name, oldest) or _grouped(families, (MAC,), name, oldest)


def _grouped(
    families: Mapping[tuple[Version, str], list[File]], platforms: tuple[str, ...], name: str, oldest: str
) -> dict[Version, list[File]]:
    grouped: dict[Version, list[File]] = {}
    for (version, platform), family in families.items():
        if platform in platforms and version >= Version(oldest) and _wanted(name, version):
            grouped.setdefault(version, []).extend(family)
    return grouped


def _is_for_linux(file: File) -> bool:
    match = WHEEL.fullmatch(file.filename)
    place = platform_of(match["plat"]) if match else None
    return place is not None and place[0] in (LINUX, "any")


def package_row(name: str, version: Version, family: list[File], metadata: str | None) -> dict[str, Any] | None:
    """The row of one release; None when no Python that is known can install it."""
    file = newest_python(family)
    pythons = family_pythons(family)
    if not pythons:
        return None
    on_linux = any(_is_for_linux(item) for item in family)
    row: dict[str, Any] = {
        "name": name, "version": str(version), "requires_python": file.requires_python, "python": pythons if on_linux else [],
    }  # fmt: skip
    if version.is_prerelease:
        row["prerelease"] = True
    if all(item.yanked for item in family):
        row["yanked"] = True
    tags = [match["plat"] for item in family if (match := WHEEL.fullmatch(item.filename))]
    needs = [place[1] for tag in tags if (place := platform_of(tag)) and place[1]]
    if needs:
        row["glibc"] = min(needs, key=Version)
    fields = dependency_fields(metadata or "", LINUX if on_linux else MAC, pythons)
    row.update({key: value for key, value in fields.items() if key != "extras" and value})
    row["size_bytes"] = file.size
    return row
