"""Random trees of shared objects and the calls to try on them: one ``Layout`` per seed.

A layout is a folder with a patched copy of the driver, folders of libraries (good, spoilt, linked), an
environment and a list of (caller, name) calls. ``run`` gives it to the real loader, ``predict`` to the model.
"""

from __future__ import annotations

import os
import random
import re
import struct
import subprocess
from dataclasses import dataclass, field
from typing import Any

from tests.loader import elfmaker

NAMES = tuple(f"lib{letter}.so.1" for letter in "abcdefg")
FOLDERS = ("d0", "d1", "d2", "d3", "d4/sub", "d5", "lib/x86_64-linux-gnu", "plat/x86_64")
PLACEHOLDER = "R" * 400
NEEDS = ("libplaceholder_number_0.so.1", "libplaceholder_number_1.so.1")
IGNORED_TAG = 0x6000000E
WARNINGS = ("from LD_PRELOAD cannot be preloaded", "no version information available")
STARTING = "error while loading shared libraries: "


@dataclass
class Layout:
    seed: int
    root: str
    cwd: str
    environ: dict[str, str]
    calls: list[tuple[str, str]] = field(default_factory=list)

    @property
    def program(self) -> str:
        return os.path.join(self.root, "bin", "driver")


def build_driver(folder: str) -> bytes:
    """The driver, linked with an RPATH and two needed libraries that ``_program`` overwrites; needs a C compiler."""
    os.makedirs(folder, exist_ok=True)
    for name in NEEDS:
        library = ["cc", "-shared", "-o", os.path.join(folder, name), "-x", "c", os.devnull, f"-Wl,-soname,{name}"]
        subprocess.run(library, check=True, capture_output=True)
    out = os.path.join(folder, "driver")
    source = os.path.join(os.path.dirname(__file__), "driver.c")
    command = ["cc", "-O1", "-o", out, source, "-Wl,--no-as-needed", "-Wl,--disable-new-dtags"]
    command += [f"-Wl,-rpath,{PLACEHOLDER}", *(os.path.join(folder, name) for name in NEEDS), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    with open(out, "rb") as file:
        return file.read()


def _program(template: bytes, needed: list[str], kind: str, search: str) -> bytes:
    """The driver with other needs and another search path; ``kind`` is RPATH, RUNPATH or none."""
    data = bytearray(template)
    at = template.index(PLACEHOLDER.encode() + b"\0")
    text = search.encode() + b"\0"
    data[at : at + len(text)] = text
    offsets = {}
    for name in NEEDS:
        offsets[name] = template.index(name.encode() + b"\0")
    strings = offsets[NEEDS[0]] - _string_offset(template, NEEDS[0])
    for tag_at, tag, value in _dynamic(template):
        if tag == elfmaker.RPATH:
            tag = {"RPATH": elfmaker.RPATH, "RUNPATH": elfmaker.RUNPATH}.get(kind, IGNORED_TAG)
            struct.pack_into("<Q", data, tag_at, tag)
        if tag == elfmaker.NEEDED:
            for number, name in enumerate(NEEDS):
                if strings + value == offsets[name]:
                    if number < len(needed):
                        new = needed[number].encode() + b"\0"
                        data[offsets[name] : offsets[name] + len(new)] = new
                    else:
                        struct.pack_into("<Q", data, tag_at, IGNORED_TAG)
    return bytes(data)


def _dynamic(data: bytes) -> list[tuple[int, int, int]]:
    offset, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
    for number in range(count):
        kind, _, place, _, _, size = struct.unpack_from("<IIQQQQ", data, offset + number * 56)
        if kind == 2:
            return [(place + at, *struct.unpack_from("<QQ", data, place + at)) for at in range(0, size, 16)]
    raise ValueError("no dynamic section")


def _string_offset(data: bytes, name: str) -> int:
    # The string table's file offset equals its address: it lies in the first, read-only segment.
    table = next(value for _, tag, value in _dynamic(data) if tag == elfmaker.STRTAB)
    return data.index(name.encode() + b"\0") - table


class Maker:
    """Makes layouts below ``base`` with copies of the driver ``template``."""

    def __init__(self, base: str, template: bytes) -> None:
        self.base, self.template = base, template

    def make(self, seed: int) -> Layout:
        rng = random.Random(seed)
        root = os.path.join(self.base, f"L{seed}")
        for folder in (*FOLDERS, "bin"):
            os.makedirs(os.path.join(root, folder))
        self._subfolders(rng, root)
        environ = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
        if rng.random() < 0.6:
            environ["LD_LIBRARY_PATH"] = path_list(rng, root, ":;" if rng.random() < 0.3 else ":")
        if rng.random() < 0.15:
            environ["LD_PRELOAD"] = rng.choice([" ", ":"]).join(_preload(rng, root) for _ in range(rng.randint(1, 2)))
        self._libraries(rng, root)
        kind = rng.choice(["none", "RPATH", "RUNPATH"])
        needed = rng.sample(NAMES, rng.choice([0, 0, 0, 0, 0, 1, 1, 2]))
        search = path_list(rng, root, ":")[:390]
        program = os.path.join(root, "bin", "driver")
        with open(program, "wb") as file:
            file.write(_program(self.template, needed, kind, search))
        os.chmod(program, 0o755)
        cwd = os.path.join(root, rng.choice(["", "d0", "d4", "bin"]))
        return Layout(seed, root, cwd.rstrip("/"), environ)

    def _subfolders(self, rng: random.Random, root: str) -> None:
        for folder in FOLDERS:
            for sub in SUBFOLDERS:
                if rng.random() < 0.06:
                    os.makedirs(os.path.join(root, folder, sub), exist_ok=True)
        if rng.random() < 0.1:
            with open(os.path.join(root, "notafolder"), "wb") as file:
                file.write(b"x")

    def fill(self, seed: int, root: str, subfolders: bool) -> None:
        """Only the folders and libraries of a layout, for a private ld.so.cache to cover."""
        rng = random.Random(seed)
        for folder in FOLDERS:
            os.makedirs(os.path.join(root, folder))
        if subfolders:
            self._subfolders(rng, root)
        self._libraries(rng, root)

    def _libraries(self, rng: random.Random, root: str) -> None:
        places = [os.path.join(root, folder) for folder in FOLDERS]
        extra = [os.path.join(place, sub) for place in places for sub in SUBFOLDERS]
        places += [place for place in extra if os.path.isdir(place)]
        made: list[str] = []
        for name in NAMES:
            for place in places:
                if rng.random() < 0.34:
                    path = os.path.join(place, name)
                    if not os.path.lexists(path):
                        _library(rng, root, path, name, made)
                        made.append(path)


SUBFOLDERS = (
    "glibc-hwcaps/x86-64-v4", "glibc-hwcaps/x86-64-v3", "glibc-hwcaps/x86-64-v2", "glibc-hwcaps/other",
    "tls", "x86_64", "tls/x86_64", "haswell", "avx512_1", "haswell/x86_64", "tls/haswell/avx512_1/x86_64",
)  # fmt: skip


def _library(rng: random.Random, root: str, path: str, name: str, made: list[str]) -> None:
    chance = rng.random()
    if made and chance < 0.06:
        os.symlink(rng.choice(made), path)
        return
    if made and chance < 0.08:
        regular = [one for one in made if os.path.isfile(one) and not os.path.islink(one)]
        if regular:
            os.link(rng.choice(regular), path)
            return
    if chance < 0.10:
        os.symlink(rng.choice(["/nowhere/" + name, name, path]), path)  # dangling, or a link to itself
        return
    if chance < 0.105:
        os.mkdir(path)
        return
    truncated = 0.20 <= chance < 0.215
    data = object_of(rng, root, name, b"\x90" * 9000 if truncated else b"")
    if chance < 0.20:
        data = elfmaker.SPOILERS[rng.choice(list(elfmaker.SPOILERS))](data)
    elif truncated:
        # The dynamic section lies in a page wholly beyond the end: the loader is killed when it reads it.
        data = data[: rng.randint(elfmaker.CODE, 4096)]
    with open(path, "wb") as file:
        file.write(data)


def object_of(rng: random.Random, root: str, name: str, filler: bytes = b"") -> bytes:
    soname = rng.choice([name] * 8 + [None, rng.choice(NAMES), "libother.so.9"])
    later = [other for other in NAMES if other != name]
    needed = tuple(rng.sample(later, rng.choice([0, 0, 0, 1, 1, 2])))
    if rng.random() < 0.06:
        needed += (rng.choice(["libmissing.so.7", f"$ORIGIN/{rng.choice(NAMES)}", f"{root}/d1/{rng.choice(NAMES)}"]),)
    if rng.random() < 0.3:
        needed += ("libc.so.6",)
    if rng.random() < 0.05:
        needed += ("libm.so.6",)
    paths: dict[str, str] = {}
    choice = rng.random()
    if choice < 0.35:
        paths["runpath"] = path_list(rng, root, ":")
    elif choice < 0.70:
        paths["rpath"] = path_list(rng, root, ":")
    elif choice < 0.75:
        paths = {"rpath": path_list(rng, root, ":"), "runpath": path_list(rng, root, ":")}
    needs, versions = {}, ()
    if rng.random() < 0.15:
        versions = (name, "V1", "V2")[: rng.randint(1, 3)]
    for other in needed:
        if other in NAMES and rng.random() < 0.1:
            needs[other] = (rng.choice(["V1", "V2"]),)
        elif other == "libc.so.6" and rng.random() < 0.3:
            needs[other] = (rng.choice(["GLIBC_2.2.5", "GLIBC_2.4", "GLIBC_9.99"]),)
    flags = 0x800 if rng.random() < 0.03 else 0
    return elfmaker.shared_object(
        soname, needed, flags_1=flags, version_needs=needs, versions=versions, read_only_data=filler, **paths
    )  # fmt: skip


def element(rng: random.Random, root: str) -> str:
    folder = rng.choice(FOLDERS)
    depth = rng.choice(["..", "../..", "../../..", "."])
    return rng.choice([
        f"{root}/{folder}", f"{root}/{folder}", f"{root}/{folder}", f"{root}/{folder}/", f"{root}//{folder}///",
        "$ORIGIN", "${ORIGIN}", f"$ORIGIN/{depth}/{folder}", f"${{ORIGIN}}/../{folder}", f"$ORIGIN/../../{folder}",
        f"{root}/$LIB", f"{root}/${{LIB}}/", f"{root}/plat/$PLATFORM", f"{root}/plat/${{PLATFORM}}", f"{root}/${{PLATFORM",
        folder, f"./{folder}", f"../{folder}", "", "", ".", "..", "d4/../d1", f"{root}/nowhere", "nowhere", f"{root}/notafolder",
        "notafolder", f"$ORIGINAL/{folder}", f"{root}/$NOTHING", "$", "/", f"{root}/d4/../{folder}", f"{root}/d1/liba.so.1",
    ])  # fmt: skip


def path_list(rng: random.Random, root: str, separators: str) -> str:
    made = element(rng, root)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3, 4])):
        made += rng.choice(separators) + element(rng, root)
    return made


def _preload(rng: random.Random, root: str) -> str:
    name = rng.choice(NAMES)
    return rng.choice([name, f"{root}/{rng.choice(FOLDERS)}/{name}", f"$ORIGIN/../d0/{name}", "libnothing.so"])


def call(rng: random.Random, root: str, loaded: list[str]) -> tuple[str, str]:
    """A call by a random object that is loaded and of our making."""
    ours = [path for path in loaded if path and root in path or path.startswith(("./", "../", "d", "lib"))]
    caller = rng.choice(["-", *ours, *ours]) if ours else "-"
    name = rng.choice(NAMES)
    folder = rng.choice(FOLDERS)
    return caller, rng.choice([name] * 9 + [
        f"{root}/{folder}/{name}", f"./{name}", f"{folder}/{name}", f"$ORIGIN/{name}", "libc.so.6", "libother.so.9", "libnothing.so",
        f"{root}/{folder}/nothing.so", "libm.so.6",
    ])  # fmt: skip


def run(layout: Layout) -> list[Any]:
    """What the real loader did: the objects after the start and after each call, or how it failed."""
    words = [word for pair in layout.calls for word in pair]
    done = subprocess.run(
        [layout.program, *words], cwd=layout.cwd, env=layout.environ, capture_output=True, check=False, timeout=30
    )
    out = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    if done.returncode in (1, 127) and not out:
        lines = done.stderr.decode("utf-8", "surrogateescape").strip().splitlines()
        errors = [line for line in lines if not any(warning in line for warning in WARNINGS)]
        text = errors[0].replace(layout.program + ": ", "").replace(STARTING, "")
        # Before libc is there the loader has no texts for error numbers.
        return [("start", re.sub(r"Error (\d+)$", lambda found: os.strerror(int(found[1])), text))]
    steps: list[Any] = []
    for line in out:
        kind, _, rest = line.partition("\t")
        if kind == "MAPS":
            names = tuple(sorted(name for name in rest.split("\t") if name not in ("", "linux-vdso.so.1")))
            steps.append(("maps", names))
        else:
            steps.append((kind, rest))
    if done.returncode < 0:
        steps.append(("killed", ""))
    return steps


def same(predicted: list[Any], real: list[Any]) -> bool:
    """Equal step by step.

    A message without an error number's text stands for any: the loader prints the errno that an earlier
    call left where it tried no file at all (-z nodefaultlib and no other place to look).
    """
    if len(predicted) != len(real):
        return False
    for (kind, said), (real_kind, real_said) in zip(predicted, real):
        bare = kind == "ERR" and said.endswith("cannot open shared object file")
        if kind != real_kind or not (said == real_said or (bare and real_said.startswith(said))):
            return False
    return True
