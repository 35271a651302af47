"""What the tests of the rules share: the dataset of the checkout and the case files."""

from __future__ import annotations

import pytest

from fixer.dataset.questions import Dataset


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return Dataset.open()
