"""Every command with what nobody means to give it: streams that are gone, files that are none, Pythons that hang, variables of all kinds.

Each case runs as text and as JSON: a foreseen code, the same for both, one line of error, one JSON document.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fixer.probes import log_file, machine_file
from tests.hostile.forked import Answer, run
from tests.hostile.test_escapes import clean, one_document
from tests.test_contract import SICK

CODES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (machine_file, log_file):
        monkeypatch.setattr(module, "_SILENCE", 0.3)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Files of every kind, a machine, and programs that misbehave."""
    (tmp_path / "sick.json").write_text(json.dumps(SICK))
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.symlink("loop", tmp_path / "loop")
    contents = {
        "empty": b"", "nul": b"\0" * 100, "deep": b"[" * 100_000, "list": b"[]", "huge number": b'{"disk_free_mib": ' + b"9" * 4000 + b"}",
        "half": b'{"kernel": "\\ud800"}', "zero": b'{"kernel": "a\\u0000b"}', "utf16": "{}".encode("utf-16"), "rubbish": bytes(range(256)) * 9,
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    programs = {
        "prints": "head -c 100000 /dev/urandom", "hangs": "sleep 100", "floods": "yes | head -c 1000000000", "forks": "sleep 100 & echo hi",
        "fails": "printf '\\033]0;x\\007' >&2; exit 3", "dies": "kill -9 $$", "deaf": "trap '' TERM; while :; do sleep 1; done",
    }  # fmt: skip
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def both(argv: list[str], place: Path, **variables: str) -> Answer:
    """Text and JSON of one command end alike; the text's answer."""
    given = {"HOME": str(place), "PATH": "/usr/bin:/bin", "CONVFIX_STATE_DIR": str(place / "state"), **variables}
    spoken, told = run(argv, given, str(place)), run([*argv, "--json"], given, str(place))
    assert spoken.code in CODES, (argv, spoken.code, spoken.stderr)
    clean(spoken)
    made = one_document(told)
    assert spoken.code == told.code, (argv, spoken.code, told.stdout[:500])
    if spoken.code == 2:
        assert len(made["errors"]) == 1 and len(made["errors"][0]["message"]) < 3000 and "\n" not in made["errors"][0]["message"]
    return spoken


FILES = [
    "folder", "pipe", "loop", "missing", "empty", "nul", "deep", "list", "huge number", "half", "zero", "utf16", "rubbish", "/dev/zero", "/dev/full",
    "/dev/null", "/proc/self/mem", "", ".", "/" + "a" * 300, "/a" * 3000,
]  # fmt: skip


@pytest.mark.parametrize(
    "verb",
    [["doctor", "--machine"], ["plan", "--machine"], ["explain", "sick.json", "--environment"], ["apply", "-y"], ["doctor", "--data-dir"]],
    ids=" ".join,
)
def test_files_that_are_none(verb: list[str], place: Path) -> None:
    for name in FILES:
        answer = both([*verb, name], place)
        if name not in ("list", "") and verb != ["explain", "sick.json", "--environment"]:
            # A JSON object is a plan of another format.
            assert answer.code == 2 or (answer.code == 7 and verb == ["apply", "-y"]), (name, answer)


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["plan", "--help"], ["data", "show", "-h"]], ids=" ".join)
def test_help_and_version_obey_json(argv: list[str], place: Path) -> None:
    spoken = both(argv, place)
    told = one_document(run([*argv, "--json"], {"HOME": str(place)}, str(place)))
    assert spoken.code == 0 and told["data"] == {"text": spoken.stdout} and told["errors"] == []


def test_what_is_written_takes_no_devices_place(place: Path) -> None:
    """A saved plan goes into a file; devices, pipes and folders stay what they are, and links lead where they led."""
    for name in ("/dev/null", "/dev/full", "pipe", "folder", "missing/x", "/proc/x", ""):
        before = os.lstat(name if name.startswith("/") else place / name) if name and "x" not in name else None
        assert both(["plan", "--machine", "sick.json", "--out", name], place).code == 2, name
        if before is not None:
            assert os.lstat(name if name.startswith("/") else place / name).st_mode == before.st_mode
    os.symlink("real.json", place / "link.json")
    assert both(["plan", "--machine", "sick.json", "--out", "link.json"], place).code == 1
    assert (place / "link.json").is_symlink() and json.loads((place / "real.json").read_text())["format"]
    assert not list(place.glob("*.new"))


@pytest.mark.long
def test_pythons_that_misbehave(place: Path) -> None:
    for name in ("prints", "hangs", "floods", "forks", "fails", "dies", "deaf", "rubbish", "folder", "pipe", "missing", "/dev/null"):
        both(["doctor", "--timeout", "1", "--python", str(place / name) if not name.startswith("/") else name], place)
    for name in ("hangs", "prints", "floods", "fails"):
        (place / "bin").mkdir(exist_ok=True)
        for tool in ("nvidia-smi", "conda", "uv", "dmesg"):
            (place / "bin" / tool).write_bytes((place / name).read_bytes())
            (place / "bin" / tool).chmod(0o755)
        both(["doctor", "--timeout", "1"], place, PATH=f"{place}/bin:/usr/bin:/bin")


def test_numbers_words_and_runs(place: Path) -> None:
    for limit in ("0", "-1", "nan", "inf", "1e400", "", "x", "0.05", "--json"):
        assert both(["doctor", "--machine", "sick.json", "--timeout", limit], place).code == 2, limit
    for want in ("", "=", "tensorflow==", "tensorflow==" + "9" * 5000, "a" * 100_000, "tensorflow===x", "tensorflow @ file:///x", "python>=3.99"):
        assert both(["plan", "--machine", "sick.json", "--want", want], place).code in (2, 9), want
    for name in ("0", "-1", "9" * 100, "9" * 5000, "x", "\u0661", "", "../1"):
        assert both(["undo", "-y", name], place).code == 2


VARIABLES: list[dict[str, str]] = [
    {"HOME": ""}, {"HOME": "relative"}, {"HOME": "/dev/null"}, {"COLUMNS": "1"}, {"COLUMNS": "x"}, {"TERM": "\x1b"}, {"PATH": ""}, {"PATH": ":"}, {"TMPDIR": "/no/such"},
    {"CONVFIX_STATE_DIR": "relative"}, {"CONVFIX_STATE_DIR": "/dev/null"}, {"CONVFIX_DATA_DIR": "/dev/null"}, {"XDG_CACHE_HOME": "/dev/null"},
    {"VIRTUAL_ENV": "/dev/null"}, {"CONDA_PREFIX": "/dev"}, {"KERAS_HOME": "/dev/zero"}, {"CUDA_HOME": "\udcff"}, {"PYENV_ROOT": "/dev/null"},
]  # fmt: skip


def test_variables_of_all_kinds(place: Path) -> None:
    for given in VARIABLES:
        for verb in (["doctor", "--sys-root", "folder"], ["history"]):
            both(verb, place, **given)


COMMANDS = [["doctor", "--machine", "sick.json"], ["plan", "--machine", "sick.json"], ["history"], ["doctor", "--machine", "missing"], ["--version"]]


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_streams_that_are_gone_or_full(argv: list[str], place: Path) -> None:
    """A result that cannot be written is code 2 and a line on stderr; a reader who left, or a closed stream, changes no code."""
    variables = {"HOME": str(place), "PATH": "/usr/bin:/bin"}
    forms = [argv] if argv == ["--version"] else [argv, [*argv, "--json"]]
    for words in forms:
        usual = run(words, variables, str(place)).code
        for closed in ([0], [1], [2], [0, 1], [0, 1, 2]):
            answer = run(words, variables, str(place), closed=closed)
            assert answer.code == usual and b"Traceback" not in answer.err, (closed, answer)
        for number, full in ((1, True), (2, True), (1, False)):
            answer = run(words, variables, str(place), before=_spoil(number, full))
            wanted = 2 if (number, full) == (1, True) and (usual != 2 or "--json" in words) else usual
            assert answer.code == wanted and b"Traceback" not in answer.err and b"Exception" not in answer.err, (number, full, answer)
            if (number, full) == (1, True) and usual != 2:
                assert answer.err.startswith(b"convfix: the result could not be written to stdout: No space left")


def _spoil(number: int, full: bool) -> Callable[[], None]:
    def spoil() -> None:
        if full:
            handle = os.open("/dev/full", os.O_WRONLY)
        else:
            gone, handle = os.pipe()
            os.close(gone)
        os.dup2(handle, number)

    return spoil


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_time(number: int, code: int, place: Path) -> None:
    """Whenever it comes: the code of the signal or the answer's own, and never a traceback."""
    variables = {"HOME": str(place), "PATH": "/usr/bin:/bin"}
    seen = set()
    for step in range(40):
        answer = run(["plan", "--machine", "sick.json", "--json"], variables, str(place), during=_after(step * 0.002, number))
        assert answer.code in (code, 1, -number) and b"Traceback" not in answer.err, (step, answer)
        seen.add(answer.code)
    assert seen & {code, 1}


def _after(seconds: float, number: int) -> Callable[[int], None]:
    def send(child: int) -> None:
        time.sleep(seconds)
        os.kill(child, number)

    return send


def test_a_folder_that_is_gone(place: Path) -> None:
    def leave() -> None:
        os.rmdir(place / "folder")

    for argv in (["doctor", "--machine", str(place / "sick.json")], ["history"], ["plan", "--machine", str(place / "sick.json"), "--out", "x.json"]):
        (place / "folder").mkdir(exist_ok=True)
        answer = run(argv, {"HOME": str(place)}, str(place / "folder"), before=leave)
        clean(answer)
        assert answer.code in (0, 1, 2)
