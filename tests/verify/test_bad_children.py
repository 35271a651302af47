"""A child that dies, hangs, lies or is no Python gives a failed step with a clear detail, never an exception."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from fixer.errors import UsageError
from fixer.host.real import RealHost
from fixer.model.outcome import Verification
from fixer.verify import activated, bare, own, verify
from tests.verify.bodies import interpreter

BEGIN = """exec {python} -c 'import json, sys
wish = json.loads(sys.argv[-1]); m = wish["marker"]
put = lambda record: print(m + json.dumps(record) + m, flush=True)
passed = lambda name: put(dict(step=name, passed=True, seconds=0.1, detail="fine", loaded={{}}))
{body}' "$@"
"""


def python_that(tmp_path: Path, body: str) -> str:
    return interpreter(tmp_path / "python", BEGIN.format(python=sys.executable, body=body))


def only_failure(seen: Verification) -> str:
    assert not seen.passed
    failures = [step for step in seen.steps if not step.passed]
    assert len(failures) == 1
    assert "\n" not in failures[0].detail and "Traceback" not in failures[0].detail
    return f"{failures[0].name}: {failures[0].detail}"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("kill -ABRT $$", "tensorflow-imports: the child was killed by SIGABRT"),
        ("kill -ILL $$", "tensorflow-imports: the child was killed by SIGILL (an instruction that this CPU lacks)"),
        ("kill -SEGV $$", "tensorflow-imports: the child was killed by SIGSEGV"),
        ("exit 135", "tensorflow-imports: the child was killed by SIGBUS (a library file that ends too early)"),
        ("exit 3", "tensorflow-imports: the child ended with status 3 before it could import TensorFlow"),
        ("exit 0", "tensorflow-imports: the interpreter ran and answered nothing"),
        ("echo rubbish; head -c 20000 /dev/urandom", "tensorflow-imports: the interpreter ran and answered nothing"),
        ("yes | head -c 6000000", "tensorflow-imports: the child printed more than 4 MiB and was ended"),
    ],
)
def test_no_python_at_all(tmp_path: Path, body: str, said: str) -> None:
    seen = verify(RealHost(), interpreter(tmp_path / "python", body), "densenet", "cpu")
    assert only_failure(seen) == said
    assert seen.device == "cpu"


def test_a_missing_interpreter(tmp_path: Path) -> None:
    seen = verify(RealHost(), str(tmp_path / "gone"), "loader", "cpu")
    assert "gone cannot be started: " in only_failure(seen)


def test_a_child_that_hangs_is_ended_in_time(tmp_path: Path) -> None:
    seen = verify(RealHost(), python_that(tmp_path, 'put({"begin": "convolution"}); import time; time.sleep(60)'), "convolution", "cpu", timeout=1.5)
    assert only_failure(seen) == "convolution: no answer within 1.5 seconds; the child was ended"


def test_steps_before_a_death_are_kept(tmp_path: Path) -> None:
    body = 'passed("tensorflow-imports"); put({"begin": "convolution"}); import os; os.abort()'
    seen = verify(RealHost(), python_that(tmp_path, body), "convolution", "cpu")
    assert [step.name for step in seen.steps] == ["tensorflow-imports", "convolution"]
    assert only_failure(seen) == "convolution: the child was killed by SIGABRT"


def test_a_death_after_the_last_step_is_a_failure(tmp_path: Path) -> None:
    seen = verify(RealHost(), python_that(tmp_path, 'passed("tensorflow-imports"); import os; os.abort()'), "loader", "cpu")
    assert "SIGABRT" in only_failure(seen)


def test_a_child_that_says_less_than_was_asked_does_not_pass(tmp_path: Path) -> None:
    seen = verify(RealHost(), python_that(tmp_path, 'passed("tensorflow-imports")'), "densenet", "cpu")
    assert only_failure(seen) == "densenet121: the child ended without this step"


@pytest.mark.parametrize(
    "record",
    ["[1]", '{"step": 5}', '{"step": "convolution", "passed": "yes", "seconds": "x", "detail": 4, "loaded": 7}', '{"device": {}}', "9" * 5000],
)
def test_malformed_records_never_pass_and_never_raise(tmp_path: Path, record: str) -> None:
    body = f'print(m + """{record}""" + m, flush=True)'
    seen = verify(RealHost(), python_that(tmp_path, body), "convolution", "cpu")
    assert not seen.passed and seen.steps


def test_a_forged_record_without_the_marker_is_only_output(tmp_path: Path) -> None:
    seen = verify(RealHost(), python_that(tmp_path, 'print("0" * 32 + json.dumps(dict(step="densenet121", passed=True)) + "0" * 32)'), "densenet", "cpu")
    assert not seen.passed
    assert any("densenet121" in line for line in seen.output)


def test_output_is_kept_clean_and_bounded(tmp_path: Path) -> None:
    body = 'print("\\x1b[31mred\\x1b[0m\\a"); [print("line", i) for i in range(5000)]; print("x" * 9000); sys.exit(3)'
    seen = verify(RealHost(), python_that(tmp_path, body), "loader", "cpu")
    assert seen.output[0] == "red"
    assert len(seen.output) <= 401 and max(map(len, seen.output)) <= 2000
    assert not any(character in line for line in seen.output for character in "\x1b\a\r")


def test_the_marker_never_reaches_the_output(tmp_path: Path) -> None:
    seen = verify(RealHost(), python_that(tmp_path, 'passed("tensorflow-imports"); print("marker", m)'), "loader", "cpu")
    assert seen.passed and seen.output == ("marker",)


def test_no_tensorflow_is_a_failed_step() -> None:
    seen = verify(RealHost(), sys.executable, "densenet", "cpu", surroundings=bare(RealHost()))
    assert only_failure(seen) == "tensorflow-imports: ModuleNotFoundError: No module named 'tensorflow'"


def test_something_else_named_tensorflow_is_not_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "tensorflow").mkdir()
    seen = verify(RealHost({"PYTHONPATH": str(tmp_path)}), sys.executable, "loader", "cpu")
    assert "is not TensorFlow: " + str(tmp_path / "tensorflow") in only_failure(seen)


def test_a_tensorflow_that_exits_at_import(tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('no\\nway')")
    seen = verify(RealHost({"PYTHONPATH": str(tmp_path)}), sys.executable, "loader", "cpu")
    assert only_failure(seen) == "tensorflow-imports: SystemExit: no way"


def test_the_patient_is_never_run_below_a_sys_root(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="data"):
        verify(RealHost(sys_root=str(tmp_path)), sys.executable, "loader", "cpu")


def test_nothing_is_written_beside_the_payloads(tmp_path: Path) -> None:
    from fixer.verify.child import PAYLOADS

    before = {path: path.stat().st_mtime_ns for path in Path(PAYLOADS).rglob("*")}
    verify(RealHost(), sys.executable, "loader", "cpu")
    assert {path: path.stat().st_mtime_ns for path in Path(PAYLOADS).rglob("*")} == before


def test_surroundings(tmp_path: Path) -> None:
    host = RealHost({"HOME": "/h", "PATH": "/p", "LANG": "C", "LD_LIBRARY_PATH": "/x", "CONVFIX_STATE_DIR": "/s"})
    assert own(host).environ == {"HOME": "/h", "PATH": "/p", "LANG": "C", "LD_LIBRARY_PATH": "/x"}
    assert bare(host).environ == {"HOME": "/h", "PATH": "/p", "LANG": "C"}
    assert activated(host, "zsh", "/a").environ == own(host).environ
    with pytest.raises(KeyError):
        activated(host, "xonsh", "/a")


@pytest.mark.parametrize(("script", "gone"), [("unset PYTHONPATH\n", True), ("true\n", False)], ids=["takes it away", "does not"])
def test_a_script_is_proved_where_what_it_takes_away_is_there(tmp_path: Path, script: str, gone: bool) -> None:
    """An apply that was to take a variable away was proved in a shell that never had it."""
    (tmp_path / "tensorflow.py").write_text("raise ImportError('seen through the variable')")
    (tmp_path / "activate").write_text(script)
    host = RealHost({**os.environ, "PYTHONPATH": str(tmp_path)})
    seen = verify(host, sys.executable, "loader", "cpu", surroundings=activated(host, "sh", str(tmp_path / "activate")))
    assert ("seen through the variable" in only_failure(seen)) is not gone


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_a_new_shell_sources_the_activation_script(tmp_path: Path, shell: str) -> None:
    from tests.patients import need

    need(shell)
    folder = tmp_path / "a b'c"
    folder.mkdir()
    script = folder / "activate"
    assign = f"set -gx PYTHONPATH '{tmp_path}/lib'" if shell == "fish" else f"export PYTHONPATH='{tmp_path}/lib'"
    script.write_text(assign + "\n")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tensorflow.py").write_text("raise ImportError('seen through the shell')")
    seen = verify(RealHost(), sys.executable, "loader", "cpu", surroundings=activated(RealHost(), shell, str(script)))
    assert only_failure(seen) == "tensorflow-imports: ImportError: seen through the shell"
