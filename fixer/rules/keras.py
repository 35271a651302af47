"""Rules about Keras' settings: its backend, the legacy switch, the layout of images.

Which Keras versions fit which TensorFlow stands with the other packages in ``neighbours``, what a log says of saved models
in ``heard_keras``.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixer.model import compare
from fixer.model.finding import Evidence, Finding
from fixer.rules.case import Case
from fixer.rules.say import fact, finding, set_at_start

_PACKAGES = {"jax": "jax", "torch": "torch", "tensorflow": "tensorflow"}
# Backends that Keras 3 knows and that need no package which we follow.
_ALSO_KNOWN = ("numpy", "openvino", "mlx")
# The only values that TensorFlow honours; "yes" or "on" is passed over.
_LEGACY = ("true", "True", "1")
_FIRST_LEGACY = (2, 15)
_KERAS_3 = (2, 16)



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


# What stands in the place of the whole file's object, beside a value in it.
_WHOLE = ("a list", "a text", "a number", "a folder", "a file", "null", "true or false")


def refused_value(case: Case) -> Iterator[Finding]:
    """keras.json holds a value that Keras does not take: its import ends there, and TensorFlow's with it."""
    setting = case.facts.keras_setting.value
    if setting is None or setting.refused is None or case.tensorflow is None:
        return
    what, path = setting.refused, setting.refused_in or "keras.json"
    whole = what.startswith(_WHOLE)
    yield finding(
        "keras-backend-setting",
        "blocks",
        "proven",
        f"Keras does not take {what}{f' as {path}' if whole else ''}, and ends its import there",
        (fact("keras_setting.refused", f"{what} in {path}", case.facts.keras_setting), *case.tensorflow_evidence()),
        f"Give {path} back to its user, or rename it: Keras then makes a new one."
        if what.startswith("a file")
        else f"Rename {path}: Keras then makes a new one. What it reads there is one JSON object, such as {{\"backend\": \"tensorflow\"}}."
        if whole
        else f"Correct that line of {path}, or take it away: floatx is float16, float32 or float64, epsilon a number with a point, "
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
