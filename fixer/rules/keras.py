"""Rules about Keras' settings (its backend, the legacy switch, the layout of images), and about what a log says of saved models.

Which Keras versions fit which TensorFlow stands with the other packages in ``neighbours``. Keras says the same of a class of
its own that another release has and of one that the user wrote: a name is judged only where Keras is known to have it.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model import compare
from fixer.model.finding import Evidence, Finding
from fixer.rules.case import Case
from fixer.rules.events import said
from fixer.rules.heard import named
from fixer.rules.say import fact, finding, set_at_start

_PACKAGES = {"jax": "jax", "torch": "torch", "tensorflow": "tensorflow"}
# Backends that Keras 3 knows and that need no package which we follow.
_ALSO_KNOWN = ("numpy", "openvino", "mlx")
# The only values that TensorFlow honours; "yes" or "on" is passed over.
_LEGACY = ("true", "True", "1")
_FIRST_LEGACY = (2, 15)
_KERAS_3 = (2, 16)
_KERAS = "keras-tf-mismatch"
# Keras's own layers, and what its saving writes for a graph of them and for TensorFlow's functions in it.
_LAYERS = frozenset((
    "Activation", "ActivityRegularization", "Add", "AdditiveAttention", "AlphaDropout", "Attention", "Average", "AveragePooling1D",
    "AveragePooling2D", "AveragePooling3D", "BatchNormalization", "Bidirectional", "CategoryEncoding", "CenterCrop", "Concatenate",
    "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "ConvLSTM2D", "Cropping1D", "Cropping2D",
    "Cropping3D", "CuDNNGRU", "CuDNNLSTM", "Dense", "DepthwiseConv1D", "DepthwiseConv2D", "Discretization", "Dot", "Dropout", "ELU",
    "EinsumDense", "Embedding", "Flatten", "Functional", "GRU", "GRUCell", "GaussianDropout", "GaussianNoise", "GlobalAveragePooling1D",
    "GlobalAveragePooling2D", "GlobalAveragePooling3D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    "GroupNormalization", "Hashing", "InputLayer", "IntegerLookup", "LSTM", "LSTMCell", "Lambda", "LayerNormalization", "LeakyReLU",
    "LocallyConnected1D", "LocallyConnected2D", "Masking", "MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Maximum", "Minimum",
    "MultiHeadAttention", "Multiply", "Normalization", "PReLU", "Permute", "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip",
    "RandomHeight", "RandomRotation", "RandomTranslation", "RandomWidth", "RandomZoom", "ReLU", "RepeatVector", "Rescaling", "Reshape",
    "Resizing", "SeparableConv1D", "SeparableConv2D", "Sequential", "SimpleRNN", "SimpleRNNCell", "SlicingOpLambda", "Softmax",
    "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "StackedRNNCells", "StringLookup", "Subtract", "SyncBatchNormalization",
    "TFOpLambda", "TensorFlowOpLayer", "TextVectorization", "ThresholdedReLU", "TimeDistributed", "UnitNormalization", "UpSampling1D",
    "UpSampling2D", "UpSampling3D", "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
))  # fmt: skip
# What Keras's own losses, metrics and initializers are called in a saved model.
_FUNCTIONS = frozenset((
    "accuracy", "binary_accuracy", "binary_crossentropy", "categorical_accuracy", "categorical_crossentropy", "cosine_similarity", "mae",
    "mape", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error", "mean_squared_logarithmic_error", "mse", "msle",
    "sparse_categorical_crossentropy", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "Ones",
    "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros",
))  # fmt: skip
# Words that layers of some releases take and of others do not: those that were renamed or left out for Keras 3, and newer ones.
_WORDS = frozenset((
    "autocast", "batch_input_shape", "batch_shape", "dynamic", "groups", "implementation", "input_length", "keepdims", "optional",
    "quantization_config", "ragged", "renorm", "time_major", "weights",
))  # fmt: skip


def is_keras_3(case: Case) -> bool | None:
    """Whether tf.keras is Keras 3 here."""
    if case.tensorflow is None:
        return None
    keras = case.packages.get("keras")
    if keras is not None:
        return compare.release(keras)[:1] >= (3,) and compare.minor(case.tensorflow) >= _FIRST_LEGACY
    return compare.minor(case.tensorflow) >= _KERAS_3


def legacy(case: Case) -> bool:
    switched = case.variables.get("TF_USE_LEGACY_KERAS") in _LEGACY
    return switched and case.tensorflow is not None and compare.minor(case.tensorflow) >= _FIRST_LEGACY


def _backend(case: Case) -> tuple[str, Evidence, str] | None:
    """The backend that Keras will choose, its evidence, and where it is written: the variable wins over the file."""
    name = case.variables.get("KERAS_BACKEND")
    if name:
        return name, fact("variables.KERAS_BACKEND", name, case.variable("KERAS_BACKEND")), "KERAS_BACKEND"
    setting = case.facts.keras_setting.value
    if setting is None:
        return None
    return (
        setting.backend,
        fact("keras_setting", f"{setting.backend} in {setting.source}", case.facts.keras_setting),
        setting.source,
    )


def keras_backend_setting(case: Case) -> Iterator[Finding]:
    """A backend that is not TensorFlow: the import fails where that backend is missing or unknown to Keras."""
    chosen = _backend(case)
    if chosen is None or case.tensorflow is None:
        return
    name, seen, place = chosen
    if name == "tensorflow" or not is_keras_3(case) or legacy(case):
        return
    package = _PACKAGES.get(name)
    unknown = package is None and name not in _ALSO_KNOWN
    missing = package is not None and case.lacks(package)
    evidence = [seen, *case.tensorflow_evidence()]
    start = case.set_where(place)
    if missing:
        evidence.append(fact("environment.packages", f"without {name}", case.packages_seen))
    yield finding(
        "keras-backend-setting",
        "blocks" if unknown or missing else "risks",
        "proven" if unknown or missing else "likely",
        f"Keras is told to use {name}, which is no backend of Keras 3"
        if unknown
        else f"Keras is told to use {name}, which is not installed"
        if missing
        else f"Keras is told to use {name}, so its models do not run in TensorFlow",
        evidence,
        set_at_start("KERAS_BACKEND", start)
        if start
        else f"Take the setting away or make it tensorflow ({place}); import tensorflow then finds Keras again.",
        plan="advise" if start else None,
        subject={"setting": place, "backend": name, "wanted": "tensorflow"},
    )


def legacy_keras(case: Case) -> Iterator[Finding]:
    """tf.keras is switched to tf-keras, which is missing or belongs to another TensorFlow."""
    if case.tensorflow is None or compare.minor(case.tensorflow) < _FIRST_LEGACY:
        return
    series = ".".join(map(str, compare.minor(case.tensorflow)))
    installed = case.packages.get("tf-keras")
    switch = fact("variables.TF_USE_LEGACY_KERAS", case.variables.get("TF_USE_LEGACY_KERAS", ""), case.variable("TF_USE_LEGACY_KERAS"))
    subject = {"package": "tf-keras", "wanted": f"=={series}.*"}
    if legacy(case) and case.lacks("tf-keras"):
        yield finding(
            "keras-tf-mismatch",
            "blocks",
            "proven",
            "TF_USE_LEGACY_KERAS asks for tf-keras, which is not installed",
            (switch, fact("environment.packages", "without tf-keras", case.packages_seen), *case.tensorflow_evidence()),
            f"Install tf-keras {series}, or take TF_USE_LEGACY_KERAS away.",
            code="legacy-keras-missing",
            subject=subject,
        )
    elif installed is not None and compare.minor(installed) != compare.minor(case.tensorflow):
        yield finding(
            "keras-tf-mismatch",
            "blocks" if legacy(case) else "risks",
            "likely",
            f"tf-keras {installed} belongs to another TensorFlow than {case.tensorflow}",
            (case.package("tf-keras"), *case.tensorflow_evidence(), *((switch,) if legacy(case) else ())),
            f"Install tf-keras {series}: its minor version must be TensorFlow's.",
            code="legacy-keras-other-tf",
            subject={**subject, "installed": installed},
        )


def refused_value(case: Case) -> Iterator[Finding]:
    """keras.json holds a value that Keras does not take: its import ends there, and TensorFlow's with it."""
    setting = case.facts.keras_setting.value
    if setting is None or setting.refused is None or case.tensorflow is None:
        return
    what, _, path = setting.refused.rpartition(" in ")
    yield finding(
        "keras-backend-setting",
        "blocks",
        "proven",
        f"Keras does not take {what}, and ends its import there",
        (fact("keras_setting.refused", setting.refused, case.facts.keras_setting), *case.tensorflow_evidence()),
        f"Correct that line of {path}, or take it away: floatx is float16, float32 or float64, epsilon a number with a point, "
        "image_data_format channels_last or channels_first.",
        code="keras-file-refused",
        plan="advise",
        subject={"setting": path},
    )


def image_layout(case: Case) -> Iterator[Finding]:
    """keras.json asks for channels_first, which TensorFlow's convolutions on the CPU do not support."""
    setting = case.facts.keras_setting.value
    if setting is None or setting.image_data_format != "channels_first" or case.tensorflow is None:
        return
    yield finding(
        "keras-backend-setting",
        "risks" if case.target == "cpu" else "note",
        "likely",
        "Keras is told to put channels first, which convolutions on the CPU do not support",
        (fact("keras_setting", f"channels_first in {setting.source}", case.facts.keras_setting),),
        f"Make image_data_format channels_last in {setting.source}.",
        code="image-data-format",
        subject={"setting": setting.source, "wanted": "channels_last"},
    )

def layer_word(case: Case) -> Iterator[Finding]:
    """A layer is made with a word that it does not know: one that layers of another release take."""
    for one in said(case, "keras-unrecognized"):
        name, layer = one.event.values.get("name", ""), one.event.values.get("layer", "")
        if name in _WORDS and (not layer or layer in _LAYERS or name == "dynamic"):
            title = f"{layer or 'a layer'} of this Keras takes no {name}: another release does"
            yield named(_KERAS, "likely", title, (one.evidence,), "said-keras-word")


def saved_class(case: Case) -> Iterator[Finding]:
    """A saved model names a class or function that Keras itself has, and this release does not find it."""
    for one in said(case, "keras-unknown-class"):
        name = one.event.values.get("name", "")
        if name in _LAYERS or name in _FUNCTIONS:
            title = f"the model was saved by another Keras, which writes {name} in another way"
            yield named(_KERAS, "likely", title, (one.evidence,), "said-keras-class")
