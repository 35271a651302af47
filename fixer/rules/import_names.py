"""What the name of a module says that an import lacked: tables, by Python's sentence for it; no rule.

The unit is ``Meaning``, one a name; ``meaning_of`` finds it by the longest prefix that fits. A module that stands in no
table is the user's own business.
"""

from __future__ import annotations

from collections.abc import Mapping

from fixer.model.finding import Certainty
from fixer.model.record import record

# Removed from NumPy in 1.20 to 2.0; code that still asks for them is older than the NumPy that is installed.
NUMPY = "numpy-abi"
KERAS = "keras-tf-mismatch"


@record(frozen=True)
class Meaning:
    """What a module's name says: one cause with its certainty, or several with their weights."""

    causes: Mapping[str, float]
    certainty: Certainty = "likely"


def only(cause: str, certainty: Certainty = "likely") -> Meaning:
    return Meaning({cause: 100.0}, certainty)


# One half of TensorFlow does not know what the other asks it for.
_TWO_RELEASES = Meaning({"environment-broken": 56, "duplicate-tf-packages": 26, KERAS: 18})
_OF_TENSORFLOW_1 = Meaning({KERAS: 56, "unresolved-other": 44})
# "No module named X": X, or X and what lies below it where it ends in a dot.
MISSING: dict[str, Meaning] = {
    "tensorflow": Meaning({"tensorflow-missing": 72, "env-not-inherited": 24, "environment-broken": 4}),
    "tensorflow.": Meaning({"environment-broken": 52, "module-shadowed": 36, "duplicate-tf-packages": 12}),
    # Code for TensorFlow 1 under TensorFlow 2, and the other way round.
    "tensorflow.contrib": _OF_TENSORFLOW_1,
    "tensorflow.contrib.": _OF_TENSORFLOW_1,
    "tensorflow.examples": _OF_TENSORFLOW_1,
    "tensorflow.examples.": _OF_TENSORFLOW_1,
    "tensorflow.compat": only(KERAS),
    "tensorflow.compat.": only(KERAS),
    "tensorflow.keras": Meaning({KERAS: 46, "environment-broken": 30, "module-shadowed": 24}),
    "tensorflow.keras.": Meaning({KERAS: 80, "environment-broken": 20}),
    "tensorflow.python.keras": only(KERAS),
    "tensorflow.python.keras.": only(KERAS),
    # Inner modules come, move and go with each release: who asks for one was written for another TensorFlow.
    "tensorflow.python.": Meaning({KERAS: 60, "environment-broken": 28, "plugin-built-for-other-tf": 12}),
    # These every TensorFlow has.
    **dict.fromkeys(
        (f"tensorflow.python.{name}" for name in ("client", "framework", "ops", "platform", "pywrap_tensorflow", "util")),
        Meaning({"environment-broken": 52, "module-shadowed": 36, "duplicate-tf-packages": 12}),
    ),
    # The file is there: what it needs is not. On Windows that is a DLL, of cuDNN's or CUDA's wrong release too.
    "_pywrap_tensorflow_internal": Meaning(
        {
            "windows-msvc-or-avx": 32,
            "windows-dll-missing": 22,
            "windows-dll-search-path": 12,
            "cudnn-missing": 12,
            "cudnn-too-new": 11,
            "environment-broken": 11,
        }
    ),
    "_pywrap_tensorflow": Meaning(
        {
            "windows-msvc-or-avx": 32,
            "windows-dll-missing": 24,
            "windows-dll-search-path": 14,
            "cudnn-missing": 16,
            "environment-broken": 14,
        }
    ),
    "tensorflow_core.": Meaning({"duplicate-tf-packages": 50, "environment-broken": 50}),
    "keras": Meaning({KERAS: 60, "tensorflow-missing": 20, "env-not-inherited": 20}),
    "keras.": only(KERAS),
    "tf_keras": only(KERAS),
    "keras_applications": only(KERAS),
    "keras_preprocessing": only(KERAS),
    "theano": only("keras-backend-setting"),
    "theano.": only("keras-backend-setting"),
    "cntk": only("keras-backend-setting"),
    "plaidml": only("keras-backend-setting"),
    "plaidml.": only("keras-backend-setting"),
    "numpy.": only(NUMPY),
    "google.protobuf": Meaning({"environment-broken": 60, "protobuf-too-old": 40}),
    "google.protobuf.": Meaning({"protobuf-too-old": 60, "environment-broken": 40}),
    "google.protobuf.runtime_version": only("protobuf-too-old"),
    "ml_dtypes": Meaning({"ml-dtypes-mismatch": 56, "environment-broken": 44}),
    "ml_dtypes.": only("ml-dtypes-mismatch"),
    "optree": only("environment-broken"),
    "absl": only("environment-broken"),
    "absl.": only("environment-broken"),
    "astunparse": only("environment-broken"),
    "flatbuffers": only("environment-broken"),
    "gast": only("environment-broken"),
    "opt_einsum": only("environment-broken"),
    "tensorflow_estimator": only("environment-broken"),
    "tensorflow_estimator.": Meaning({KERAS: 56, "environment-broken": 44}),
    "namex": only("environment-broken"),
    "distutils": only("python-unsupported"),
    "distutils.": only("python-unsupported"),
    "imp": only("python-unsupported"),
}
# "module X has no attribute Y".
LACKING: dict[str, Meaning] = {
    "ml_dtypes": only("ml-dtypes-mismatch"),
    "numpy": only(NUMPY),
    "numpy.": only(NUMPY),
    "google.protobuf.": only("protobuf-too-old"),
    "tensorflow.compat.v2": only(KERAS),
    "tensorflow.compat.v2.": only(KERAS),
    "tensorflow._api.v2.compat.v2.": only(KERAS),
    "tensorflow._api.": Meaning({KERAS: 60, "environment-broken": 40}),
    # Who asks for such a name was written for another Keras, or is an extension of TensorFlow made for another release.
    "tensorflow.keras": Meaning({KERAS: 70, "environment-broken": 18, "plugin-built-for-other-tf": 12}),
    "tensorflow.keras.": Meaning({KERAS: 70, "environment-broken": 18, "plugin-built-for-other-tf": 12}),
    "tensorflow.python.": Meaning({KERAS: 56, "environment-broken": 34, "duplicate-tf-packages": 10}),
    # These are asked for by TensorFlow's own files alone: two releases lie in one folder.
    **dict.fromkeys(
        (
            *(f"tensorflow.python.{name}." for name in ("autograph", "data", "lib", "saved_model", "training")),
            *(f"tensorflow.python.{name}" for name in ("pywrap_tensorflow", "pywrap_tensorflow_internal", "pywrap_tfe")),
            "tensorflow.python._",
        ),
        _TWO_RELEASES,
    ),
    "_pywrap_tensorflow_internal": _TWO_RELEASES,
    "_pywrap_tensorflow": _TWO_RELEASES,
    # TensorFlow has it since 1.13.
    "tensorflow.compat": only(KERAS),
    "tensorflow.tools.": only("environment-broken"),
    "keras": only(KERAS),
    "keras.": only(KERAS),
    "tf_keras.": only(KERAS),
}
# What code for TensorFlow 1 asks Keras's backend for, and mostly to let the GPU's memory grow.
SESSION = "set_session"
FOR_A_SESSION = Meaning({"gpu-memory-setting-misused": 56, KERAS: 44})
# Every TensorFlow has these: a module that lacks one is no TensorFlow, or half of one.
_ALWAYS_THERE = ("__version__", "constant", "Variable", "keras", "config", "compat", "io", "math", "nn", "data", "function", "python")
OF_ONE = ("ConfigProto", "GPUOptions", "Session", "placeholder", "contrib", "get_default_graph", "app", "flags", "reset_default_graph")
# Names that came with a release: an older TensorFlow is whole without them, and the code is for a newer one.
CAME_WITH = {"keras": (1, 4), "data": (1, 4)}
NOT_TENSORFLOW = Meaning({"module-shadowed": 46, "environment-broken": 36, "duplicate-tf-packages": 10, "tensorflow-missing": 8})
# The same of packages whose other names come and go with their releases.
_NOT_THE_PACKAGE = Meaning({"module-shadowed": 54, "environment-broken": 46})
EVERY_RELEASE_HAS = {
    "tensorflow": (_ALWAYS_THERE, NOT_TENSORFLOW),
    "numpy": (
        ("__version__", "array", "asarray", "ndarray", "dtype", "arange", "zeros", "ones", "concatenate", "mean", "sum", "random", "linalg",
         "float32", "float64", "int32", "int64", "uint8", "pi", "load", "save"),
        _NOT_THE_PACKAGE,
    ),
    "ml_dtypes": (("__version__", "bfloat16", "float8_e4m3fn", "float8_e5m2", "finfo"), _NOT_THE_PACKAGE),
}  # fmt: skip
# Names that one generation of Keras had and the next has not, and that no other package has.
KERAS_HAD = frozenset((
    "AtrousConvolution1D", "AtrousConvolution2D", "Deconvolution2D", "Deconvolution3D", "LRN2D", "MaxoutDense", "TimeDistributedDense",
    "conv_utils", "initializations", "layer_from_config", "multi_gpu_model", "normalize_data_format", "np_utils",
    "generic_utils", "set_image_dim_ordering", "tf_utils", "_obtain_input_shape", "get_source_inputs", "keras_modules_injection",
    "InputSpec", "_Merge", "KerasClassifier", "KerasRegressor", "keras_export", "model_to_dot",
))  # fmt: skip
# Modules that protobuf has had in every release: who lacks one has half of it, or another package called google.
PROTOBUF = "google.protobuf"
EVERY_PROTOBUF_HAS = frozenset(("descriptor", "message", "reflection", "descriptor_pb2", "text_format", "service"))
PROTOBUF_IN_PIECES = Meaning({"environment-broken": 64, "module-shadowed": 20, "protobuf-too-old": 16})
# "cannot import name Y from X".
NAMELESS: dict[str, Meaning] = {
    "google.protobuf": only("protobuf-too-old"),
    "google.protobuf.internal": only("protobuf-too-old"),
    "google.protobuf.pyext": Meaning({"protobuf-too-new": 55, "environment-broken": 45}),
    "ml_dtypes": only("ml-dtypes-mismatch"),
    "ml_dtypes.": only("ml-dtypes-mismatch"),
    "typing_extensions": Meaning({"tf-torch-pin-conflict": 56, "environment-broken": 44}),
    "numpy": only(NUMPY),
    "numpy.": only(NUMPY),
    "keras": only(KERAS),
    "keras.": only(KERAS),
    "tf_keras": only(KERAS),
    "tf_keras.": only(KERAS),
    "tensorflow.keras": Meaning({KERAS: 88, "plugin-built-for-other-tf": 12}),
    "tensorflow.keras.": Meaning({KERAS: 88, "plugin-built-for-other-tf": 12}),
    "tensorflow.python.keras": Meaning({KERAS: 88, "plugin-built-for-other-tf": 12}),
    "tensorflow.python.keras.": Meaning({KERAS: 88, "plugin-built-for-other-tf": 12}),
    "tensorflow.python.eager.context": only(KERAS),
    # Keras before 3 asks for keras_export, which came with TensorFlow 1.13 and went with 2.16.
    "tensorflow.python.util.tf_export": Meaning({KERAS: 78, "environment-broken": 12, "duplicate-tf-packages": 10}),
    "tensorflow.compat.v2.experimental": only(KERAS),
    "tensorflow.python": Meaning({"environment-broken": 60, KERAS: 40}),
    "tensorflow.python.": Meaning({KERAS: 50, "environment-broken": 50}),
    "tensorflow": Meaning({"environment-broken": 48, "module-shadowed": 32, "duplicate-tf-packages": 20}),
}


def meaning_of(table: Mapping[str, Meaning], module: str) -> Meaning | None:
    """The row of the longest name that ``module`` is, or lies below."""
    if module in table:
        return table[module]
    fitting = [key for key in table if key.endswith((".", "._")) and module.startswith(key)]
    return table[max(fitting, key=len)] if fitting else None
