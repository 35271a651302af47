"""What an installer would do, by its own dry run on the user's index with the user's configuration.

The unit is ``Change``: names to versions, installed and removed. Nothing is changed on the machine but the
installer's own cache. Whether the change is the one that a plan means is for the caller to judge.
"""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import field, replace
from typing import Any, Mapping, Sequence

from fixer.actions import shadow
from fixer.actions.base import Pin, StepFailed
from fixer.actions.distributions import normal
from fixer.actions.installer_world import cleaned, environment
from fixer.host.base import Host, Ran
from fixer.model import bounded_json
from fixer.model.record import record

LIMIT, _LONGEST_ERROR = 32 << 20, 1 << 20
SECONDS = 3600.0
_LINE = re.compile(r"^ (?P<sign>[-+~]) (?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s()]+)(?: \(.*\))?\r?$", re.MULTILINE)
# uv: "Because there is no version of NAME==VERSION and"; pip: "satisfies the requirement NAME==VERSION (from versions: ...".
# "from versions: none" is also what pip says where it cannot reach the index: that tells nothing of a release.
_NO_SUCH_RELEASE = re.compile(
    r"(?:there is no version of|satisfies the requirement) (?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)"
    r"(?:\[[^\]]{0,80}\])?==(?P<version>[A-Za-z0-9.+!]{1,60})(?![*\w])(?! \(from versions: none\))"
)
# A line of a requirements file, which goes on where it ends in a backslash.
_ENTRY = re.compile(r"^[ \t]*(?P<name>[^\s=#]+)==(?P<version>[^\s;\\]+)(?P<rest>(?:[^\\\n]+|\\\n?){0,20000})", re.MULTILINE)
_HASH = re.compile(r"(?<!\S)--hash=(sha256:\S*)")
_MOST_PINS = 10_000
_DRAWN = dict.fromkeys(map(ord, "×╰─▶├│"))
_NOTHING_TO_DO = ("Would make no changes", "Checked")
_FILE_URL = "file://"


@record(frozen=True)
class Change:
    """Normalised names to versions. ``sizes`` holds what the installer tells of download sizes, in bytes.

    ``hashes`` are those of the archives, as ``sha256:...``, where the installer tells them unasked (pip does).
    """

    install: Mapping[str, str]
    remove: Mapping[str, str]
    sizes: Mapping[str, int] = field(default_factory=dict)
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        return frozenset((*self.install, *self.remove))


class NotProved(StepFailed):
    """The installer's dry run failed or could not be read; nothing was changed.

    ``lacking`` are the exact releases that the index does not have, by the installer's own words: pairs of a
    normalised name and a version.
    """

    exit_code = 6

    def __init__(self, code: str, message: str, hint: str = "", lacking: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(code, message, hint)
        self.lacking = lacking


def after_removal(change: Change, pins: Sequence[Pin], gone: Mapping[str, str]) -> Change:
    """``change`` where ``gone`` (names to the versions there) is uninstalled first: what the installer would have left comes back."""
    again = {pin.name: pin.version for pin in pins if pin.name in gone}
    return replace(change, install={**again, **change.install}, remove={**change.remove, **gone})


def of_commands(commands: Sequence[Sequence[str]], host: Host, cwd: str, offline: bool = False) -> Change:
    """The change that these install commands would make; uninstalls are left to the caller. Raises NotProved."""
    install: dict[str, str] = {}
    remove: dict[str, str] = {}
    sizes: dict[str, int] = {}
    hashed: dict[str, tuple[str, ...]] = {}
    for argv in commands:
        if "install" not in argv:
            continue
        change = _uv(argv, host, cwd, offline) if argv[0] == "uv" else _pip(argv, host, cwd, offline)
        install.update(change.install)
        remove.update(change.remove)
        sizes.update(change.sizes)
        hashed.update(change.hashes)
    return Change(install, remove, sizes, hashed)


def of_new(
    pins: Sequence[Pin], manager: str, python: str, interpreter: str | None, host: Host, cwd: str, offline: bool = False
) -> Change:
    """What an environment that does not exist yet would get. Raises NotProved."""
    texts = [pin.text for pin in pins]
    if manager == "uv":
        argv = ["uv", "pip", "compile", "--no-header", "--no-annotate", "--quiet", "--python-version", python, "-"]
        ran = run(argv, host, cwd, offline, "\n".join(texts).encode("utf-8"))
        found = {}
        for line in ran.stdout.splitlines():
            name, sign, version = line.partition(" ")[0].partition("==")
            if sign:
                found[normal(name.partition("[")[0])] = version
        return Change(found, {})
    base = interpreter or f"python{python}"
    return _pip((base, "-m", "pip", "install", "--ignore-installed", *texts), host, cwd, offline)


def of_conda(argv: Sequence[str], host: Host, cwd: str, offline: bool = False) -> None:
    """Let conda resolve ``argv`` without doing it. Raises NotProved where it finds no solution."""
    run([*argv, "--dry-run", *(["--offline"] if offline else [])], host, cwd, offline)


def run(argv: Sequence[str], host: Host, cwd: str, offline: bool, stdin: bytes | None = None) -> Ran:
    """Run an installer to its end, its temporary files in convfix's cache; raises NotProved with its own words when it fails."""
    called = located(argv, host)
    world = {**environment(host.environ, offline), "TMPDIR": shadow.temporary(host)}
    ran = host.run(called, timeout=SECONDS, environ=world, stdin=stdin, cwd=cwd, limit=LIMIT)
    if not ran.ok:
        if "no such option: --dry-run" in ran.stderr:
            raise NotProved("old-pip", "this environment's pip is older than 22.2, without a dry run: use --manager uv")
        where = " (--offline was given: only caches and local files were asked)" if offline else ""
        hint = "convfix plan --offline lists the wheels to carry here" if offline else ""
        told = f"{_name(argv)} cannot resolve the packages{where}: {said(ran)}"
        raise NotProved("not-proved", told, hint, _lacking(ran.stderr))
    return ran


def _lacking(text: str) -> tuple[tuple[str, str], ...]:
    """The exact releases of which uv and pip say that the index has none, in their order."""
    flat = " ".join(text[-_LONGEST_ERROR:].split())
    found = [(normal(match["name"]), match["version"].rstrip(".,")) for match in _NO_SUCH_RELEASE.finditer(flat)]
    return tuple(dict.fromkeys(found))


def located(argv: Sequence[str], host: Host) -> list[str]:
    """``argv`` with its program's place on this machine."""
    if os.path.isabs(argv[0]):
        return list(argv)
    found = host.which(argv[0])
    if found is None:
        raise NotProved("no-installer", f"{argv[0]} is not on this machine")
    return [found, *argv[1:]]


def said(ran: Ran) -> str:
    """Why a child failed, in its own words, cleaned."""
    if ran.timed_out:
        return "it ran into the time limit"
    if ran.cut:
        return "it wrote more than convfix reads, and was ended"
    if ran.missing:
        return f"it could not be started: {ran.stderr}"
    words = cleaned(ran.stderr) or cleaned(ran.stdout)
    # uv draws a tree and wraps its sentences: both would break the one line.
    return " ".join(words.translate(_DRAWN).split()) or f"exit status {ran.status}"


def _name(argv: Sequence[str]) -> str:
    return "uv" if os.path.basename(argv[0]) == "uv" else "pip" if "pip" in argv else os.path.basename(argv[0])


def _uv(argv: Sequence[str], host: Host, cwd: str, offline: bool) -> Change:
    real = argv[list(argv).index("--python") + 1]
    shown = shadow.interpreter(real, host)
    called = [shown if word == real else word for word in argv]
    called.insert(called.index("install") + 1, "--dry-run")
    try:
        ran = run(called, host, cwd, offline)
    except NotProved as error:
        # uv's words name the environment that it was shown.
        told = error.message.replace(os.path.dirname(os.path.dirname(shown)), os.path.dirname(os.path.dirname(real)))
        raise NotProved(error.code, told, error.hint, error.lacking) from None
    install: dict[str, str] = {}
    remove: dict[str, str] = {}
    for matched in itertools.chain(_LINE.finditer(ran.stderr), _LINE.finditer(ran.stdout)):
        name, version = normal(matched["name"]), matched["version"]
        if matched["sign"] in "-~":
            remove[name] = version
        if matched["sign"] in "+~":
            install[name] = version
    nothing = any(words in stream for words in _NOTHING_TO_DO for stream in (ran.stderr, ran.stdout))
    if not install and not remove and not nothing:
        told = cleaned(ran.stdout, 3) or cleaned(ran.stderr, 3)
        raise NotProved("not-proved", f"uv's dry run says nothing that convfix understands: {told}")
    return Change(install, remove)


def _pip(argv: Sequence[str], host: Host, cwd: str, offline: bool) -> Change:
    where = list(argv).index("install") + 1
    ran = run([*argv[:where], "--dry-run", "--quiet", "--report", "-", *argv[where:]], host, cwd, offline)
    start = ran.stdout.find("{")
    try:
        items = bounded_json.loads(ran.stdout[start:] if start >= 0 else "")["install"]
        install = {normal(item["metadata"]["name"]): str(item["metadata"]["version"]) for item in items}
        sizes = {normal(item["metadata"]["name"]): size for item in items if (size := _size(item)) is not None}
        hashed = {normal(item["metadata"]["name"]): _hashes(item) for item in items}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said_so = cleaned(ran.stdout, 3)
        raise NotProved("not-proved", f"pip's dry run says nothing that convfix understands: {said_so}") from None
    return Change(install, {}, sizes, hashed)


def hashes(
    change: Change, manager: str, python: Sequence[str], host: Host, cwd: str, offline: bool
) -> dict[str, tuple[str, ...]]:
    """The archives' hashes of all that ``change`` installs, by exact pin. Raises NotProved where one is not known.

    ``python`` names the Python to uv: ``--python-version 3.12``, or ``--python PATH``.
    """
    pins = {f"{name}=={version}": name for name, version in sorted(change.install.items())}
    if manager == "uv" and pins:
        argv = ["uv", "pip", "compile", "--no-header", "--no-annotate", "--quiet", "--no-deps", "--generate-hashes"]
        ran = run([*argv, *python, "-"], host, cwd, offline, "\n".join(pins).encode("utf-8"))
        known = _listed_hashes(ran.stdout)
    else:
        known = {pin: change.hashes.get(name, ()) for pin, name in pins.items()}
    missing = [pin for pin in pins if not known.get(pin)]
    if missing:
        raise NotProved("no-hashes", f"the index tells no hash of {', '.join(missing[:5])}")
    return {pin: known[pin] for pin in pins}


def _listed_hashes(text: str) -> dict[str, tuple[str, ...]]:
    """Pins and hashes of a requirements file as uv writes it."""
    found = {}
    for entry in _ENTRY.finditer(text):
        name = normal(entry["name"].partition("[")[0])
        found[f"{name}=={entry['version']}"] = tuple(_HASH.findall(entry["rest"]))
        if len(found) > _MOST_PINS:
            raise NotProved("not-proved", f"uv lists more than {_MOST_PINS} packages")
    return found


def reported(item: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The exact pin and the hashes of one item of pip's report; KeyError or TypeError for what is none."""
    told = item["metadata"]
    return f"{normal(str(told['name']))}=={told['version']}", _hashes(item)


def _hashes(item: Mapping[str, Any]) -> tuple[str, ...]:
    """pip's own hash of the archive that it chose; none where it tells none."""
    told = item["download_info"].get("archive_info", {}).get("hashes", {})
    return tuple(f"sha256:{value}" for kind, value in told.items() if kind == "sha256")


def _size(item: Mapping[str, Mapping[str, str]]) -> int | None:
    """The size of a local file; of a remote one the report says nothing."""
    url = item["download_info"]["url"]
    if not url.startswith(_FILE_URL):
        return None
    from urllib.parse import unquote

    try:
        return os.stat(unquote(url[len(_FILE_URL) :])).st_size
    except OSError:
        return None
