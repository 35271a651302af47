"""Rules about what a log says of Keras models: a layer's word or a saved name that another release of Keras has, a file that its
h5py reads in another way.

Keras says the same of a class of its own that another release has and of one that the user wrote: a name is judged only
where Keras is known to have it.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model import compare
from fixer.model.finding import Finding
from fixer.rules.case import Case
from fixer.rules.events import evidence, said
from fixer.rules.heard import candidates, named
from fixer.rules.say import finding

_KERAS = "keras-tf-mismatch"
# From this release on Keras takes what h5py 3 gives; measured: tables/package_faults.json, h5py-3-before-2.5.
_FIRST_WITH_H5PY_3 = (2, 5)
_OLDER_H5PY = "Install h5py below 3 in this environment, or a TensorFlow from 2.5 on: older ones read HDF5 as h5py 2 gave it."
# How many lines of a traceback lie between the frame that reads the file and the error.
_NEAR = 6
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


def layer_word(case: Case) -> Iterator[Finding]:
    """A layer is made with a word that it does not know: one that layers of another release take."""
    for one in said(case, "keras-unrecognized"):
        name, layer = one.event.values.get("name", ""), one.event.values.get("layer", "")
        if name in _WORDS and (not layer or layer in _LAYERS or name == "dynamic"):
            title = f"{layer or 'a layer'} of this Keras takes no {name}: another release does"
            yield named(_KERAS, "likely", title, (one.evidence,), "said-keras-word")


def asked_word(case: Case) -> Iterator[Finding]:
    """Keras calls a function of TensorFlow with a word that later releases brought; who else does so is another affair."""
    frames = said(case, "keras-frame")
    for one in said(case, "keras-asks-word") if frames else ():
        function, name = (one.event.values.get(part, "") for part in ("function", "name"))
        # A layer calls what the user wrote, too; what reduces a tensor for Keras stands in its backend.
        if function != "function" and not any(frame.event.values.get("part") == "backend" for frame in frames):
            continue
        title = f"this Keras asks for a newer TensorFlow, whose {function} takes {name}"
        yield named(_KERAS, "likely", title, (frames[-1].evidence, one.evidence), "said-keras-asks")


def saved_class(case: Case) -> Iterator[Finding]:
    """A saved model names a class or function that Keras itself has, and this release does not find it."""
    for one in said(case, "keras-unknown-class"):
        name = one.event.values.get("name", "")
        if name in _LAYERS or name in _FUNCTIONS:
            title = f"the model was saved by another Keras, which writes {name} in another way"
            yield named(_KERAS, "likely", title, (one.evidence,), "said-keras-class")


def hdf5_read_as_bytes(case: Case) -> Iterator[Finding]:
    """Keras before TensorFlow 2.5 decodes what it reads out of an HDF5 file, and h5py 3 gives it as text."""
    if case.tensorflow is not None and compare.minor(case.tensorflow) >= _FIRST_WITH_H5PY_3:
        return
    reads = said(case, "keras-reads-hdf5")
    for one in said(case, "text-has-no-decode"):
        near = [row for row in reads if 0 <= one.event.line - row.event.line <= _NEAR]
        if near:
            title, lines = "this Keras is older than h5py 3, which gives text where it wants bytes", evidence((near[-1], one))
            yield finding(_KERAS, "blocks", "likely", title, lines, _OLDER_H5PY, code="said-keras-hdf5")
            return
        if case.tensorflow is not None:
            # A program's own code, written for Python 2, fails with the same words.
            title = "text was taken for bytes: a Keras this old does so with h5py 3"
            yield from candidates("keras-hdf5", {_KERAS: 56.0, "unresolved-other": 44.0}, title, (one.evidence,), ("pip", "show", "h5py"))
            return
