"""The vocabulary of causes: where each stands in the order of choosing, and who can repair it.

The unit is ``Cause``, in one table. A cause's stage says what it hides (an import that fails hides the
driver, a dead driver hides the libraries); inside a stage the table's own order decides between
findings of equal certainty. Slugs are the contract's; wording and reasons belong to the rules.
"""

from __future__ import annotations

from fixer.model.finding import RemedyPlan, Stage
from fixer.model.record import record


@record(frozen=True)
class Cause:
    """One slug: its stage, and the plan class of its remedy."""

    stage: Stage
    plan: RemedyPlan


STAGES: tuple[Stage, ...] = (
    "import",
    "hardware",
    "driver",
    "visibility",
    "setting",
    "shadowing",
    "version",
    "missing",
    "memory",
    "none",
)

CAUSES: dict[str, Cause] = {
    "libc-musl": Cause("import", "advise"),
    "cpu-without-avx": Cause("import", "advise"),
    "glibc-too-old": Cause("import", "advise"),
    "tensorflow-gpu-removed": Cause("import", "auto"),
    "python-unsupported": Cause("import", "auto"),
    "and-cuda-extra-unsatisfiable": Cause("import", "auto"),
    "tensorflow-missing": Cause("import", "auto"),
    "module-shadowed": Cause("import", "ask"),
    "environment-broken": Cause("import", "auto"),
    "libstdcxx-too-old": Cause("import", "auto"),
    "user-site-leak": Cause("import", "ask"),
    "numpy-abi": Cause("import", "auto"),
    "protobuf-too-old": Cause("import", "auto"),
    "protobuf-too-new": Cause("import", "auto"),
    "ml-dtypes-mismatch": Cause("import", "auto"),
    "keras-tf-mismatch": Cause("import", "auto"),
    "keras-backend-setting": Cause("import", "ask"),
    "plugin-built-for-other-tf": Cause("import", "auto"),
    "windows-msvc-or-avx": Cause("import", "advise"),
    "windows-dll-missing": Cause("missing", "advise"),
    "windows-dll-search-path": Cause("setting", "advise"),
    "docs-command-broken": Cause("import", "none"),
    "no-nvidia-gpu": Cause("hardware", "none"),
    "gpu-powered-off": Cause("hardware", "advise"),
    "apple-silicon": Cause("hardware", "advise"),
    "windows-native-no-gpu": Cause("hardware", "advise"),
    "gpu-arch-too-old": Cause("hardware", "auto"),
    "gpu-arch-too-new": Cause("hardware", "advise"),
    "nouveau-active": Cause("driver", "advise"),
    "secure-boot": Cause("driver", "advise"),
    "driver-wrong-module-flavour": Cause("driver", "advise"),
    "driver-not-loaded": Cause("driver", "advise"),
    "cuda-compat-lib": Cause("driver", "advise"),
    "driver-library-mismatch": Cause("driver", "advise"),
    "libcuda-stub-loaded": Cause("driver", "auto"),
    "driver-too-old": Cause("driver", "ask"),
    "device-permissions": Cause("driver", "advise"),
    "uvm-or-driver-state": Cause("driver", "advise"),
    "gpu-busy": Cause("driver", "advise"),
    "nv-compute-cache": Cause("driver", "ask"),
    "container-without-gpu": Cause("visibility", "advise"),
    "wsl-libcuda-path": Cause("visibility", "auto"),
    "cuda-visible-devices": Cause("visibility", "auto"),
    "ld-library-path-shadows-env": Cause("setting", "auto"),
    "pip-nvidia-libs-not-found": Cause("setting", "auto"),
    "env-not-inherited": Cause("setting", "advise"),
    "ld-library-path-missing": Cause("setting", "auto"),
    "cudnn-shadowed": Cause("shadowing", "ask"),
    "nvidia-wheel-collision": Cause("shadowing", "ask"),
    "duplicate-tf-packages": Cause("version", "ask"),
    "cpu-build-selected": Cause("version", "auto"),
    "cuda-libs-wrong-version": Cause("version", "auto"),
    "cudnn-too-old": Cause("version", "auto"),
    "cudnn-too-new": Cause("version", "auto"),
    "zlibwapi-missing": Cause("missing", "advise"),
    "cudnn-drops-gpu": Cause("version", "auto"),
    "tf-torch-pin-conflict": Cause("version", "ask"),
    "cuda-libs-missing": Cause("missing", "auto"),
    "cudnn-missing": Cause("missing", "auto"),
    "libdevice-missing": Cause("missing", "auto"),
    "ptxas-missing": Cause("missing", "auto"),
    "gpu-memory-held": Cause("memory", "advise"),
    "gpu-too-small": Cause("memory", "advise"),
    "gpu-memory-growth": Cause("memory", "auto"),
    "gpu-memory-setting-misused": Cause("memory", "auto"),
    "unresolved-cudnn-init": Cause("none", "none"),
    "unresolved-other": Cause("none", "none"),
    "benign-noise": Cause("none", "none"),
    "interrupted-apply": Cause("none", "auto"),
}
ORDER = {slug: place for place, slug in enumerate(CAUSES)}
