"""Patients whose libraries are the trouble, on the lab's GPU with the real TensorFlow: named, repaired, proved, undone."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests import patients
from tests.conftest import ROOT, START
from tests.e2e.tree import different, tree
from tests.lab.patients import STAGES
from tests.schemas import valid

pytestmark = pytest.mark.slow
LISTED = "import tensorflow as tf; print('GPUS', len(tf.config.list_physical_devices('GPU')))"


class Ill:
    """A staged patient, and convfix on its machine."""

    def __init__(self, lab, staged, state):
        self.lab, self.staged, self.state = lab, staged, state

    def convfix(self, *arguments, **variables):
        argv = [sys.executable, "-I", "-c", START, str(ROOT), *arguments]
        held = {**self.staged.variables, "CONVFIX_STATE_DIR": str(self.state), **variables}
        return self.lab.run(argv, machine=self.staged.machine, variables=held, cwd=str(ROOT))

    def json(self, *arguments):
        answer = self.convfix(*arguments, "--python", self.staged.patient.python, "--json")
        return answer.returncode, json.loads(answer.stdout)["data"]

    def run(self, *argv, **variables):
        return self.lab.run(list(argv), machine=self.staged.machine, variables={**self.staged.variables, **variables}, cwd="/")

    def lists_a_gpu(self, *before):
        return "GPUS 1" in self.run(*before, self.staged.patient.python, "-c", LISTED).stdout


@pytest.fixture
def ill(lab, staged, tmp_path):
    return lambda release: Ill(lab, staged(release), tmp_path / "state")


@pytest.mark.parametrize("release", list(STAGES))
def test_the_cause_is_named_the_repair_proved_and_every_byte_given_back(ill, release, tmp_path):
    patient = ill(release)
    before = tree(patient.staged.patient.path)
    code, data = patient.json("doctor")
    primary = next(finding for finding in data["findings"] if finding["primary"])
    assert (code, primary["cause"], primary["certainty"]) == (1, patient.staged.cause, "proven")
    said = json.dumps(primary)
    for path in filter(None, (patient.staged.winner, patient.staged.right)):
        assert os.path.basename(path) in said
    if patient.staged.winner:
        assert patient.staged.winner in said and patient.staged.right in said

    _, plan = patient.json("plan")
    assert [action["kind"] for action in plan["actions"]] == ["preload_hook"] and plan["outcome"]["device"] == "gpu"
    assert plan["actions"][0]["reaches"] == ["terminal", "jupyter", "ide", "cron"]
    site = patient.staged.patient.site_packages
    shown = {change["path"]: _new_text(change["diff"]) for change in plan["actions"][0]["files"]}
    assert list(shown) == [str(site / "_convfix_preload.py"), str(site / "convfix_preload.pth")]
    assert _from_the_facts(patient, tmp_path) == {**plan, "created": None}

    code, applied = patient.json("apply", "--yes")
    steps = {step["name"]: step["passed"] for step in applied["verification"]["steps"]}
    assert (code, applied["verification"]["device"]) == (0, "gpu"), applied
    assert {path: Path(path).read_text() for path in shown} == shown
    assert steps["library-check"] and steps["convolution"] and steps["densenet121"]
    if patient.staged.right:
        assert os.path.realpath(patient.staged.right) in map(os.path.realpath, applied["verification"]["loaded"].values()) or any(
            os.path.dirname(patient.staged.right) == os.path.dirname(path) for path in applied["verification"]["loaded"].values()
        )
    assert patient.json("doctor")[0] == 0
    code, again = patient.json("plan")
    assert code == 0 and again["actions"] == []

    assert patient.convfix("undo", applied["run"], "--yes").returncode == 0
    assert different(before, tree(patient.staged.patient.path)) == {}
    assert patient.json("doctor")[0] == 1


def _new_text(diff):
    """The whole text of a new file, from its diff."""
    head, *lines = diff.splitlines()[2:]
    assert head == f"@@ -0,0 +1,{len(lines)} @@" and all(line.startswith("+") for line in lines)
    return "".join(f"{line[1:]}\n" for line in lines)


def _from_the_facts(patient, folder, *options):
    """The plan made from the patient's machine file, without its time."""
    _, data = patient.json("facts")
    (folder / "machine.json").write_text(json.dumps(data["machine"]))
    answer = patient.convfix("plan", "--machine", str(folder / "machine.json"), "--json", *options)
    return {**json.loads(answer.stdout)["data"], "created": None}


def test_with_the_one_fact_flipped_the_cause_is_not_named(ill):
    """The same patient with the variables of its cure."""
    patient = ill("2.16.1")
    answer = patient.convfix("doctor", "--python", patient.staged.patient.python, "--json", **patient.staged.cured)
    findings = json.loads(answer.stdout)["data"]["findings"]
    assert answer.returncode == 0 and not any(finding["severity"] == "blocks" for finding in findings)


def test_the_hook_reaches_a_plain_python_a_bare_environment_and_a_kernel(ill, tmp_path):
    patient = ill("2.21.0")
    python = patient.staged.patient.python
    assert not patient.lists_a_gpu()
    assert patient.json("apply", "--yes")[0] == 0
    try:
        assert patient.lists_a_gpu()
        assert patient.lists_a_gpu("env", "-i", "HOME=/root", "PATH=/usr/bin:/bin")
        assert "GPUS 1" in _kernel(patient, tmp_path)
    finally:
        assert patient.convfix("undo", "--yes").returncode == 0
    assert not patient.lists_a_gpu()
    assert python


def _kernel(patient, tmp_path):
    """The output of a kernel that Jupyter's own machinery starts, from a Python beside the patient, without a shell."""
    client = patients.make_patient(tmp_path / "client", requirements=["jupyter_client", "ipykernel"])
    # ipykernel and what it needs stand beside the patient, not in it: the kernel is the patient's own interpreter.
    beside = str(client.site_packages)
    spec = tmp_path / "kernels" / "ill"
    spec.mkdir(parents=True)
    argv = [patient.staged.patient.python, "-c", f"import sys; sys.path.append({beside!r}); from ipykernel.kernelapp import main; main()"]
    argv += ["-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "ill", "language": "python"}))
    driver = tmp_path / "driver.py"
    driver.write_text(
        textwrap.dedent(
            f"""
            from jupyter_client.kernelspec import KernelSpecManager
            from jupyter_client.manager import KernelManager
            specs = KernelSpecManager(kernel_dirs=[{str(tmp_path / "kernels")!r}])
            manager = KernelManager(kernel_name="ill", kernel_spec_manager=specs)
            manager.start_kernel()
            client = manager.client(); client.start_channels(); client.wait_for_ready(timeout=90)
            client.execute_interactive({LISTED!r}, timeout=120)
            client.stop_channels(); manager.shutdown_kernel(now=True)
            """
        )
    )
    done = patient.run(client.python, str(driver))
    return done.stdout + done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_with_paths_by_activation_a_new_shell_has_them(ill, shell):
    patients.need(shell)
    patient = ill("2.16.1")
    before = tree(patient.staged.patient.path)
    code, plan = patient.json("plan", "--paths", "activation")
    assert code == 1 and {action["kind"] for action in plan["actions"]} == {"activation_script"}
    assert all(action["reaches"] == ["terminal"] for action in plan["actions"])
    code, applied = patient.json("apply", "--paths", "activation", "--yes")
    try:
        assert code == 0, applied
        activate = patient.staged.patient.path / "bin" / ("activate.fish" if shell == "fish" else "activate")
        quiet = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
        inside = f"source {activate}; python -c \"{LISTED}\"; deactivate; echo \"after=[$LD_LIBRARY_PATH]\""
        said = patient.run(shell, *quiet, "-c", inside)
        assert "GPUS 1" in said.stdout and "after=[]" in said.stdout, said.stdout + said.stderr
    finally:
        assert patient.convfix("undo", "--yes").returncode == 0
    assert different(before, tree(patient.staged.patient.path)) == {}


# fish has the same block in tests/hands/test_profiles.py, without TensorFlow.
PROFILES = {"bash": ".bashrc", "zsh": ".zshrc"}


@pytest.mark.parametrize("shell", list(PROFILES))
def test_with_paths_by_profile_a_new_interactive_shell_has_them(ill, shell, tmp_path):
    patients.need(shell)
    patient = ill("2.16.1")
    home = tmp_path / "it's home"
    profile = home / PROFILES[shell]
    home.mkdir()
    profile.write_bytes(b"# caf\xe9\nexport MINE=1\n")
    who = {"HOME": str(home), "SHELL": f"/usr/bin/{shell}"}
    before = tree(patient.staged.patient.path), tree(home)[profile.name]

    def told(*arguments):
        answer = patient.convfix(*arguments, "--paths", "profile", "--python", patient.staged.patient.python, "--json", **who)
        return answer.returncode, json.loads(answer.stdout)["data"]

    def new_shell():
        # The interpreter by its path: the environment is not activated, the profile alone is read.
        inside = f"'{patient.staged.patient.python}' -c \"{LISTED}\"; echo mine=$MINE"
        return patient.run(shell, "-i", "-c", inside, **who).stdout

    code, plan = told("plan")
    assert code == 1 and [action["kind"] for action in plan["actions"]] == ["activation_script", "profile_block"]
    script, block = (action["files"][0] for action in plan["actions"])
    assert block["path"] == str(profile) and "MINE" not in block["diff"]
    code, applied = told("apply", "--yes")
    try:
        assert code == 0, applied
        assert Path(script["path"]).read_text() == _new_text(script["diff"])
        added = "".join(f"{line[1:]}\n" for line in block["diff"].splitlines()[3:])
        assert profile.read_bytes().endswith(b"\n" + added.encode()) and added.count("convfix") >= 2
        said = new_shell()
        assert "GPUS 1" in said and "mine=1" in said, said
    finally:
        assert patient.convfix("undo", "--yes", **who).returncode == 0
    # Keras and the shells write files of their own into a home; the profile is the one that we touched.
    assert different(before[0], tree(patient.staged.patient.path)) == {} and tree(home)[profile.name] == before[1]


def test_a_preloaded_cudnn_is_never_mixed_with_older_parts_from_a_path(ill, builder, tmp_path):
    """cuDNN opens its parts by soname: without the right ones preloaded, an older part from LD_LIBRARY_PATH would be mixed in."""
    from tests.lab import toolkits

    patient = ill("2.16.1")
    old = tmp_path / "old"
    toolkits.add_cudnn(builder, old, "8.6.0", "11.8")
    path = str(old / "lib64")
    code, applied = 0, None
    answer = patient.convfix("apply", "--yes", "--python", patient.staged.patient.python, "--json", LD_LIBRARY_PATH=path)
    try:
        code, applied = answer.returncode, json.loads(answer.stdout)["data"]
        assert code == 0, answer.stdout + answer.stderr
        loaded = {name: file for name, file in applied["verification"]["loaded"].items() if name.startswith("cudnn")}
        assert len(loaded) > 1 and not any(file.startswith(path) for file in loaded.values()), loaded
    finally:
        patient.convfix("undo", "--yes")


def test_libraries_that_vanish_leave_the_hook_harmless(ill):
    patient = ill("2.21.0")
    assert patient.json("apply", "--yes")[0] == 0
    folder = patient.staged.patient.site_packages / "nvidia" / "cusolver"
    aside = folder.with_name("cusolver.aside")
    try:
        folder.rename(aside)
        done = patient.run(patient.staged.patient.python, "-c", LISTED)
        assert "GPUS 0" in done.stdout and "convfix" not in done.stderr, done.stderr
    finally:
        aside.rename(folder)
        patient.convfix("undo", "--yes")


def test_a_start_that_never_imports_tensorflow_pays_next_to_nothing(ill):
    """Counted, not timed: a plain start imports not one module more with the hook than without it."""
    patient = ill("2.21.0")
    counted = "import sys; print(sorted(sys.modules))"
    def modules():
        done = subprocess.run([patient.staged.patient.python, "-c", counted], capture_output=True, text=True, check=True)
        return set(json.loads(done.stdout.replace("'", '"')))
    before = modules()
    assert patient.json("apply", "--yes")[0] == 0
    try:
        assert modules() == before
    finally:
        patient.convfix("undo", "--yes")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "sh"])
def test_activate_prints_a_script_that_a_shell_can_source(ill, shell, tmp_path):
    patients.need(shell)
    patient = ill("2.16.1")
    target = tmp_path / "with space" / f"on.{shell}"
    target.parent.mkdir()
    written = patient.convfix("activate", "--python", patient.staged.patient.python, "--shell", shell, "-o", str(target))
    assert written.returncode == 0, written.stderr
    printed = patient.convfix("activate", "--python", patient.staged.patient.python, "--shell", shell)
    assert printed.stdout == target.read_text()
    again = patient.convfix("activate", "--python", patient.staged.patient.python, "--shell", shell, "-o", str(target))
    assert again.returncode == 2 and str(target) in again.stderr
    inside = f"{'source' if shell == 'fish' else '.'} '{target}'; {patient.staged.patient.python} -c \"{LISTED}\"; convfix_deactivate; echo \"after=[$LD_LIBRARY_PATH]\""
    said = patient.run(shell, "-c", inside)
    assert "GPUS 1" in said.stdout and "after=[]" in said.stdout, said.stdout + said.stderr


def test_activate_as_json_for_any_other_consumer(ill):
    patient = ill("2.16.1")
    answer = patient.convfix("activate", "--python", patient.staged.patient.python, "--format", "json")
    told = json.loads(answer.stdout)
    assert all(os.path.isabs(folder) for folder in told["prepend"]["LD_LIBRARY_PATH"]) and told["unset"] == []
    code, data = patient.json("activate")
    valid(data, "activate")
    assert code == 0 and data["variables"] == told
