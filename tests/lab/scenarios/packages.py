"""What breaks before any GPU is looked for: packages that do not fit each other, and what hides or leaks in."""

from __future__ import annotations

from typing import Callable

from tests.lab.scenarios.libraries import named
from tests.lab.scenarios.scenario import Scenario, Stage

Change = Callable[[Stage], None]
_SETS = "import os; os.environ[{!r}] = {!r}\n"


def over(*requirements: str) -> Change:
    """These, installed against all metadata."""

    def change(stage: Stage) -> None:
        stage.install(*requirements)

    return change


def keras_file(text: str) -> Change:
    def change(stage: Stage) -> None:
        (stage.home / ".keras").mkdir()
        (stage.home / ".keras" / "keras.json").write_text(text)

    return change


def metadata_gone(stage: Stage) -> None:
    """A clean-up went over TensorFlow's dist-info and took the two files by which installers know it."""
    for name in ("METADATA", "RECORD"):
        (next(stage.site.glob("tensorflow-2*.dist-info")) / name).unlink()


def cut_short(stage: Stage) -> None:
    """An interrupted install: TensorFlow's largest library ends early."""
    library = stage.site / "tensorflow" / "libtensorflow_framework.so.2"
    content = library.read_bytes()[:4_000_000]
    library.unlink()
    library.write_bytes(content)


def left_over(stage: Stage) -> None:
    """What pip leaves when it is killed while it replaces a package."""
    folder = stage.site / "tensorflow"
    folder.rename(stage.site / "~ensorflow")


def shadow(name: str) -> Change:
    def change(stage: Stage) -> None:
        (stage.home / name).write_text("print('mine')\n")

    return change


def user_site(stage: Stage) -> None:
    """Another NumPy in a folder of the person's, as ``pip install --target`` puts it there."""
    stage.install("--target", str(stage.home / "elsewhere"), "numpy==2.2.6")


def at_start(name: str, text: str) -> Change:
    """A file that the environment's interpreter reads when it starts: sitecustomize.py, or one ending in .pth."""

    def change(stage: Stage) -> None:
        (stage.site / name).write_text(text)

    return change


def emptied(path: str) -> Change:
    """A module whose text is gone, as a full disk or a crash leaves it."""

    def change(stage: Stage) -> None:
        file = stage.site / path
        file.unlink()  # the installer may have linked it to its cache
        file.touch()

    return change


def no_tensorflow(stage: Stage) -> None:
    stage.uninstall("tensorflow")


def cpu_build(stage: Stage) -> None:
    stage.uninstall("tensorflow")
    stage.install("tensorflow-cpu==2.15.1")


SCENARIOS = (
    Scenario("numpy-2", "numpy-abi", change=over("numpy==2.2.6"), flip="numpy-1"),
    Scenario("numpy-1", None, change=over("numpy==1.26.4")),
    Scenario("numpy-2-served", None, "2.20.0", change=over("numpy==2.1.3")),
    Scenario("protobuf-6", "protobuf-too-new", "2.4.4", change=over("protobuf==4.25.3"), standins=False, flip="toolkit-on-the-path"),
    Scenario("protobuf-3", "protobuf-too-old", "2.20.0", change=over("protobuf==4.25.3"), flip="healthy"),
    Scenario("ml-dtypes-outside-its-range-works", None, change=over("ml-dtypes==0.5.1")),
    Scenario("keras-3-without-optree", "environment-broken", change=over("keras==3.3.3"), flip="keras-3-works-by-itself"),
    Scenario("keras-3-works-by-itself", None, change=over("keras==3.3.3", "optree", "namex", "rich", "markdown-it-py", "mdurl", "pygments")),
    Scenario("theano", "keras-backend-setting", "2.20.0", change=keras_file('{"backend": "theano"}'), flip="healthy"),
    Scenario("backend-torch", "keras-backend-setting", "2.20.0", variables={"KERAS_BACKEND": "torch"}, flip="backend-tensorflow"),
    Scenario("backend-tensorflow", None, "2.20.0", variables={"KERAS_BACKEND": "tensorflow"}),
    Scenario("without-tensorflow", "tensorflow-missing", change=no_tensorflow, flip="healthy"),
    Scenario("tensorflow-cpu", "cpu-build-selected", change=cpu_build, flip="healthy"),
    Scenario("cut-short", "environment-broken", change=cut_short, flip="healthy"),
    Scenario("metadata-gone", None, change=metadata_gone, named="environment-broken", flip="healthy"),
    Scenario("left-over-of-pip", "environment-broken", change=left_over, flip="healthy"),
    Scenario("file-of-mine", "module-shadowed", change=shadow("tensorflow.py"), flip="other-file-of-mine"),
    Scenario("other-file-of-mine", None, change=shadow("train.py")),
    Scenario("by-pythonpath", "user-site-leak", change=user_site, variables={"PYTHONPATH": "{home}/elsewhere"}, flip="folder-not-on-pythonpath"),
    Scenario("folder-not-on-pythonpath", None, change=user_site),
    Scenario("protobuf-4", "protobuf-too-new", "2.10.1", change=over("protobuf==4.25.3"), extra=("numpy<2",), flip="toolkit-on-the-path"),
    Scenario("keras-2-15", "keras-tf-mismatch", "2.10.1", change=over("keras==2.15.0"), extra=("numpy<2",), flip="toolkit-on-the-path"),
    Scenario("cut-short", "environment-broken", "2.20.0", change=cut_short, flip="healthy"),
    Scenario("numpy-of-mine", "module-shadowed", "2.20.0", change=shadow("numpy.py"), flip="other-file-of-mine"),
    Scenario("other-file-of-mine", None, "2.20.0", change=shadow("train.py")),
    Scenario("hidden-by-a-sitecustomize", "cuda-visible-devices", change=at_start("sitecustomize.py", _SETS.format("CUDA_VISIBLE_DEVICES", "-1")), flip="card-named-by-a-sitecustomize"),
    Scenario("card-named-by-a-sitecustomize", None, change=at_start("sitecustomize.py", _SETS.format("CUDA_VISIBLE_DEVICES", "0")), variables={"CUDA_VISIBLE_DEVICES": "-1"}),
    Scenario("backend-by-a-pth-file", "keras-backend-setting", "2.20.0", change=at_start("team.pth", _SETS.format("KERAS_BACKEND", "torch")), flip="backend-of-a-pth-file-is-tensorflow"),
    Scenario("backend-of-a-pth-file-is-tensorflow", None, "2.20.0", change=at_start("team.pth", _SETS.format("KERAS_BACKEND", "tensorflow")), variables={"KERAS_BACKEND": "torch"}),
    Scenario("emptied-module", "environment-broken", change=emptied("tensorflow/python/framework/ops.py"), flip="healthy"),
    Scenario("emptied-module", "environment-broken", "2.20.0", change=emptied("keras/src/backend/common/variables.py"), flip="healthy"),
    Scenario("backend-torch", "keras-backend-setting", "2.16.1", variables={**named(), "KERAS_BACKEND": "torch"}, flip="folders-named"),
)
