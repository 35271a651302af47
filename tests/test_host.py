"""Child processes end in time and leave nothing behind; reads have limits and never hang."""

import os
import time

import pytest

from fixer.host.real import RealHost


@pytest.fixture
def host():
    return RealHost(timeout=20)


def test_a_child_answers(host):
    ran = host.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (ran.status, ran.stdout, ran.stderr, ran.ok) == (3, "out\n", "err\n", False)


def test_a_missing_program_is_said_to_be_missing(host):
    assert host.run(["/no/such/program"]).missing
    assert host.run(["bad\0name"]).missing


def test_a_signal_is_a_negative_status(host):
    assert host.run(["sh", "-c", "kill -9 $$"]).status == -9


def test_a_hanging_child_is_killed_with_its_whole_group(host, tmp_path):
    note = tmp_path / "pid"
    ran = host.run(["sh", "-c", f"trap '' TERM; sleep 300 & echo $! > {note}; wait; sleep 300"], timeout=0.5)
    assert ran.timed_out and ran.status is None
    _gone(int(note.read_text()))


def test_a_grandchild_that_holds_the_pipe_does_not_hold_us(host, tmp_path):
    note = tmp_path / "pid"
    ran = host.run(["sh", "-c", f"sleep 300 & echo $! > {note}; echo done"])
    assert ran.status == 0 and ran.stdout == "done\n"
    _gone(int(note.read_text()))


def test_endless_output_is_cut(host):
    ran = host.run(["yes"], limit=10_000)
    assert ran.cut and len(ran.stdout) < 1_000_000


def test_input_and_bytes_that_are_not_text(host):
    assert host.run(["cat"], stdin=b"abc").stdout == "abc"
    assert host.run(["printf", r"a\377b"]).stdout == "a\ufffdb"


def test_a_named_pipe_in_the_place_of_a_file_is_refused(host, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError):
        host.read(str(tmp_path / "pipe"))
    assert host.text(str(tmp_path / "pipe")) is None and host.text("/no\0where") is None


def test_a_read_is_limited(host):
    assert len(host.read("/proc/self/environ", limit=4)) <= 4


def test_a_sys_root_stands_for_the_system_and_for_nothing_else(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text("ID=mine\n")
    host = RealHost(sys_root=str(tmp_path))
    assert host.is_data and host.text("/etc/os-release") == "ID=mine\n" and not host.exists("/usr/bin")
    assert host.entries(str(tmp_path)) == ("etc",)
    assert host.real_path("/etc/os-release") == "/etc/os-release"


def _gone(pid):
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")
