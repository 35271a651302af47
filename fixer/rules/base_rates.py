"""What real reports with the same topics turned out to be: how probable each cause is before any wording is known.

The unit is ``Rates``: how many reports had a cause, and how many of those a topic (``reports.json``). Topics are weighed as if
they were independent of each other, which they are not: the answer orders candidates, and is proof of nothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from fixer.dataset.rows import EVERY_REPORT
from fixer.model.record import record
from fixer.rules.case import Case
from fixer.rules.topics import is_worded, topics

# A topic of fewer reports tells nothing.
_LEAST = 4
# So many reports of the usual kind are added to each cause's own, which may be few.
_ADDED = 2.4
# No rate is nothing, or the whole.
_SLIGHT = 1e-6


@record(frozen=True)
class Rates:
    """Counts of reports: ``causes`` by cause, ``topics`` by topic and cause."""

    causes: Mapping[str, int]
    topics: Mapping[str, Mapping[str, int]]

    def logarithms(self, said: Collection[str]) -> dict[str, float]:
        """The natural logarithm of each cause's share among reports with the topics ``said`` and without the others.

        The shares' sum is 1. Where nothing was said in words, which words are not there tells nothing.
        """
        # A foreign dataset may count topics of no report.
        reports = max(sum(self.causes.values()), 1)
        worded = any(map(is_worded, said))
        usual = {topic: sum(counts.values()) for topic, counts in self.topics.items()}
        told = [
            (topic in said, self.topics[topic], number / reports)
            for topic, number in usual.items()
            if number >= _LEAST and (worded or not is_worded(topic))
        ]
        made = {}
        for cause, number in self.causes.items():
            if number <= 0:
                continue
            whole = math.log(number)
            for there, counts, share in told:
                rate = (counts.get(cause, 0) + _ADDED * share) / (number + _ADDED)
                # A foreign dataset may count more reports with a topic than there are.
                rate = min(max(rate, _SLIGHT), 1.0 - _SLIGHT)
                whole += math.log(rate if there else 1.0 - rate)
            made[cause] = whole
        most = max(made.values(), default=0.0)
        total = most + math.log(sum(math.exp(one - most) for one in made.values())) if made else 0.0
        return {cause: one - total for cause, one in made.items()}


def rates(case: Case) -> Rates:
    """The counts of the case's dataset."""
    rows = {row.topic: row.causes for row in case.dataset.reported_topics()}
    return Rates(rows.pop(EVERY_REPORT, {}), rows)


def logarithms(case: Case) -> Mapping[str, float]:
    """``Rates.logarithms`` for the case's own topics; worked out once."""
    known: Mapping[str, float] | None = case.memory.get("base_rates")
    if known is None:
        known = case.memory["base_rates"] = rates(case).logarithms(topics(case))
    return known
