"""Right numbers pass and wrong ones do not, on a stand-in tensorflow that computes with NumPy; and the pair for memory growth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fixer.host.real import RealHost
from fixer.model.outcome import Verification
from fixer.verify import verify
from tests.patients import make_patient
from tests.verify.bodies import fake_tensorflow


@pytest.fixture(scope="session")
def numpy_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has NumPy."""
    if subprocess.run([sys.executable, "-c", "import numpy"], capture_output=True).returncode == 0:
        return sys.executable
    return make_patient(tmp_path_factory.getbasetemp() / "numpy", requirements=["numpy<3"], pip=False).python


def run(tmp_path: Path, python: str, case: str, gpus: int = 0, device: str = "cpu", **variables: str) -> Verification:
    cudnn = tmp_path / "libcudnn.so.8"
    cudnn.write_bytes(b"not a library, but mapped\n")
    environ = {"PYTHONPATH": str(fake_tensorflow(tmp_path / "lib")), "CASE": case, "GPUS": str(gpus), "CUDNN_FILE": str(cudnn)}
    return verify(RealHost({**environ, **variables}), python, "convolution", device)  # type: ignore[arg-type]


def detail(seen: Verification, name: str = "convolution") -> str:
    return next(step.detail for step in seen.steps if step.name == name)


def test_float32_in_an_unkind_order_passes(tmp_path: Path, numpy_python: str) -> None:
    seen = run(tmp_path, numpy_python, "right")
    assert seen.passed and seen.device == "cpu", seen.steps
    assert detail(seen).startswith("largest difference ")


@pytest.mark.parametrize(
    "case", ["one percent", "one in ten thousand", "zeros", "channels", "one number", "tf32", "half"]
)
def test_wrong_numbers_fail(tmp_path: Path, numpy_python: str, case: str) -> None:
    seen = run(tmp_path, numpy_python, case)
    assert not seen.passed
    assert detail(seen).startswith("wrong numbers: ")


@pytest.mark.parametrize(("case", "said"), [("nan", "1 numbers that are not finite"), ("shape", "shape is (2, 15, 16, 64), expected")])
def test_other_nonsense_fails(tmp_path: Path, numpy_python: str, case: str, said: str) -> None:
    seen = run(tmp_path, numpy_python, case)
    assert not seen.passed and said in detail(seen)


def test_a_gpu_wish_cannot_pass_on_the_cpu(tmp_path: Path, numpy_python: str) -> None:
    (tmp_path / "a").mkdir()
    none = run(tmp_path / "a", numpy_python, "right", device="gpu")
    assert not none.passed and none.device == "gpu"
    assert detail(none, "gpu-listed") == "TensorFlow lists no GPU"
    (tmp_path / "b").mkdir()
    moved = run(tmp_path / "b", numpy_python, "moved", gpus=1, device="gpu")
    assert not moved.passed and "asked for the GPU, but the result lies on /device:CPU:0" in detail(moved)


def test_a_gpu_convolution_without_cudnn_does_not_count(tmp_path: Path, numpy_python: str) -> None:
    seen = run(tmp_path, numpy_python, "no cudnn", gpus=1, device="gpu")
    assert not seen.passed and "no libcudnn mapped" in detail(seen)


def test_a_right_gpu_passes_and_names_the_cudnn_that_was_mapped(tmp_path: Path, numpy_python: str) -> None:
    seen = run(tmp_path, numpy_python, "right", gpus=1, device="gpu")
    assert seen.passed and seen.device == "gpu", seen.steps
    assert seen.loaded == {"cudnn": str(tmp_path / "libcudnn.so.8")}
    assert [step.name for step in seen.steps] == ["tensorflow-imports", "library-check", "gpu-listed", "convolution"]


def test_any_is_the_gpu_where_tensorflow_lists_one_and_else_the_cpu(tmp_path: Path, numpy_python: str) -> None:
    for name, gpus, device in (("a", 1, "gpu"), ("b", 0, "cpu")):
        (tmp_path / name).mkdir()
        assert run(tmp_path / name, numpy_python, "right", gpus=gpus, device="any").device == device


@pytest.mark.parametrize(
    ("case", "last", "said"),
    [("needs growth", True, "it works with memory growth"), ("dies", False, "memory growth does not help: the child was killed by SIGABRT")],
)
def test_a_failed_gpu_convolution_is_repeated_with_growth(
    tmp_path: Path, numpy_python: str, case: str, last: bool, said: str
) -> None:
    seen = run(tmp_path, numpy_python, case, gpus=1, device="gpu")
    assert not seen.passed
    assert [(step.name, step.passed) for step in seen.steps][-2:] == [("convolution", False), ("convolution-with-memory-growth", last)]
    assert seen.steps[-1].detail.startswith(said)


@pytest.mark.parametrize(("case", "variables"), [("zeros", {}), ("needs growth on", {"TF_FORCE_GPU_ALLOW_GROWTH": "true"})])
def test_no_repetition_where_growth_cannot_be_it(
    tmp_path: Path, numpy_python: str, case: str, variables: dict[str, str]
) -> None:
    seen = run(tmp_path, numpy_python, case.replace(" on", ""), gpus=1, device="gpu", **variables)
    assert seen.steps[-1].name == "convolution" and not seen.passed
