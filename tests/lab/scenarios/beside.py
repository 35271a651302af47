"""What stands beside TensorFlow: another framework, an extension, a wish that nothing can fill, a setting without effect.

Some of it stops nothing by itself and is named all the same (``named``); some is seen in the running process alone (``first``).
"""

from __future__ import annotations

import subprocess

from tests.lab import toolkits, wheels
from tests.lab.build import cudnn, mathematics
from tests.lab.machine import Card, Machine
from tests.lab.scenarios.libraries import both, toolkit, without
from tests.lab.scenarios.packages import Change, over
from tests.lab.scenarios.scenario import Scenario, Stage

_NEW = Machine(driver="580.65.06", cuda="13.0")
_PATH_112 = {"LD_LIBRARY_PATH": "/usr/local/cuda-11.2/lib64"}
_GROWTH = "TF_FORCE_GPU_ALLOW_GROWTH"
_TINY = Machine(gpu=Card("NVIDIA GeForce GT 1030", "10de:1d01", "6.1", 1998, 3))
# As torch's own start does it: the library by its whole path, before anything else asks for that name.
_TORCH = "import ctypes, glob, os\n__version__ = '2.1.2'\nfor _path in sorted(glob.glob(os.path.join(os.path.dirname(__file__), 'lib', '*.so.*'))):\n    ctypes.CDLL(_path, mode=ctypes.RTLD_GLOBAL)\n"
_METADATA = "Metadata-Version: 2.1\nName: torch\nVersion: {}\n{}"
_EXTENSION = "import ctypes, os\nctypes.CDLL(os.path.join(os.path.dirname(__file__), '_mine.so'))\n"
_COMPILED = """import tensorflow as tf

print("TensorFlow", tf.__version__, "GPUs", len(tf.config.list_physical_devices("GPU")))
print(tf.function(lambda x: tf.math.sin(x) * 2, jit_compile=True)(tf.ones([64])))
"""


def _pip(*words: str) -> str:
    """A program that asks this environment's pip, and shows what it says."""
    return f"import subprocess, sys\nsys.exit(subprocess.call([sys.executable, '-m', 'pip', 'install', '-q', '--dry-run', *{words!r}], stderr=sys.stdout))\n"


def torch_with(version: str, cuda: str) -> Change:
    """A torch that brings and opens a cuDNN of its own, as the wheels of its index do."""

    def change(stage: Stage) -> None:
        folder = stage.site / "torch"
        for library in cudnn(version, cuda):
            stage.builder.install(library, folder / "lib")
        (folder / "__init__.py").write_text(_TORCH)
        _distribution(stage, "2.1.2")

    return change


def torch_that_wants(version: str, *needs: str) -> Change:
    """A torch by its metadata alone."""

    def change(stage: Stage) -> None:
        (stage.site / "torch").mkdir()
        (stage.site / "torch" / "__init__.py").write_text(f"__version__ = {version!r}\n")
        _distribution(stage, version, *needs)

    return change


def _distribution(stage: Stage, version: str, *needs: str) -> None:
    info = stage.site / f"torch-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(_METADATA.format(version, "".join(f"Requires-Dist: {need}\n" for need in needs)))
    (info / "RECORD").write_text(f"torch/__init__.py,,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")


def extension_by_rpath(version: str, cuda: str) -> Change:
    """A package with a compiled part that is linked with cuDNN and carries a DT_RPATH to the system's copy."""

    def change(stage: Stage) -> None:
        place = f"cudnn-{version}"
        toolkits.add_cudnn(stage.builder, stage.local / place, version, cuda)
        folder = stage.site / "mine"
        folder.mkdir()
        (folder / "__init__.py").write_text(_EXTENSION)
        head = str(stage.builder.file(cudnn(version, cuda)[0]))
        tags = ["-Wl,--no-as-needed", "-Wl,--disable-new-dtags", f"-Wl,-rpath,/usr/local/{place}/lib64"]
        argv = [str(stage.builder.compiler), "-shared", *tags, "-o", str(folder / "_mine.so"), "-x", "c", "/dev/null", "-x", "none", head]
        subprocess.run(argv, check=True, capture_output=True)

    return change


def cublas_of_torch(stage: Stage) -> None:
    """cuBLAS as torch 2.6 pins it, below what TensorFlow 2.20 asks for."""
    libraries = tuple(mathematics(soname, "12.4.5.8") for soname in ("libcublas.so.12", "libcublasLt.so.12"))
    stage.standins(wheels.Wheel("nvidia-cublas-cu12", "12.4.5.8", "cublas", libraries))


def service(path: str) -> Change:
    """A service of the person's own systemd that starts this environment's Python, with ``path`` or nothing in its environment."""

    def change(stage: Stage) -> None:
        unit = stage.home / ".config" / "systemd" / "user" / "train.service"
        unit.parent.mkdir(parents=True)
        variables = f"Environment=LD_LIBRARY_PATH={path}\n" if path else ""
        unit.write_text(f"[Service]\nExecStart={stage.home}/env/bin/python {stage.home}/train.py\n{variables}")

    return change


def job(option: str) -> Change:
    """A script for Slurm in the current folder that starts this environment's Python."""

    def change(stage: Stage) -> None:
        (stage.home / "train.sbatch").write_text(f"#!/bin/bash\n#SBATCH --gres=gpu:1\n#SBATCH --export={option}\nsrun {stage.home}/env/bin/python train.py\n")

    return change


_old_torch, _right_torch = torch_with("8.7.0.84", "12.2"), torch_with("8.9.7.29", "12.2")
_old_rpath, _right_rpath = extension_by_rpath("8.1.1", "11.2"), extension_by_rpath("8.9.7", "12.2")
_text = over("tensorflow-io-gcs-filesystem==0.37.1", "tensorflow-text==2.12.1")
_nvcc = without("nvidia-cuda-nvcc-cu12")

SCENARIOS = (
    Scenario("torch-first", "cudnn-shadowed", change=_old_torch, first="torch", flip="torch-of-the-same-minor-first"),
    Scenario("torch-of-the-same-minor-first", None, change=_right_torch, first="torch"),
    Scenario("torch-not-first", None, change=_old_torch),
    Scenario("torch-first", "cudnn-shadowed", "2.20.0", _NEW, change=torch_with("9.1.0.70", "12.5"), first="torch", flip="healthy"),
    Scenario("extension-by-rpath-first", "cudnn-shadowed", change=_old_rpath, first="mine", flip="extension-by-rpath-to-the-right-one"),
    Scenario("extension-by-rpath-to-the-right-one", None, change=_right_rpath, first="mine"),
    Scenario("no-card-for-the-gpu", "no-nvidia-gpu", machine=Machine(gpu=None, driver=None, kernel_module=None, nvidia_smi=False), asks=("--device", "gpu"), flip="card-for-the-gpu"),
    Scenario("card-for-the-gpu", None, asks=("--device", "gpu")),
    Scenario("python-3-13-for-2-15", "python-unsupported", None, python="3.13", asks=("--want", "tensorflow==2.15.1"), program=_pip("tensorflow==2.15.1"), flip="python-3-11-for-2-15"),
    Scenario("python-3-11-for-2-15", "tensorflow-missing", None, asks=("--want", "tensorflow==2.15.1"), flip="2.15.1-healthy"),
    Scenario("tensorflow-gpu-wished", "tensorflow-gpu-removed", None, asks=("--want", "tensorflow-gpu"), program=_pip("tensorflow-gpu"), flip="python-3-11-for-2-15"),
    Scenario("extra-of-2-15-0", "and-cuda-extra-unsatisfiable", None, asks=("--want", "tensorflow[and-cuda]==2.15.0"), program=_pip("tensorflow[and-cuda]==2.15.0"), flip="extra-of-2-15-1"),
    Scenario("extra-of-2-15-1", "tensorflow-missing", None, asks=("--want", "tensorflow[and-cuda]==2.15.1"), flip="2.15.1-healthy"),
    Scenario("ml-dtypes-0-4", "ml-dtypes-mismatch", "2.20.0", change=over("ml-dtypes==0.4.1"), flip="healthy"),
    Scenario("ml-dtypes-0-1", "ml-dtypes-mismatch", change=over("ml-dtypes==0.1.0"), flip="healthy"),
    Scenario("text-of-2-12-fails-by-itself", None, change=_text, named="plugin-built-for-other-tf", program="import tensorflow_text\n", flip="healthy"),
    Scenario("without-nvcc", None, change=_nvcc, named="libdevice-missing", program=_COMPILED, flip="healthy"),
    Scenario("flags-lead-nowhere", None, change=_nvcc, variables={"XLA_FLAGS": "--xla_gpu_cuda_data_dir=/usr/local/cuda-11.8"}, named="libdevice-missing", program=_COMPILED, flip="healthy"),
    Scenario("pins-of-torch", None, "2.20.0", _NEW, change=both(cublas_of_torch, torch_that_wants("2.6.0", "nvidia-cublas-cu12==12.4.5.8")), named="tf-torch-pin-conflict", flip="torch-without-pins"),
    Scenario("torch-without-pins", None, "2.20.0", _NEW, change=torch_that_wants("2.6.0")),
    Scenario("growth-of-1", None, variables={_GROWTH: "1"}, named="gpu-memory-setting-misused", flip="growth-of-true"),
    Scenario("growth-of-true", None, variables={_GROWTH: "true"}),
    Scenario("two-gigabytes", None, machine=_TINY, named="gpu-memory-growth", flip="two-gigabytes-and-growth"),
    Scenario("two-gigabytes-and-growth", None, machine=_TINY, variables={_GROWTH: "true"}, named="gpu-too-small", flip="two-gigabytes"),
    Scenario("service-without-the-path", None, "2.10.1", change=both(toolkit("11.2", "8.1.1"), service("")), variables=_PATH_112, extra=("numpy<2",), named="env-not-inherited", flip="service-with-the-path"),
    Scenario("job-without-the-shells-variables", None, "2.10.1", change=both(toolkit("11.2", "8.1.1"), job("NONE")), variables=_PATH_112, extra=("numpy<2",), named="env-not-inherited", flip="job-with-the-shells-variables"),
    Scenario("job-with-the-shells-variables", None, "2.10.1", change=both(toolkit("11.2", "8.1.1"), job("ALL")), variables=_PATH_112, extra=("numpy<2",)),
    Scenario("service-with-the-path", None, "2.10.1", change=both(toolkit("11.2", "8.1.1"), service("/usr/local/cuda-11.2/lib64")), variables=_PATH_112, extra=("numpy<2",)),
)  # fmt: skip
