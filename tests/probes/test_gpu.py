"""GPUs and the driver: recorded machines, and an nvidia-smi that answers, hangs, lies or dies."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from fixer.dataset.questions import Dataset
from fixer.model.facts import Gpu, SmiAnswer
from fixer.probes import driver, gpu, nvml
from tests import patients
from tests.probes.trees import ELF, described, live, plant, script

CARD = "/sys/bus/pci/devices/0000:01:00.0"
DATA = Dataset.open()
NO_ANSWER = None


def card(device: str = "0x2206", kernel_driver: str | None = "nvidia", **more: str) -> dict[str, str | bytes | None]:
    files: dict[str, str | bytes | None] = {
        f"{CARD}/vendor": "0x10de\n", f"{CARD}/device": device + "\n", f"{CARD}/class": "0x030000\n",
    }  # fmt: skip
    if kernel_driver:
        files[f"/sys/bus/pci/drivers/{kernel_driver}"] = None
        files[f"{CARD}/driver"] = f"-> ../../drivers/{kernel_driver}"
    return {**files, **{f"{CARD}/{name}": text for name, text in more.items()}}


def look(root: Path, files: dict[str, str | bytes | None]):  # type: ignore[no-untyped-def]
    host = described(root, files)
    return gpu.observe(host, DATA, gpu.bus(host), NO_ANSWER, "/dev/dxg" in files)


def test_a_card_is_named_by_its_pci_id(tmp_path: Path) -> None:
    seen = look(tmp_path, card())
    row = DATA.gpu("10de:2206")
    assert row is not None and "3080" in row.name
    assert seen.value == (Gpu(row.name, "10de:2206", "8.6", powered=True, kernel_driver="nvidia"),)
    assert seen.via == (gpu.DEVICES,)


def test_what_is_no_display_or_no_nvidia_card_is_passed_over(tmp_path: Path) -> None:
    files = card()
    files[f"{CARD}/class"] = "0x040300\n"
    assert look(tmp_path / "audio", files).is_absent
    files = card()
    files[f"{CARD}/vendor"] = "0x8086\n"
    assert look(tmp_path / "intel", files).is_absent


def test_a_jetson_whose_gpu_is_on_no_bus_is_not_called_a_machine_without_one(tmp_path: Path) -> None:
    # Its PCI bus is there, with the network card on it.
    files = {**card(), f"{CARD}/vendor": "0x10ec\n", f"{CARD}/class": "0x020000\n"}
    board = b"nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0"
    seen = look(tmp_path / "orin", {**files, gpu.BOARD: board})
    assert seen.is_unknown and "Jetson (nvidia,tegra234)" in seen.detail
    assert look(tmp_path / "other board", {**files, gpu.BOARD: b"raspberrypi,4-model-b\0brcm,bcm2711\0"}).is_absent
    assert look(tmp_path / "pc", files).is_absent


@pytest.mark.parametrize("device", ["", "2206", "0xZZZZ", "\x1b", "0x" + "2" * 4000])
def test_a_garbled_device_number_is_an_unknown_card_not_none(tmp_path: Path, device: str) -> None:
    seen = look(tmp_path, card(device))
    assert seen.value == (Gpu(powered=True, kernel_driver="nvidia"),)


def test_who_holds_the_card(tmp_path: Path) -> None:
    for name in ("nouveau", "vfio-pci", None):
        seen = look(tmp_path / str(name), card(kernel_driver=name))
        assert seen.value[0].kernel_driver == (name or "")


def test_a_sleeping_card_with_its_driver_is_not_off_and_is_not_asked(tmp_path: Path) -> None:
    files = card(**{"power/runtime_status": "suspended\n", "power_state": "D3cold\n"})
    seen = look(tmp_path, files)
    assert seen.value[0].powered is True
    assert "stays asleep" in seen.detail
    host = live()
    sleeping = gpu.Bus((gpu.Device("0000:01:00.0", "10de:2206", "nvidia", sleeps=True, off=False),), True)
    assert not gpu.should_ask(host, sleeping, wsl=False)
    assert gpu.should_ask(host, gpu.Bus((gpu.Device("0000:01:00.0", "10de:2206", "nvidia", False, False),), True), wsl=False)


@pytest.mark.parametrize(
    "files",
    [
        card(kernel_driver=None, **{"power/runtime_status": "suspended\n", "power_state": "D3cold\n"}),
        {**card(), "/proc/acpi/bbswitch": "0000:01:00.0 OFF\n"},
        {CARD: None, "/etc/prime-discrete": "off\n"},
        {CARD: None, "/etc/supergfxd.conf": '{\n "mode": "Integrated",\n "vfio_enable": false}'},
        {CARD: None, "/etc/udev/rules.d/50-remove-nvidia.rules": 'ATTR{vendor}=="0x10de", ATTR{power/control}="auto"\n'},
    ],
)
def test_a_card_that_is_switched_off(tmp_path: Path, files: dict[str, str | bytes | None]) -> None:
    assert look(tmp_path, files).value[0].powered is False


def test_no_card_absent_and_no_bus_unknown(tmp_path: Path) -> None:
    assert look(tmp_path / "bus", {"/sys/bus/pci/devices/0000:00:00.0/vendor": "0x8086"}).is_absent
    assert look(tmp_path / "none", {}).is_unknown
    assert look(tmp_path / "on", {CARD: None, "/etc/prime-discrete": "on\n"}).is_absent


def test_wsl_without_its_device_has_no_gpu_and_with_it_nobody_knows(tmp_path: Path) -> None:
    host = described(tmp_path, {"/usr/lib/wsl/lib": None})
    assert gpu.observe(host, DATA, gpu.bus(host), None, True).is_absent
    host = described(tmp_path, {"/dev/dxg": ""})
    assert gpu.observe(host, DATA, gpu.bus(host), None, True).is_unknown


PROC = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version: 12\n"
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  560.35.03  Release Build\n"
FOLDER = "/usr/lib/x86_64-linux-gnu"


def test_both_halves_of_the_driver(tmp_path: Path) -> None:
    host = described(tmp_path, {
        "/sys/module/nvidia/version": "535.104.05\n", "/proc/driver/nvidia/version": PROC,
        f"{FOLDER}/libcuda.so.535.183.01": ELF, f"{FOLDER}/libcuda.so.1": "-> libcuda.so.535.183.01",
    })  # fmt: skip
    seen = driver.observe(host, None, False).value
    assert seen is not None
    assert seen.version.value == "535.183.01"
    assert seen.kernel_module.value == "535.104.05"
    assert seen.open_module.value is False
    assert seen.libcuda_path.value == f"{FOLDER}/libcuda.so.1"
    assert seen.cuda.is_unknown


def test_a_card_that_answers_has_a_kernel_module_though_a_sandbox_hides_it() -> None:
    host = live(LD_LIBRARY_PATH=None)
    if host.exists(driver.MODULE) or host.exists(driver.PROC):
        pytest.skip("this machine shows a module")
    cards = (nvml.Card("NVIDIA Test"),)
    seen = driver.observe(host, nvml.Answer(SmiAnswer(0, ""), "NVML", "535.104.05", "12.2", cards), False).value
    assert seen is not None and seen.kernel_module.value == "535.104.05" and seen.kernel_module.source == "NVML"
    seen = driver.observe(host, nvml.Answer(SmiAnswer(0, ""), "NVML", None, None, cards), False).value
    assert seen is not None and seen.kernel_module.is_unknown
    assert driver.observe(host, nvml.Answer(SmiAnswer(9, "not loaded"), "NVML"), False).is_absent


def test_a_driver_at_work_without_a_card_on_the_bus_is_unknown_never_no_gpu(tmp_path: Path) -> None:
    for number, path in enumerate(gpu.TRACES):
        seen = look(tmp_path / str(number), {"/sys/bus/pci/devices/0000:00:00.0/vendor": "0x8086", path: ""})
        assert seen.is_unknown and path in seen.detail


def test_the_open_module_and_a_missing_library(tmp_path: Path) -> None:
    seen = driver.observe(described(tmp_path, {"/proc/driver/nvidia/version": OPEN}), None, False).value
    assert seen is not None
    assert (seen.kernel_module.value, seen.open_module.value) == ("560.35.03", True)
    assert seen.version.is_absent and seen.libcuda_path.is_absent


def cached(*paths: str) -> bytes:
    """An ld.so.cache that lists ``paths`` in that order; its strings stand in the other."""
    strings, places = b"", {}
    for path in sorted(paths, reverse=True):
        for text in (path, path.rpartition("/")[2]):
            places[text] = len(strings)
            strings += text.encode() + b"\0"
    start = 48 + 24 * len(paths)
    rows = b"".join(struct.pack("<iIIIQ", 0x0303, start + places[path.rpartition("/")[2]], start + places[path], 0, 0) for path in paths)
    return b"glibc-ld.so.cache1.1" + struct.pack("<IIBxxxI12x", len(paths), len(strings), 2, 0) + rows + strings


@pytest.mark.parametrize(("first", "release"), [("nv", "470.1"), ("other", "535.2")])
def test_libcuda_is_found_through_the_cache_of_the_loader_in_its_order(tmp_path: Path, first: str, release: str) -> None:
    folders = (f"/opt/{first}", "/opt/other" if first == "nv" else "/opt/nv")
    host = described(tmp_path, {
        "/etc/ld.so.cache": cached(*(f"{folder}/libcuda.so.1" for folder in folders)),
        "/opt/nv/libcuda.so.470.1": ELF, "/opt/nv/libcuda.so.1": "-> libcuda.so.470.1",
        "/opt/other/libcuda.so.535.2": ELF, "/opt/other/libcuda.so.1": "-> libcuda.so.535.2",
    })  # fmt: skip
    seen = driver.observe(host, None, False).value
    assert seen is not None and seen.version.value == release


@pytest.mark.parametrize(
    ("files", "field", "state"),
    [
        ({"/sys/module/nvidia/version": "garbage\n"}, "kernel_module", "unknown"),
        ({"/proc/driver/nvidia/version": "\0\xff" * 999}, "kernel_module", "unknown"),
        ({"/sys/module/nvidia/version": "535.1", f"{FOLDER}/libcuda.so.1": "no ELF"}, "version", "unknown"),
        ({f"{FOLDER}/libcuda.so.1": ELF}, "version", "unknown"),
        ({f"{FOLDER}/libcuda.so.1": b""}, "version", "unknown"),
    ],
)
def test_garbled_drivers_are_unknown(tmp_path: Path, files: dict[str, str | bytes], field: str, state: str) -> None:
    seen = driver.observe(described(tmp_path, dict(files)), None, False).value
    assert seen is not None and getattr(seen, field).state == state


def test_no_driver_at_all(tmp_path: Path) -> None:
    assert driver.observe(described(tmp_path, {"/proc/version": "Linux"}), None, False).is_absent


def test_device_nodes(tmp_path: Path) -> None:
    host = described(tmp_path, {"/dev/nvidia0": "", "/dev/nvidiactl": "", "/dev/nvidia-uvm": "", "/dev/nvidiafake": "", "/dev/sda": ""})
    assert set(driver.device_nodes(host).or_else({})) == {"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"}
    assert driver.device_nodes(described(tmp_path / "b", {"/dev/null": ""})).is_absent
    assert driver.device_nodes(described(tmp_path / "c", {})).is_unknown


GOOD = "NVIDIA GeForce RTX 3080, 0x220610DE, 00000000:01:00.0, 10240, 9800, 535.104.05"


def smi(tmp_path: Path, body: str) -> nvml.Answer:
    script(tmp_path / "bin" / "nvidia-smi", body)
    answer = nvml._ask_program(live(PATH=f"{tmp_path}/bin:/usr/bin:/bin", timeout=1.0), f"{tmp_path}/bin/nvidia-smi")
    assert "\n" not in answer.smi.line and "\x1b" not in answer.smi.line
    return answer


def test_a_good_nvidia_smi(tmp_path: Path) -> None:
    answer = smi(tmp_path, f"echo '{GOOD}'")
    assert answer.ok
    assert answer.cards == (nvml.Card("NVIDIA GeForce RTX 3080", "10de:2206", "0000:01:00.0", None, 10240, 9800),)
    assert answer.driver == "535.104.05"
    # A PCI card and its answer are one card, not two.
    device = gpu.Device("0000:01:00.0", "10de:2206", "nvidia", False, False)
    seen = gpu.observe(live(), DATA, gpu.Bus((device,), True), answer, False)
    assert seen.value is not None and len(seen.value) == 1
    assert (seen.value[0].free_mib, seen.value[0].compute_capability) == (9800, "8.6")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("sleep 60", None),
        ("trap '' TERM; sleep 60", None),
        ("exit 9", 9),
        ("echo 'NVML: Driver/library version mismatch'; exit 18", 18),
        ("exit 12", 12),
        ("kill -SEGV $$", -11),
        ("echo rubbish", -1),
        (r"printf '\033[2J\000\377'", -1),
        ("echo 'a,b,c,d,e,f'", -1),
        (f"echo '{GOOD}'; echo 'Unable to determine the device handle for GPU 0000:02:00.0'", -1),
        ("yes rubbish", None),
        ("true", -1),
    ],
)
def test_a_bad_nvidia_smi_is_told_and_gives_no_card(tmp_path: Path, body: str, status: int | None) -> None:
    answer = smi(tmp_path, body)
    assert answer.smi.status == status
    assert answer.cards == () and not answer.ok
    assert answer.smi.line or status in (9, 12, -11)


def test_a_card_whose_software_fails_stays_a_card(tmp_path: Path) -> None:
    device = gpu.Device("0000:01:00.0", "10de:2206", "nvidia", False, False)
    seen = gpu.observe(live(), DATA, gpu.Bus((device,), True), smi(tmp_path, "exit 9"), False)
    assert seen.value is not None and seen.value[0].pci_id == "10de:2206" and seen.value[0].memory_mib is None


def test_a_library_that_is_no_nvml_is_survived(tmp_path: Path) -> None:
    plant(tmp_path, {"libnvidia-ml.so.1": b"no library"})
    host = live(LD_LIBRARY_PATH=str(tmp_path), PATH="/usr/bin:/bin")
    assert nvml.library_path(host, nvml.LIBRARY) == str(tmp_path / "libnvidia-ml.so.1")
    answer = nvml.ask(host)
    assert answer is not None and answer.smi.status == nvml.Answer(answer.smi, "").smi.status == 12
    assert answer.cards == ()


NVML = """
#include <stdio.h>
#include <string.h>
int nvmlInit_v2(void) { return STATUS; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int e) { return "Driver/library version mismatch"; }
int nvmlSystemGetDriverVersion(char *b, unsigned n) { snprintf(b, n, "535.104.05"); return 0; }
int nvmlSystemGetCudaDriverVersion_v2(int *v) { *v = 12020; return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **h) { *h = (void *)(long)(i + 1); return i ? 15 : 0; }
int nvmlDeviceGetName(void *h, char *b, unsigned n) { snprintf(b, n, "NVIDIA Test\\x1b[31m"); return 0; }
int nvmlDeviceGetMemoryInfo(void *h, unsigned long long *m) { m[0] = 10240ULL << 20; m[1] = 9800ULL << 20; m[2] = 0; return 0; }
int nvmlDeviceGetCudaComputeCapability(void *h, int *a, int *b) { *a = 8; *b = 6; return 0; }
"""


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (18, 18)])
def test_nvml_is_asked_in_a_child(tmp_path: Path, status: int, expected: int) -> None:
    (tmp_path / "nvml.c").write_text(NVML.replace("STATUS", str(status)))
    built = [patients.need("cc"), "-shared", "-fPIC", "-o", str(tmp_path / "libnvidia-ml.so.1"), str(tmp_path / "nvml.c")]
    subprocess.run(built, check=True)
    answer = nvml.ask(live(LD_LIBRARY_PATH=str(tmp_path), PATH="/usr/bin:/bin"))
    assert answer is not None and answer.smi.status == expected and answer.source == "NVML"
    if expected:
        assert (answer.smi.line, answer.cards) == ("Driver/library version mismatch", ())
    else:
        # The second card is lost, the call for the place on the bus is missing: neither takes the first card away.
        assert answer.cards == (nvml.Card("NVIDIA Test [31m", None, None, "8.6", 10240, 9800),)
        assert (answer.driver, answer.cuda) == ("535.104.05", "12.2")


@pytest.mark.parametrize("body", ["for (;;) { }", "__builtin_trap(); return 0;"])
def test_an_nvml_that_hangs_or_crashes_does_not_take_us_with_it(tmp_path: Path, body: str) -> None:
    (tmp_path / "nvml.c").write_text("int nvmlInit_v2(void) { " + body + " }\n")
    built = [patients.need("cc"), "-shared", "-fPIC", "-o", str(tmp_path / "libnvidia-ml.so.1"), str(tmp_path / "nvml.c")]
    subprocess.run(built, check=True)
    answer = nvml.ask(live(LD_LIBRARY_PATH=str(tmp_path), PATH="/usr/bin:/bin", timeout=1.0))
    assert answer is not None and not answer.ok and answer.cards == ()
    assert "no answer" in answer.smi.line or "killed by signal" in answer.smi.line


def test_nothing_of_nvidia_runs_for_a_described_root(tmp_path: Path) -> None:
    script(tmp_path / "usr/bin/nvidia-smi", f"touch {tmp_path}/ran; echo '{GOOD}'")
    host = described(tmp_path, card())
    assert not gpu.should_ask(host, gpu.bus(host), False)
    assert nvml.ask(host) is None
    assert not (tmp_path / "ran").exists()
