"""The form of an issue tracker, in each layout that people leave it in, says what an environment file says; prose and programs do not."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from fixer.log.form import Form
from fixer.log.reader import lines
from tests.log.heard import hear

FIELDS = (
    ("OS Platform and Distribution", " (e.g., Linux Ubuntu 16.04)", "Ubuntu 18.04"),
    ("TensorFlow installed from", " (source or binary)", "conda"),
    ("TensorFlow version", " (use command below)", "2.0.0"),
    ("Python version", "", "3.6.5"),
    ("CUDA/cuDNN version", "", "10.0 / 7.6"),
    ("GPU model and memory", "", "GeForce GTX 1060 6GB"),
)
MEANT = {
    "os": "Ubuntu 18.04", "install_method": "conda", "tensorflow": "2.0.0", "python": "3.6.5", "cuda": "10.0", "cudnn": "7.6",
    "gpu": "GeForce GTX 1060 6GB",
}  # fmt: skip
Rows = tuple[tuple[str, str, str], ...]
LAYOUTS: dict[str, Callable[[Rows], str]] = {
    "one line": lambda rows: "**System information** - " + " - ".join(f"{label}: {said}" for label, _, said in rows),
    "a list": lambda rows: "\n".join(f"- **{label}{hint}**: {said}" for label, hint, said in rows),
    "questions": lambda rows: "\n".join(f"{label}{hint}? {said}" for label, hint, said in rows),
    "answers below": lambda rows: "\n".join(f"### {label}\n\n{said or '_No response_'}\n" for label, _, said in rows),
    "a table": lambda rows: "|Field|Value|\n|---|---|\n" + "\n".join(f"| {label} | {said} |" for label, _, said in rows),
    "HTML": lambda rows: "<table>" + "".join(f"<tr><td>{label}</td><td>{said}</td></tr>" for label, _, said in rows) + "</table>",
    "no marks": lambda rows: "System information " + " ".join(f"{label}{hint}: {said}" for label, hint, said in rows),
}
LOG = "E tensorflow/stream_executor/cuda/cuda_dnn.cc:319] Could not create cudnn handle: CUDNN_STATUS_NOT_INITIALIZED\n"


def form(text: str) -> dict[str, str]:
    read = Form(lines(io.BytesIO(text.encode()).read))
    assert list(read) == list(lines(io.BytesIO(text.encode()).read))
    return read.texts()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_says_the_same(layout: str) -> None:
    assert form(LAYOUTS[layout](FIELDS)) == MEANT


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_form_left_empty_says_nothing_and_takes_no_line_of_the_log(layout: str) -> None:
    assert form(LAYOUTS[layout](tuple((label, hint, "") for label, hint, _ in FIELDS)) + "\n" + LOG) == {}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_weighs_as_an_environment_file(layout: str) -> None:
    told = {(cause.cause, cause.certainty) for cause in hear(LOG, MEANT).answer.causes}
    assert {(cause.cause, cause.certainty) for cause in hear(LAYOUTS[layout](FIELDS) + "\n\n" + LOG).answer.causes} == told


@pytest.mark.parametrize(("said", "both"), [
    ("CUDA 10.0, cuDNN 7.4.2", {"cuda": "10.0", "cudnn": "7.4.2"}), ("cuDNN 7.4, CUDA 9.0", {"cuda": "9.0", "cudnn": "7.4"}),
    ("9.0/7", {"cuda": "9.0", "cudnn": "7"}), ("10.1 and 7.6", {"cuda": "10.1", "cudnn": "7.6"}), ("11.8", {"cuda": "11.8"}), ("N/A", {}),
    ("No response", {}),
])  # fmt: skip
def test_two_versions_in_one_field(said: str, both: dict[str, str]) -> None:
    asked = form(f"- OS Platform and Distribution: Linux\n- CUDA/cuDNN version: {said}\n")
    assert {key: value for key, value in asked.items() if key != "os"} == both


@pytest.mark.parametrize("text", [
    "Python version: 3.6\nTensorFlow version: 2.1\n", "Loaded cuDNN version 8100\ndevice: GPU:0\n",
    "| NVIDIA-SMI 470.1  Driver Version: 470.1  CUDA Version: 11.4 |\nOS Platform: Linux\n",
    "I installed TensorFlow from pip and my GPU model is a 1080 under this OS\n",
])  # fmt: skip
def test_what_is_no_form_says_nothing(text: str) -> None:
    assert form(text) == {}


def test_two_machines_in_one_text_say_only_what_both_say() -> None:
    first, other = LAYOUTS["a list"](FIELDS), LAYOUTS["a list"](FIELDS).replace("10.0 / 7.6", "9.0 / 7.6")
    assert form(f"{first}\n\nand at home\n\n{other}") == {key: said for key, said in MEANT.items() if key != "cuda"}


def test_what_the_log_prints_goes_before_the_form() -> None:
    heard = hear(LAYOUTS["a list"](FIELDS) + "\nname: GeForce RTX 2080 major: 7 minor: 5 memoryClockRate(GHz): 1.8\n" + LOG)
    assert heard.facts.gpus.value is not None and [card.name for card in heard.facts.gpus.value] == ["GeForce RTX 2080"]
