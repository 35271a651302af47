"""R7: a disk that is really full, of bytes or of inodes, or that became read-only, as small filesystems in memory.

The scene runs in a mount namespace of its own, as root only. Whatever happens, all is old or all is new, and a profile
is never shorter than it was.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import patients
from tests.hands import tally

pytestmark = [pytest.mark.long, pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")]

INSIDE = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from fixer.errors import ConvfixError
from tests.hands import scenes
place, shell, what, left = Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
options = {"bytes": "size=4m", "inodes": "size=64m,nr_inodes=400", "read-only": "size=16m"}[what]
subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
scene = scenes.make(shell, place / "scene")
new = scene.new()
if what == "bytes":
    with open(place / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    with open(place / "filler", "r+b") as file:
        file.truncate(max(0, (place / "filler").stat().st_size - left * 4096))
elif what == "inodes":
    made = []
    try:
        while True:
            (place / f"filler{len(made)}").touch()
            made.append(len(made))
    except OSError:
        for number in made[:left]:
            (place / f"filler{number}").unlink()
else:
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
said = "new"
try:
    scene.apply()
except ConvfixError as error:
    assert error.exit_code in (2, 3, 4) and error.message, error
    said = str(error.exit_code)
if what == "read-only":
    assert said in ("2", "3") and scene.is_old()
    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
elif said == "3":
    assert scene.is_old(), scenes.same(scene.before, scene.look())
for path in place.glob("filler*"):
    path.unlink()
assert scene.settle(new) in ("old", "new")
print(said)
"""


@pytest.mark.parametrize("shell", ["bash", "fish"])
@pytest.mark.parametrize(("what", "rooms"), [("bytes", range(0, 40, 2)), ("inodes", range(0, 24, 2)), ("read-only", range(1))])
def test_no_room(tmp_path: Path, shell: str, what: str, rooms: range) -> None:
    patients.need("unshare")
    place = tmp_path / "small"
    place.mkdir()
    ends = set()
    for left in rooms:
        command = ["unshare", "-m", "--propagation", "private", sys.executable, "-c", INSIDE, str(patients.ROOT), str(place), shell, what, str(left)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, (left, done.stderr)
        ends.add(done.stdout.strip())
        tally.add("R7 full disks", 1)
    assert ends - {"new"}, ends
