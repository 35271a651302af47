"""``convfix explain`` as people and programs run it: exit codes, streams, schema, and nothing raw on the terminal."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from tests.conftest import Runner
from tests.schemas import valid

MISMATCH = "E x.cc:1] kernel version 352.63.0 does not match DSO version 361.93.2 -- cannot find working devices in this configuration\n"
NOISE = "E cuda_dnn.cc:9342] Unable to register cuDNN factory: Attempting to register factory for plugin cuDNN when one has already been\n"


@pytest.mark.parametrize(
    ("text", "code", "cause"),
    [
        (MISMATCH, 1, "driver-library-mismatch"),
        (NOISE, 0, "benign-noise"),
        ("hello\n", 6, None),
        ("", 6, None),
        # Something went wrong, and nothing that is known says what: not a healthy log.
        (NOISE + "OddError: the flux is inverted\n", 6, None),
        ("Traceback (most recent call last):\nOddError: the flux is inverted\n", 6, None),
    ],
)
def test_exit_codes_and_the_schema(convfix: Runner, text: str, code: int, cause: str | None) -> None:
    told = convfix("explain", "--json", stdin=text)
    valid(told.json(), "envelope")
    valid(told.data, "explain")
    assert told.code == told.json()["exit_code"] == convfix("explain", "-", stdin=text).code == code
    assert [one["cause"] for one in told.data["causes"]][:1] == ([cause] if cause else [])


def test_a_cause_quotes_its_line_and_names_its_remedy(convfix: Runner, tmp_path: Path) -> None:
    log = tmp_path / "a b.log"
    log.write_text("one\ntwo\n" + MISMATCH)
    first = convfix("explain", log, "--json").data["causes"][0]
    assert first["evidence"] == [{"line": 3, "text": MISMATCH.strip()}]
    assert first["remedy"]["plan"] == "advise" and "eboot" in first["remedy"]["summary"]
    page = convfix("explain", log).stdout
    assert "driver-library-mismatch" in page and "line 3:" in page


def test_nothing_of_a_log_reaches_the_terminal_raw(convfix: Runner) -> None:
    evil = MISMATCH.strip() + " \x1b]0;owned\x07\x1b[2J\u202e\x9b5n\r\x00\n"
    for options in ((), ("-v",), ("--color", "always")):
        shown = convfix("explain", *options, stdin=evil).stdout
        plain = shown.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[33m", "") if options[:1] == ("--color",) else shown
        assert all(char == "\n" or char.isprintable() for char in plain), plain


def test_a_report_s_own_words_join_the_log(convfix: Runner, tmp_path: Path) -> None:
    path = tmp_path / "environment.json"
    path.write_text(json.dumps({"os": "Windows 11", "tensorflow": "2.16.1", "gpu": "RTX 3080 10GB"}))
    text = "Num GPUs Available:  0\n"
    with_words = convfix("explain", "--environment", path, "--json", stdin=text).data["causes"]
    assert with_words[0]["cause"] == "windows-native-no-gpu" and with_words[0]["certainty"] != "proven"
    path.write_text(json.dumps({"os": "Ubuntu 22.04", "tensorflow": "2.16.1", "gpu": "RTX 3080 10GB"}))
    flipped = convfix("explain", "--environment", path, "--json", stdin=text).data["causes"]
    assert "windows-native-no-gpu" not in [one["cause"] for one in flipped[:3]]


def test_whose_the_drivers_cache_is_weighs_where_cudnn_fails_without_a_reason(convfix: Runner, tmp_path: Path) -> None:
    path, text = tmp_path / "machine.json", "Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR\n"
    cache = {"path": "/home/ada/.nv/ComputeCache", "there": True, "closed": "/home/ada/.nv", "why": "it belongs to root"}

    def named(closed: str | None) -> list[str]:
        beside = {"compute_cache": {**cache, "closed": closed}}
        path.write_text(json.dumps({"schema": "convfix-machine/1", "os": "linux", "gpus": [{"name": "NVIDIA GeForce RTX 3080"}], "x-convfix": beside}))
        return [one["cause"] for one in convfix("explain", "--machine", path, "--json", stdin=text).data["causes"]]

    assert "nv-compute-cache" in named("/home/ada/.nv")[:2]
    assert "nv-compute-cache" not in named(None)


def test_a_machine_that_differs_is_shown(convfix: Runner, tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text(json.dumps({"schema": "convfix-machine/1", "driver": {"version": "550.54.14", "kernel_module": "550.54.14"}}))
    told = convfix("explain", "--machine", path, "--json", stdin=MISMATCH).data
    assert len(told["contradictions"]) == 2 and "550.54.14" in told["contradictions"][0]
    assert told["causes"][0]["cause"] == "driver-library-mismatch"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$ sudo ln -s /usr/lib/libcuda.so.515.43.04 /usr/lib/libcudnn.so.8\n", "remove the link"),
        ("tf.config.experimental.VirtualDeviceConfiguration(memory_limit=1024)\n", "capped"),
        ("$ sudo pip install tensorflow-gpu\n", "root"),
    ],
)
def test_a_folk_remedy_that_was_tried_is_named_with_its_undoing_and_never_advised(convfix: Runner, text: str, words: str) -> None:
    told = convfix("explain", "--json", stdin=text + MISMATCH).data
    assert any(words in one["about"] for one in told["tried"])
    commands = json.dumps([one["remedy"]["commands"] for one in told["causes"]])
    assert "ln" not in commands.split('"') and "memory_limit" not in commands and "pip" not in commands


@pytest.mark.parametrize("what", ["/no/such/file", "/dev/zero", "/"])
def test_what_is_no_log_is_one_line(convfix: Runner, what: str) -> None:
    told = convfix("explain", what)
    assert told.code == 2 and told.stdout == "" and told.stderr.count("\n") <= 2 and "log" in told.stderr


@pytest.mark.parametrize("content", ["[]", "{", '{"gpu": {"name": "x"}}', '"x"', "", '{"gpu": "a", "gpu": "b"}'])
def test_a_malformed_environment_is_one_line(convfix: Runner, tmp_path: Path, content: str) -> None:
    path = tmp_path / "environment.json"
    path.write_text(content)
    told = convfix("explain", "--environment", path, stdin=MISMATCH)
    assert told.code == 2 and "environment file" in told.stderr and "Traceback" not in told.stderr


def test_one_machine_is_described_once(convfix: Runner, tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    path.write_text("{}")
    assert convfix("explain", "--machine", path, "--environment", path, stdin=MISMATCH).code == 2


def test_a_pipe_with_a_name_is_read_to_its_end(convfix: Runner, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_text(MISMATCH))
    writer.start()
    told = convfix("explain", pipe, "--json")
    writer.join()
    assert told.data["causes"][0]["cause"] == "driver-library-mismatch"


def test_what_cannot_be_told_apart_is_one_short_list(convfix: Runner) -> None:
    """Ten candidates of one line once filled a screen with that line."""
    line = "E cuda_driver.cc:271] failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected"
    page = convfix("explain", stdin=f"2024-05-06 07:08:09.012345: {line}\n").stdout
    assert page.count("no CUDA-capable device is detected") == 1 and "cuda_driver.cc" not in page
    assert page.startswith("The log cannot tell") and "1. cuda-visible-devices" in page and "Less probable: " in page
    assert page.count("To decide: ") <= 2 and page.count("\n") <= 20
    assert convfix("explain", "-v", stdin=f"{line}\n").stdout.count("Or: ") > 4


def test_a_failure_without_a_cause_is_not_called_harmless(convfix: Runner) -> None:
    told = convfix("explain", stdin="CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED\n")
    assert told.code == 6 and "these lines do not say why" in told.stdout and "harmless" not in told.stdout
    valid(convfix("explain", "--json", stdin="CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED\n").data, "explain")


def test_one_line_is_no_lines(convfix: Runner) -> None:
    assert convfix("explain", stdin="x\n").stdout.startswith("Nothing was recognised in 1 line. ")


def test_a_line_that_does_not_say_why_is_shown_once(convfix: Runner) -> None:
    text = "Could not load dynamic library 'libmine.so.1'; dlerror: libmine.so.1: cannot open shared object file: No such file or directory\n"
    data = convfix("explain", "--json", stdin=text + "and more\n" + text).data
    assert not data["causes"] and [one["line"] for one in data["unexplained"]] == [1], data["unexplained"]
