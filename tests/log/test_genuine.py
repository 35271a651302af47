"""What the real TensorFlow 2.4, 2.15 and 2.20 printed when a fault was staged: the staged cause first, or named honestly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.log.heard import hear

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "explain" / "genuine"
# The section of a log, and the causes of which one must come first; "" where nothing is wrong.
STAGED = {
    "fail215": {
        "cudnn too old 8.6.0": "cudnn-too-old", "cudnn older patch 8.9.2": "", "cudnn other major 9.1.0": "cudnn-too-new",
        "cudnn INTERNAL_ERROR": "unresolved-cudnn-init", "cudnn ALLOC_FAILED": "gpu-memory-growth",
        "conv EXECUTION_FAILED": "gpu-memory-growth", "conv INTERNAL_ERROR": "gpu-memory-growth",
        "cuInit 803": "driver-library-mismatch", "cuInit 999": "uvm-or-driver-state", "count 0": "cuda-visible-devices",
        "driver 11040": "driver-too-old", "CC 3.0": "gpu-arch-too-old", "CC 12.0": "gpu-arch-too-new",
        "mem small used nearly all": "gpu-memory-held", "cublas create fails": "gpu-memory-growth",
    },
    "fail220": {
        "2.20 cudnn 9.1.0": "cudnn-too-old", "2.20 cudnn 8.9.4 number": "cudnn-too-old",
        "2.20 cudnnCreate 4000": "unresolved-cudnn-init", "2.20 cudnnCreate 1001": "unresolved-cudnn-init driver-too-old",
        "2.20 sublibrary mismatch 1002": "cudnn-shadowed", "2.20 conv 5000": "gpu-memory-growth",
        "2.20 driver 11080": "driver-too-old", "2.20 cuinit 803": "driver-library-mismatch",
        "2.20 no driver": "driver-not-loaded no-nvidia-gpu", "2.20 small no growth": "gpu-memory-growth",
        "2.20 very small": "gpu-too-small gpu-memory-held", "2.20 cc 12.0": "gpu-arch-too-new",
    },
    "fail24": {
        "2.4 old cudnn 7.6.5 reported via so.8": "cudnn-too-old", "2.4 cudnn 8.9.4 newer": "", "2.4 missing cudnn": "cudnn-missing",
        "2.4 missing all cuda": "cuda-libs-missing ld-library-path-missing", "2.4 no driver": "driver-not-loaded no-nvidia-gpu",
        "2.4 driver 10020": "driver-too-old", "2.4 small gpu 2048, needs 400, no growth": "gpu-memory-growth",
        "2.4 small gpu 2048, needs 400, growth": "", "2.4 growth via env": "", "2.4 conv EXECUTION_FAILED": "gpu-memory-growth",
        "2.4 cuinit 803": "driver-library-mismatch",
    },
    "g215": {
        "base": "", "numpy 2.2.6 on 2.15.1": "numpy-abi", "protobuf 6.33.0 on 2.15.1": "protobuf-too-new",
        "shadow numpy": "module-shadowed",
    },
    "g220": {
        "base 2.20": "", "KERAS_BACKEND=cntk": "keras-backend-setting", "keras.json backend theano": "keras-backend-setting",
        "protobuf 5.27.0": "protobuf-too-old",
    },
    # TensorFlow 2.20.0 on a real H100 with driver 580.159.04; all the others come from the lab's stand-ins.
    "h100": {
        "healthy": "", "a second process beside a sitting one": "", "CUDA_VISIBLE_DEVICES=-1": "cuda-visible-devices",
        "CUDA_VISIBLE_DEVICES=7": "cuda-visible-devices", "the system's cuDNN 9.14 for CUDA 13 first": "",
    },
}  # fmt: skip
HARMLESS = ("benign-noise", "no-nvidia-gpu")


def test_what_the_driver_told_rules_causes_out() -> None:
    """CUDA shows no GPU, and both halves of the driver answer and agree: it is loaded, and no mismatch."""
    log = sections("h100")["CUDA_VISIBLE_DEVICES=7"]
    first = hear(log.replace('VISIBLE_DEVICES="7"', 'VISIBLE_DEVICES="0"')).answer.causes
    for causes in (hear(log).answer.causes, first):
        assert not {"driver-not-loaded", "driver-library-mismatch"} & {one.cause for one in causes}, causes
        assert all(one.certainty != "proven" for one in causes)
    # Every machine with a card has a card 0: naming it hides nothing.
    assert first[0].cause != "cuda-visible-devices"


def sections(name: str) -> dict[str, str]:
    text = (FOLDER / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    parts = re.split(r"(?m)^##### ", text)[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


@pytest.mark.parametrize(("name", "section"), [(name, section) for name, staged in STAGED.items() for section in staged])
def test_the_staged_cause_comes_first(name: str, section: str) -> None:
    answer = hear(sections(name)[section]).answer
    staged = STAGED[name][section].split()
    causes = [cause.cause for cause in answer.causes]
    if not staged:
        assert not causes or causes[0] in HARMLESS, causes
        return
    assert causes and causes[0] in staged, [(cause.cause, cause.certainty) for cause in answer.causes]
    assert all(cause.evidence for cause in answer.causes)
    assert all(cause.decide_with for cause in answer.causes if cause.certainty == "cannot-tell")


@pytest.mark.parametrize(("name", "section"), [(name, section) for name, staged in STAGED.items() for section in staged])
def test_broken_lines_and_line_ends_change_nothing(name: str, section: str) -> None:
    text = sections(name)[section]
    plain = hear(text).causes[:1]
    for other in (text.replace("\n", "\r\n"), "\x1b[33m" + text.replace("\n", "\x1b[0m\n\x1b[33m")):
        assert hear(other).causes[:1] == plain
    assert hear(text.encode("utf-16")).causes[:1] == plain


@pytest.mark.parametrize("section", ["cudnn too old 8.6.0", "cuInit 803", "CC 3.0"])
def test_a_terminal_s_width_changes_nothing(section: str) -> None:
    text = sections("fail215")[section]
    for width in (80, 100):
        broken = "\n".join(line[at : at + width] for line in text.split("\n") for at in range(0, max(len(line), 1), width))
        assert hear(broken).causes[:1] == hear(text).causes[:1]
