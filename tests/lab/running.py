"""A running process of a patient, and convfix beside it on the same machine: what ``doctor --pid`` is asked of.

The unit is ``told``: it starts the patient with the process's variables, waits until it has done what it was given, and runs
convfix with the shell's own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Mapping, Sequence

from tests.lab.machine import Lab, Machine

OPENS = "import tensorflow as tf; tf.config.list_physical_devices('GPU')"
# Starts the patient with one set of variables and convfix with another, on the same machine.
_DRIVER = """
import json, subprocess, sys
python, program, theirs, ours, command = json.loads(sys.argv[1])
child = subprocess.Popen([python, "-c", program + "; print('ready', flush=True); import time; time.sleep(120)"],
                         env=theirs, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
try:
    while "ready" not in child.stdout.readline():
        assert child.poll() is None, "the process ended early"
    told = subprocess.run([*command, "--pid", str(child.pid), "--json"], env=ours, stdout=subprocess.PIPE, text=True)
    print(json.dumps([child.pid, told.returncode, json.loads(told.stdout)["data"]]))
finally:
    child.kill()
"""


def told(
    lab: Lab, machine: Machine, python: str, program: str, command: Sequence[str], *, theirs: Mapping[str, str], ours: Mapping[str, str], cwd: Path
) -> tuple[int, int, dict[str, Any]]:
    """The PID of ``python -c PROGRAM``, and the exit code and data that ``command --pid PID --json`` gives.

    ``theirs`` and ``ours`` are the whole environments of the two.
    """
    given = json.dumps([python, program, dict(theirs), dict(ours), list(command)])
    done = lab.run([sys.executable, "-I", "-c", _DRIVER, given], machine=machine, cwd=cwd)
    assert done.stdout.strip(), done.stderr
    pid, code, data = json.loads(done.stdout.splitlines()[-1])
    return pid, code, data
