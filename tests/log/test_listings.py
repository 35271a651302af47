"""What pip and conda list in a log becomes the environment's packages, each with its line; what is no list does not."""

from __future__ import annotations

import pytest

from tests.log.heard import hear

TABLE = "Package                      Version\n---------------------------- --------\nabsl-py                      0.12.0\n{}\nwheel                        0.36.2\n"
LISTED = (
    ("pip list", TABLE.format("tensorflow                   2.15.0"), {"tensorflow": "2.15.0"}),
    ("an editable one", TABLE.format("keras                        2.15.0      /src/keras"), {"keras": "2.15.0"}),
    ("a local version", "torch 2.1.0+cu118", {"torch": "2.1.0+cu118"}),
    ("conda list", "tensorflow                2.4.1           gpu_py39h8236f22_0  defaults", {"tensorflow": "2.4.1"}),
    ("installed", "Successfully installed keras-3.3.3 ml_dtypes-0.3.2 tensorflow-2.16.1", {"keras": "3.3.3", "ml-dtypes": "0.3.2", "tensorflow": "2.16.1"}),
    ("already there", "Requirement already satisfied: numpy<2,>=1.23 in ./lib (from tensorflow) (1.26.4)", {"numpy": "1.26.4"}),
    ("pip show", "Name: tensorflow\nVersion: 2.10.0\nSummary: none", {"tensorflow": "2.10.0"}),
    ("the later one holds", "Successfully installed numpy-2.0.1\nSuccessfully installed numpy-1.26.4", {"numpy": "1.26.4"}),
)
NOT_LISTED = (
    "numpy==1.26.4",
    "Collecting numpy<2",
    "tensorflow 2.15.0 depends on numpy<2.0.0",
    "Because tensorflow 2.15.0 has no wheels",
    "keras 0.98 0.97",
    "numpy is at version 1.26.4",
    "Name: numpy\nSummary: none\nVersion: 1.26.4",
    "Uninstalling numpy-1.26.4:",
    "mytensorflow 2.15.0",
)


@pytest.mark.parametrize(("text", "packages"), [row[1:] for row in LISTED], ids=[row[0] for row in LISTED])
def test_what_is_listed_is_there(text: str, packages: dict[str, str]) -> None:
    environment = hear(text).facts.environment.value
    assert environment is not None and environment.packages.value == packages


@pytest.mark.parametrize("text", NOT_LISTED)
def test_what_is_no_list_is_not(text: str) -> None:
    environment = hear(text).facts.environment.value
    assert environment is None or not environment.packages.value


def test_a_list_names_its_line_and_proves_nothing() -> None:
    text = TABLE.format("numpy                        2.1.3\ntensorflow                   2.15.0") + "ImportError: numpy.core.umath failed to import"
    first = hear(text).answer.causes[0]
    assert (first.cause, first.certainty) == ("numpy-abi", "likely")
    assert [quote.line for quote in first.evidence] == [4, 7]


def test_a_list_without_trouble_is_no_trouble() -> None:
    assert not hear(TABLE.format("numpy                        1.26.4\ntensorflow                   2.15.0")).causes
