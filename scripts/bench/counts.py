"""Count what a run of convfix does: modules imported, files opened, processes started, connections tried.

Counted by Python's audit hooks inside convfix's own process; what its children open is theirs. Counts do
not depend on the machine's speed, so tests assert them (tests/gate/test_counts.py).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.bench.places import ROOT, Places, variables

# Runs convfix below a hook. Module files and byte code are opens too, but are counted as imports.
_HOOK = """
import sys
events = {"opened": [], "spawned": [], "connected": []}
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode("utf-8", "replace")
        if not path.endswith((".py", ".pyc")) and "/__pycache__/" not in path:
            events["opened"].append(path)
    elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
        events["spawned"].append([str(word) for word in arguments[1]])
    elif event in ("socket.connect", "socket.getaddrinfo"):
        events["connected"].append(repr(arguments[1:]))
before = set(sys.modules)
sys.argv[0] = "convfix"
report, root = sys.argv[1:3]
del sys.argv[1:3]
sys.path.insert(0, root)
sys.addaudithook(hook)
status = 0
try:
    from fixer.cli import main
    main()
except SystemExit as ending:
    status = ending.code or 0
seen = {**{name: list(rows) for name, rows in events.items()}, "imported": sorted(set(sys.modules) - before), "status": status}
import json
with open(report, "w") as file:
    json.dump(seen, file)
"""


@dataclass(frozen=True)
class Counts:
    """What one run did. ``opened`` leaves out Python's own module files."""

    status: int
    imported: tuple[str, ...]
    opened: tuple[str, ...]
    spawned: tuple[tuple[str, ...], ...]
    connected: tuple[str, ...]

    @property
    def ours(self) -> tuple[str, ...]:
        return tuple(name for name in self.imported if name.split(".")[0] == "fixer")


def count(arguments: Sequence[str], environ: Mapping[str, str]) -> Counts:
    """Run convfix with ``arguments`` and count; its output is thrown away."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        command = [sys.executable, "-I", "-c", _HOOK, report.name, str(ROOT), *arguments]
        subprocess.run(command, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, check=True)
        seen = json.load(report)
    seen["spawned"] = [tuple(argv) for argv in seen["spawned"]]
    opened = tuple(path for path in seen["opened"] if path != report.name)
    rows = {name: tuple(seen[name]) for name in ("imported", "spawned", "connected")}
    return Counts(status=seen["status"], opened=opened, **rows)


def main(options: argparse.Namespace, places: Places) -> bool:
    """Count and print; whether nothing was connected to."""
    connected = False
    with tempfile.TemporaryDirectory() as folder:
        known = variables(XDG_CACHE_HOME=folder, CONVFIX_STATE_DIR=f"{folder}/state")
        print(f"{'':34} {'modules':>8} {'of ours':>8} {'files':>8} {'children':>8} {'connects':>8}")
        for title, arguments in (
            ("convfix --version", ["--version"]),
            ("convfix doctor --json, first", ["doctor", "--json", "--python", places.sick]),
            ("convfix doctor --json, again", ["doctor", "--json", "--python", places.sick]),
            ("convfix plan --json", ["plan", "--json", "--python", places.sick]),
        ):
            seen = count(arguments, known)
            numbers = (seen.imported, seen.ours, seen.opened, seen.spawned, seen.connected)
            print(f"{title:34} " + " ".join(f"{len(rows):8}" for rows in numbers))
            for argv in seen.spawned:
                print("    child:", " ".join(word if len(word) < 60 else word[:57] + "..." for word in argv)[:150])
            connected = connected or bool(seen.connected)
    return not connected
