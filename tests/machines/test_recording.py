"""``facts --record`` keeps a machine that ``--machine DIR`` shows again: the same facts, without people's names, and no trust in it."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests import patients

SECRET = "hunter2"


@pytest.fixture(scope="module")
def seen(shared_convfix, tmp_path_factory):
    """A small real environment in the home folder of alice: what doctor and facts say live, and its recording."""
    home = tmp_path_factory.mktemp("homes") / "alice"
    home.mkdir()
    patient = patients.make_patient(home / "env", "3.11", ["numpy==1.26.4"])
    # A setting that names a person, and secrets where a careless person leaves them.
    (home / ".keras").mkdir()
    (home / ".keras" / "keras.json").write_text('{"backend": "theano"}')
    env = {
        "HOME": str(home), "USER": "alice", "LD_LIBRARY_PATH": f"{home}/lib:", "TF_API_KEY": SECRET,
        "PIP_INDEX_URL": f"https://alice:{SECRET}@example.invalid/simple", "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("recordings") / "one"
    options = ("--python", patient.python)
    told = shared_convfix("facts", "--record", folder, *options, "--json", env=env)
    assert told.code == 0, told.stderr
    doctor = shared_convfix("doctor", *options, "--json", env=env)
    return folder, told.data["machine"], doctor, home


def texts(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_a_recording_shows_the_machine_that_was_there(convfix, seen):
    folder, live, doctor, home = seen
    again = convfix("doctor", "--machine", folder, "--json", env={"LD_LIBRARY_PATH": "/of/another/machine"})
    assert again.code == doctor.code
    as_recorded = json.loads(json.dumps(doctor.data).replace(str(home), "/home/user"))
    # convfix's own journal is no part of the recorded machine.
    assert again.data == as_recorded
    assert live["environment"]["packages"]["numpy"] == "1.26.4"


def test_a_plan_from_a_recording_is_the_plan_from_its_facts(convfix, seen, tmp_path):
    folder, live, _, home = seen
    described = tmp_path / "machine.json"
    described.write_text(json.dumps(live).replace(str(home), "/home/user"))
    one, two = (convfix("plan", "--machine", path, "--json") for path in (folder, described))
    assert one.code == two.code
    assert one.data["actions"] == two.data["actions"] and one.data["outcome"] == two.data["outcome"]


def test_nobody_is_named_and_no_secret_is_kept(seen):
    folder, _, _, home = seen
    for path, content in texts(folder).items():
        for word in (str(home).encode(), b"alice", SECRET.encode()):
            assert word not in content and word not in str(path.relative_to(folder)).encode(), (path, word)
    kept = json.loads((folder / "recording.json").read_text())["environ"]
    assert kept["HOME"] == "/home/user" and kept["LD_LIBRARY_PATH"] == "/home/user/lib:" and kept["CUDA_VISIBLE_DEVICES"] == ""
    assert "PIP_INDEX_URL" not in kept and "TF_API_KEY" not in kept


def test_what_nobody_asked_then_is_unknown_and_the_rest_goes_on(convfix, seen, tmp_path):
    folder = shutil.copytree(seen[0], tmp_path / "less")
    (folder / "runs.json").write_text("[]")
    told = convfix("doctor", "--machine", folder, "--json")
    assert told.code in (1, 6) and "Traceback" not in told.stderr
    plain = json.loads((folder / "recording.json").read_text())
    (folder / "recording.json").write_text(json.dumps(plain | {"unlisted": "absent"}))
    assert convfix("doctor", "--machine", folder, "--json").code in (1, 6)


def test_a_folder_with_something_in_it_is_not_written_to(convfix, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear")
    told = convfix("facts", "--record", tmp_path / "mine", "--json")
    assert told.code == 2 and "expected a new or an empty folder" in told.json()["errors"][0]["message"]
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["diary.txt"]


BROKEN = {
    "no head": lambda f: (f / "recording.json").unlink(),
    "no JSON": lambda f: (f / "tree.json").write_text("{"),
    "a list": lambda f: (f / "tree.json").write_text("[]"),
    "deep": lambda f: (f / "tree.json").write_text("[" * 100_000),
    "another schema": lambda f: (f / "recording.json").write_text('{"schema": "convfix-recording/9"}'),
    "a schema of control characters": lambda f: (f / "recording.json").write_text('{"schema": "\\u001b[31m"}'),
    "no vantage": lambda f: (f / "recording.json").write_text('{"schema": "convfix-recording/1"}'),
    "a status of two numbers": lambda f: (f / "tree.json").write_text('{"/etc": {"status": [1, 2]}}'),
    "a status of words": lambda f: (f / "tree.json").write_text('{"/etc": {"status": ["a", 1, 1, 1, 1, 1, 1]}}'),
    "runs without argv": lambda f: (f / "runs.json").write_text('[{"status": 0}]'),
    "pieces that are not base64": lambda f: (f / "pieces.json").write_text('{"/lib/a.so": {"0": "###"}}'),
    "a status without end": lambda f: (f / "tree.json").write_text('{"/etc": {"status": [1e999, 1, 1, 1, 1, 1, 1]}}'),
    "a NUL in the middle": lambda f: (f / "tree.json").write_bytes(b'{"/etc": {}\0}'),
    "cut in the middle": lambda f: os.truncate(f / "tree.json", (f / "tree.json").stat().st_size // 2),
    "huge": lambda f: os.truncate(f / "runs.json", 1 << 40),
    "a folder": lambda f: ((f / "runs.json").unlink(), (f / "runs.json").mkdir()),
    "a loop of links": lambda f: ((f / "tree.json").unlink(), (f / "tree.json").symlink_to("tree.json")),
    "a pipe": lambda f: ((f / "runs.json").unlink(), os.mkfifo(f / "runs.json")),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_recording_is_one_clear_line(convfix, seen, tmp_path, what):
    folder = shutil.copytree(seen[0], tmp_path / "broken")
    BROKEN[what](folder)
    for verb in ("doctor", "plan"):
        told = convfix(verb, "--machine", folder, timeout=60)
        assert told.code == 2, told
        assert str(folder) in told.stderr and "Traceback" not in told.stderr and "\x1b" not in told.stderr
        assert told.stdout == ""


def test_a_recording_reads_nothing_of_this_machine(convfix, seen, tmp_path):
    folder = shutil.copytree(seen[0], tmp_path / "thief")
    secret = tmp_path / "secret"
    secret.write_text("ID=stolen\n")
    (folder / "files" / "etc" / "os-release").unlink(missing_ok=True)
    (folder / "files" / "etc" / "os-release").symlink_to(secret)
    assert "stolen" not in convfix("doctor", "--machine", folder, "--json", "-v").stdout
    tree = json.loads((folder / "tree.json").read_text())
    tree["/../../../../etc/passwd"] = {}
    (folder / "tree.json").write_text(json.dumps(tree))
    assert convfix("doctor", "--machine", folder, "--json").code != 70
