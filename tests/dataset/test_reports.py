"""What reports turned out to be, by their topics: the dataset says what counting again says, and weighs it as it should."""

from __future__ import annotations

import math

import pytest

from fixer.dataset.questions import Dataset
from fixer.dataset.rows import EVERY_REPORT
from fixer.rules.base_rates import Rates
from fixer.rules.causes import CAUSES
from scripts.harvest import count_reports


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.open(None)


RATES = Rates(
    {"cudnn-missing": 30, "driver-too-old": 30},
    {"cudnn": {"cudnn-missing": 28, "driver-too-old": 2}, "a system: wsl": {"cudnn-missing": 1, "driver-too-old": 15}},
)


@pytest.mark.slow
def test_the_counts_are_those_of_the_reports(dataset: Dataset) -> None:
    rows = {row["topic"]: row["causes"] for row in count_reports.counted(count_reports.reports(), dataset)}
    known = {row.topic: dict(row.causes) for row in dataset.reported_topics()}
    assert rows == known, "run: python -m scripts.harvest.count_reports, then python -m scripts.harvest --tables"


def test_no_topic_has_more_reports_than_there_are(dataset: Dataset) -> None:
    rows = {row.topic: row.causes for row in dataset.reported_topics()}
    every = rows.pop(EVERY_REPORT)
    assert set(every) <= set(CAUSES) and sum(every.values()) > 1000
    assert not [topic for topic, causes in rows.items() for cause, number in causes.items() if not 0 < number <= every.get(cause, 0)]


def test_a_topic_raises_what_its_reports_were_and_the_shares_are_one() -> None:
    shares = {cause: math.exp(one) for cause, one in RATES.logarithms({"cudnn"}).items()}
    assert shares["cudnn-missing"] > 0.9 and math.isclose(sum(shares.values()), 1.0)
    assert math.exp(RATES.logarithms({"a system: wsl"})["driver-too-old"]) > 0.8


def test_a_log_without_words_lacks_none() -> None:
    """That cuDNN is not named would speak against it in a log of other words, and not in an empty one."""
    assert math.isclose(math.exp(RATES.logarithms({"a system: wsl"})["cudnn-missing"]), 1.15 / (1.15 + 14.1), rel_tol=0.3)
    assert RATES.logarithms({"gpu: failed"})["cudnn-missing"] < math.log(0.2)


def test_counts_that_contradict_each_other_do_no_harm() -> None:
    odd = Rates({"cudnn-missing": 2, "gpu-busy": 0}, {"cudnn": {"cudnn-missing": 9, "gpu-busy": 4}})
    assert odd.logarithms({"cudnn"}) == odd.logarithms(set()) == {"cudnn-missing": 0.0}
    assert Rates({}, {}).logarithms({"cudnn"}) == Rates({}, odd.topics).logarithms({"cudnn"}) == {}
