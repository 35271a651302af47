"""Job scripts of a batch system in the current folder: files with #SBATCH or #PBS lines that start a Python by an absolute path.

The unit is a ``Launcher`` of kind slurm or pbs. Slurm gives a job the variables of the shell that submits it unless
``--export`` says otherwise (sbatch(1)); PBS gives it none unless ``-V`` or ``-v`` does (qsub(1B)). What ``module load`` adds is read
from the modulefiles, after what ``module use`` adds to their places. A script whose variables cannot be known from its text (a
module that decides something itself, ``conda activate``, another file sourced) is passed over.
"""

from __future__ import annotations

import re
from typing import Iterator

from fixer.host.base import Host
from fixer.model.facts import Launcher, ModuleLine
from fixer.probes.plain import clean
from fixer.probes.variables import matters

_LIMIT = 1 << 16
_LIST = "LD_LIBRARY_PATH"
_MOST = 40
_ENDINGS = (".sh", ".bash", ".sbatch", ".slurm", ".pbs", ".job", ".sub")
_DIRECTIVE = re.compile(r"^#(SBATCH|PBS)[ \t]+(\S.*)$", re.MULTILINE)
_PYTHON = re.compile(r"(?<!\S)[\"']?(/[^\s\"';$]{1,400}/bin/)python(?:3(?:\.\d{1,2})?)?[\"']?(?!\S)")
_ACTIVATE = re.compile(r"^[ \t]*(?:\.|source)[ \t]+[\"']?(/[^\s\"';$]{1,400}/bin/)activate[\"']?[ \t]*$", re.MULTILINE)
_UNKNOWN = re.compile(r"^[ \t]*(?:\.|source|module|ml|conda|mamba|micromamba|eval|spack)(?=[ \t])", re.MULTILINE)
_MODULES = re.compile(
    r"^[ \t]*(?:(?:module|ml)[ \t]+(?P<bare>purge)"
    r"|(?:module|ml)[ \t]+(?P<verb>load|add|use)[ \t]+(?P<words>[A-Za-z0-9/-][A-Za-z0-9 \t/._+-]{0,1000})"
    r"|ml[ \t]+(?P<names>[A-Za-z0-9][A-Za-z0-9 \t/._+-]{0,1000}))[ \t]*$",
    re.MULTILINE,
)
_EXPORT = re.compile(r"^[ \t]*export[ \t]+([A-Za-z_][A-Za-z0-9_]*)=(.*)$", re.MULTILINE)
_OF_ITSELF = re.compile(r"\$\{?LD_LIBRARY_PATH(?::?[+-][^}]*)?\}?")


def observe(host: Host, folder: str) -> Iterator[Launcher]:
    """The job scripts of ``folder`` whose variables are known, by name."""
    names = [name for name in host.entries(folder) if name.endswith(_ENDINGS)][:_MOST]
    for name in names:
        text = host.text(f"{folder}/{name}", _LIMIT) or ""
        directives = _DIRECTIVE.findall(text)
        if directives:
            yield from _launchers(host, name, f"{folder}/{name}", text, directives)


def _launchers(host: Host, name: str, path: str, text: str, directives: list[tuple[str, str]]) -> Iterator[Launcher]:
    activated = _ACTIVATE.findall(text)
    # What an activation sets is in its own text, not in this one.
    texts = [host.text(f"{one}activate", _LIMIT) or "" for one in activated]
    if _UNKNOWN.search(_MODULES.sub("", _ACTIVATE.sub("", text))) or any("LD_LIBRARY_PATH" in one for one in texts):
        return
    kind = "slurm" if directives[0][0] == "SBATCH" else "pbs"
    options = " ".join(words for _, words in directives)
    inherits = _inherits_slurm(options) if kind == "slurm" else _inherits_pbs(options)
    told = _of_modules(host, text, inherits)
    if told is None:
        return
    lines, modules = told
    exported = {key: value for key, value in _EXPORT.findall(text) if matters(key)}
    by_modules = {line.name: line.value for line in lines if line.deed == "set"}
    variables = {**by_modules, **{key: _plain(value) for key, value in exported.items()}}
    variables.pop(_LIST, None)
    shells = [part for part in host.environ.get(_LIST, "").split(":") if part] if inherits else []
    searched = _searched(exported.get(_LIST), lines, shells)
    variables |= {_LIST: searched} if searched is not None else {}
    if any("$" in value or "`" in value for value in variables.values()):
        return
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    folders = dict.fromkeys((*activated, *_PYTHON.findall(code)))
    for folder in folders:
        yield Launcher(kind, clean(name), path, f"{folder}python", variables, inherits, modules)


def _of_modules(host: Host, text: str, inherits: bool) -> tuple[tuple[ModuleLine, ...], tuple[str, ...]] | None:
    """What the modules of a script change, in order, and which they are; None where that is not known."""
    commands: list[tuple[str, str]] = []
    for found in _MODULES.finditer(text):
        if found["bare"]:
            # It takes away what the shell has loaded, too: what that sets would have to be undone.
            if inherits and host.environ.get("LOADEDMODULES"):
                return None
            commands = [one for one in commands if one[0] == "use"]
            continue
        words = (found["words"] or found["names"]).split()
        verb = "use" if found["verb"] == "use" else "load"
        if any(not word.startswith("/") if verb == "use" else word.startswith(("-", "/")) for word in words):
            return None
        commands += [(verb, word) for word in words]
    if not any(verb == "load" for verb, _ in commands):
        return (), ()
    from fixer.probes import modulefiles

    told = modulefiles.of_job(host, commands)
    return None if told is None else (told.lines, told.names)


def _searched(exported: str | None, lines: tuple[ModuleLine, ...], shells: list[str]) -> str | None:
    """The LD_LIBRARY_PATH that modules and then an export line make of the ``shells`` own; None where they leave that alone."""
    folders = shells
    for one in (line for line in lines if line.name == _LIST):
        parts = [part for part in one.value.split(":") if part]
        folders = parts + folders if one.deed == "prepend" else folders + parts if one.deed == "append" else parts
    if exported is None:
        return None if folders == shells else ":".join(folders)
    before = ":".join(folders)
    return _OF_ITSELF.sub(lambda _: before, _plain(exported))


def _plain(value: str) -> str:
    """A value without its quotes."""
    return value.strip().strip("\"'")


def _inherits_slurm(options: str) -> bool:
    given = re.search(r"--export(?:=|[ \t]+)(\S+)", options)
    names = given.group(1).strip("\"'").split(",") if given else ["ALL"]
    return "ALL" in names or "LD_LIBRARY_PATH" in names


def _inherits_pbs(options: str) -> bool:
    given = re.search(r"(?<!\S)-v[ \t]*(\S+)", options)
    return re.search(r"(?<!\S)-V(?!\S)", options) is not None or given is not None and "LD_LIBRARY_PATH" in given.group(1).split(",")
