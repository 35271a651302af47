"""Machine files: what is read, and every malformed, hostile or huge one as one clear line."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path

import pytest

from fixer.errors import UsageError
from fixer.model.facts import Gpu
from fixer.probes import machine_file

GOOD = {
    "schema": "convfix-machine/1", "os": "linux", "distro": {"id": "ubuntu", "version": "22.04"}, "glibc": "2.35", "wsl": False,
    "container": None, "gpus": [{"name": "NVIDIA GeForce RTX 3080", "pci_id": "10de:2206", "compute_capability": "8.6"}],
    "driver": {"version": "535.104.05", "kernel_module": None}, "environment": {"kind": "venv", "python": "3.11.7", "owner": None,
    "packages": {"tensorflow": "2.15.1", "numpy": "2.0.2"}}, "variables": {"LD_LIBRARY_PATH": ""}, "x-note": [1, {"a": None}],
}  # fmt: skip


def test_a_good_file(tmp_path: Path) -> None:
    for number, text in enumerate((json.dumps(GOOD), "\ufeff" + json.dumps(GOOD), "{}", json.dumps(GOOD, indent=4) + "\n\n")):
        path = tmp_path / f"{number}.json"
        path.write_text(text)
        facts = machine_file.read(str(path))
        if number == 2:
            assert facts.gpus.is_unknown and facts.container.is_unknown
        else:
            assert facts.gpus.value == (Gpu("NVIDIA GeForce RTX 3080", "10de:2206", "8.6"),)
            assert facts.container.is_absent and facts.driver.value is not None and facts.driver.value.kernel_module.is_absent
            assert facts.variables.value == {"LD_LIBRARY_PATH": ""}


def changed(**changes: object) -> str:
    return json.dumps({**GOOD, **changes})


BAD: list[tuple[str, str | bytes, str]] = [
    ("empty", "", "it is empty"),
    ("blank", " \n\t\n", "it is empty"),
    ("truncated", json.dumps(GOOD)[:200], "line 1, column"),
    ("truncated in a string", '{"os": "lin', "line 1, column 8"),
    ("two documents", "{}\n{}", "line 2, column 1"),
    ("single quotes", "{'os': 'linux'}", "line 1, column 2"),
    ("trailing comma", '{"os": "linux",}', "line 1, column"),
    ("a list", "[]", "expected a JSON object"),
    ("a number", "3", "expected a JSON object"),
    ("null", "null", "expected a JSON object"),
    ("not UTF-8", b'{"os":\n "\xff\xfe"}', "line 2: byte 9 is not UTF-8"),
    ("UTF-16", json.dumps(GOOD).encode("utf-16"), "not UTF-8"),
    ("binary", os.urandom(1) + b"\x7fELF\x80\xff" * 100, "not UTF-8"),
    ("zero bytes", b"\0" * 100, "line 1, column 1"),
    ("deep lists", '{"x-a": ' + "[" * 100 + "]" * 100 + "}", "nested deeper than 32"),
    ("very deep lists", "[" * 200000, "nested deeper than 32"),
    ("very many lists", "[" * 600000, "too many objects, lists and values"),
    ("very deep objects", '{"x-a":' * 200000, "nested deeper than 32"),
    ("a key twice", '{"os": "linux", "os": "windows"}', "'os' stands twice"),
    ("an inner key twice", '{"variables": {"A": "1", "A": "2"}}', "'A' stands twice"),
    ("NaN", '{"disk_free_mib": NaN}', "NaN is no JSON number"),
    ("Infinity", '{"disk_free_mib": -Infinity}', "-Infinity is no JSON number"),
    ("a number without end", '{"disk_free_mib": 1e999}', "too large"),
    ("a number of 5000 digits", '{"disk_free_mib": ' + "9" * 5000 + "}", "99999999999999999999... is too large"),
    ("less than nothing", changed(disk_free_mib=-1), "disk_free_mib: expected an amount of at least 0, found -1"),
    ("memory below nothing", changed(gpus=[{"memory_mib": 0}, {"free_mib": -5}]), "gpus[1].free_mib"),
    ("a fraction", '{"disk_free_mib": 1.5}', "disk_free_mib"),
    ("unknown key", changed(gpu="RTX 3080"), "unknown key 'gpu'"),
    ("unknown inner key", changed(driver={"verison": "535.1"}), "unknown key 'verison'"),
    ("unknown schema", changed(schema="convfix-machine/9"), "convfix-machine/9"),
    ("schema of the wrong type", changed(schema=["a"]), "schema"),
    ("os is a number", changed(os=7), "os: expected a string"),
    ("wsl is text", changed(wsl="no"), "wsl: expected true or false"),
    ("root is a number", changed(root=1), "root: expected true or false"),
    ("gpus is an object", changed(gpus={"a": 1}), "gpus: expected a list"),
    ("gpus of text", changed(gpus=["RTX 3080"]), "gpus[0]: expected an object"),
    ("memory is text", changed(gpus=[{"memory_mib": "10 GB"}]), "gpus[0].memory_mib"),
    ("capability is a number", changed(gpus=[{"compute_capability": 8.6}]), "compute_capability"),
    ("capability is no version", changed(gpus=[{"compute_capability": "sm_86"}]), "compute_capability"),
    ("driver is text", changed(driver="535.104.05"), "driver: expected an object"),
    ("driver version is rubbish", changed(driver={"version": "newest"}), "driver.version"),
    ("hostile driver version", changed(driver={"version": "535.1; rm -rf /"}), "driver.version"),
    ("glibc is rubbish", changed(glibc="musl"), "glibc"),
    ("pythons are numbers", changed(pythons=[3.11]), "pythons[0]"),
    ("python is no version", changed(pythons=["python3"]), "pythons[0]"),
    ("kind is unknown", changed(environment={"kind": "docker"}), "environment.kind"),
    ("packages is a list", changed(environment={"packages": ["numpy"]}), "packages: expected an object"),
    ("a package without a version", changed(environment={"packages": {"numpy": None}}), "numpy"),
    ("a package's version is rubbish", changed(environment={"packages": {"numpy": "newest"}}), "numpy"),
    ("variables hold a number", changed(variables={"A": 1}), "variables.A"),
    ("flags are text", changed(cpu_flags="avx avx2"), "cpu_flags: expected a list"),
    ("toolkit without a path", changed(toolkits=[{"version": "12.2"}]), "path"),
    ("x-convfix is a list", changed(**{"x-convfix": []}), "x-convfix"),
    ("x-convfix has an unknown key", changed(**{"x-convfix": {"fact": 1}}), "unknown key 'fact'"),
    ("a control character in a key", '{"\\u001b[31mred": 1}', "unknown key"),
    ("a very long key", json.dumps({"k" * 100000: 1}), "unknown key"),
]


@pytest.mark.parametrize(("content", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_bad_file_is_one_clear_line(tmp_path: Path, content: str | bytes, words: str) -> None:
    path = tmp_path / "machine.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as caught:
        machine_file.read(str(path))
    assert words in caught.value.message
    assert len(caught.value.message) < 600 + len(str(path))
    assert not set("\n\x1b") & set(caught.value.message)
    assert caught.value.exit_code == 2


def test_a_file_of_100_mb_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    path.touch()
    os.truncate(path, 100 << 20)
    with pytest.raises(UsageError, match="larger than 8 MiB"):
        machine_file.read(str(path))


@pytest.mark.parametrize("name", ["missing.json", "", "\0", "folder", "dangling", "/dev/null/x"])
def test_what_is_no_file_is_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to("gone")
    path = str(tmp_path / name) if name in ("missing.json", "folder", "dangling") else name
    with pytest.raises(UsageError) as caught:
        machine_file.read(path)
    assert "\n" not in caught.value.message and "\0" not in caught.value.message


def test_an_endless_device_is_no_file() -> None:
    with pytest.raises(UsageError, match="expected a file"):
        machine_file.read("/dev/zero")


def test_a_pipe_is_read_and_one_that_stays_silent_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_file, "_SILENCE", 0.2)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(UsageError):
        machine_file.read(str(path))
    inside, outside = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(outside, json.dumps(GOOD).encode()), os.close(outside)))
    writer.start()
    assert machine_file.read(f"/dev/fd/{inside}").os.value == "linux"
    writer.join()
    os.close(inside)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = io.BytesIO(json.dumps(GOOD).encode())

    monkeypatch.setattr("sys.stdin", Stdin)
    assert machine_file.read("-").os.value == "linux"
    Stdin.buffer = io.BytesIO(b"{")
    with pytest.raises(UsageError, match="standard input: line 1, column 2"):
        machine_file.read("-")
