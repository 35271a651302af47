"""The preload hook: one ``.pth`` and one module in an environment's site-packages, for every launcher.

The unit is this pair of files, both new. The module comes first, the line that calls it last, so the
hook is there whole or not at all. The module is ``payloads/preload_hook.py`` with the libraries written
into it, the line ``payloads/preload_start.py``. The planner chooses the libraries and their order; here it
is only checked that they exist.
"""

from __future__ import annotations

import os
import re

from fixer.actions import files
from fixer.actions.base import Look, NothingKept, Params, Unforeseen, Workplace, below, owner_problem
from fixer.actions.foreseen import new_files
from fixer.host import durable
from fixer.host.base import Host
from fixer.model.action import ActionSpec, FileChange, Preview
from fixer.model.journal import JournalEntry

PTH = "convfix_preload.pth"
_SITES = ("site-packages", "dist-packages")
_LIBRARY = re.compile(r"/[^/]+\.so(\.[0-9.]+)?\Z")
MODULE = "_convfix_preload.py"
_KNOWN = ("interpreter", "prefix", "site_packages", "libraries")
_PAYLOADS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "payloads")


class PreloadHook(NothingKept):
    """See the module's docstring."""

    kind = "preload_hook"

    def check(self, spec: ActionSpec, host: Host) -> tuple[str, ...]:
        site, libraries = _read(spec)
        problems = [f"{path}: no such library" for path in libraries if not os.path.isfile(path)]
        problem = owner_problem(site)
        if problem:
            problems.append(problem)
        prefix = str(spec.params["prefix"])
        if not below(site, prefix):
            problems.append(f"{site} does not lie in {prefix}")
        for path, content in _contents(spec).items():
            if os.path.lexists(path) and (os.path.islink(path) or _content(path) != content):
                problems.append(f"{path} exists already with other content; undo the run that wrote it first")
        return tuple(problems)

    def preview(self, spec: ActionSpec, host: Host) -> Preview:
        try:
            return Preview(files=self.foresee(spec, files.look))
        except Unforeseen:
            return Preview()

    def foresee(self, spec: ActionSpec, look: Look) -> tuple[FileChange, ...]:
        """The diffs that follow from what ``look`` knows."""
        return new_files(_contents(spec), "", look)

    def perform(self, spec: ActionSpec, host: Host, work: Workplace) -> None:
        cache = os.path.join(_read(spec)[0], "__pycache__")
        for path, content in _contents(spec).items():
            if _content(path) != content:
                files.create(work, path, content, inside=str(spec.params["prefix"]), extra={"cache": os.path.isdir(cache)})

    def satisfied(self, spec: ActionSpec, host: Host) -> bool:
        return all(_content(path) == content for path, content in _contents(spec).items())

    def undo(self, spec: ActionSpec, entry: JournalEntry, host: Host, work: Workplace) -> tuple[str, ...]:
        site, _ = _read(spec)
        left = files.undo(entry, _contents(spec), work)
        if str(entry.before.get("path")).endswith(MODULE):
            _forget_compiled(site, bool(entry.before.get("cache")))
        return left


def _read(spec: ActionSpec) -> tuple[str, tuple[str, ...]]:
    params = Params(spec, _KNOWN)
    prefix = params.path("prefix")
    params.path("interpreter")
    site = params.path("site_packages", inside=prefix)
    libraries = params.paths("libraries")
    if os.path.basename(site) not in _SITES:
        raise params.error("site_packages", f"must be a folder named {' or '.join(_SITES)}, found {site[-80:]!r}")
    if not libraries or not all(_LIBRARY.search(path) for path in libraries):
        raise params.error("libraries", "must hold shared libraries (.so), one at least")
    return site, libraries


def _contents(spec: ActionSpec) -> dict[str, bytes]:
    """Both files in the order in which they are made. The mark is made from the content, so a preview is exact."""
    site, libraries = _read(spec)
    # As bytes: in the C locale of cron, Python 3.6 cannot turn other letters into a file's name.
    listed = "".join(f"    {path.encode('utf-8')!r},\n" for path in libraries)
    text = _payload("preload_hook.py").replace("LIBRARIES = ()\n", f"LIBRARIES = (\n{listed})\n", 1)
    mark = durable.sha256(text.encode("utf-8"))[:12]
    header = f"# convfix preload hook {mark}: written by convfix apply, removed by convfix undo\n"
    return {
        os.path.join(site, MODULE): (header + text).encode("ascii"),
        os.path.join(site, PTH): (header + _line()).encode("ascii"),
    }


def _line() -> str:
    """The start as the one line that ``site`` runs, once or twice: it must begin with "import". Its docstring stays here."""
    code = _payload("preload_start.py").partition("import sys\n")[2].strip("\n")
    there = 'any(getattr(one, "__name__", "") == "ConvfixPreload" for one in sys.meta_path)'
    return f"import sys; {there} or exec({code!r})\n"


def _payload(name: str) -> str:
    with open(os.path.join(_PAYLOADS, name), encoding="utf-8") as file:
        return file.read()


def _content(path: str) -> bytes | None:
    try:
        return durable.read(path, files.LARGEST)
    except OSError:
        return None


def _forget_compiled(site: str, had_cache: bool) -> None:
    """Python compiled our module when it started; that goes with it."""
    cache = os.path.join(site, "__pycache__")
    stem = MODULE[: -len(".py")] + "."
    try:
        names = os.listdir(cache)
    except OSError:
        return
    for name in names:
        if name.startswith(stem) and name.endswith(".pyc"):
            durable.unlink(os.path.join(cache, name))
    if not had_cache:
        durable.remove_dir(cache)
