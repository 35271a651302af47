"""A machine file and Facts say the same in both directions; what is wrong is named with its place."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from fixer.errors import UsageError
from fixer.model import codec, machine
from fixer.model.facts import Driver, Environment, Facts, Gpu, OpenRun, Patient, Resolution
from fixer.model.observed import absent, found, unknown

WHOLE = {
    "schema": "convfix-machine/1", "os": "linux", "distro": {"id": "ubuntu", "version": "22.04"}, "arch": "x86_64",
    "glibc": "2.35", "kernel": "6.8.0-45-generic", "wsl": False, "container": None, "secure_boot": False,
    "cpu_flags": ["avx", "avx2", "fma"],
    "gpus": [{"name": "NVIDIA GeForce RTX 3080", "pci_id": "10de:2206", "compute_capability": "8.6", "memory_mib": 10240,
              "free_mib": 9800, "powered": True}],
    "driver": {"version": "535.104.05", "kernel_module": None, "open_module": False, "libcuda_path": "/usr/lib/libcuda.so.1"},
    "pythons": ["3.8", "3.11"],
    "environment": {"kind": "venv", "python": "3.11.7", "owner": None, "packages": {"tensorflow": "2.15.1", "ml_dtypes": "0.3.2"}},
    "toolkits": [{"version": "11.2", "path": "/usr/local/cuda-11.2"}],
    "libraries": [{"name": "cudnn", "version": None, "path": "/usr/local/cuda/lib64/libcudnn.so.8"}],
    "variables": {"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"}, "managers": ["pip", "uv"], "root": False, "disk_free_mib": 60000,
}  # fmt: skip


def test_missing_is_unknown_and_null_is_absent():
    facts = machine.decode({"driver": None, "gpus": [], "variables": {}})
    assert facts.driver.is_absent and facts.gpus.is_absent and facts.variables.is_absent
    assert facts.environment.is_unknown and facts.packages.is_unknown
    assert facts.environment.detail == codec.NOT_GIVEN


def test_inside_the_driver_too_missing_and_null_differ():
    given_null = machine.decode({"driver": {"version": "535.54.03", "kernel_module": None}}).driver.value
    missing = machine.decode({"driver": {"version": "535.54.03"}}).driver.value
    assert given_null.kernel_module.is_absent and missing.kernel_module.is_unknown


def test_a_whole_machine_survives_the_round_trip():
    facts = machine.decode(WHOLE)
    assert machine.decode(json.loads(json.dumps(machine.encode(facts)))) == facts
    kept = {key: value for key, value in machine.encode(facts).items() if key != machine.BESIDE}
    expected = dict(WHOLE, environment=dict(WHOLE["environment"], packages={"tensorflow": "2.15.1", "ml-dtypes": "0.3.2"}))
    assert kept == expected


def test_sources_and_reasons_survive_too():
    facts = Facts(
        gpus=found((Gpu(name="A", kernel_driver="nouveau"),), "sysfs", "nvml"),
        driver=found(Driver(version=found("535.54.03", "NVML", detail="nvidia-smi was older"), kernel_module=unknown("no permission", "/proc")), "probe"),
        environment=found(Environment(kind=absent("probe"), packages=found({"numpy": "1.26.4"}, "/x/site-packages")), "probe"),
        patient=found(Patient("/x/python", "/x", "/x/lib", True, True, False), "payload"),
        resolutions=found((Resolution("libcudnn.so.8", "cudnn", "/x/tf.so", None, None, "not found", (("/y", None),)),), "loader"),
        open_run=found(OpenRun("7", "/state/7"), "journal"),
        secure_boot=unknown("efivars cannot be read", "/sys/firmware/efi"),
    )
    assert machine.decode(json.loads(json.dumps(machine.encode(facts)))) == facts


_leaf = some.one_of(some.none(), some.booleans(), some.integers(-5, 10**7), some.text(max_size=12), some.sampled_from(["8.6", "535.54.03", "12.2"]))
_json = some.recursive(_leaf, lambda inner: some.one_of(some.lists(inner, max_size=3), some.dictionaries(some.text(max_size=8), inner, max_size=3)), max_leaves=8)


@settings(deadline=None)
@given(some.dictionaries(some.sampled_from([*machine.CONTRACT_KEYS, machine.BESIDE, "x-mine", "other"]), _json, max_size=6))
def test_any_json_object_is_read_or_refused_in_one_line(data):
    try:
        facts = machine.decode(data)
    except UsageError as error:
        assert "\n" not in error.message and len(error.message) < 400
    else:
        assert machine.decode(machine.encode(facts)) == facts


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ([], "expected a JSON object"),
        ("text", "expected a JSON object"),
        ({"gpu": []}, "unknown key 'gpu'"),
        ({"schema": "convfix-machine/2"}, "expected schema 'convfix-machine/1'"),
        ({"gpus": {}, "driver": {"verson": "1"}}, "driver: unknown key 'verson'"),
        ({"gpus": "RTX 3080"}, "gpus: expected a list"),
        ({"gpus": [{"memory_mib": "10 GB"}]}, "gpus[0].memory_mib: expected a whole number"),
        ({"gpus": [{"memory_mib": True}]}, "gpus[0].memory_mib: expected a whole number"),
        ({"gpus": [{"compute_capability": "sm_86"}]}, "gpus[0].compute_capability: expected a compute capability"),
        ({"driver": {"version": "12.2"}}, None),
        ({"driver": {"version": "five"}}, "driver.version: expected a driver release"),
        ({"environment": {"kind": "docker"}}, "environment.kind: expected one of venv, conda, system, project, null"),
        ({"environment": {"packages": ["tensorflow"]}}, "environment.packages: expected an object"),
        ({"environment": {"packages": {"tensorflow": "latest"}}}, "environment.packages.tensorflow: expected a version"),
        ({"environment": {"python": "3"}}, "environment.python: expected a Python version"),
        ({"pythons": ["3.11", "py312"]}, "pythons[1]: expected a Python version"),
        ({"variables": {"PATH": 5}}, "variables.PATH: expected a string"),
        ({"wsl": "no"}, "wsl: expected true or false"),
        ({"libraries": [{"name": "cudnn"}]}, "libraries[0]: the key 'path' is missing"),
        ({"x-convfix": []}, "x-convfix: expected an object"),
        ({"x-convfix": {"patients": {}}}, "unknown key 'patients'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(data, named):
    if named is None:
        machine.decode(data)
        return
    with pytest.raises(UsageError) as caught:
        machine.decode(data, "m.json")
    assert named in caught.value.message and caught.value.message.startswith("m.json")


def test_every_fact_is_a_key_of_the_file():
    assert set(machine.CONTRACT_KEYS) | set(machine.OTHER_KEYS) == {field.name for field in dataclasses.fields(Facts)}


def test_versions_as_package_managers_print_them_are_read():
    facts = machine.decode(
        {
            "schema": machine.SCHEMA,
            "glibc": "2.35-0ubuntu3.8",
            "pythons": ["3.13.0rc2", "3.11"],
            "driver": {"version": "550.54.15-0ubuntu1", "kernel_module": "550.54.15"},
            "environment": {"python": "3.9.2+"},
        }
    )
    driver, environment = facts.driver.value, facts.environment.value
    assert driver is not None and driver.version.value == driver.kernel_module.value == "550.54.15"
    assert facts.glibc.value == "2.35" and facts.pythons.value == ("3.13.0", "3.11")
    assert environment is not None and environment.python.value == "3.9.2"
