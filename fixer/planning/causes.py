"""Which causes a change of packages settles, which a loader's repair, which a setting, which only a person.

The unit is one set of slugs. A cause that stands in none of them is left to its finding's own remedy.
"""

from __future__ import annotations

# What is wrong with the packages of the environment, whatever the device.
PACKAGES = frozenset(
    (
        "numpy-abi", "protobuf-too-new", "protobuf-too-old", "ml-dtypes-mismatch", "keras-tf-mismatch",
        "environment-broken", "tensorflow-missing", "tensorflow-gpu-removed", "and-cuda-extra-unsatisfiable",
        "duplicate-tf-packages",
        "python-unsupported", "glibc-too-old", "plugin-built-for-other-tf", "cpu-without-avx", "libc-musl",
    )
)  # fmt: skip
# A finding of another family that a package settles: the plugin without which a Mac's GPU is not used.
BY_PACKAGE = frozenset(("apple-silicon",))
# What another TensorFlow for this GPU and driver settles.
STACK = frozenset(
    ("gpu-arch-too-old", "gpu-arch-too-new", "driver-too-old", "cpu-build-selected", "windows-native-no-gpu")
)
# What is wrong with the CUDA libraries that TensorFlow opens.
LIBRARIES = frozenset(
    (
        "cuda-libs-wrong-version", "cuda-libs-missing", "cudnn-too-old", "cudnn-too-new", "cudnn-missing",
        "cudnn-drops-gpu", "cudnn-shadowed", "ld-library-path-shadows-env", "ld-library-path-missing",
        "pip-nvidia-libs-not-found", "nvidia-wheel-collision", "libdevice-missing", "ptxas-missing",
    )
)  # fmt: skip
# Of these, the ones where the right copy is there already.
LOADER_ONLY = frozenset(
    ("cudnn-shadowed", "ld-library-path-shadows-env", "ld-library-path-missing", "pip-nvidia-libs-not-found")
)
# Settings that an activation can take away or give for this environment.
SETTINGS = frozenset(
    ("cuda-visible-devices", "gpu-memory-growth", "keras-backend-setting", "libcuda-stub-loaded", "wsl-libcuda-path")
)
# Findings of the library family that no package settles: the driver's own library, and what is preloaded.
BY_SETTING = frozenset(("libcuda-not-searched", "cudnn-preloaded"))
DRIVER = frozenset(
    (
        "nouveau-active", "secure-boot", "driver-wrong-module-flavour", "driver-not-loaded", "cuda-compat-lib",
        "driver-library-mismatch", "driver-too-old",
    )
)  # fmt: skip
