"""The probe runner: one child on a machine without NVIDIA, no slow import, and the law of the round trip."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fixer import probes
from fixer.dataset.questions import Dataset
from fixer.errors import UsageError
from fixer.host.real import RealHost
from fixer.model import machine
from fixer.model.facts import Facts
from fixer.model.observed import unknown
from fixer.probes import gpu, nvml
from tests import patients
from tests.probes.trees import described, live, plant, script

ROOT = Path(__file__).parents[2]
DATA = Dataset.open()
FEATURE = "%d.%d" % sys.version_info[:2]
HOSTILE = "$(touch x)\n;`id`'\"\x1b[2J é 😀 ::"


def roundtrip(facts: Facts) -> None:
    written = json.dumps(machine.encode(facts))
    again = machine.decode(json.loads(written))
    for field in dataclasses.fields(Facts):
        assert getattr(again, field.name) == getattr(facts, field.name), field.name


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> patients.Patient:
    base = tmp_path_factory.mktemp("patient")
    wheels = patients.Wheelhouse(base / "wheels")
    wheels.add("tensorflow", "2.15.1", {"tensorflow/__init__.py": "", "tensorflow/python/platform/build_info.py": "build_info = {}"})
    wheels.add("numpy", "2.0.2", {"numpy/__init__.py": ""})
    return patients.make_patient(
        base / "e", FEATURE, ("tensorflow", "numpy"), pip=False, options=("--no-index", "--find-links", str(wheels.folder))
    )


class Counting(RealHost):
    """A real host that keeps the argv of every child."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__(environ)
        self.children: list[tuple[str, ...]] = []

    def run(self, argv: Any, **options: Any) -> Any:
        self.children.append(tuple(argv))
        return super().run(argv, **options)


def no_nvidia() -> None:
    host = live(LD_LIBRARY_PATH=None)
    seen = gpu.bus(host)
    if seen.devices or nvml.smi_path(host) or nvml.library_path(host, nvml.LIBRARY):
        pytest.skip("this machine has NVIDIA software")


def test_one_look_runs_one_child(patient: patients.Patient) -> None:
    no_nvidia()
    environ = {name: value for name, value in os.environ.items() if name not in patients.POINTING}
    host = Counting(environ)
    facts = probes.observe(host, patient.python, DATA)
    assert [child[:2] for child in host.children] == [(patient.python, "-B")]
    assert facts.gpus.is_absent and facts.driver.is_absent and facts.nvidia_smi.is_absent
    assert facts.packages.value == {"numpy": "2.0.2", "tensorflow": "2.15.1"}
    for name in ("os", "arch", "glibc", "environment", "patient", "pythons", "disk_free_mib", "root", "managers"):
        assert getattr(facts, name).is_found, name
    failed = [name for name in (field.name for field in dataclasses.fields(Facts)) if "failed" in getattr(facts, name).detail]
    assert failed == []


SLOW = ("requests", "urllib3", "packaging", "distro", "importlib.metadata", "elftools", "rich", "tensorflow", "click", "secrets")


def test_no_slow_module_is_imported(patient: patients.Patient) -> None:
    body = (
        "import sys\nfrom fixer.host.real import RealHost\nfrom fixer.dataset.questions import Dataset\n"
        "from fixer.probes import observe\nbefore = set(sys.modules)\n"
        "observe(RealHost(), sys.argv[1], Dataset.open())\nprint(*[name for name in sys.argv[2:] if name in sys.modules])"
    )
    environ = {name: value for name, value in os.environ.items() if name not in patients.POINTING}
    ran = subprocess.run(
        [sys.executable, "-c", body, patient.python, *SLOW], capture_output=True, text=True, cwd=ROOT,
        env={**environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == []


def test_the_law_of_the_round_trip_live(patient: patients.Patient) -> None:
    for host in (live(), live(LD_LIBRARY_PATH=HOSTILE, CUDA_VISIBLE_DEVICES="", KERAS_BACKEND=HOSTILE, PYTHONPATH="::/nonexistent")):
        roundtrip(probes.observe(host, patient.python, DATA))
    roundtrip(probes.observe(live(), None, DATA))
    roundtrip(probes.observe(live(VIRTUAL_ENV="/nonexistent"), None, DATA))


RECORDED = {
    "/etc/os-release": "ID=ubuntu\nVERSION_ID=22.04\nID_LIKE=debian\n", "/proc/version": "Linux version 6.8.0-45-generic (x)",
    "/proc/modules": "nvidia 1 0 - Live 0x0\n", "/sys/module/nvidia/version": "535.104.05\n", "/dev/nvidia0": "", "/dev/nvidiactl": "",
    "/sys/bus/pci/devices/0000:01:00.0/vendor": "0x10de", "/sys/bus/pci/devices/0000:01:00.0/class": "0x030000",
    "/sys/bus/pci/devices/0000:01:00.0/device": "0x2206", "/lib64/ld-linux-x86-64.so.2": "", "/proc/cpuinfo": "flags : avx avx2\n",
    "/opt/e/pyvenv.cfg": "home = /usr/bin\nversion = 3.11.7\n", "/opt/e/lib/python3.11/site-packages/numpy-2.0.2.dist-info/METADATA":
    "Name: numpy\nVersion: 2.0.2\n", "/opt/e/bin/python": "",
}  # fmt: skip


def test_a_described_root_runs_nothing_and_round_trips(tmp_path: Path) -> None:
    host = described(tmp_path, dict(RECORDED), {"VIRTUAL_ENV": "/opt/e", "PATH": "/usr/bin", "HOME": "/nonexistent"})
    script(tmp_path / "opt/e/bin/python", f"touch {tmp_path}/ran")
    script(tmp_path / "usr/bin/nvidia-smi", f"touch {tmp_path}/ran")
    host.run = None  # type: ignore[method-assign,assignment]
    facts = probes.observe(host, None, DATA)
    failed = [name for name in (field.name for field in dataclasses.fields(Facts)) if "failed" in getattr(facts, name).detail]
    assert failed == []
    assert not (tmp_path / "ran").exists()
    assert facts.packages.value == {"numpy": "2.0.2"}
    assert facts.gpus.value is not None and facts.gpus.value[0].compute_capability == "8.6"
    assert facts.driver.value is not None and facts.driver.value.kernel_module.value == "535.104.05"
    roundtrip(facts)


def test_an_empty_described_root_invents_nothing(tmp_path: Path) -> None:
    facts = probes.observe(described(tmp_path, {}, {"HOME": "/nonexistent"}), None, DATA)
    assert facts.patient.is_absent and facts.environment.is_absent
    for name in ("distro", "arch", "glibc", "gpus", "cpu_flags", "kernel_modules", "device_nodes", "nvidia_smi"):
        assert getattr(facts, name).is_unknown, name
    roundtrip(facts)


@pytest.mark.parametrize("body", ["sleep 60", "echo rubbish", "exit 1", "head -c 10000000 /dev/zero"])
def test_a_broken_patient_leaves_its_facts_unknown_and_the_others_whole(tmp_path: Path, body: str) -> None:
    path = script(tmp_path / "python", body)
    facts = probes.observe(live(timeout=1.0), str(path), DATA)
    for name in ("patient", "environment", "tensorflow_build"):
        seen = getattr(facts, name)
        assert seen.is_unknown and str(path) in seen.detail, name
    assert facts.os.is_found and facts.managers.is_found and facts.interpreters.is_found
    roundtrip(facts)


def test_a_hanging_nvidia_smi_on_path_is_told(tmp_path: Path, patient: patients.Patient) -> None:
    no_nvidia()
    script(tmp_path / "nvidia-smi", "sleep 60")
    host = live(PATH=f"{tmp_path}:{os.environ['PATH']}", LD_LIBRARY_PATH=None, timeout=1.0)
    facts = probes.observe(host, patient.python, DATA)
    assert facts.nvidia_smi.value is not None and facts.nvidia_smi.value.status is None
    assert facts.gpus.value is None
    roundtrip(facts)


def test_a_probe_that_fails_takes_no_other_down(monkeypatch: pytest.MonkeyPatch, patient: patients.Patient) -> None:
    def broken(at: probes.Look) -> Any:
        raise RuntimeError("odd\nthing \x1b[31m")

    table = tuple((name, broken if name in ("gpus", "interpreters") else probe) for name, probe in probes.TABLE)
    monkeypatch.setattr(probes, "TABLE", table)
    facts = probes.observe(live(), patient.python, DATA)
    assert facts.gpus == unknown("this probe failed: RuntimeError: odd thing  [31m", "probe gpus")
    assert facts.environment.is_found
    roundtrip(facts)


def test_a_bad_python_option_is_the_user_s_error_not_a_fact() -> None:
    with pytest.raises(UsageError):
        probes.observe(live(), "/nonexistent/python", DATA)


def test_every_field_of_facts_has_its_probe() -> None:
    fields = {field.name for field in dataclasses.fields(Facts)} - {"open_run", "events", "unfamiliar"}
    assert {name for name, _ in probes.TABLE} == fields
    assert len(probes.TABLE) == len(fields)


def test_a_deleted_current_folder_is_survived(tmp_path: Path, patient: patients.Patient) -> None:
    body = (
        "import sys\nfrom fixer.host.real import RealHost\nfrom fixer.dataset.questions import Dataset\nfrom fixer.probes import observe\n"
        "print(observe(RealHost(), sys.argv[1], Dataset.open()).environment.state)"
    )
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd '{gone}' && rmdir '{gone}' && exec \"$0\" -c \"$1\" \"$2\""
    environ = {name: value for name, value in os.environ.items() if name not in patients.POINTING}
    ran = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, body, patient.python], capture_output=True, text=True,
        env={**environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.stdout.strip() == "found", ran.stderr


def test_the_files_of_a_live_environment_are_only_read(patient: patients.Patient, tmp_path: Path) -> None:
    before = patient.tree()
    probes.observe(live(HOME=str(tmp_path)), patient.python, DATA)
    assert patient.tree() == before
    assert list(plant(tmp_path, {}).iterdir()) == []
