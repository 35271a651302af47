"""``doctor --all``: each environment with TensorFlow is found and judged by itself."""

import json

import pytest

from tests import patients


@pytest.fixture
def two(tmp_path, wheelhouse, convfix):
    """A healthy environment and one with a NumPy that its TensorFlow cannot stand, in the home of the runner."""
    for name, version in (("tensorflow", "2.15.1"), ("numpy", "1.26.4"), ("numpy", "2.2.6")):
        wheelhouse.add(name, version)
    options = ["--no-index", "--find-links", str(wheelhouse.folder)]
    good = patients.make_patient(convfix.home / "good", "3.11", ["tensorflow==2.15.1", "numpy==1.26.4"], options=options)
    bad = patients.make_patient(convfix.home / ".virtualenvs" / "bad one", "3.11", ["tensorflow==2.15.1", "numpy==2.2.6"], options=options)
    return good, bad


def test_every_environment_is_listed_with_its_own_verdict(convfix, two):
    good, bad = two
    told = convfix("doctor", "--all", "--json")
    listed = {one["python"]: one for one in told.data["environments"]}
    assert listed[good.python]["tensorflow"] == listed[bad.python]["tensorflow"] == "2.15.1"
    causes = {python: {f["cause"] for f in one["findings"]} for python, one in listed.items()}
    assert "numpy-abi" in causes[bad.python] and "numpy-abi" not in causes[good.python]
    assert listed[bad.python]["exit_code"] == 1
    for patient in two:
        alone = convfix("doctor", "--python", patient.python, "--json")
        assert listed[patient.python]["findings"] == alone.data["findings"] and listed[patient.python]["exit_code"] == alone.code
    page = convfix("doctor", "--all")
    assert page.code == told.code and page.stdout.count("2.15.1") == len(listed) and "convfix plan --python" in page.stdout


def test_no_environment_is_no_error(convfix):
    told = convfix("doctor", "--all", "--json", env={"PATH": "/nonexistent"})
    inside = [one for one in told.data["environments"] if one["python"].startswith(str(convfix.home))]
    assert inside == [] and told.code in (0, 1, 6)


@pytest.mark.parametrize("more", [["--python", "python3"], ["--pid", "1"], ["--machine", "-"], ["--sys-root", "/"]])
def test_all_names_no_single_one(convfix, more):
    told = convfix("doctor", "--all", *more, "--json")
    assert told.code == 2 and "--all" in json.dumps(told.json()["errors"])
