"""Patients of the releases that few other scenarios use (2.6, 2.8, 2.12, 2.14), and faults first made by hand on 2.17 to 2.20.

As in ``by_hand`` the truth was written down before convfix looked. Each failing one has the flip of its one decisive fact.
"""

from __future__ import annotations

from tests.lab import wheels
from tests.lab.build import cudnn
from tests.lab.machine import Machine
from tests.lab.scenarios.drivers import libcuda
from tests.lab.scenarios.libraries import both, toolkit
from tests.lab.scenarios.packages import Change, keras_file, over
from tests.lab.scenarios.scenario import Scenario, Stage

_NEW = {"driver": "580.65.06", "cuda": "13.0"}
_112 = {"LD_LIBRARY_PATH": "/usr/local/cuda-11.2/lib64"}
_CU11 = {"LD_LIBRARY_PATH": ":".join(f"{{site}}/nvidia/{name}/lib" for name in ("cublas", "cuda_runtime", "cudnn", "cufft", "curand", "cusolver", "cusparse"))}
_OTHER = "torch-env/lib/python3.10/site-packages/nvidia/cudnn/lib"
_TORCH = {"LD_LIBRARY_PATH": f"{{home}}/{_OTHER}"}
_SWITCH = {"file:/proc/driver/nvidia-nvswitch/devices/0000:c4:00.0/information": "BIOS Version: N/A\n"}
_NO_MANAGER = {**_SWITCH, "file:/proc/1/comm": "systemd\n"}
# The first process stands in for the one that is looked for: which number it has does not matter.
_MANAGER = {**_SWITCH, "file:/proc/1/comm": "nv-fabricmanage\n"}


def _fabric(card: str, **settings: str) -> Machine:
    return Machine(gpu=card, settings=settings, **_NEW)  # type: ignore[arg-type]


def cudnn_cu11(version: str) -> Change:
    """What ``pip install -U nvidia-cudnn-cu11`` leaves."""

    def change(stage: Stage) -> None:
        stage.standins(wheels.Wheel("nvidia-cudnn-cu11", version, "cudnn", cudnn(version, "11.8")))

    return change


def wheels_of_another(version: str) -> Change:
    """Another environment's cuDNN wheel, in a home folder."""

    def change(stage: Stage) -> None:
        for library in cudnn(version, "11.7"):
            stage.builder.install(library, stage.home / _OTHER)

    return change


def linked(version: str) -> Change:
    """The wheel's libcudnn.so.8 is a link to another cuDNN's head, made by hand; of 8 the parts are linked too."""

    def change(stage: Stage) -> None:
        place, other = stage.site / "nvidia" / "cudnn" / "lib", stage.home / "cudnn" / "lib"
        for library in cudnn(version, "11.8"):
            stage.builder.install(library, other)
            mine = place / library.soname.replace(".so.9", ".so.8")
            if version.startswith("8") or mine.name == "libcudnn.so.8":
                mine.unlink()
                mine.symlink_to(other / library.soname)

    return change


def ml_dtypes_outside(version: str) -> Change:
    """An environment that reads the user's own folder, and has its ml-dtypes there alone."""

    def change(stage: Stage) -> None:
        settings = stage.patient.path / "pyvenv.cfg"
        settings.write_text(settings.read_text().replace("include-system-site-packages = false", "include-system-site-packages = true"))
        stage.uninstall("ml-dtypes")
        stage.install("--target", str(stage.home / ".local" / "lib" / "python3.11" / "site-packages"), f"ml-dtypes=={version}")

    return change


_whole = toolkit("11.2", "8.1.1")


def _of_2_8(name: str, cause: str | None, change: Change = _whole, variables: dict[str, str] = _112, flip: str = "") -> Scenario:
    return Scenario(name, cause, "2.8.4", change=change, variables=variables, extra=("numpy<2",), flip=flip)


def stub_at_its_place(stage: Stage) -> None:
    """The toolkit's stub of libcuda, where the toolkit has it."""
    stage.builder.install(libcuda(34), stage.local / "cuda-12.5" / "lib64" / "stubs", "libcuda.so")


SCENARIOS = (
    Scenario("keras-2-9", "keras-tf-mismatch", "2.6.5", change=both(_whole, over("keras==2.9.0")), variables=_112, flip="toolkit-on-the-path"),
    Scenario("toolkit-on-the-path", None, "2.6.5", change=_whole, variables=_112),
    Scenario("folders-parted-by-a-space", "ld-library-path-missing", "2.6.5", change=_whole, variables={"LD_LIBRARY_PATH": "/usr/local/lib64 /usr/local/cuda-11.2/lib64"}, flip="folders-parted-by-a-semicolon"),
    Scenario("folders-parted-by-a-semicolon", None, "2.6.5", change=_whole, variables={"LD_LIBRARY_PATH": "/usr/local/lib64;/usr/local/cuda-11.2/lib64"}),
    _of_2_8("toolkit-on-the-path", None),
    _of_2_8("toolkits-root-on-the-path", "ld-library-path-missing", variables={"LD_LIBRARY_PATH": "/usr/local/cuda-11.2"}, flip="toolkit-on-the-path"),
    _of_2_8("keras-2-9", "keras-tf-mismatch", both(_whole, over("keras==2.9.0")), flip="toolkit-on-the-path"),
    Scenario("cu11-wheels-named", None, "2.12.1", variables=_CU11),
    Scenario("cudnn-cu11-9", "cudnn-too-new", "2.12.1", change=cudnn_cu11("9.1.0.70"), variables=_CU11, flip="cudnn-cu11-8-9"),
    Scenario("cudnn-cu11-8-9", None, "2.12.1", change=cudnn_cu11("8.9.6.50"), variables=_CU11),
    Scenario("keras-2-13", "keras-tf-mismatch", "2.12.1", change=over("keras==2.13.1"), variables=_CU11, flip="cu11-wheels-named"),
    Scenario("toolkit-12-2-for-11-8", "cuda-libs-wrong-version", "2.12.1", standins=False, change=toolkit("12.2", "8.9.4"), variables={"LD_LIBRARY_PATH": "/usr/local/cuda-12.2/lib64"}, flip="toolkit-11-8"),
    Scenario("toolkit-11-8", None, "2.12.1", standins=False, change=toolkit("11.8", "8.6.0"), variables={"LD_LIBRARY_PATH": "/usr/local/cuda-11.8/lib64"}),
    Scenario("older-wheels-of-another-environment", "ld-library-path-shadows-env", "2.14.1", change=wheels_of_another("8.5.0.96"), variables=_TORCH, flip="wheels-of-another-environment-that-serve"),
    Scenario("wheels-of-another-environment-that-serve", None, "2.14.1", change=wheels_of_another("8.9.2.26"), variables=_TORCH),
    Scenario("head-linked-to-cudnn-9", "cudnn-missing", "2.14.1", change=linked("9.1.0"), flip="linked-to-cudnn-8-9"),
    Scenario("linked-to-cudnn-8-9", None, "2.14.1", change=linked("8.9.6")),
    Scenario("list-in-keras-json", "keras-backend-setting", "2.17.1", change=keras_file('["tensorflow"]'), flip="keras-json-cut-short"),
    Scenario("keras-json-cut-short", None, "2.17.1", change=keras_file('{"backend": "tensorfl')),
    Scenario("ml-dtypes-of-the-user-too-old", "environment-broken", "2.19.1", Machine(**_NEW), change=ml_dtypes_outside("0.2.0"), flip="ml-dtypes-of-the-user-fits"),  # type: ignore[arg-type]
    Scenario("ml-dtypes-of-the-user-fits", None, "2.19.1", Machine(**_NEW), change=ml_dtypes_outside("0.5.1")),  # type: ignore[arg-type]
    Scenario("stub-preloaded", "libcuda-stub-loaded", "2.20.0", Machine(**_NEW), change=stub_at_its_place, variables={"LD_PRELOAD": "/usr/local/cuda-12.5/lib64/stubs/libcuda.so"}, flip="nothing-there-to-preload"),  # type: ignore[arg-type]
    Scenario("nothing-there-to-preload", None, "2.20.0", Machine(**_NEW), change=stub_at_its_place, variables={"LD_PRELOAD": "/usr/local/cuda-12.5/lib64/libcuda.so"}),  # type: ignore[arg-type]
    Scenario("switches-without-fabric-manager", "uvm-or-driver-state", "2.20.0", _fabric("A100", FAKEGPU_CUINIT="802"), said=_NO_MANAGER, flip="switches-with-fabric-manager"),
    Scenario("switches-with-fabric-manager", None, "2.20.0", _fabric("A100"), said=_MANAGER),
    Scenario("fabric-registration-unfinished", "uvm-or-driver-state", "2.20.0", _fabric("H100", FAKEGPU_FABRIC="2", FAKEGPU_CUINIT="802"), flip="fabric-registration-completed"),
    Scenario("fabric-registration-completed", None, "2.20.0", _fabric("H100", FAKEGPU_FABRIC="3")),
)  # fmt: skip
