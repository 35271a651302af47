"""What Python answered is heard beside what it was asked, whatever TensorFlow logged in between; code alone answers nothing."""

from __future__ import annotations

import pytest

from tests.log.heard import hear

NOISE = (
    "2024-05-02 11:21:09.123456: I tensorflow/core/util/port.cc:113] oneDNN custom operations are on. You may see slightly "
    "different numerical results due to floating-point round-off errors from different computation orders."
)
LIST = "tf.config.list_physical_devices('GPU')"
NO_GPU = (
    ("the interpreter", f">>> {LIST}\n[]"),
    ("noise between", f">>> {LIST}\n{NOISE}\n{NOISE}\n[]"),
    ("IPython", f"In [3]: {LIST}\nOut[3]: []"),
    ("a cell and its output", f"{LIST}\n[]"),
    ("printed", f"print({LIST})\n[]"),
    ("a shell's line", f'$ python3 -c "import tensorflow as tf; print({LIST})"\n{NOISE}\n[]'),
    ("a prompt with a name", f'(tf) me@box:~$ python -c "import tensorflow as tf;print({LIST})"\n[]'),
    ("root's prompt", f'root@box:/# python -c "import tensorflow as tf; print({LIST})"\n[]'),
    ("by keyword", '>>> tf.config.list_physical_devices(device_type="GPU")\n[]'),
    ("experimental", ">>> tf.config.experimental.list_physical_devices('GPU')\n[]"),
    ("logical", ">>> tensorflow.config.list_logical_devices('GPU')\n[]"),
    ("counted", f">>> len({LIST})\n0"),
    ("the old question", ">>> tf.test.is_gpu_available()\nWARNING:tensorflow: deprecated\nFalse"),
    ("with arguments", ">>> tf.test.is_gpu_available(cuda_only=False, min_cuda_compute_capability=None)\nFalse"),
    ("no name", ">>> tf.test.gpu_device_name()\n''"),
    ("a sentence", "On my machine tf.config.list_physical_devices('GPU') still returns [] after that"),
    ("in words", 'tf.config.list_physical_devices("GPU") returns an empty list.'),
    ("an old question's", "`tf.test.is_gpu_available()` gives me `False`"),
    ("an arrow", "print(tf.test.is_gpu_available()) -> False"),
    ("several in a script", f"print(tf.__version__)\n# the GPUs\nprint({LIST})\n2.15.0\n[]"),
)
SOME_GPU_OR_NONE_ASKED = (
    ("a list", f">>> {LIST}\n[PhysicalDevice(name='/physical_device:GPU:0', device_type='GPU')]"),
    ("counted", f">>> len({LIST})\n1"),
    ("true", ">>> tf.test.is_gpu_available()\nTrue"),
    ("an answer to another question", f">>> {LIST}\n[PhysicalDevice(name='/physical_device:GPU:0')]\n>>> tf.test.is_built_with_rocm()\nFalse\n>>> x\n[]"),
    ("no question", "[]\nFalse\n0"),
    ("code that answers nothing", f"gpus = {LIST}\n[]"),
    ("a condition", f"if not {LIST}:\n[]"),
    ("a sentence with a GPU", "tf.test.is_gpu_available() returns True, but training is slow"),
    ("a condition's", "if len(tf.config.list_physical_devices('GPU')) == 0:"),
    ("a sentence of another", "np.prod(x) returns 0 and tf.test.is_gpu_available() is deprecated"),
    ("of the CPU", ">>> tf.config.list_physical_devices('TPU')\n[]"),
    ("a page later", f">>> {LIST}\n" + "epoch\n" * 200 + "[]"),
)


@pytest.mark.parametrize("text", [row[1] for row in NO_GPU], ids=[row[0] for row in NO_GPU])
def test_an_answer_that_says_no_gpu_is_heard(text: str) -> None:
    heard = hear(text)
    assert "gpu-list-empty" in heard.symptoms
    first = heard.answer.causes[0]
    assert first.certainty == "cannot-tell" and first.evidence[0].line == text.count("\n") + 1


@pytest.mark.parametrize("text", [row[1] for row in SOME_GPU_OR_NONE_ASKED], ids=[row[0] for row in SOME_GPU_OR_NONE_ASKED])
def test_no_other_answer_is(text: str) -> None:
    heard = hear(text)
    assert "gpu-list-empty" not in heard.symptoms and not heard.causes


@pytest.mark.parametrize(("module", "package"), [("tf", "tensorflow"), ("tensorflow", "tensorflow"), ("keras", "keras"), ("np", "numpy")])
@pytest.mark.parametrize("answer", ["'2.15.0'", "2.15.0", "Out[1]: '2.15.0'"])
def test_versions_are_heard(module: str, package: str, answer: str) -> None:
    environment = hear(f">>> {module}.__version__\n{NOISE}\n{answer}").facts.environment.value
    assert environment is not None and environment.packages.value == {package: "2.15.0"}


@pytest.mark.parametrize(("answer", "first"), [("False", "cpu-build-selected"), ("True", None)])
def test_how_tensorflow_was_built(answer: str, first: str | None) -> None:
    heard = hear(f">>> tf.test.is_built_with_cuda()\n{answer}")
    assert (heard.causes[0] if heard.causes else None) == first


def test_torch() -> None:
    assert "torch-sees-no-gpu" in hear("In [2]: torch.cuda.is_available()\nOut[2]: False").symptoms
    assert "torch-sees-no-gpu" not in hear("In [2]: torch.cuda.is_available()\nOut[2]: True").symptoms
