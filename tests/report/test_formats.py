"""Each form of a plan, read by the tool that it is for: pip, uv, a YAML reader, a conda solver, BuildKit's parser, a shell."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import dockerfile
import pytest
import yaml
from packaging.requirements import Requirement

from fixer.dataset.questions import Dataset
from fixer.model.action import HumanStep
from fixer.model.plan import Plan, Wish
from fixer.report.formats import FORMATS, NoDocument, document
from fixer.report.formats.common import conda_packages
from fixer.report.formats.dockerfile import COMPOSE
from tests import patients
from tests.conda_channel import Channel
from tests.planning import harness

CASES = [name for name in harness.names() if name.endswith("--b")]


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    dataset = Dataset.open()
    made = {}
    for name in CASES:
        case = harness.load(name)
        made[name] = harness.plan_of(case["machine"], harness.wish_of(case["wish"]), dataset)
    return made


def plan_of(name: str) -> Plan:
    case = harness.load(name)
    return harness.plan_of(case["machine"], harness.wish_of(case["wish"]), Dataset.open())


@pytest.fixture(scope="module")
def blackwell() -> Plan:
    """A new environment with CUDA wheels and a hook."""
    return harness.plan_of(harness.load("blackwell-driver--a")["machine"], Wish(), Dataset.open())


def pins_of(text: str) -> dict[str, str]:
    """The pins of a requirements file, as packaging reads them; every line must be one."""
    joined = text.replace("\\\n", " ")
    found = {}
    for line in joined.splitlines():
        if line and not line.startswith("#"):
            wanted = Requirement(line.split(" --hash")[0].strip())
            (spec,) = wanted.specifier
            assert spec.operator == "=="
            found[wanted.name] = spec.version
    return found


def installed_by(plan: Plan) -> dict[str, str]:
    texts = [text for action in plan.actions for text in action.params.get("requirements", ()) if action.kind != "conda_packages"]
    return dict(text.split("==") for text in texts)


def written(plan: Plan, form: str) -> str | None:
    try:
        return document(plan, form)
    except NoDocument:
        return None


def test_requirements_hold_what_the_plan_installs(plans: dict[str, Plan]) -> None:
    seen = 0
    for name, plan in plans.items():
        text = written(plan, "requirements")
        if text is None:
            assert plan.outcome is None or not plan.actions or conda_packages(plan), name
            continue
        pins = pins_of(text)
        assert installed_by(plan).items() <= pins.items(), name
        for action in plan.actions:
            assert action.kind in ("pip_requirements", "new_environment", "conda_packages") or action.summary in text, name
        seen += bool(installed_by(plan))
    assert seen > 20


def test_environment_files_are_yaml_with_one_python_and_exact_pins(plans: dict[str, Plan]) -> None:
    seen = 0
    for name, plan in plans.items():
        text = written(plan, "conda")
        if text is None:
            continue
        read = yaml.safe_load(text)
        assert set(read) == {"name", "channels", "dependencies"} and read["channels"] == ["conda-forge"]
        plain = [one for one in read["dependencies"] if isinstance(one, str)]
        assert plan.outcome is not None and f"python={plan.outcome.python}" in plain, name
        by_pip = [one["pip"] for one in read["dependencies"] if isinstance(one, dict)]
        pins = dict(one.split("==") for one in (by_pip[0] if by_pip else ()))
        assert installed_by(plan).items() <= pins.items(), name
        seen += 1
    assert seen > 20


def test_dockerfiles_install_the_whole_environment(plans: dict[str, Plan]) -> None:
    seen = 0
    for name, plan in plans.items():
        text = written(plan, "dockerfile")
        if text is None:
            continue
        assert plan.outcome is not None
        steps = dockerfile.parse_string(text)
        words = [word for step in steps if step.cmd.upper() == "RUN" for word in shlex.split(step.value[0])]
        assert steps[0].cmd.upper() == "FROM" and {step.cmd.upper() for step in steps} <= {"FROM", "RUN", "ENV"}
        assert f"{plan.outcome.distribution}=={plan.outcome.tensorflow}" in words or "conda" in words, name
        assert {f"{key}=={value}" for key, value in installed_by(plan).items()} <= set(words), name
        gpu = any("NVIDIA_DRIVER_CAPABILITIES" in step.value for step in steps if step.cmd.upper() == "ENV")
        assert gpu == ("--gpus all" in text) == (plan.outcome.device == "gpu"), name
        seen += 1
    assert seen > 20


def test_scripts_are_read_by_the_shell_and_hold_no_step_of_roots(plans: dict[str, Plan], tmp_path: Path) -> None:
    for name, plan in plans.items():
        text = written(plan, "commands")
        if text is None:
            continue
        done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), (name, text)
        live = [line for line in text.splitlines() if not line.startswith("#")]
        assert not any("sudo" in line for line in live), name
        for action in plan.actions:
            for argv in action.commands:
                assert any(shlex.split(line) == list(argv) for line in live), (name, argv)


def test_the_image_lets_tensorflow_find_the_libraries_that_the_hook_would_load(blackwell: Plan) -> None:
    steps = dockerfile.parse_string(document(blackwell, "dockerfile"))
    variables = {step.value[i]: step.value[i + 1] for step in steps if step.cmd.upper() == "ENV" for i in range(0, len(step.value), 2)}
    folders = variables["LD_LIBRARY_PATH"].split(":")
    hook = next(action for action in blackwell.actions if action.kind == "preload_hook")
    wanted = {re.sub(r".*/site-packages/", "", path).rpartition("/")[0] for path in hook.params["libraries"]}
    assert blackwell.outcome is not None and f"({blackwell.outcome.driver_minimum} or newer)" in document(blackwell, "dockerfile")
    assert {folder.partition("/site-packages/")[2] for folder in folders} == wanted and all(folders)


def test_the_compose_lines_ask_for_every_gpu(blackwell: Plan) -> None:
    (service,) = yaml.safe_load(COMPOSE)["services"].values()
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    text = document(blackwell, "dockerfile")
    assert yaml.safe_load("\n".join(re.findall(r"^#   ( *\S.*)$", text.split("Compose:")[1], re.M))) == yaml.safe_load(COMPOSE)
    assert "--device nvidia.com/gpu=all" in text


def test_hostile_words_stay_in_their_comment(blackwell: Plan) -> None:
    bad = "x\nRUN rm -rf /\r\n; touch owned \x1b[31m\u202e `id` $(id)"
    action = dataclasses.replace(blackwell.actions[0], summary=bad)
    step = HumanStep(bad, ((bad, "sudo"),), bad, "root")
    plan = dataclasses.replace(blackwell, actions=(action, *blackwell.actions[1:]), human_steps=(step,), version=bad)
    for form in FORMATS:
        text = document(plan, form)
        assert all(char == "\n" or char.isprintable() for char in text)
        assert not any(line.lstrip().startswith(("RUN rm", "; touch")) for line in text.splitlines()), form
    assert {step.cmd.upper() for step in dockerfile.parse_string(document(plan, "dockerfile"))} <= {"FROM", "RUN", "ENV"}


def test_what_lies_outside_the_environment_is_no_image() -> None:
    plan = plan_of("cpu-build-1-15-same-release--a")
    assert plan.outcome is not None and plan.outcome.libraries_from == ("system",)
    with pytest.raises(NoDocument, match="outside the environment"):
        document(plan, "dockerfile")
    assert "# Not in this file: the CUDA libraries" in document(plan, "requirements")


def test_somebody_s_own_build_is_named_and_never_pinned() -> None:
    plan = plan_of("nvidia-s-own-build-numpy--a")
    for form in ("conda", "dockerfile"):
        with pytest.raises(NoDocument, match="no index serves"):
            document(plan, form)
    text = document(plan, "requirements")
    assert "# Not in this file: tensorflow 2.17.0+nv25.2" in text and pins_of(text) == {"numpy": "1.26.4"}


def test_what_conda_alone_has_is_no_requirements_file() -> None:
    plan = plan_of("arm-gh200-conda--b")
    with pytest.raises(NoDocument, match="conda alone has"):
        document(plan, "requirements")
    assert "tensorflow=2.19.1=cuda128*" in document(plan, "conda")


def test_pins_that_no_installer_takes_together_are_left_out_and_named() -> None:
    plan = plan_of("win-2-12-gpu--a")
    assert plan.outcome is not None and plan.outcome.packages["numpy"] == "1.26.4"
    for form in ("requirements", "conda", "dockerfile"):
        text = document(plan, form)
        assert "numpy==" not in text and "# Not in this file: numpy 1.26.4: TensorFlow's metadata forbids it" in text, form


def test_the_host_s_driver_is_one_that_serves_the_card() -> None:
    assert "NVIDIA driver (570 or newer)" in document(plan_of("blackwell-driver--a"), "dockerfile")


def test_a_plan_that_leads_nowhere_gives_no_document(convfix: Any, tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text("{}")
    for form in FORMATS:
        answer = convfix("plan", "--machine", path, "--format", form)
        assert answer.code == 6 and answer.stdout == "" and f"--format {form}" in answer.stderr
        told = convfix("plan", "--machine", path, "--format", form, "--json")
        assert told.code == 6 and told.data["document"] is None and told.json()["errors"][0]["code"] == "no-document"


def test_a_new_environment_solves_with_condas_own_solver(blackwell: Plan, tmp_path: Path) -> None:
    channel = Channel(tmp_path / "channel")
    channel.add("python", "3.11.9", depends=["pip"])
    channel.add("python", "3.12.4", depends=["pip"])
    channel.add("pip", "24.0")
    read = yaml.safe_load(document(blackwell, "conda"))
    wanted = [one for one in read["dependencies"] if isinstance(one, str)]
    assert {name: version for name, (version, _) in channel.solve(wanted).items()} == {"python": "3.11.9", "pip": "24.0"}


# TensorFlow alone, and plans in which another framework stands beside it; this machine's GPU or lack of one decides the device.
ALONE = ("--want", "tensorflow==2.15.1")
JOINT = (("--want", "tensorflow==2.18.*", "--want", "torch"), ("--want", "tensorflow==2.18.*", "--want", "jax"))
WISHES = [ALONE, *(pytest.param(one, marks=pytest.mark.long) for one in JOINT)]


@pytest.fixture
def wishes(request: pytest.FixtureRequest) -> tuple[str, ...]:
    made: tuple[str, ...] = getattr(request, "param", ALONE)
    return made


@pytest.fixture
def stand_ins(convfix: Any, tmp_path: Path, wheelhouse: patients.Wheelhouse, wishes: tuple[str, ...]) -> tuple[str, Path]:
    """A bare Python, and tiny wheels of all that a plan for it pins; one of them needs a wheel that no plan names."""
    python = patients.need_python("3.11")
    # No plan is made for a disk that cannot hold it. TensorFlow takes some 2 GB, with another framework's CUDA 8.
    patients.need_room(tmp_path, 3_000 if wishes == ALONE else 10_000)
    answer = convfix("plan", "--python", python, *wishes, "--format", "requirements")
    pins = pins_of(answer.stdout)
    assert answer.code == 1 and {word.partition("==")[0] for word in wishes[1::2]} <= pins.keys()
    for name, version in pins.items():
        wheelhouse.add(name, version, requires=["a-need-of-a-need>=1"] if name == "tensorflow" else ())
    wheelhouse.add("a-need-of-a-need", "1.5")
    return python, wheelhouse.folder


@pytest.mark.parametrize("wishes", WISHES, indirect=True)
@pytest.mark.parametrize("manager", ["uv", "pip"])
def test_pip_and_uv_take_the_proved_file_with_all_its_hashes(
    manager: str, wishes: tuple[str, ...], convfix: Any, tmp_path: Path, stand_ins: tuple[str, Path]
) -> None:
    python, folder = stand_ins
    with patients.LocalIndex(folder, upstream=None) as index:
        out = tmp_path / "requirements.txt"
        proved = convfix(
            "plan", "--python", python, *wishes, "--prove", "--manager", manager,
            "--format", "requirements", "--out", out, env=index.settings,
        )  # fmt: skip
        assert proved.code == 1 and str(out) in proved.stdout, proved.stderr
        text = out.read_text()
        pins = pins_of(text)
        assert pins["a-need-of-a-need"] == "1.5" and text.count("--hash=sha256:") >= len(pins) and "Resolved by" in text
        target = patients.make_patient(tmp_path / "target", python="3.11")
        world = {**_environ(), **index.settings}
        pip = [target.python, "-m", "pip", "install", "--dry-run", "--require-hashes", "-r", str(out)]
        uv = [patients.need("uv"), "pip", "install", "--dry-run", "--require-hashes", "--python", target.python, "-r", str(out)]
        for command in (pip, uv):
            done = subprocess.run(command, capture_output=True, text=True, env=world)
            assert done.returncode == 0, done.stderr
            said = (done.stdout + done.stderr).replace("_", "-")
            assert [pin for pin in pins.items() - target.versions().items() if "-".join(pin) not in said and "==".join(pin) not in said] == []
        digest = re.search(r"sha256:([0-9a-f]{64})", text)
        assert digest is not None
        out.write_text(text.replace(digest.group(1), "0" * 64))
        # uv's dry run opens no archive, so it cannot see that one is another: here it installs in earnest.
        for command in (pip, [word for word in uv if word != "--dry-run"]):
            assert subprocess.run(command, capture_output=True, env=world).returncode != 0, "a wrong hash was taken"


@pytest.mark.parametrize("wishes", WISHES, indirect=True)
def test_the_script_of_a_small_plan_does_what_the_plan_says(
    wishes: tuple[str, ...], convfix: Any, tmp_path: Path, wheelhouse: patients.Wheelhouse, stand_ins: tuple[str, Path]
) -> None:
    python, folder = stand_ins
    with patients.LocalIndex(folder, upstream=None) as index:
        home = tmp_path / "a home; with $(words)"
        home.mkdir()
        here = {"HOME": str(home), **index.settings}
        answer = convfix("plan", "--python", python, *wishes, "--format", "commands", env=here)
        assert answer.code == 1, answer.stderr
        world = {**_environ(), **here, "PATH": f"{Path(patients.need('uv')).parent}:/usr/bin:/bin"}
        done = subprocess.run(["sh"], input=answer.stdout, capture_output=True, text=True, env=world, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        plan = convfix("plan", "--python", python, *wishes, "--json", env=here).data
        made = patients.Patient(home / "convfix-env", str(home / "convfix-env" / "bin" / "python"))
        assert plan["outcome"]["packages"].items() <= made.versions().items()


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in patients.POINTING}
