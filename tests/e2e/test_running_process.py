"""``doctor --pid``: a running process is judged by what it has mapped, in the environment that it was started with."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT, START
from tests.e2e.test_library_patients import Ill
from tests.lab import running, toolkits
from tests.lab.running import OPENS

pytestmark = pytest.mark.slow


@pytest.fixture
def doctor(lab, staged, tmp_path):
    def run(before, theirs, ours):
        one = Ill(lab, staged("2.4.4"), tmp_path / "state")
        base = {name: os.environ[name] for name in ("HOME", "PATH", "LANG") if name in os.environ} | {"CONVFIX_STATE_DIR": str(one.state)}
        command = [sys.executable, "-I", "-c", START, str(ROOT), "doctor"]
        environs = {"theirs": {**base, **theirs(one.staged)}, "ours": {**base, **ours(one.staged)}}
        return one.staged, *running.told(lab, one.staged.machine, one.staged.patient.python, before, command, cwd="/", **environs)

    return run


def ill(staged):
    return dict(staged.variables)


def well(staged):
    return dict(staged.cured)


def bare(staged):
    return {}


def primary(data):
    return next((one for one in data["findings"] if one["primary"]), None)


def test_the_process_has_the_old_copy_mapped_though_the_shell_would_find_the_right_one(doctor):
    staged, pid, code, data = doctor(OPENS, ill, well)
    assert (code, primary(data)["cause"], primary(data)["certainty"]) == (1, "cudnn-shadowed", "proven")
    assert staged.winner in json.dumps(primary(data)) and staged.right in json.dumps(primary(data))


def test_a_process_started_well_is_well_though_the_shell_is_ill(doctor):
    _, _, code, data = doctor(OPENS, well, ill)
    assert (code, primary(data)) == (0, None)


def test_the_kernel_that_was_started_without_the_shells_setting(doctor):
    _, pid, code, data = doctor(OPENS, bare, well)
    found = primary(data)
    assert (code, found["cause"], found["certainty"]) == (1, "env-not-inherited", "proven")
    assert f"process {pid}" in found["title"] and "libcudart.so.11.0" in json.dumps(found)
    # The same process asked from a shell that has no better setting: nothing was lost on the way.
    _, _, code, data = doctor(OPENS, bare, bare)
    assert code == 1 and "env-not-inherited" not in {one["cause"] for one in data["findings"]}


@pytest.mark.parametrize(("version", "code", "cause"), [("8.0.5", 0, None), ("8.2.1", 1, "cudnn-shadowed")])
def test_what_was_loaded_before_tensorflow_is_seen(doctor, builder, tmp_path, version, code, cause):
    # Nothing but the process's own maps can tell this: its variables are the right ones. A head of another release
    # gets its parts from LD_LIBRARY_PATH, where those of 8.0.5 lie; one of the same release harms nobody.
    toolkits.add_cudnn(builder, tmp_path / "torch", version, "11.0")
    path = tmp_path / "torch" / "lib64" / "libcudnn.so.8"
    _, pid, ended, data = doctor(f"import ctypes; ctypes.CDLL({str(path)!r}); " + OPENS, well, well)
    found = primary(data)
    assert (ended, found and found["cause"]) == (code, cause)
    note = next(one for one in data["findings"] if one["code"] == "process-loaded-another-copy")
    assert (note["severity"], note["certainty"], note["cause"]) == ("note", "proven", "cudnn-shadowed")
    assert f"process {pid}" in note["title"] and version in json.dumps(note["evidence"]) and str(path.resolve()) in note["title"]


@pytest.mark.parametrize(("options", "words"), [
    (["--pid", "2147483646"], "there is no such process"),
    (["--pid", "0"], "0 is not in the range"),
    (["--pid", "self"], "not a valid integer"),
    (["--pid", "1", "--python", sys.executable], "neither --python"),
    (["--pid", "1", "--machine", "-"], "give one of them"),
])  # fmt: skip
def test_a_process_that_cannot_be_looked_at_is_one_clear_line(convfix, options, words):
    told = convfix("doctor", *options)
    assert told.code == 2 and words in told.stderr and told.stdout == "" and "Traceback" not in told.stderr


def test_a_process_that_is_no_python(convfix):
    child = subprocess.Popen(["sleep", "60"])
    try:
        told = convfix("doctor", "--pid", str(child.pid))
    finally:
        child.kill()
        child.wait()
    assert told.code == 2 and "is no Python" in told.stderr
