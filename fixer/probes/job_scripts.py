"""Job scripts of a batch system in the current folder: files with #SBATCH or #PBS lines that start a Python by an absolute path.

The unit is a ``Launcher`` of kind slurm or pbs. Slurm gives a job the variables of the shell that submits it unless
``--export`` says otherwise (sbatch(1)); PBS gives it none unless ``-V`` or ``-v`` does (qsub(1B)). What ``module load`` adds
is read from the modulefile. A script whose variables cannot be known from its text (a module that decides something itself,
``conda activate``, another file sourced) is passed over.
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
_MODULES = re.compile(r"^[ \t]*(?:module[ \t]+(?:load|add)|ml(?:[ \t]+load)?)[ \t]+([A-Za-z0-9][A-Za-z0-9 \t/._+-]{0,1000})$", re.MULTILINE)
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
    lines = _of_modules(host, [name for line in _MODULES.findall(text) for name in line.split()])
    if lines is None:
        return
    kind = "slurm" if directives[0][0] == "SBATCH" else "pbs"
    options = " ".join(words for _, words in directives)
    inherits = _inherits_slurm(options) if kind == "slurm" else _inherits_pbs(options)
    exported = {key: value for key, value in _EXPORT.findall(text) if matters(key)}
    by_modules = {line.name: line.value for line in lines if line.deed == "set"}
    variables = {**by_modules, **{key: _plain(value) for key, value in exported.items()}}
    variables.pop(_LIST, None)
    searched = _searched(exported.get(_LIST), lines, inherits)
    variables |= {_LIST: searched} if searched is not None else {}
    if any("$" in value or "`" in value for value in variables.values()):
        return
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    folders = dict.fromkeys((*activated, *_PYTHON.findall(code)))
    for folder in folders:
        yield Launcher(kind, clean(name), path, f"{folder}python", variables, inherits)


def _of_modules(host: Host, names: list[str]) -> list[ModuleLine] | None:
    """What the modules of a script change, in order; None where that is not known."""
    if not names:
        return []
    from fixer.probes import modulefiles

    read = modulefiles.of_job(host, names)
    return None if read is None else [line for one in read for line in one.lines]


def _changed(lines: list[ModuleLine]) -> tuple[list[str], bool]:
    """The folders that ``lines`` put on the loader's path, first to last, and whether what was there stays."""
    folders: list[str] = []
    keeps = True
    for one in (line for line in lines if line.name == _LIST):
        parts = [part for part in one.value.split(":") if part]
        folders = parts + folders if one.deed == "prepend" else folders + parts if one.deed == "append" else parts
        keeps = keeps and one.deed in ("prepend", "append")
    return folders, keeps


def _searched(exported: str | None, lines: list[ModuleLine], inherits: bool) -> str | None:
    """The LD_LIBRARY_PATH that modules and then an export line make; None where it is the shell's own, with more or without."""
    if exported is not None and not _OF_ITSELF.search(exported):
        return _plain(exported)
    added, keeps = _changed(lines)
    if inherits and keeps:
        return None
    own = _plain(exported or "")
    return ":".join((*([own.strip(":")] if own else []), *added)) if added else own if exported is not None else None


def _plain(value: str) -> str:
    """A value without its quotes, and without the variable's own old value in it."""
    return _OF_ITSELF.sub("", value.strip().strip("\"'"))


def _inherits_slurm(options: str) -> bool:
    given = re.search(r"--export(?:=|[ \t]+)(\S+)", options)
    names = given.group(1).strip("\"'").split(",") if given else ["ALL"]
    return "ALL" in names or "LD_LIBRARY_PATH" in names


def _inherits_pbs(options: str) -> bool:
    given = re.search(r"(?<!\S)-v[ \t]*(\S+)", options)
    return re.search(r"(?<!\S)-V(?!\S)", options) is not None or given is not None and "LD_LIBRARY_PATH" in given.group(1).split(",")
