"""Records the lab's scenarios as machines: ``python -m tests.machines.make [--nvidia DIR] [NAME...]`` (minutes). What is there already is kept.

Each machine becomes ``tests/machines/<distro>-<driver>-<tf>-<cause>--<name>/machine.json``, the difference from its
TensorFlow's healthy machine in ``tests/machines/bases``. What is named though it stops nothing stands beside it as ``named``, and
in its counterpart as ``unnamed``. Paths of the recording machine become neutral ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

from fixer.host.recording import load
from tests.conftest import ROOT, START
from tests.lab.build import Builder
from tests.lab.machine import Lab
from tests.lab.scenarios import SCENARIOS, Scenario
from tests.machines import nvidia
from tests.machines.flat import Flat, applied, difference, flatten

FOLDER = Path(__file__).resolve().parent
BASES = FOLDER / "bases"
FIRST = "2.15.1"


def record(scenario: Scenario, lab: Lab, scratch: Path) -> Flat:
    """Stage it, let convfix record it, and give the recording as items."""
    shutil.rmtree(scratch, ignore_errors=True)
    staged = scenario.stage(scratch, lab.builder)
    home = scratch / "home"
    environ = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **staged.variables}
    argv = [sys.executable, "-I", "-c", START, str(ROOT), "facts", "--record", str(scratch / "kept"), "--python", staged.patient.python]
    done = lab.run(argv, machine=staged.machine, environ=environ, cwd=home)
    assert done.returncode == 0, done.stderr
    kept = load(str(scratch / "kept"))
    files = {}
    root = scratch / "kept" / "files"
    for path in sorted(root.rglob("*")):
        if path.is_file():
            name = "/" + str(path.relative_to(root))
            shorten = _shortened if name.endswith("/RECORD") else _headers if name.endswith("/METADATA") else bytes
            files[name] = shorten(path.read_bytes())
    return _with_said(_neutral(flatten(kept, files), scratch), scenario)


def _shortened(content: bytes) -> bytes:
    """The lines of a RECORD that a look needs: of a big one libraries, and the packages near the root. No look needs hashes."""
    lines = content.splitlines(True)
    if len(content) >= 60_000:
        lines = [line for line in lines if b".so" in line or (b"/__init__.py," in line and line.count(b"/") <= 2)]
    return b"".join(re.sub(rb",sha256=[^,]*,", b",,", line) for line in lines if b"uv_cache.json" not in line)


def _headers(content: bytes) -> bytes:
    """The headers of a METADATA that a look needs."""
    head = content.split(b"\n\n", 1)[0].splitlines(True)
    return b"".join(line for line in head if line.startswith((b"Metadata-Version:", b"Name:", b"Version:", b"Requires-")))


def _anonymous(text: str) -> str:
    """What tells of the recording machine's kernel and of the lab's own folders, made ordinary."""
    text = re.sub(r"/tmp/machines-[^/\"]+/lab/run/scratch-[^/\"]+/drivers/", "/sys/bus/pci/drivers/", text)
    text = re.sub(r"/tmp/machines-[^/\"]+/", "/mnt/", text)
    text = re.sub(r"Linux version \S+ [^\"]*?#1 SMP", "Linux version 6.1.0-21-amd64 (debian-kernel@lists.debian.org) #1 SMP", text)
    return text.replace(os.uname().release, "6.1.0-21-amd64")


def _neutral(flat: Flat, scratch: Path) -> Flat:
    """Paths of this machine as a person's machine would have them."""
    pythons = Path(sys.base_prefix).resolve().parent
    pairs = [(str(scratch / "home"), "/home/user"), (str(scratch), "/mnt/stage"), (str(pythons), "/opt/pythons"),
             (os.path.dirname(os.path.dirname(sys.executable)), "/opt/convfix"), (str(ROOT), "/opt/convfix/source")]  # fmt: skip
    inodes: dict[tuple[int, ...], int] = {}
    text = json.dumps(flat)
    for old, new in pairs:
        text = text.replace(old, new)
    text = _anonymous(text)
    # Addresses and process numbers differ from run to run, and who made a file when says nothing.
    text = re.sub(r"(\\n|\") *\d+:\\t", r"\1 1:\\t", re.sub(r"0x[0-9a-f]{12,16}", "0x0", text))
    made: Flat = json.loads(text)
    for item in sorted(made):
        status = made[item].get("status") if item.startswith("tree:") else None
        if status:
            inode = inodes.setdefault(tuple(status[3:5]), zlib.crc32(item.encode()))
            made[item]["status"] = [*status[:2], 0, 0, inode, 0, 0]
    # The kernel's log and the programs are the recording machine's own, and nobody's business.
    if 'run:["dmesg"]' in made:
        made["run:[\"dmesg\"]"] = {"stdout": "", "status": 0}
    listed = made.get("tree:/usr/local/bin", {})
    if "entries" in listed:
        listed["entries"] = [name for name in listed["entries"] if name.startswith(("python", "nv", "pt", "cu"))]
    # The recording machine is a container itself; who stages one says so.
    made.pop("tree:/.dockerenv", None)
    return {**made, "vantage:uid": 1000, "vantage:groups": [1000], "vantage:folder": "/home/user"}


def _with_said(flat: Flat, scenario: Scenario) -> Flat:
    """What the lab's kernel cannot show; ``gone:FOLDER`` takes names out of a folder's list."""
    made = dict(flat)
    for item, value in scenario.said.items():
        kind, _, name = item.partition(":")
        if kind == "gone":
            known = dict(made[f"tree:{name}"])
            made[f"tree:{name}"] = {**known, "entries": [one for one in known["entries"] if one not in value]}
        elif value is None:
            made.pop(item, None)
        else:
            made[item] = value
            if kind == "file":
                made.pop(f"tree:{name}", None)
    return made


def folder_name(scenario: Scenario) -> str:
    """The folder's name is the expectation: distribution, driver, TensorFlow, cause, and the scenario's own name."""
    driver = scenario.machine.driver or ("real" if "/usr" in scenario.machine.over else "none")
    what = f"{scenario.cause}--{scenario.name}" if scenario.cause else f"healthy--{scenario.name}"
    return f"{scenario.distro}-{driver}-tf{scenario.release}-{what}"


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(content.items()))
    path.write_text("{\n" + rows + "\n}\n")


def read(path: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(path.read_text())
    return made


def base_of(release: str, lab: Lab, scratch: Path) -> Flat:
    """The machine of a release as its metadata makes it, recorded when it is not there."""
    path = BASES / f"tf{release}.json"
    if not path.exists():
        flat = record(Scenario("base", None, release), lab, scratch)
        first = {} if release == FIRST else base_of(FIRST, lab, scratch)
        write(path, difference(flat, first))
    return base(release)


def base(release: str) -> Flat:
    """The items of a base; every base but the first is kept as the difference from it."""
    held = read(BASES / f"tf{release}.json")
    return held if release == FIRST else applied(read(BASES / f"tf{FIRST}.json"), held)


def main(names: list[str]) -> int:
    scratch = Path(tempfile.mkdtemp(prefix="machines-"))
    lab = Lab(scratch / "lab", Builder(scratch / "stand-ins"))
    chosen = SCENARIOS
    healthy: dict[str, Flat] = {}
    if names[:1] == ["--nvidia"]:
        chosen, names = nvidia.scenarios(nvidia.links(Path(names[1]), scratch / "usr")), names[2:]
    for scenario in chosen:
        name = folder_name(scenario)
        if (FOLDER / name).exists() or (names and not any(word in name for word in names)):
            continue
        release = scenario.release or "2.15.1"
        start = base_of(release, lab, scratch / "stage")
        if release not in healthy:
            healthy[release] = record(Scenario("base", None, release), lab, scratch / "stage")
        # A base is of an earlier day, with other packages and stand-ins: what the scenario changes of the same machine today is put upon it.
        there = applied(start, difference(record(scenario, lab, scratch / "stage"), healthy[release]))
        change = difference(there, start)
        assert applied(start, change) == there
        remarks = sorted({one.named for one in SCENARIOS if one.named and one.flip_id == scenario.id} - {scenario.named})
        also = {"named": scenario.named} if scenario.named else {"unnamed": remarks} if remarks else {}
        write(FOLDER / name / "machine.json", {"base": scenario.release or "2.15.1", "change": change, **also})
        print(name, len(json.dumps(change)), flush=True)
    shutil.rmtree(scratch)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
