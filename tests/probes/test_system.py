"""The ground, from recorded files: good, absent, garbage."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixer.host.real import RealHost
from fixer.model.facts import Distro
from fixer.probes import driver, keras, kernel_log, managers, system, variables
from tests.probes.trees import described, live, plant

UBUNTU = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n'
EFI_VARIABLE = system.SECURE_BOOT


def see(root: Path, files: dict[str, str | bytes | None], environ: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
    return system.observe(described(root, files, environ))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/etc/os-release": UBUNTU}, Distro("ubuntu", "22.04", ("debian",))),
        ({"/usr/lib/os-release": "ID='arch'\n# ID=no\nVERSION_ID=\n"}, Distro("arch", None)),
        ({"/etc/os-release": 'ID="rhel"\nVERSION_ID="9.4"\nID_LIKE="fedora"\n'}, Distro("rhel", "9.4", ("fedora",))),
        ({"/etc/os-release": "NAME=odd\n"}, Distro("linux", None)),
    ],
)
def test_the_distribution(tmp_path: Path, files: dict[str, str], expected: Distro) -> None:
    assert see(tmp_path, dict(files))["distro"].value == expected


@pytest.mark.parametrize(
    "content", ["ID=\x1b[31mred\n", "ID=" + "x" * 5000, "ID=two words\n", b"ID=\xff\xfe\n", "ID=../../etc\n"]
)
def test_a_garbled_distribution_is_unknown(tmp_path: Path, content: str | bytes) -> None:
    assert see(tmp_path, {"/etc/os-release": content})["distro"].is_unknown


def test_an_empty_root_leaves_everything_unknown_or_absent_never_invented(tmp_path: Path) -> None:
    seen = see(tmp_path, {})
    for name in ("distro", "arch", "glibc", "kernel", "wsl", "secure_boot", "cpu_flags"):
        assert seen[name].is_unknown, name
        assert seen[name].detail, name
    assert seen["container"].is_absent


@pytest.mark.parametrize(
    ("value", "state"),
    [(b"\x06\0\0\0\x01", True), (b"\x06\0\0\0\x00", False), (b"\x06\0\0\0", None), (b"", None), (b"\x01" * 16, None)],
)
def test_secure_boot_from_the_firmware(tmp_path: Path, value: bytes, state: bool | None) -> None:
    assert see(tmp_path, {EFI_VARIABLE: value})["secure_boot"].value is state


def test_secure_boot_without_uefi_and_where_the_firmware_is_hidden(tmp_path: Path) -> None:
    assert see(tmp_path / "bios", {"/sys/firmware/acpi": None})["secure_boot"].value is False
    assert see(tmp_path / "container", {"/sys/firmware": None})["secure_boot"].is_unknown


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"/.dockerenv": ""}, "docker"),
        ({"/run/.containerenv": ""}, "podman"),
        ({"/run/.containerenv": "", "/run/.toolboxenv": ""}, "toolbox"),
        ({"/.flatpak-info": "[Application]\n"}, "flatpak"),
        ({"/run/.containerenv": "", "/usr/bin/distrobox-export": ""}, "podman"),
        ({"/run/systemd/container": "lxc\n"}, "lxc"),
        ({"/proc/1/cgroup": "0::/kubepods/besteffort/pod1\n"}, "kubernetes"),
        ({"/proc/1/cgroup": "0::/\n"}, None),
        ({"/run/systemd/container": "wsl\n"}, None),
    ],
)
def test_containers(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    assert see(tmp_path, dict(files))["container"].value == expected


def test_a_distrobox_is_told_by_its_own_variable_and_program(tmp_path: Path) -> None:
    files = {"/run/.containerenv": "", "/usr/bin/distrobox-export": ""}
    host = described(tmp_path, files, {"PATH": "/usr/bin", "CONTAINER_ID": "dev"})
    assert system.observe(host)["container"].value == "distrobox"
    assert system.observe(described(tmp_path / "other", {"/run/.containerenv": ""}, {"CONTAINER_ID": "dev"}))["container"].value == "podman"


def test_wsl2_is_seen_by_its_kernel_and_its_device(tmp_path: Path) -> None:
    version = "Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x) (gcc)"
    seen = see(tmp_path, {"/proc/version": version, "/dev/dxg": "", "/usr/lib/wsl/lib": None})
    assert seen["wsl"].value is True
    assert seen["wsl"].via == ("/proc/version", "/dev/dxg", "/usr/lib/wsl/lib")
    assert seen["kernel"].value == "5.15.153.1-microsoft-standard-WSL2"


@pytest.mark.parametrize(
    ("files", "value", "state"),
    [
        ({"/lib/x86_64-linux-gnu/libc-2.31.so": "", "/lib/x86_64-linux-gnu/libc.so.6": "-> libc-2.31.so"}, "2.31", "found"),
        ({"/lib64/libc.so.6": b"\x7fELF GNU C Library (GNU libc) stable release version 2.34.\n"}, "2.34", "found"),
        ({"/lib/x86_64-linux-gnu/libc.so.6": b"GNU C Library (Ubuntu GLIBC 2.35-0ubuntu3) stable release version 2.35.\n"}, "2.35", "found"),
        ({"/lib64/libc.so.6": b"garbage"}, None, "unknown"),
        ({"/lib/ld-musl-x86_64.so.1": ""}, None, "absent"),
    ],
)
def test_the_c_library(tmp_path: Path, files: dict[str, str | bytes], value: str | None, state: str) -> None:
    seen = see(tmp_path, dict(files))["glibc"]
    assert (seen.value, seen.state) == (value, state)


def test_cpu_flags(tmp_path: Path) -> None:
    seen = see(tmp_path, {"/proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu avx avx2 fma\n\nprocessor\t: 1\nflags\t\t: sse\n"})
    assert seen["cpu_flags"].value == ("avx", "avx2", "fma", "fpu")
    assert see(tmp_path / "odd", {"/proc/cpuinfo": b"\xff" * 100})["cpu_flags"].is_unknown


def test_this_machine() -> None:
    seen = system.observe(live())
    for name in ("os", "arch", "glibc", "kernel", "cpu_flags", "root"):
        assert seen[name].is_found, name


HOSTILE = "$(touch /tmp/x)\n;`id`'\"\x1b[2J\udcff é 😀"


def test_variables_are_taken_as_they_are_and_secrets_are_left() -> None:
    host = live({
        "LD_LIBRARY_PATH": HOSTILE, "CUDA_VISIBLE_DEVICES": "", "NVIDIA_API_KEY": "s", "TF_TOKEN_x": "s", "TF_VAR_db": "s",
        "TF_XLA_FLAGS": "a", "HOME": "/root", "SLURM_JOB_ID": "7", "SLURM_GPUS_ON_NODE": "1", "SLURM_JWT": "s",
    })  # fmt: skip
    assert variables.observe(host).value == {
        "LD_LIBRARY_PATH": HOSTILE, "CUDA_VISIBLE_DEVICES": "", "TF_XLA_FLAGS": "a", "SLURM_JOB_ID": "7",
        "SLURM_GPUS_ON_NODE": "1", "HOME": "/root",
    }  # fmt: skip
    assert variables.observe(live({"USER": "ann"})).is_absent


@pytest.mark.parametrize(
    ("text", "environ", "state", "backend"),
    [
        (None, {}, "absent", None),
        ('{"backend": "jax", "image_data_format": "channels_first"}', {}, "found", "jax"),
        ('{"backend": "torch"}', {"KERAS_BACKEND": "jax"}, "found", "jax"),
        ('{"backend": "torch"}', {"KERAS_BACKEND": ""}, "found", "torch"),
        ('{"backend": "tensor', {}, "absent", None),
        ("[" * 100000, {}, "absent", None),
        ("[]", {}, "found", "tensorflow"),
        ('{"backend": 3}', {}, "unknown", None),
        ('{"floatx": "float32"}', {}, "found", "tensorflow"),
    ],
)
def test_the_keras_backend(tmp_path: Path, text: str | None, environ: dict[str, str], state: str, backend: str | None) -> None:
    if text is not None:
        plant(tmp_path, {"home/.keras/keras.json": text})
    (tmp_path / "home").mkdir(exist_ok=True)
    seen = keras.observe(live({"HOME": str(tmp_path / "home"), **environ}))
    assert seen.state == state
    assert (seen.value.backend if seen.value else None) == backend


@pytest.mark.parametrize(
    ("text", "refused"),
    [("[]", "a list"), ('"tensorflow"', "a text"), ("null", "null"), ("3", "a number"), ("{}", None), ('{"backend": "tensorf', None)],
)
def test_a_keras_file_that_is_json_and_no_object_ends_its_import(tmp_path: Path, text: str, refused: str | None) -> None:
    plant(tmp_path, {".keras/keras.json": text})
    seen = keras.observe(live({"HOME": str(tmp_path)}))
    path = str(tmp_path / ".keras" / "keras.json")
    told = (seen.value.refused, seen.value.refused_in) if seen.value else (None, None)
    assert told == (refused, path if refused else None)


def test_a_keras_file_that_may_not_be_read_ends_its_import(tmp_path: Path) -> None:
    class Closed(RealHost):
        def read(self, path: str, limit: int = 1 << 20) -> bytes:
            if path.endswith("keras.json"):
                raise PermissionError(13, "Permission denied", path)
            return super().read(path, limit)

    plant(tmp_path, {".keras/keras.json": "{}"})
    seen = keras.observe(Closed(environ={"HOME": str(tmp_path)}, timeout=5))
    assert seen.value is not None and seen.value.refused == "a file that this user may not read"
    assert seen.value.refused_in == str(tmp_path / ".keras" / "keras.json")


def test_keras_home_wins_over_home(tmp_path: Path) -> None:
    plant(tmp_path, {"k/keras.json": '{"backend": "jax"}', "home/.keras/keras.json": '{"backend": "torch"}'})
    seen = keras.observe(live({"HOME": str(tmp_path / "home"), "KERAS_HOME": str(tmp_path / "k")}))
    assert seen.value is not None
    assert (seen.value.backend, seen.value.source) == ("jax", str(tmp_path / "k" / "keras.json"))


def test_managers_count_when_they_are_executable_files_on_path(tmp_path: Path) -> None:
    plant(tmp_path, {"bin/conda": "x", "bin/poetry": "x", "bin/pdm": None})
    (tmp_path / "bin" / "conda").chmod(0o755)
    host = live({"PATH": str(tmp_path / "bin")})
    seen = managers.observe(host, has_pip=False).or_else(())
    assert "conda" in seen
    assert not {"poetry", "pdm", "pip"} & set(seen)
    assert "pip" in managers.observe(host, has_pip=True).or_else(())


def test_the_driver_in_a_cdi_specification(tmp_path: Path) -> None:
    text = "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\nmounts:\n- hostPath: /usr/lib64/libcuda.so.{0}\n  containerPath: /usr/lib64/libcuda.so.{0}\n"
    files = {"/etc/cdi/nvidia.yaml": text.format("535.104.05"), "/run/cdi/nvidia.json": '{"hostPath": "/usr/lib/libcuda.so.550.54.14"}',
             "/etc/cdi/other.yaml": text.format("1.2"), "/etc/cdi/nvidia-odd.yaml": text.format("535.1") + text.format("550.1"), "/etc/cdi/nvidia.txt": text}  # fmt: skip
    assert driver.cdi(described(tmp_path, files)).value == {"/etc/cdi/nvidia.yaml": "535.104.05", "/run/cdi/nvidia.json": "550.54.14"}
    assert driver.cdi(described(tmp_path / "none", {"/etc/cdi/nvidia.yaml": b"\xff\x00"})).is_absent


def test_kernel_modules_and_log_from_files(tmp_path: Path) -> None:
    log = "x\nNVRM: API mismatch: the client has the version 535.1\n" + "nouveau \x1b[0m line\n" * 100
    host = described(tmp_path, {"/proc/modules": "nouveau 1 0 - Live 0x0\nsnd 1\n", "/var/log/kern.log": log})
    assert driver.modules(host).value == ("nouveau",)
    lines = kernel_log.observe(host, wanted=True).or_else(())
    assert len(lines) == 40
    assert "\x1b" not in lines[-1].text
    assert kernel_log.observe(host, wanted=False).is_unknown
    assert driver.modules(described(tmp_path / "none", {"/proc/modules": ""})).is_absent
    assert driver.modules(described(tmp_path / "hidden", {})).is_unknown
