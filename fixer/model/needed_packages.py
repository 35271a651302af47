"""The packages that TensorFlow and Keras import when they start, by their normalised names.

Measured: each was taken from an environment of TensorFlow 2.15.1, 2.16.1 and 2.20.0 (of Keras 3.4.1, 3.8.0 and 3.12.0), and the import
or the first layer failed. google-pasta, namex, grpcio and the tensorboard family stand in the metadata and are not asked for at the start.
"""

from __future__ import annotations

BY_TENSORFLOW = (
    "numpy",
    "protobuf",
    "keras",
    "ml-dtypes",
    "h5py",
    "absl-py",
    "wrapt",
    "six",
    "opt-einsum",
    "gast",
    "astunparse",
    "flatbuffers",
    "termcolor",
    "typing-extensions",
    "requests",
)
# Keras 3 walks nested structures with optree (dm-tree until 3.4), and draws its tables with rich.
BY_KERAS = ("optree", "dm-tree", "rich")
