"""Which Python is meant, and what happens when it is broken: real interpreters, real scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixer.errors import UsageError
from fixer.host.real import RealHost
from fixer.model.facts import StartVariable
from fixer.probes import python, python_as_data, start_up
from fixer.probes.python import Description, Undescribed
from tests import patients
from tests.probes.trees import described, live, plant, script

BARE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
FEATURE = "%d.%d" % sys.version_info[:2]


def fake(path: Path) -> Path:
    return script(path, "exit 3")


def test_the_order_python_option_virtual_env_conda_path(tmp_path: Path) -> None:
    for name in ("venv", "conda", "path", "option"):
        fake(tmp_path / name / "bin" / "python3")
    environ = {
        "VIRTUAL_ENV": str(tmp_path / "venv"), "CONDA_PREFIX": str(tmp_path / "conda"), "PATH": str(tmp_path / "path/bin"),
    }  # fmt: skip
    options = [str(tmp_path / "option/bin/python3"), None, None, None]
    expected = ["option", "venv", "conda", "path"]
    for option, name, drop in zip(options, expected, (None, None, "VIRTUAL_ENV", "CONDA_PREFIX")):
        environ.pop(drop or "", None)
        assert python.choose(RealHost(environ), option).path == str(tmp_path / name / "bin/python3")
    assert python.choose(RealHost({"PATH": str(tmp_path)}), None).path is None


def test_a_folder_and_a_name_are_taken_as_python(tmp_path: Path) -> None:
    fake(tmp_path / "e" / "bin" / "python")
    assert python.resolve(live(), str(tmp_path / "e")) == str(tmp_path / "e/bin/python")
    assert python.resolve(RealHost({"PATH": str(tmp_path / "e/bin")}), "python") == str(tmp_path / "e/bin/python")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing", "does not exist"),
        ("folder", "holds no bin/python"),
        ("text", "expected an executable"),
        ("dangling", "leads to"),
        ("no-such-program-on-path", "no such program"),
        ("bad\x1b[31m\nname", "no such program"),
        ("", "no such program"),
        ("\0", "no such program"),
    ],
)
def test_a_python_option_that_is_none_is_one_clear_line(tmp_path: Path, name: str, words: str) -> None:
    plant(tmp_path, {"folder": None, "text": "x", "dangling": "-> gone/python3"})
    given = str(tmp_path / name) if (tmp_path / "folder").exists() and name in ("missing", "folder", "text", "dangling") else name
    with pytest.raises(UsageError) as caught:
        python.resolve(live(), given)
    assert words in caught.value.message
    assert not set("\n\x1b\0") & set(caught.value.message)


def test_an_active_environment_that_is_gone_is_no_reason_to_take_another(tmp_path: Path) -> None:
    choice = python.choose(live(VIRTUAL_ENV=str(tmp_path / "gone")), None)
    assert "VIRTUAL_ENV" in choice.problem and "does not exist" in choice.problem
    plant(tmp_path, {"e/bin/python": "-> /usr/lib/no-such-python3.9"})
    choice = python.choose(live(VIRTUAL_ENV=str(tmp_path / "e")), None)
    assert "leads to /usr/lib/no-such-python3.9" in choice.problem


SHIM = '#!/usr/bin/env bash\nset -e\nexec "/home/u/.pyenv/libexec/pyenv" exec "$program" "$@"\n'


@pytest.mark.parametrize(
    ("version", "variable", "expected"),
    [
        ("3.11.7\n", None, "3.11.7"),
        ("3.12\n", None, "3.12.10"),
        ("3.9.1 # comment\n3.11.7\n", None, "3.11.7"),
        ("3.11.7\n", "3.12.2", "3.12.2"),
        ("3.11.7\n", "nothing:3.12", "3.12.10"),
        ("system\n", None, None),
        ("", None, None),
        ("../../../usr\n", None, None),
    ],
)
def test_shims_of_pyenv_are_resolved_and_never_run(
    tmp_path: Path, version: str, variable: str | None, expected: str | None
) -> None:
    shim = tmp_path / "shims" / "python3"
    plant(tmp_path, {"shims/python3": SHIM, "version": version})
    shim.chmod(0o755)
    for name in ("3.11.7", "3.12.2", "3.12.10", "3.12.10t"):
        fake(tmp_path / "versions" / name / "bin" / "python3")
    behind = fake(tmp_path / "system" / "python3")
    environ = {"PATH": f"{shim.parent}:{behind.parent}", "PYENV_VERSION": variable or ""}
    with patients.in_folder(tmp_path):
        found = python.choose(RealHost(environ), None).path
    assert found == str(tmp_path / f"versions/{expected}/bin/python3" if expected else behind)


def test_this_python_describes_itself() -> None:
    told = python.describe(live(), sys.executable)
    assert isinstance(told, Description)
    assert told.version == "%d.%d.%d" % sys.version_info[:3]
    assert told.prefix == sys.prefix
    assert {"os", "sys", "builtins"} <= told.preloaded
    assert "random" not in told.preloaded


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo rubbish", "no answer that can be read"),
        ("exit 1", "exit status 1"),
        ("echo 'Fatal Python error: no codec' >&2; exit 1", "Fatal Python error"),
        ("sleep 60", "within the time limit"),
        ("trap '' TERM INT; while :; do sleep 1; done", "within the time limit"),
        ("head -c 10000000 /dev/zero", "printed more than it may"),
        ("head -c 10000000 /dev/zero >&2", "printed more than it may"),
        ("kill -ILL $$", "killed by signal 4"),
        ('echo "$3{}$3"', "cannot be read"),
        ('echo "$3[1,2$3"', "cannot be read"),
        ('echo "$3null$3"', "cannot be read"),
        ('echo "$3$3$3$3"', "no answer that can be read"),
        ("""echo "$3{\\"version\\": \\"9\\"}$3" """, "cannot be read"),
        ("""echo "$3{\\"version\\": \\"2.7.18\\"}$3"; exit 12""", "Python 2.7.18"),
        ("""echo "$3{\\"version\\": [3]}$3"; exit 12""", "cannot be read"),
        ("printf '\\033[2J\\377\\n' >&2; exit 2", "exit status 2"),
    ],
)
def test_a_broken_interpreter_is_one_clear_line(tmp_path: Path, body: str, words: str) -> None:
    path = script(tmp_path / "python3", body)
    told = python.describe(live(timeout=1.0), str(path))
    assert isinstance(told, Undescribed)
    assert words in told.why
    assert len(told.why) < 600 and "\n" not in told.why and "\x1b" not in told.why


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    plant(tmp_path, {"python3": b"\x7fELF\x02garbage"})
    (tmp_path / "python3").chmod(0o755)
    told = python.describe(live(), str(tmp_path / "python3"))
    assert isinstance(told, Undescribed) and "cannot be started" in told.why


def test_a_wrong_pythonhome_is_named() -> None:
    told = python.describe(live(PYTHONHOME="/nonexistent", PYTHONPATH=None), sys.executable)
    assert isinstance(told, Undescribed)
    assert "Fatal Python error" in told.why and "PYTHONHOME is set" in told.why


def test_a_sitecustomize_that_prints_and_a_json_that_hides_disturb_nothing(tmp_path: Path) -> None:
    plant(tmp_path, {
        "sitecustomize.py": "print('{' * 50); import sys; sys.stdout = None", "json.py": "1/0", "site_.py": "", "random.py": "1/0",
    })  # fmt: skip
    told = python.describe(live(PYTHONPATH=str(tmp_path)), sys.executable)
    assert isinstance(told, Description)
    assert str(tmp_path) in told.path


def test_the_payload_and_the_current_folder_are_not_on_the_path_that_is_told(tmp_path: Path) -> None:
    plant(tmp_path, {"os.py": "1/0", "site.py": "1/0"})
    with patients.in_folder(tmp_path):
        told = python.describe(live(PYTHONPATH=None), sys.executable)
    assert isinstance(told, Description)
    assert str(tmp_path) not in told.path
    assert os.path.dirname(python.PAYLOAD) not in told.path


@pytest.mark.parametrize("version", ["3.6", "3.8", "3.13"])
def test_the_payload_speaks_to_old_and_new_pythons(version: str) -> None:
    told = python.describe(live(PYTHONPATH=None), patients.need_python(version))
    assert isinstance(told, Description) and told.version.startswith(version + ".")


def test_the_payload_keeps_every_byte_of_a_name(tmp_path: Path) -> None:
    odd = tmp_path / "é'\"\\ 😀\n$x"
    odd.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(odd / "e")], check=True)
    told = python.describe(live(PYTHONPATH=None), str(odd / "e/bin/python"))
    assert isinstance(told, Description)
    assert told.prefix == str(odd / "e") and told.is_virtual


VENV = "home = /usr/bin\nversion = 3.10.12\ninclude-system-site-packages = false\n"


def test_a_patient_that_is_data_is_read_and_never_run(tmp_path: Path) -> None:
    files = {
        "/opt/e/pyvenv.cfg": VENV, "/opt/e/lib/python3.10/site-packages/pip/__init__.py": "",
        "/opt/e/bin/python": "-> /usr/bin/python3.10",
    }  # fmt: skip
    host = described(tmp_path, {**files})
    script(tmp_path / "usr/bin/python3.10", f"touch {tmp_path}/ran")
    told = python_as_data.read(host, "/opt/e/bin/python")
    assert isinstance(told, Description)
    assert (told.version, told.prefix, told.has_pip, told.is_virtual) == ("3.10.12", "/opt/e", True, True)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "files",
    [
        {"/opt/e/pyvenv.cfg": "garbage"},
        {"/opt/e/pyvenv.cfg": b"\xff\xfe\0version\0"},
        {"/opt/e/pyvenv.cfg": "version = 3.10.12\n"},
        {"/opt/e/pyvenv.cfg": None},
        {"/opt/e/lib/python3.10": None},
        {"/opt/e/lib/python3.10/os.py": "", "/opt/e/lib/python3.11/os.py": ""},
        {},
    ],
)
def test_data_that_tells_no_version_gives_none(tmp_path: Path, files: dict[str, str | bytes | None]) -> None:
    assert isinstance(python_as_data.read(described(tmp_path, files), "/opt/e/bin/python"), Undescribed)


def test_a_system_python_as_data_is_externally_managed(tmp_path: Path) -> None:
    host = described(tmp_path, {
        "/usr/bin/python3.12": "", "/usr/bin/python3": "-> python3.12", "/usr/lib/python3/dist-packages": None,
        "/usr/lib/python3.12/EXTERNALLY-MANAGED": "",
    })  # fmt: skip
    told = python_as_data.read(host, "/usr/bin/python3")
    assert isinstance(told, Description)
    assert (told.version, told.externally_managed, told.folders) == ("3.12", True, ("/usr/lib/python3/dist-packages",))


def test_what_start_up_changes_of_the_variables_is_seen_with_the_file_that_does_it(tmp_path: Path) -> None:
    patient = patients.make_patient(tmp_path / "env", FEATURE, pip=False)
    (patient.site_packages / "hide.pth").write_text("import os; os.environ['CUDA_VISIBLE_DEVICES'] = '-1'; os.environ['TF_API_TOKEN'] = 's'\n")
    (patient.site_packages / "sitecustomize.py").write_text("import os\nos.environ.pop('TF_GPU_ALLOCATOR', None)\nos.environ['LANG'] = 'x'\n")
    told = python.describe(live(TF_GPU_ALLOCATOR="x", TF_CPP_MIN_LOG_LEVEL="3"), patient.python)
    assert isinstance(told, Description)
    assert told.set_at_start == {"CUDA_VISIBLE_DEVICES": "-1", "TF_GPU_ALLOCATOR": None}
    assert start_up.changed(live(), told, [str(patient.site_packages)]) == (
        StartVariable("CUDA_VISIBLE_DEVICES", "-1", str(patient.site_packages / "hide.pth")),
        StartVariable("TF_GPU_ALLOCATOR", None, str(patient.site_packages / "sitecustomize.py")),
    )


def test_a_start_up_that_says_the_same_as_the_shell_changes_nothing(tmp_path: Path) -> None:
    patient = patients.make_patient(tmp_path / "env", FEATURE, pip=False)
    (patient.site_packages / "hide.pth").write_text("import os; os.environ['CUDA_VISIBLE_DEVICES'] = '-1'\n")
    told = python.describe(live(CUDA_VISIBLE_DEVICES="-1"), patient.python)
    assert isinstance(told, Description)
    assert told.set_at_start == {} and start_up.changed(live(), told, [str(patient.site_packages)]) == ()
