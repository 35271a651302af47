"""DenseNet121 on the CPU by the real TensorFlow, in the era of Keras 2 and in that of Keras 3."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixer.host.real import RealHost
from fixer.verify import bare, verify
from tests.patients import make_patient

SHIM = """
import os, sys
sys.path.remove(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
del sys.modules["tensorflow"]
import tensorflow
true = tensorflow.nn.conv2d
tensorflow.nn.conv2d = lambda *given: true(*given) * 1.01
"""


@pytest.mark.slow
@pytest.mark.parametrize("release", ["2.15.1", "2.21.0"])
def test_every_level_on_the_cpu(tmp_path: Path, release: str) -> None:
    patient = make_patient(tmp_path / "env", requirements=[f"tensorflow=={release}"], pip=False)
    host = RealHost()
    seen = verify(host, patient.python, "densenet", "cpu", surroundings=bare(host))
    assert seen.passed, seen.steps
    assert [step.name for step in seen.steps] == ["tensorflow-imports", "convolution", "densenet121"]
    assert f"TensorFlow {release}" in seen.steps[0].detail
    assert "on the CPU, Keras " + ("2." if release == "2.15.1" else "3.") in seen.steps[2].detail
    # The same TensorFlow with a convolution that is one percent too large.
    (tmp_path / "shim" / "tensorflow").mkdir(parents=True)
    (tmp_path / "shim" / "tensorflow" / "__init__.py").write_text(SHIM)
    wrong = verify(RealHost({"PYTHONPATH": str(tmp_path / "shim")}), patient.python, "convolution", "cpu")
    assert not wrong.passed and wrong.steps[-1].detail.startswith("wrong numbers")
    # Another backend of Keras is not TensorFlow.
    if release == "2.21.0":
        other = verify(RealHost({**bare(host).environ, "KERAS_BACKEND": "numpy"}), patient.python, "densenet", "cpu")
        assert not other.passed and other.steps[-1].name in ("tensorflow-imports", "densenet121")
    without = verify(host, patient.python, "loader", "gpu", surroundings=bare(host))
    assert not without.passed and "libcudnn.so." in without.steps[-1].detail
