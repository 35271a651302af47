"""What a requirement that an installer names is about: TensorFlow and its neighbours, the libraries that an extra asks for, or neither.

The unit is a requirement's text, such as ``tensorflow[and-cuda]==2.15.0``; names come back in lower case, with hyphens.
"""

from __future__ import annotations

import re

from fixer.model.subject import DISTRIBUTIONS

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_EXTRA = ("tensorrt", "nvidia-")
_FRAMEWORKS = ("keras", "tf-keras", "tf-nightly", "jaxlib", "jax", "torch", "ml-dtypes", "tensorflow-io-gcs-filesystem")


def name_of(text: str) -> str | None:
    """The name of the package that a requirement begins with; None where it begins with none."""
    matched = _NAME.match(text)
    return matched.group(1).lower().replace("_", "-") if matched is not None else None


def is_of_an_extra(name: str) -> bool:
    """Whether the package is one of the libraries that ``[and-cuda]`` asks for."""
    return name.startswith(_EXTRA)


def is_framework(name: str) -> bool:
    """Whether the package is TensorFlow, Keras, or a framework that shares their libraries."""
    return name in DISTRIBUTIONS or name in _FRAMEWORKS or name.startswith("tensorflow")
