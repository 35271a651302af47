"""The lab's machine shows a GPU to every tool that looks for one, and leaves the host as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.machine import Card, Lab, Machine

CUINIT = (
    "import ctypes; l = ctypes.CDLL('libcuda.so.1'); v = ctypes.c_int(); r = l.cuInit(0); "
    "l.cuDriverGetVersion(ctypes.byref(v)); print(r, v.value)"
)


COUNTED = (
    "import ctypes; l = ctypes.CDLL('libcuda.so.1'); n = ctypes.c_int(0); r = l.cuInit(0); l.cuDeviceGetCount(ctypes.byref(n)); "
    "m = ctypes.CDLL('libnvidia-ml.so.1'); k = ctypes.c_uint(); m.nvmlDeviceGetCount_v2(ctypes.byref(k)); print(r, n.value, k.value)"
)


def sh(lab: Lab, script: str, **given: Any) -> str:
    done = lab.run(["sh", "-c", script], **given)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_witness_tells_the_same_card_and_driver(lab: Lab) -> None:
    machine = Machine(gpu="RTX 4090", driver="550.54.14", cuda="12.4")
    card = "/sys/bus/pci/devices/0000:01:00.0"
    seen = sh(lab, f"cat {card}/vendor {card}/device /sys/module/nvidia/version; basename $(readlink {card}/driver)", machine=machine)
    assert seen.split() == ["0x10de", "0x2684", "550.54.14", "nvidia"]
    assert "Kernel Module  550.54.14" in sh(lab, "cat /proc/driver/nvidia/version", machine=machine)
    query = "nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total,memory.free --format=csv,noheader,nounits"
    assert sh(lab, query, machine=machine).strip() == "NVIDIA GeForce RTX 4090, 550.54.14, 8.9, 24564, 24264"
    assert "CUDA Version: 12.4" in sh(lab, "nvidia-smi", machine=machine)
    assert "libcuda.so.1" in sh(lab, "/sbin/ldconfig -p", machine=machine)
    assert sh(lab, "ls /dev/nvidia0 /dev/nvidiactl && echo x > /dev/null", machine=machine).split() == ["/dev/nvidia0", "/dev/nvidiactl"]
    assert lab.run([sys.executable, "-c", CUINIT], machine=machine).stdout.split() == ["0", "12040"]


def test_a_bare_environment_sees_the_same_gpu(lab: Lab) -> None:
    done = lab.run([sys.executable, "-c", CUINIT], environ={}, gpu="GTX 1080", cuda="11.4", driver="470.256.02")
    assert done.stdout.split() == ["0", "11040"]


@pytest.mark.parametrize(
    ("given", "cuinit", "smi"),
    [
        ({"kernel_module": "535.183.01"}, "803", 18),
        ({"kernel_module": None}, "100", 9),
        ({"gpu": None}, "100", 6),
        ({"settings": {"FAKEGPU_CUINIT": "999"}}, "999", 0),
    ],
    ids=["library and module differ", "module not loaded", "no card", "unknown error"],
)
def test_a_sick_driver_answers_as_nvidias_does(lab: Lab, given: dict[str, Any], cuinit: str, smi: int) -> None:
    assert lab.run([sys.executable, "-c", CUINIT], **given).stdout.split()[0] == cuinit
    assert lab.run(["nvidia-smi"], **given).returncode == smi


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (None, "0 1 1"), ("", "100 0 1"), ("0", "0 1 1"), ("-1", "100 0 1"), ("3", "100 0 1"), ("0,-1", "0 1 1"), ("-1,0", "100 0 1"),
        ("0,0", "101 0 1"), ("NoDevFiles", "100 0 1"), ("0abc", "0 1 1"), ("0x0", "0 1 1"), ("+0", "0 1 1"), (" 0", "0 1 1"),
        (",0", "100 0 1"), ("'0'", "100 0 1"), ("GPU-", "100 0 1"), ("GPU-0102", "0 1 1"), ("GPU-00000000", "100 0 1"),
        ("01020304-0506-0708-090a-0b0c0d0e0f10", "100 0 1"), ("MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "100 0 1"),
    ],
)  # fmt: skip
def test_the_driver_heeds_the_list_of_visible_cards_as_nvidias_does_and_nvml_does_not(lab: Lab, value: str | None, answer: str) -> None:
    """Each answer is that of driver 580.159.04 with one card, but for the number in the name of a card."""
    variables = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
    assert lab.run([sys.executable, "-c", COUNTED], variables=variables).stdout.strip() == answer


def test_a_machine_without_a_driver_has_none_of_its_files(lab: Lab) -> None:
    machine = Machine(driver=None, kernel_module=None, kernel_driver="nouveau")
    script = "ls /sys/module/nvidia /proc/driver/nvidia/version /dev/nvidia0; command -v nvidia-smi; /sbin/ldconfig -p | grep libcuda.so"
    done = lab.run(["sh", "-c", script], machine=machine, environ={"PATH": "/usr/bin:/bin"})
    assert done.stdout == ""
    assert sh(lab, "readlink /sys/bus/pci/devices/0000:01:00.0/driver", machine=machine).strip().endswith("/nouveau")


def test_folders_can_be_laid_over_the_machines_own(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "cuda-11.0").mkdir()
    before = {name for name in os.listdir("/usr/local") if not name.startswith("cuda")}
    assert set(sh(lab, "ls /usr/local", over={"/usr/local": str(tmp_path)}).split()) == before | {"cuda-11.0"}


def test_the_hosts_own_toolkit_is_hidden(lab: Lab, tmp_path: Path) -> None:
    for name in ("cuda", "cuda-13.0", "other"):
        (tmp_path / name).mkdir()
    assert sh(lab, f"ls {tmp_path}", hidden=(f"{tmp_path}/cuda*",)).split() == ["other"]
    assert sh(lab, f"ls {tmp_path}", hidden=()).split() == ["cuda", "cuda-13.0", "other"]


def test_a_card_of_ones_own(lab: Lab) -> None:
    card = Card("NVIDIA Nothing", "10de:ffff", "5.0", 1024)
    assert sh(lab, "nvidia-smi -L", gpu=card).startswith("GPU 0: NVIDIA Nothing")


def test_nothing_is_left_on_the_host(lab: Lab) -> None:
    def look() -> tuple[object, ...]:
        mounts = Path("/proc/self/mounts").read_text()
        cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
        return mounts, cache, sorted(os.listdir("/dev")), sorted(os.listdir("/sys/bus/pci/devices")), os.path.exists("/proc/driver/nvidia")

    before = look()
    sh(lab, "mkdir /dev/made /proc/driver/made && echo x > /dev/made/x")
    assert look() == before


def test_the_exit_code_and_both_streams_come_through(lab: Lab) -> None:
    done = lab.run(["sh", "-c", "cat; echo bad >&2; exit 7"], stdin="good", variables={"A": "1"})
    assert (done.returncode, done.stdout, done.stderr) == (7, "good", "bad\n")
