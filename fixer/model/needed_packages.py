"""The packages that TensorFlow and Keras import when they start, by their normalised names.

Measured with TensorFlow 2.20.0, most with 2.15.1 or 2.16.1 too: without it the import or the first layer fails. h5py is needed where
the Keras imports it at once (3.8.0 and 3.12.0 do, 3.4.1 does not). google-pasta, namex, grpcio and the tensorboard family stand in
the metadata and are not asked for at the start.
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
# Keras 3 walks nested structures with optree (3.0 with dm-tree), and draws its tables with rich.
BY_KERAS = ("optree", "dm-tree", "rich")
