"""The contract: one JSON document on stdout whatever happens, the schemas, the exit codes."""

import json
import os

import pytest

from fixer import exit_codes
from fixer.commands import planned
from fixer.errors import UsageError
from fixer.probes import machine_file
from tests.schemas import valid

HEALTHY = {
    "schema": "convfix-machine/1", "os": "linux", "distro": {"id": "ubuntu", "version": "22.04"}, "arch": "x86_64", "glibc": "2.35",
    "wsl": False, "container": None, "gpus": [], "driver": None, "pythons": ["3.11"], "libraries": [], "toolkits": [], "variables": {},
    "environment": {"kind": "venv", "python": "3.11.7", "owner": None,
                    "packages": {"tensorflow": "2.15.1", "keras": "2.15.0", "numpy": "1.26.4"}},
    "managers": ["pip", "uv"], "root": False, "disk_free_mib": 60000,
}  # fmt: skip
SICK = {**HEALTHY, "environment": {**HEALTHY["environment"], "packages": {"tensorflow": "2.15.1", "keras": "2.15.0", "numpy": "2.2.6"}}}


@pytest.fixture
def described(tmp_path):
    def write(machine, name="machine.json"):
        path = tmp_path / name
        path.write_text(json.dumps(machine))
        return path

    return write


@pytest.mark.parametrize(("machine", "doctor", "plan"), [(HEALTHY, 0, 0), (SICK, 1, 1), ({}, 6, 6)])
def test_every_document_fits_its_schema_and_text_ends_with_the_same_code(convfix, described, machine, doctor, plan):
    path = described(machine)
    for verb, code in (("doctor", doctor), ("plan", plan)):
        told = convfix(verb, "--machine", path, "--json")
        valid(told.json(), "envelope")
        valid(told.data, verb)
        spoken = convfix(verb, "--machine", path)
        assert told.code == spoken.code == told.json()["exit_code"] == code, told.stdout
        assert spoken.stdout and all(char == "\n" or char.isprintable() for char in spoken.stdout)


def test_only_a_plan_that_leads_somewhere_has_an_outcome(convfix, described):
    assert convfix("plan", "--machine", described(SICK), "--json").data["outcome"]["packages"]["numpy"].startswith("1.")
    unknown = convfix("plan", "--machine", described({}), "--json").data
    assert unknown["outcome"] is None and unknown["actions"] == []


def test_at_most_one_finding_is_primary_and_it_blocks(convfix, described):
    for machine in (HEALTHY, SICK, {}):
        findings = convfix("doctor", "--machine", described(machine), "--json").data["findings"]
        primary = [finding for finding in findings if finding["primary"]]
        assert len(primary) <= 1 and all(finding["severity"] == "blocks" for finding in primary)


USAGE = [
    [], ["nonsense"], ["doctor", "--nonsense"], ["doctor", "--device", "tpu"], ["doctor", "--machine"], ["plan", "--timeout", "soon"],
    ["plan", "--want", "tensorflow==="], ["plan", "--want", "tensorflow @ https://example.invalid/x.whl"], ["verify", "--level", "deep"],
    ["undo", "--run"], ["undo", "../../etc"], ["apply", "--nonsense"], ["data"], ["data", "show"], ["data", "nonsense"], ["doctor", "extra"],
    ["doctor", "--data-dir", "/no/such/folder"], ["doctor", "--sys-root", "/no/such/folder"], ["doctor", "--machine", "/no/such/file"],
    ["plan", "--format", "toml"], ["data", "show", "driver", "five"], ["data", "show", "tensorflow=="],
    ["doctor", "--timeout", "nan"],
]  # fmt: skip


@pytest.mark.parametrize("argv", USAGE, ids=" ".join)
def test_wrong_usage_is_one_line_or_one_document_and_code_2(convfix, argv):
    told = convfix(*argv, "--json")
    assert told.code == exit_codes.USAGE and told.data == {} and told.json()["status"] == "error"
    valid(told.json(), "envelope")
    assert len(told.json()["errors"]) == 1 and "\n" not in told.json()["errors"][0]["message"]
    spoken = convfix(*argv)
    assert spoken.code == exit_codes.USAGE and spoken.stdout == "" and "Traceback" not in spoken.stderr
    assert spoken.stderr.startswith("convfix: ")


def test_an_error_names_no_option_that_the_verb_has_not(convfix):
    assert convfix("why-not", "???").stderr == "convfix: '???': expected a requirement such as 'tensorflow==2.15.*'\n"


def test_lines_that_are_kept_or_pasted_end_with_what_they_say(convfix, described):
    for argv in (("doctor", "--machine", described(SICK)), ("data", "show", "tensorflow==2.15.1"), ("data", "show", "RTX 3080")):
        lines = convfix(*argv).stdout.splitlines()
        assert lines and all(line == line.rstrip() for line in lines)


def test_help_and_version_say_so_on_stdout(convfix):
    assert convfix("--version").stdout.startswith("convfix, version ")
    for argv in (["--help"], ["doctor", "--help"], ["data", "--help"], ["data", "show", "-h"]):
        answer = convfix(*argv)
        assert answer.code == 0 and "Usage: convfix" in answer.stdout


@pytest.mark.parametrize(
    ("content", "code", "named"),
    [
        (b"", 2, "it is empty"),
        (b'{"format": "convfix-plan/1", "version"', 2, "line 1, column"),
        (b"\xff\xfe", 2, "not UTF-8"),
        (b"[]", 2, "expected a JSON object"),
        (b'{"format": "convfix-plan/2"}', 7, "convfix-plan/2"),
        (b'{"format": "convfix-plan/1"}', 2, "is missing"),
        (b"[" * 100_000, 2, "nested"),
        (b"{" + b'"a": 1,' * 3_000_000 + b'"b": 2}', 2, "at most"),
    ],
)
def test_a_damaged_plan_changes_nothing(convfix, tmp_path, content, code, named):
    path = tmp_path / "plan.json"
    path.write_bytes(content)
    answer = convfix("apply", path, "--yes", "--json")
    assert answer.code == code and named in answer.json()["errors"][0]["message"] and str(path) in answer.json()["errors"][0]["message"]


def test_a_saved_plan_of_another_machine_is_stale_and_says_what_changed(convfix, described, tmp_path):
    saved = tmp_path / "plan.json"
    convfix("plan", "--machine", described(SICK), "--out", saved)
    valid(json.loads(saved.read_text()), "plan-file")
    answer = convfix("apply", saved, "--yes", "--json")
    assert answer.code == exit_codes.STALE_PLAN and "changed since" in answer.json()["errors"][0]["message"]


def test_the_order_of_exit_codes_is_the_contracts():
    assert exit_codes.PRECEDENCE == (130, 143, 70, 2, 7, 4, 3, 9, 6, 5, 1, 8, 0)
    assert exit_codes.strongest([1, 8, 9]) == 9 and exit_codes.strongest([]) == 0 and exit_codes.strongest([6, 1]) == 6


def test_data_show_answers_for_a_release_a_gpu_and_a_driver(convfix):
    release = convfix("data", "show", "tensorflow==2.15.1", "--json")
    valid(release.data, "data-show")
    row = next(row for row in release.data["rows"] if row["platform"] == "linux_x86_64")
    assert row["version"] == "2.15.1" and row["is_cuda_build"] is True and row["cuda"] == "12.2" and "numpy" in row["bounds"]
    gpu = convfix("data", "show", "10de:2206", "--json").data["rows"]
    assert gpu == convfix("data", "show", "RTX 3080", "--json").data["rows"][:1] and gpu[0]["compute_capability"] == "8.6"
    assert convfix("data", "show", "driver 535.104.05", "--json").data["rows"][0]["cuda_majors"] == [11, 12]
    branch = convfix("data", "show", "driver 535", "--json").data["rows"][0]
    assert (branch["driver"], branch["newest_toolkit"], branch["cuda_majors"]) == ("535", "12.2.2", [11, 12])
    assert convfix("data", "show", "no-such-package-at-all", "--json").code == 6


def test_data_path_names_the_folder_in_use(convfix):
    path = convfix("data", "path", "--json").data
    valid(path, "data-path")
    assert os.path.isfile(os.path.join(path["path"], "manifest.json"))
    assert convfix("data", "path").stdout == path["path"] + "\n"


def test_a_pipe_that_nobody_writes_to_is_no_plan(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_file, "_SILENCE", 0.2)
    os.mkfifo(tmp_path / "plan.json")
    with pytest.raises(UsageError, match="nothing came through this pipe"):
        planned.read(str(tmp_path / "plan.json"))
