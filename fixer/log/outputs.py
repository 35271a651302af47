"""Reads what a system's commands print of it: nvidia-smi, nvcc, uname, lspci, dpkg and their like, each by its whole line.

The unit is ``Outputs(lines)``: the lines go through it unchanged, and ``told`` holds what a line states, in their order:
``Told(line, {"toolkit": "11.8"})``, in the names of ``facts.STATED``. A sentence that speaks of such a thing is no output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from fixer.log.line import Line

_LONGEST = 400
_MOST_DIFFERENT = 500
# How far a header's lines lie apart.
_NEAR = 6
_TWO = r"(\d{1,2}\.\d{1,2})"
_DRIVER = r"(\d{3}\.\d{1,3}(?:\.\d{1,2})?)"
_BUS = r"[0-9A-F]{4,8}:[0-9A-F]{2}:[0-9A-F]{2}\.\d"
_CUDNN = r"libcudnn\.so\.(\d{1,2}\.\d{1,2}\.\d{1,2})"
_BRAND = r"(?:NVIDIA|GeForce|Tesla|Quadro|TITAN|GRID)\b"
_GIT, _RELEASE = r"v\d{1,2}\.\d{1,3}\.\d{1,3}-(?:\w{1,6}-)?\d{1,5}-g[0-9a-f]{6,12}", r"(\d{1,2}\.\d{1,3}\.\d{1,3}(?:-?rc\d{1,2})?)"
_DISTROS = {
    "ubuntu": "ubuntu", "debian": "debian", "fedora": "fedora", "centos": "centos", "red hat enterprise linux": "rhel",
    "rocky linux": "rocky", "almalinux": "almalinux", "linux mint": "linuxmint", "opensuse leap": "opensuse", "pop!_os": "pop",
    "alpine linux": "alpine",
}  # fmt: skip
_DISTRO = rf"(?P<distro>{'|'.join(_DISTROS)})[\w /!-]{{0,20}}? v?(?P<release>\d{{1,2}}(?:\.\d{{1,2}})?)\b.{{0,80}}"
_COLUMNS = {"name": "gpu.name", "gpu_name": "gpu.name", "driver_version": "driver.version", "compute_cap": "gpu.compute_capability",
            "memory.total": "gpu.memory_mib", "memory.free": "gpu.free_mib"}  # fmt: skip
_BEGINS_SEVERAL = frozenset('#Yy=v"ngtuidcm')
_NOT_TOLD = re.compile(r"\s*(?:\[|N/A|ERR!|$)")


class Told(NamedTuple):
    """What one line states: facts and their values."""

    line: int
    facts: Mapping[str, str]


def _one(fact: str) -> Callable[[re.Match[str]], dict[str, str]]:
    return lambda found: {fact: found.group(1)}


def _table_row(found: re.Match[str]) -> dict[str, str]:
    name = found["name"].strip()
    if name.endswith("..."):
        # The column was too narrow: a word that was cut off is not kept.
        kept = name[:-3]
        name = kept.rstrip() if kept.endswith(" ") else re.sub(r"[ -]?[^ -]*$", "", kept)
    return {"gpu.name": name} if name else {}


def _on_the_bus(found: re.Match[str]) -> dict[str, str]:
    """The name that people know stands in the last brackets: GP104 [GeForce GTX 1080]."""
    names = [name for name in re.findall(r"\[([^\[\]]{1,80})\]", found["card"]) if ":" not in name]
    return {"gpu.name": names[-1].partition(" / ")[0]} if names else {}


def _system(found: re.Match[str]) -> dict[str, str]:
    return {"os": "linux", "kernel": found["kernel"], "arch": found["arch"]}


def _distribution(found: re.Match[str]) -> dict[str, str]:
    return {"os": "linux", "distro": f"{_DISTROS[found['distro'].lower()]} {found['release']}"}


def _package(found: re.Match[str]) -> dict[str, str]:
    """What a package of the system's holds: the driver's libraries, cuDNN, a toolkit."""
    name, version = found["name"], found["version"].rpartition(":")[2]
    if re.fullmatch(r"libnvidia-compute-\d{3}(?:-server)?|libcuda1|nvidia-driver(?:-\d{3})?(?:-server)?|nvidia-driver-cuda-libs", name):
        number, fact = re.match(_DRIVER, version), "driver.version"
    elif re.fullmatch(r"libcudnn\d(?:-cuda-\d{1,2})?", name):
        number, fact = re.match(r"(\d{1,2}\.\d{1,2}\.\d{1,2})", version), "cudnn"
    elif re.fullmatch(r"nvidia-cuda-toolkit|cuda-(?:toolkit|runtime|cudart|libraries)-\d{1,2}-\d", name):
        number, fact = re.match(_TWO, version), "toolkit"
    else:
        return {}
    return {fact: number.group(1)} if number is not None else {}


# Whole lines, by what they begin with where that is one character; " " stands for all others.
_KINDS: tuple[tuple[str, str, Callable[[re.Match[str]], dict[str, str]]], ...] = (
    # nvidia-smi's table, its -q and -L, and what nvidia-container-cli info prints.
    ("|", rf"\|\s*\d{{1,2}}\s+(?P<name>{_BRAND}[^|]{{0,60}}?)\s+(?:On|Off|N/A|WDDM|TCC|MCDM|ERR!)\s*\|\s*{_BUS} .*", _table_row),
    ("D", rf"Driver Version\s{{2,}}: {_DRIVER}", _one("driver.version")),
    ("C", rf"CUDA Version\s{{2,}}: {_TWO}", _one("driver.cuda")),
    ("P", rf"Product Name\s{{2,}}: ({_BRAND}.{{1,60}})", _one("gpu.name")),
    ("G", rf"(?:GPU models and configuration: )?GPU \d{{1,2}}: ({_BRAND}[^()]{{1,60}})", _one("gpu.name")),
    ("N", rf"NVRM version:\s{{2,}}{_DRIVER}", _one("driver.version")),
    ("N", rf"Nvidia driver version: {_DRIVER}", _one("driver.version")),
    ("M", rf"Model:\s{{2,}}({_BRAND}.{{1,60}})", _one("gpu.name")),
    ("A", r"Architecture:\s{2,}(\d{1,2}\.\d)", _one("gpu.compute_capability")),
    # A toolkit: nvcc, its own version file, the banner of NVIDIA's images, PyTorch's report.
    ("C", rf"Cuda compilation tools, release {_TWO}, V\d.*", _one("toolkit")),
    ("C", rf"CUDA Version {_TWO}\.\d{{1,3}}", _one("toolkit")),
    ("C", rf"CUDA runtime version: {_TWO}\.\d{{1,3}}", _one("toolkit")),
    # Files that are listed: their whole version is that of the toolkit, and of cuDNN.
    ("/", rf"/\S{{1,300}}/libcudart\.so\.{_TWO}\.\d{{1,3}}", _one("toolkit")),
    ("/", rf"/\S{{0,200}}/cuda-{_TWO}/\S{{1,200}}/libcudart\.so[\d.]{{0,12}}", _one("toolkit")),
    ("/", rf"/(?!\S*site-packages)\S{{1,300}}/{_CUDNN}", _one("cudnn")),
    ("l", rf"l[rwx-]{{9}}[.+]? .{{1,120}} \S{{0,200}}libcudnn\.so(?:\.\d{{1,2}})? -> (?:\S{{0,200}}/)?{_CUDNN}\*?", _one("cudnn")),
    ("-", rf"-[rwx-]{{9}}[.+]? .{{1,120}} (?!\S*site-packages)\S{{0,200}}{_CUDNN}\*?", _one("cudnn")),
    # The system.
    ("L", r"Linux \S{1,80} (?P<kernel>\d{1,2}\.\d{1,3}\S{0,60}) #.{0,120} (?P<arch>x86_64|aarch64|ppc64le)(?: .{0,40})?", _system),
    ("D", rf"Description:\s{{1,9}}{_DISTRO}", _distribution),
    ("P", rf'PRETTY_NAME="?{_DISTRO}', _distribution),
    ("O", rf"(?:Operating System|OS): {_DISTRO}", _distribution),
    ("l", rf"linux distribution: \('{_DISTRO.replace(' v?', chr(39) + ', ' + chr(39))}", _distribution),
    ("m", r"machine: (x86_64|aarch64|ppc64le)", _one("arch")),
    ("l", r"ldd \((?:GNU libc|(?:Ubuntu|Debian) E?GLIBC [\w.+~-]{1,40})\) (\d\.\d{1,2})", _one("glibc")),
    ("L", r"Libc version: glibc-(\d\.\d{1,2})", _one("glibc")),
    ("L", r"LD_LIBRARY_PATH (/\S{1,360})", _one("variables.LD_LIBRARY_PATH")),
    ("L", r"LD_LIBRARY_PATH is unset", lambda found: {"variables.LD_LIBRARY_PATH": ""}),
    ("W", r"WSLg? version: \d[\d.]{0,20}", lambda found: {"wsl": "true"}),
    ("P", r"Python ([23]\.\d{1,2}\.\d{1,2}(?:\+|rc\d)?)", _one("environment.python")),
    ("P", r"Python version: ([23]\.\d{1,2}\.\d{1,2})(?:\+| \(.*)?", _one("environment.python")),
    ("p", r"python version: ([23]\.\d{1,2}\.\d{1,2})", _one("environment.python")),
    # A distribution's packages: dpkg -l, apt list --installed.
    ("i", r"[ih]i\s{1,9}(?P<name>[a-z][\w.+-]{1,60})(?::\w{1,9})?\s{1,60}(?P<version>\d\S{0,80})\s.*", _package),
    (" ", r"(?P<name>[a-z][\w.+-]{1,60})/\S{1,60} (?P<version>\d\S{0,80}) \w{1,9} \[.{0,40}installed.{0,40}\]", _package),
    # A row of conda list: its build and its channel.
    (" ", r"[a-z_][\w.-]{0,60}\s{1,60}\d\S{0,60}\s{1,60}\w{1,60}_\d{1,3}\w{0,10}\s{1,9}"
          r"(?:conda-forge|defaults|pkgs/main|anaconda|pypi|nvidia)", lambda found: {"environment.kind": "conda"}),
    # A card on the bus.
    (" ", r"(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.\d (?:VGA compatible|3D) controller(?: \[03\d\d\])?: NVIDIA Corporation "
          r"(?P<card>.{1,160})", _on_the_bus),
    # tf.version.GIT_VERSION and VERSION together, as the form for issues asks for them.
    (" ", rf"(?:b')?(?:{_GIT}|unknown)'? {_RELEASE}", _one("package.tensorflow")),
)  # fmt: skip
_ANYWHERE = tuple((re.compile(pattern, re.IGNORECASE if "distro" in pattern else 0), read) for at, pattern, read in _KINDS if at == " ")
_MAY_STAND_ANYWHERE = re.compile(r"/.{1,120} \[|controller|-g[0-9a-f]{6}|unknown|_\d{1,3}\w{0,10}\s{1,9}[a-z]")
_IN_CACHE = re.compile(r"lib(?:cudart\.so\.[\d.]{2,7}|cudnn\.so\.\d{1,2}) \(libc6[^)]{0,40}\) => (/\S{1,300})")


def _by_first() -> dict[str, list[tuple[re.Pattern[str], Callable[[re.Match[str]], dict[str, str]]]]]:
    made: dict[str, list[tuple[re.Pattern[str], Callable[[re.Match[str]], dict[str, str]]]]] = {}
    for first, pattern, read in _KINDS:
        if first != " ":
            made.setdefault(first, []).append((re.compile(pattern, re.IGNORECASE if "distro" in pattern else 0), read))
    return made


_BY_FIRST = _by_first()


class Outputs:
    """Lines on their way, and what those of them state that commands print; ``told`` is whole when the lines are at their end.

    What was stated several times is told once, with its last line; of endlessly many different statements the last are kept.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self._told: dict[tuple[tuple[str, str], ...], Told] = {}

    @property
    def told(self) -> tuple[Told, ...]:
        return tuple(self._told.values())

    def __iter__(self) -> Iterator[Line]:
        several = _Several()
        for line in self._lines:
            if len(line.text) <= _LONGEST:
                text = line.text.strip()
                facts = {**_stated(text), **several.stated(line.number, text)}
                if facts:
                    self._take(Told(line.number, facts))
            yield line

    def _take(self, told: Told) -> None:
        key = tuple(sorted(told.facts.items()))
        self._told.pop(key, None)
        self._told[key] = told
        if len(self._told) > _MOST_DIFFERENT:
            del self._told[next(iter(self._told))]


def _stated(text: str) -> dict[str, str]:
    """What a line states that is an output by itself."""
    kinds = _BY_FIRST.get(text[:1], ())
    for pattern, read in (*kinds, *_ANYWHERE) if _MAY_STAND_ANYWHERE.search(text) else kinds:
        found = pattern.fullmatch(text)
        if found is not None:
            return read(found)
    cached = _IN_CACHE.fullmatch(text) if text.startswith("lib") else None
    return _stated(cached.group(1)) if cached is not None else {}


class _Several:
    """What several lines state together: a header's numbers, a file of versions, a list by columns, a question and its Yes."""

    def __init__(self) -> None:
        self._numbers: dict[str, tuple[str, int]] = {}
        self._named = self._asked = self._described = -_NEAR
        self._columns: list[str] = []

    def stated(self, number: int, text: str) -> dict[str, str]:
        """What the line adds to those before it."""
        if self._columns:
            cells = text.split(", ")
            if len(cells) == len(self._columns):
                known = ((_COLUMNS[name], cell.strip()) for name, cell in zip(self._columns, cells) if name in _COLUMNS)
                return {fact: value for fact, value in known if not _NOT_TOLD.match(value)}
            self._columns = []
        if text[:1] not in _BEGINS_SEVERAL and number != self._described:
            return {}
        if text.startswith("#define CUDNN_"):
            return self._header(number, text)
        if text in ("Yes", "yes") and number - self._asked <= 2:
            return {"container": "docker"}
        if text.startswith("== are we in docker"):
            self._asked = number
        elif re.fullmatch(_GIT, text):
            self._described = number
        elif number == self._described:
            # Python 2 prints both as a pair, which the reader takes apart.
            found = re.fullmatch(_RELEASE, text)
            return {"package.tensorflow": found.group(1)} if found is not None else {}
        elif text.startswith('"name"') and text.endswith('"CUDA SDK",'):
            self._named = number
        elif text.startswith('"version"') and number - self._named <= 1:
            found = re.fullmatch(rf'"version" ?: "{_TWO}\.\d{{1,8}}",?', text)
            return {"toolkit": found.group(1)} if found is not None else {}
        elif ", " in text and text.split(", ")[0].partition(" ")[0] in ("index", "timestamp", "uuid", *_COLUMNS):
            names = [one.partition(" ")[0] for one in text.split(", ")]
            self._columns = names if all(re.fullmatch(r"[a-z][\w.]{2,40}", one) for one in names) else []
        return {}

    def _header(self, number: int, text: str) -> dict[str, str]:
        found = re.fullmatch(r"#define CUDNN_(MAJOR|MINOR|PATCHLEVEL)\s{1,9}(\d{1,2})", text)
        if found is None:
            return {}
        self._numbers[found.group(1)] = (found.group(2), number)
        parts = [self._numbers.get(name) for name in ("MAJOR", "MINOR", "PATCHLEVEL")]
        near = [part[0] for part in parts if part is not None and number - part[1] <= _NEAR]
        return {"cudnn": ".".join(near)} if len(near) == len(parts) else {}
