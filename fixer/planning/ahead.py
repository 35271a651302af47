"""Settings that begin to matter when the plan's packages are there: today nothing reads them, so no finding names them.

The unit is ``keras_backend``, which looks at what the actions so far will leave and adds what the environment needs
when it is activated. A setting that a finding speaks of is its remedy's affair.
"""

from __future__ import annotations

from fixer.model import compare, installers
from fixer.model.subject import DISTRIBUTIONS
from fixer.planning import steps
from fixer.planning.draft import Draft
from fixer.planning.outcome import packages_after
from fixer.planning.situation import Situation

_INSTALLS = ("new_environment", "pip_requirements", "conda_packages")
# Backends of Keras 3 that need no package which we follow, and TensorFlow's own.
_HARMLESS = ("tensorflow", "numpy", "openvino", "mlx")
_YES = ("1", "true", "True")
_KERAS_3 = (2, 16)


def keras_backend(situation: Situation, draft: Draft) -> None:
    """A backend that is told for another program would stop the new Keras at its import."""
    setting = situation.facts.keras_setting.value
    told = situation.variables.get("KERAS_BACKEND") or (setting.backend if setting is not None else "")
    action = next((one for one in draft.actions if one.kind in _INSTALLS), None)
    if action is None or not told or told in _HARMLESS or any(one.cause == "keras-backend-setting" for one in situation.findings):
        return
    after = packages_after(situation.packages, draft.actions)
    if told in after or situation.variables.get("TF_USE_LEGACY_KERAS") in _YES or not _has_keras_3(after):
        return
    new = action.kind == "new_environment"
    prefix = str(action.params["path"]) if new else situation.prefix
    by_conda = action.params["manager"] in installers.CONDA_MANAGERS if new else situation.kind == "conda"
    draft.actions += steps.activations(
        situation, prefix, installers.environment_python(prefix) if new else situation.interpreter, action.because,
        conda_environment=by_conda, setting={"KERAS_BACKEND": "tensorflow"},
    )  # fmt: skip
    draft.note(
        f"Keras is told to use {told}, which will not be there: KERAS_BACKEND is tensorflow when the environment is activated. "
        "A notebook server, an IDE or a job must be told there."
    )


def _has_keras_3(packages: dict[str, str]) -> bool:
    keras = packages.get("keras")
    tensorflow = next((packages[name] for name in DISTRIBUTIONS if name in packages), None)
    if keras is not None:
        return tensorflow is not None and compare.release(keras)[:1] >= (3,)
    return tensorflow is not None and compare.minor(tensorflow) >= _KERAS_3
