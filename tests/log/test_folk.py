"""Wrong and dangerous remedies: named where a log shows one, with its undoing, and never advised; what only looks so is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixer.rules.advice import ADVICE
from scripts.bench.advice import harm
from tests.log.heard import dataset, hear

FOLK: dict[str, Any] = json.loads((Path(__file__).resolve().parents[1] / "cases" / "explain" / "folk.json").read_text("utf-8"))
TRIED = [(symptom, text) for symptom, texts in FOLK["tried"].items() for text in texts]
FAILURE = "E a.cc:1] Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR\n"


@pytest.mark.parametrize(("symptom", "text"), TRIED, ids=[text[:60] for _, text in TRIED])
def test_a_wrong_remedy_is_named_with_its_undoing(symptom: str, text: str) -> None:
    for log, line in ((text, 1), (f"{FAILURE}$ {text}\n{FAILURE}", 2)):
        answer = hear(log).answer
        assert [one.line for one in answer.tried if one.symptom == symptom] == [line]
        commands = [argv for cause in answer.causes for argv in cause.remedy.commands]
        assert not [argv for argv in commands if harm(list(argv), "")]
    alone, beside = hear(FAILURE).causes, hear(f"{FAILURE}{text}").causes
    assert not beside or beside[0] in alone or symptom in ("folk-no-gpu", "folk-stubs"), (alone, beside)


@pytest.mark.parametrize("text", FOLK["fine"])
def test_what_only_looks_like_one_is_left_alone(text: str) -> None:
    assert not hear(text).answer.tried


def test_each_row_says_how_to_undo_it_and_has_lines() -> None:
    rows = [row for row in dataset().symptoms() if row.kind == "folk"]
    assert {row.id for row in rows} == set(FOLK["tried"])
    for row in rows:
        assert "Undo it: " in row.about or "a reboot does the same" in row.about, row.id


def test_no_advice_is_one_of_them() -> None:
    for cause, advice in ADVICE.items():
        for argv in advice.commands or ():
            assert not harm(list(argv), ""), cause
            assert not hear(" ".join(argv)).answer.tried, cause
