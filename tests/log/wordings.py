"""The programs' own wordings, filled with values as runs print them, and the forms in which a paste shows a line.

The unit is ``Wording``: a row of ``wordings.json`` (what a program prints, the causes that it can have, whether it is harmless).
``filled`` gives it with the values of one turn; a form is a function from a message to the text that a person pastes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "cases" / "explain" / "wordings.json"
_GAP = re.compile(r"\{([^{}\n]*)\}")
# Not a gap: the wording itself prints these braces.
_BRACES = ("$" + "{CUDA_DIR}",)


@dataclass(frozen=True)
class Wording:
    """What a program prints: its template, the causes that a line of it can have, and whether it is harmless."""

    id: str
    template: str
    causes: tuple[str, ...]
    noise: bool


def wordings() -> list[Wording]:
    """Every wording, in the order of the file."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))["wordings"]
    return [Wording(row["id"], row["template"], tuple(row["causes"]), row["noise"]) for row in rows]


# Values by a gap's name; the turn chooses among them.
VALUES: dict[str, Sequence[str]] = {
    "n": ("0", "3", "12"), "m": ("1", "4", "64"), "k": ("9", "128", "7"), "i": ("0", "1", "2"), "a": ("11.2", "12.4", "2.9.1"),
    "b": ("11.8", "12.2", "1.26.4"), "c": ("10.1", "11.4", "9.1"), "v": ("2.15.0", "2.4.1", "2.16.2"), "w": ("5.29.3", "2.1.0", "3.20.3"),
    "x": ("1.545", "0.8235", "10.76"), "p": ("0x5581d0a3b0c0", "0x7f10", "0xabc"), "d": ("0", "1", "2"), "e": ("[Errno 13]", "denied", "x"),
    "name": ("NVIDIA GeForce RTX 3080", "Tesla V100-SXM2-16GB", "NVIDIA A100-PCIE-40GB"), "loaded": ("8.0.5", "7.6.5", "8.2.4"),
    "compiled": ("8.1.0", "8.9.4", "9.3.0"), "free": ("10485760", "524288", "1048576"), "total": ("8589934592", "11554717696", "25430786048"),
    "status": ("INTERNAL: not ready", "UNKNOWN: failed", "FAILED_PRECONDITION: busy"), "lib": ("libcublas.so.11", "libcufft.so.10", "libcusparse.so.12"),
    "dlerror": ("libcublas.so.11: cannot open shared object file: No such file or directory",) * 3,
    "path": ("/usr/local/cuda-11.2/lib64", "/opt/tools/lib", "/home/user/venv/lib/python3.11/site-packages/x.so"),
    "code": ("CUDA_ERROR_INVALID_HANDLE", "CUDA_ERROR_INVALID_VALUE", "CUDA_ERROR_UNKNOWN"), "text": ("unknown error",) * 3,
    "version": ("535.104.5", "470.256.2", "550.54.14"), "value": ("-1", "", "NoDevFiles"), "size": ("1.52GiB", "256.00MiB", "11.20GiB"),
    "list": ("0, 1", "2.13.0, 2.14.0, 2.15.0", "AVX2 FMA"), "host": ("node17", "a-b.example", "1f2e3d4c5b6a"), "symbol": ("cudnnCreate", "cudnnGetStream", "cublasLtCreate"),
    "pci": ("0000:01:00.0", "00000000:65:00.0", "0000:00:1e.0"), "device": ("/device:GPU:0", "device: 0, name: Tesla K20c, pci bus id: 0000:05:00.0", "/job:localhost/replica:0/task:0/device:GPU:0"),
    "cc": ("3.0", "6.1", "5.2"), "min": ("3.5", "6.0", "5.2"), "shape": ("[1,3,64,64]", "[32,224,224,3]", "[8,1,1,64]"), "dims": ("64,512,28,28", "1024,1024", "8,3,3"),
    "engine": ("0#0", "28#1", "4000#5"), "conv": ("%cudnn-conv.3 = (f32[1,8,8,8])", "{batch: 1}", "conv2d"), "hlo": ("%cudnn-conv = f32[1]", "%fusion.2", "%gemm"),
    "algo": ("eng0{}", "1", "eng28{k2=1}"), "stack": ("0x7f00: stream.cc", "", "x"), "ctx": ("0x55d0", "0x1", "0x2"), "url": ("https://www.tensorflow.org/install/gpu",) * 3,
    "op": ("model/conv1/Conv2D", "mul", "dense/MatMul"), "reason": ("Operation was explicitly assigned to /device:GPU:0", "Permission denied", "A dynamic link library (DLL) initialization routine failed."),
    "spec": ("/device:GPU:0", "~=3.8", ">=12.0"), "0|1": ("0", "1", "0"), "t": ("float", "half", "double"), "..": ("64, 128", "1, 2", "8, 8"), "platform": ("Windows", "this device", "CUDA 10"),
    "error": ("unable to open file", "ptxas fatal", "no space"), "tool": ("ptxas", "nvlink", "ptxas"), "method": ("ptxas", "nvlink", "libnvptxcompiler"), "arch": ("sm_120", "sm_90a", "sm_86"),
    "line": ("123", "9", "88"), "node": ("model/dropout/SelectV2", "a/b", "c"), "feature": ("AVX", "AVX2", "FMA"), "command": ("python train.py", "python", "python3 a.py"),
    "dll": ("cudnn_ops_infer64_8.dll", "cudnn_cnn_infer64_8.dll", "cudnn_ops64_9.dll"), "file": ("train.proto", "libx.so", "conv_ops.cc"), "module": ("keras.utils", "keras.src.engine", "tf_keras.src.utils"),
    "banner": ("NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023", "NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build", "NVIDIA UNIX x86_64 Kernel Module  390.157"), "kernel": ("6.8.0-45-generic", "5.15.0-91-generic", "6.1.0-21-amd64"),
    "program": ("./train", "python3", "trtexec"), "...": ("11OpDef",) * 3, "id": ("10de:1b80", "0", "GPU-5a1b"), "req": ("tensorflow==2.10.0", "tensorflow==1.15", "tensorflow<2.9"),
    "dep": ("protobuf", "numpy", "ml-dtypes"), "package": ("tensorflow-2.15.0-cuda120py311h5cbd639_0", "pytorch-2.3", "jaxlib-0.4"), "specs": ("  - feature:/linux-64::__cuda==10.1=0",) * 3,
    "ref": ("10.1", "11.4", "11.0"), "cond": ("cuda>=12.4", "driver>=535", "cuda>=11.8"), "attr": ("Sequential", "array", "Session"),
}  # fmt: skip
# What a gap of this name holds in this wording.
SPECIAL: dict[str, dict[str, Sequence[str]]] = json.loads(FILE.read_text(encoding="utf-8"))["values"] if FILE.exists() else {}


def filled(wording: Wording, turn: int = 0) -> str:
    """The wording with the values of one turn."""
    special = SPECIAL.get(wording.id, {})

    def value(part: re.Match[str]) -> str:
        name = part.group(1)
        if name not in VALUES:
            return part.group(0)
        choices = special.get(name, VALUES[name])
        return choices[turn % len(choices)]

    before = special.get("", ("",))
    pieces = wording.template.split(_BRACES[0])
    return before[turn % len(before)] + _BRACES[0].join(_GAP.sub(value, piece) for piece in pieces)


Form = Callable[[str], str]


def _each(before: str, after: str = "") -> Form:
    return lambda text: "\n".join(f"{before}{line}{after}" for line in text.split("\n"))


def _kept(keep: Form) -> Form:
    return lambda text: "\n".join(keep(line) for line in text.split("\n"))


def _first(before: str) -> Form:
    return lambda text: f"{before}{text}"


def _broken(width: int) -> Form:
    def form(text: str) -> str:
        whole = f"2024-05-06 07:08:09.012345: E external/local_xla/xla/stream_executor/cuda/cuda_dnn.cc:466] {text}"
        lines = [line[at : at + width] for line in whole.split("\n") for at in range(0, max(len(line), 1), width)]
        return "\n".join(lines)

    return form


def _boxed(text: str) -> str:
    width = max(len(line) for line in text.split("\n"))
    inside = [f"│ {line.ljust(width)} │" for line in text.split("\n")]
    return "\n".join((f"╭{'─' * (width + 2)}╮", *inside, f"╰{'─' * (width + 2)}╯"))


FORMS: dict[str, Form] = {
    "plain": lambda text: text,
    "glog": _first("2024-05-06 07:08:09.012345: E tensorflow/stream_executor/cuda/cuda_dnn.cc:329] "),
    "absl": _first("E0000 00:00:1746514089.123456   12345 cuda_dnn.cc:522] "),
    "old glog": _first("E tensorflow/stream_executor/cuda/cuda_dnn.cc:385] "),
    "docker time": _each("2024-05-06T07:08:09.012345678Z "),
    "kubernetes": _each("2024-05-06T07:08:09.012345678Z stderr F "),
    "compose": _each("trainer-1  | "),
    "github": _each("2024-05-06T07:08:09.0123456Z ##[error]"),
    "journal": _each("May 06 07:08:09 node17 python3[4242]: "),
    "dmesg": _each("[   12.345678] "),
    "mpi": _each("[1,0]<stderr>:"),
    "slurm": _each("0: "),
    "ray": _each("(train_loop pid=4242, ip=10.0.0.3) "),
    "stderr": _each("stderr: "),
    "logging": _first("ERROR:root:"),
    "journal of one format": _each("2024-05-06T07:08:09+0000 node17 python3[4242]: "),
    "airflow": _each("[2024-05-06T07:08:09.012+0000] {process_utils.py:191} INFO - "),
    "celery": _each("[2024-05-06 07:08:09,123: WARNING/ForkPoolWorker-1] "),
    "loguru": _each("2024-05-06 07:08:09.123 | ERROR    | __main__:main:12 - "),
    "syslog": _each("<11>1 2024-05-06T07:08:09.012Z node17 python3 4242 - - "),
    "github's run": _each("build (3.10)\tRun tests\t2024-05-06T07:08:09.0123456Z "),
    "grep": lambda text: "\n".join(f"train.log:{number}:{line}" for number, line in enumerate(text.split("\n"), 1)),
    "cat -n": lambda text: "\n".join(f"{number:6d}\t{line}" for number, line in enumerate(text.split("\n"), 1)),
    "quotes of French": lambda text: re.sub("'([^'\n]*)'", "\u00ab\\1\u00bb", text),
    "quoted": _each("> "),
    "markdown": lambda text: f"```\n{text}\n```",
    "docker record": _kept(lambda line: json.dumps({"log": line + "\n", "stream": "stderr", "time": "2024-05-06T07:08:09Z"})),
    "journal record": _kept(lambda line: json.dumps({"PRIORITY": "6", "MESSAGE": line, "_PID": "42"})),
    "string": lambda text: repr(text + "\n"),
    "list of texts": lambda text: json.dumps(text.split("\n"), indent=1),
    "quoted and broken": lambda text: "\n".join(f"> {line}" for line in _broken(78)(text).split("\n")),
    "colours": _each("\x1b[31m\x1b[1m", "\x1b[0m"),
    "windows ends": lambda text: text.replace("\n", "\r\n") + "\r\n",
    "progress bar": lambda text: f"  0%|          | 0/100\r 10%|#         | 10/100\r{text}",
    "box": _boxed,
    "indented": _each("        "),
    "broken at 60": _broken(60),
    "broken at 80": _broken(80),
    "broken at 100": _broken(100),
    "broken at 120": _broken(120),
}  # fmt: skip
