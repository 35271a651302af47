"""Hears a text as ``convfix explain`` does, inside the test's own process: bytes in, hits, facts and the explanation out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from fixer.dataset.questions import Dataset
from fixer.log import hearing
from fixer.log.facts import joined
from fixer.log.hit import Hit
from fixer.log.matcher import Matcher
from fixer.model.facts import Facts
from fixer.model.heard import Explanation
from fixer.model.plan import Wish
from fixer.probes import environment_file
from fixer.rules import every_rule
from fixer.rules.case import Case
from fixer.rules.explaining import explain


@dataclass(frozen=True)
class Heard:
    """What one text gave."""

    hits: tuple[Hit, ...]
    facts: Facts
    answer: Explanation

    @property
    def symptoms(self) -> set[str]:
        return {hit.symptom.id for hit in self.hits}

    @property
    def causes(self) -> list[str]:
        return [cause.cause for cause in self.answer.causes]


@lru_cache(maxsize=1)
def dataset() -> Dataset:
    return Dataset.open(None)


@lru_cache(maxsize=1)
def matcher() -> Matcher:
    return Matcher(dataset().symptoms())


def hear(text: str | bytes, environment: Mapping[str, str] | None = None) -> Heard:
    """``text`` as a log, joined with a report's own words about its machine."""
    data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    log = hearing.hear(io.BytesIO(data).read, matcher())
    facts = log.facts if environment is None else joined(log.facts, environment_file.facts(environment))
    if log.form:
        facts = joined(facts, environment_file.facts(log.form, environment_file.FORM))
    case = Case(facts, dataset(), Wish())
    return Heard(log.hits, facts, explain(case, (found for rule in every_rule() for found in rule(case)), log.lines))
