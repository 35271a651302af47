"""Several cards, all different: what each witness tells of each, which one a setting picks, and that one's memory is not the other's."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.build import Builder, runtime
from tests.lab.machine import Card, Lab, Machine, uuid
from tests.lab.scenarios import SCENARIOS, Scenario
from tests.lab.scenarios.scenario import Stage
from tests.lab.ward import Ward

# The slowest first on the bus, the fastest second; of the third nothing is like the others.
THREE = Machine(gpu="GTX 980", more=("RTX 3080", Card("NVIDIA Nothing", "10de:ffff", "7.0", 1024, 40, used_mib=1000)), used_mib=200)
NAMES = ["NVIDIA GeForce GTX 980", "NVIDIA GeForce RTX 3080", "NVIDIA Nothing"]
# What CUDA counts: the ordinals with what the driver says of each.
_CUDA = """
import ctypes, json, sys
cuda, number = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
def asked(name, *arguments):
    answer = getattr(cuda, name)(ctypes.byref(number), *arguments)
    return number.value if answer == 0 else "error %d" % answer
def words(name, *arguments):
    room = ctypes.create_string_buffer(64)
    assert getattr(cuda, name)(room, *arguments) == 0
    return room.value.decode()
told = []
answer = cuda.cuInit(0)
for ordinal in range(0 if answer else asked("cuDeviceGetCount")):
    device, total, raw = asked("cuDeviceGet", ordinal), ctypes.c_size_t(), ctypes.create_string_buffer(16)
    assert cuda.cuDeviceTotalMem_v2(ctypes.byref(total), device) == 0 and cuda.cuDeviceGetUuid(raw, device) == 0
    address = words("cuDeviceGetPCIBusId", 64, device)
    told.append({"name": words("cuDeviceGetName", 64, device), "mib": total.value >> 20, "address": address, "uuid": raw.raw.hex(),
                 "capability": [asked("cuDeviceGetAttribute", one, device) for one in (75, 76)], "cores": asked("cuDeviceGetAttribute", 16, device),
                 "at": asked("cuDeviceGetByPCIBusId", address.encode())})
print(json.dumps([answer, told, asked("cuDeviceGet", len(told)), asked("cuDeviceGetByPCIBusId", b"0000:09:00.0")]))
"""


def told(lab: Lab, program: str, *arguments: Any, machine: Machine = THREE, **variables: str) -> Any:
    done = lab.run([sys.executable, "-I", "-c", program, *map(str, arguments)], machine=machine, variables=variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_driver_tells_of_each_card_what_is_its_own(lab: Lab) -> None:
    answer, cards, beyond, nowhere = told(lab, _CUDA, CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert (answer, beyond, nowhere) == (0, "error 101", "error 101")
    assert [one["name"] for one in cards] == NAMES
    assert [(one["mib"], one["capability"], one["cores"]) for one in cards] == [(4096, [5, 2], 16), (10240, [8, 6], 68), (1024, [7, 0], 40)]
    assert [one["address"] for one in cards] == ["0000:01:00.0", "0000:02:00.0", "0000:03:00.0"]
    assert [one["uuid"] for one in cards] == [uuid(place).removeprefix("GPU-").replace("-", "") for place in range(3)]
    assert [one["at"] for one in cards] == [0, 1, 2]


@pytest.mark.parametrize(
    ("visible", "order", "left"),
    [
        (None, None, [1, 2, 0]),
        (None, "FASTEST_FIRST", [1, 2, 0]),
        (None, "PCI_BUS_ID", [0, 1, 2]),
        ("0", None, [1]),
        ("0", "PCI_BUS_ID", [0]),
        ("2,0", "PCI_BUS_ID", [2, 0]),
        ("2,1,0", None, [0, 2, 1]),
        ("1,7,0", "PCI_BUS_ID", [1]),  # what comes after a number of no card is hidden with it
        ("3", None, []),
        (uuid(2), None, [2]),
        (uuid(2)[:12], None, [2]),
        (f"{uuid(0)},{uuid(1)}", None, [0, 1]),
        (f"{uuid(1)},1", None, [1, 2]),
        (f"{uuid(1)},0", None, []),  # one card by both its names
        (uuid(3), None, []),
    ],
)
def test_a_setting_picks_cards_by_number_by_name_and_in_order(lab: Lab, visible: str | None, order: str | None, left: list[int]) -> None:
    given = {"CUDA_VISIBLE_DEVICES": visible, "CUDA_DEVICE_ORDER": order}
    answer, cards, *_ = told(lab, _CUDA, **{name: value for name, value in given.items() if value is not None})
    assert [one["name"] for one in cards] == [NAMES[place] for place in left]
    assert (answer == 0) == bool(left)
    # An ordinal is a place among those that are left, and so is what an address leads to.
    assert [one["at"] for one in cards] == list(range(len(left)))


# Each card is filled by half; what is free on the others stays free. The runtime follows the driver's context.
_MEMORY = """
import ctypes, json, sys
cuda, runtime = ctypes.CDLL("libcuda.so.1"), ctypes.CDLL(sys.argv[1])
def free():
    left, total = ctypes.c_size_t(), ctypes.c_size_t()
    assert runtime.cudaMemGetInfo(ctypes.byref(left), ctypes.byref(total)) == 0
    return left.value >> 20
def at():
    number = ctypes.c_int(-1)
    assert runtime.cudaGetDevice(ctypes.byref(number)) == 0
    return number.value
def place(pointer):
    number = ctypes.c_int(-1)
    assert cuda.cuPointerGetAttribute(ctypes.byref(number), 9, pointer) == 0
    return number.value
told = []
count = ctypes.c_int()
assert runtime.cudaGetDeviceCount(ctypes.byref(count)) == 0
for ordinal in range(count.value):
    context, pointer = ctypes.c_void_p(), ctypes.c_void_p()
    assert cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), ordinal) == 0 and cuda.cuCtxSetCurrent(context) == 0
    before = free()
    half = runtime.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t(before * 524288))
    where, after = place(pointer), free()
    told.append([at(), before, after, half, where, runtime.cudaMalloc(ctypes.byref(pointer), ctypes.c_size_t((after + 1) << 20))])
back = runtime.cudaSetDevice(0), at(), free()
print(json.dumps([told, back, runtime.cudaSetDevice(count.value)]))
"""


def test_each_card_has_its_own_memory_and_the_runtime_follows_the_drivers_context(lab: Lab, builder: Builder) -> None:
    cards, back, beyond = told(lab, _MEMORY, builder.file(runtime("12.2")), CUDA_DEVICE_ORDER="PCI_BUS_ID")
    assert cards == [[0, 3896, 1948, 0, 0, 2], [1, 10040, 5020, 0, 1, 2], [2, 24, 12, 0, 2, 2]]
    assert back == [0, 0, 1948] and beyond == 101


_PEERS = """
import ctypes, json
cuda, answer = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(-1)
cuda.cuInit(0)
told = []
for one, other in ((0, 1), (1, 0), (0, 0), (0, 3)):
    told.append([cuda.cuDeviceCanAccessPeer(ctypes.byref(answer), one, other), answer.value])
print(json.dumps(told))
"""


@pytest.mark.parametrize("reached", [0, 1])
def test_cards_reach_each_other_where_the_machine_says_so(lab: Lab, reached: int) -> None:
    machine = Machine(gpu="A100", more=("A100", "A100"), settings={"FAKEGPU_PEER": str(reached)})
    assert told(lab, _PEERS, machine=machine)[:3] == [[0, reached], [0, reached], [0, 0]]
    assert told(lab, _PEERS, machine=machine)[3][0] == 101


_NVML = """
import ctypes, json, sys
nvml = ctypes.CDLL("libnvidia-ml.so.1")
def index(call, argument):
    handle, number = ctypes.c_void_p(), ctypes.c_uint()
    answer = getattr(nvml, call)(argument, ctypes.byref(handle))
    return -answer if answer else nvml.nvmlDeviceGetIndex(handle, ctypes.byref(number)) or number.value
nvml.nvmlInit_v2()
print(json.dumps([[index("nvmlDeviceGetHandleByIndex_v2", one) for one in (0, 2, 3)],
                  [index("nvmlDeviceGetHandleByUUID", one.encode()) for one in sys.argv[1:]],
                  [index("nvmlDeviceGetHandleByPciBusId_v2", one) for one in (b"00000000:03:00.0", b"0000:01:00.0", b"0000:04:00.0")]]))
"""


def test_nvml_finds_a_card_by_each_of_its_names_and_heeds_no_setting(lab: Lab) -> None:
    for variables in ({}, {"CUDA_VISIBLE_DEVICES": "1"}):
        assert told(lab, _NVML, uuid(1), uuid(0), uuid(3), **variables) == [[0, 2, -2], [1, 0, -6], [2, 0, -6]]


def test_kernel_nodes_nvml_and_nvidia_smi_tell_of_the_same_cards(lab: Lab) -> None:
    script = (
        "cat /sys/bus/pci/devices/0000:0[123]:00.0/device; ls -d /dev/nvidia[0-9]; grep -h -e Model -e Location -e UUID /proc/driver/nvidia/gpus/*/information;"
        "nvidia-smi --query-gpu=index,name,uuid,pci.bus_id,pci.device_id,compute_cap,memory.total,memory.free --format=csv,noheader,nounits;"
        f"nvidia-smi -L; nvidia-smi -i {uuid(2)} --query-gpu=index --format=csv,noheader; nvidia-smi -i 3 -L; nvidia-smi"
    )
    done = lab.run(["sh", "-c", script], machine=THREE)
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[:6] == ["0x13c0", "0x2206", "0xffff", "/dev/nvidia0", "/dev/nvidia1", "/dev/nvidia2"]
    for place, (name, id_, capability, total, free) in enumerate(
        zip(NAMES, ("13C0", "2206", "FFFF"), ("5.2", "8.6", "7.0"), (4096, 10240, 1024), (3896, 10040, 24))
    ):
        assert lines[6 + 3 * place : 9 + 3 * place] == [f"Model: \t\t {name}", f"GPU UUID: \t {uuid(place)}", f"Bus Location: \t 0000:0{place + 1}:00.0"]
        assert f"{place}, {name}, {uuid(place)}, 00000000:0{place + 1}:00.0, 0x{id_}10DE, {capability}, {total}, {free}" in lines
        assert f"GPU {place}: {name} (UUID: {uuid(place)})" in lines
        assert any(name in line and f"00000000:0{place + 1}:00.0" in line for line in lines[-12:])
    assert "2" in lines and "No devices were found" in lines


# TensorFlow's own: a convolution on each card that it lists, compared with the CPU's.
_EACH = """
import numpy as np, tensorflow as tf
rng = np.random.default_rng(7)
image, kernel = rng.standard_normal((1, 16, 16, 8)).astype("f4"), rng.standard_normal((3, 3, 8, 16)).astype("f4")
def on(name):
    with tf.device(name):
        return tf.nn.conv2d(image, kernel, 1, "SAME").numpy()
listed = tf.config.list_logical_devices("GPU")
print([tf.config.experimental.get_device_details(one)["compute_capability"] for one in tf.config.list_physical_devices("GPU")])
print([float(abs(on(one.name) - on("/CPU:0")).max()) < 1e-4 for one in listed])
"""


@pytest.mark.slow
def test_tensorflow_computes_on_each_of_two_cards_and_verify_passes(lab: Lab, staged_at: Callable[[Scenario], Stage]) -> None:
    scenario = next(one for one in SCENARIOS if one.id == "2.15.1-two-cards")
    ward = Ward(lab, scenario, staged_at(scenario))
    done = lab.run([ward.staged.patient.python, "-c", _EACH], machine=scenario.machine, environ=ward.environ, cwd=ward.stage.home)
    assert done.stdout.splitlines()[-2:] == ["[(8, 6), (7, 5)]", "[True, True]"], done.stderr
    proof = ward.ask("verify", "--level", "convolution", "--device", "gpu")
    assert proof.code == 0 and proof.data["passed"], proof
