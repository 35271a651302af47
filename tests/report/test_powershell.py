"""Commands for Windows: an own reading of PowerShell's rules gives every word back, and a grammar of PowerShell takes the scripts."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixer.dataset.questions import Dataset
from fixer.model import powershell
from fixer.model.plan import Plan, Wish
from fixer.report.formats import NoDocument, document
from tests import patients
from tests.planning import harness

CHECK = "if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }"
# Of about_Quoting_Rules and about_Parsing: what ends a bare word or makes it mean something else.
_MEANS_MORE = set(" \t\n\r'\"`$&|;(){}<>,#@%\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u2013\u2014\u2015")
_AS_ITSELF = re.compile(r"-{1,2}[A-Za-z][\w-]*|[^-\d].*|\d[\d.]*|\d\w*[=:].*", re.DOTALL)
_READS = """
import json, sys
import tree_sitter, tree_sitter_powershell
parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
for text in json.load(open(sys.argv[1])):
    print(json.dumps(parser.parse(text.encode()).root_node.has_error))
"""


def read(text: str) -> list[str]:
    """The words of one command as PowerShell's argument mode reads them; AssertionError where one means more than itself."""
    words, place = [], 0
    if text.startswith("& "):
        place = 2
        assert text[place] == "'"
    else:
        assert text[:1] != "'", "a string at the beginning is printed, not run"
    while place < len(text):
        if text[place] == "'":
            made, place = "", place + 1
            while True:
                if text[place] in "'\u2018\u2019\u201a\u201b":
                    if text[place + 1 : place + 2] not in ("'", "\u2018", "\u2019", "\u201a", "\u201b"):
                        break
                    place += 1
                made, place = made + text[place], place + 1
            words.append(made)
            place += 1
        else:
            end = text.find(" ", place)
            bare = text[place : len(text) if end < 0 else end]
            assert bare and not set(bare) & _MEANS_MORE and _AS_ITSELF.fullmatch(bare), bare
            words.append(bare)
            place += len(bare)
        assert place == len(text) or text[place] == " "
        place += 1
    return words


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from(string.printable + "\u2018\u2019\u2014é"), max_size=12), min_size=1, max_size=5))
def test_every_word_arrives_as_it_was(argv: list[str]) -> None:
    assert read(powershell.line(argv)) == argv


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["uv", "venv", "--python", "3.12", "C:\\Users\\u\\e"], "uv venv --python 3.12 C:\\Users\\u\\e"),
        (["C:\\Users\\Jo Ann\\e\\python.exe", "-m", "pip"], "& 'C:\\Users\\Jo Ann\\e\\python.exe' -m pip"),
        (["py", "-3.12", "-m", "venv", "C:\\O'Neil"], "py '-3.12' -m venv 'C:\\O''Neil'"),
        (["uv", "add", "numpy<2", "a==1.2"], "uv add 'numpy<2' a==1.2"),
    ],
)
def test_a_line_is_what_a_person_would_type(argv: list[str], line: str) -> None:
    assert powershell.line(argv) == line


def on_windows() -> dict[str, Plan]:
    """Every planning case whose machine runs Windows, and one whose home has a space."""
    dataset, made = Dataset.open(), {}
    for name in harness.names():
        case = harness.load(name)
        if case["machine"].get("os") == "windows":
            made[name] = harness.plan_of(case["machine"], harness.wish_of(case["wish"]), dataset)
    told = {**harness.load("windows-cpu--a")["machine"], "variables": {"USERPROFILE": "C:\\Users\\Jo O'Neil"}}
    made["a home with a space and a quote"] = harness.plan_of(told, Wish(), dataset)
    return made


def scripts() -> dict[str, tuple[Plan, str]]:
    found = {}
    for name, plan in on_windows().items():
        try:
            found[name] = plan, document(plan, "commands", windows=True)
        except NoDocument:
            assert plan.outcome is None
    return found


def test_a_script_for_windows_runs_every_command_and_stops_where_one_fails() -> None:
    made = scripts()
    assert len(made) > 8
    for name, (plan, text) in made.items():
        live = [line for line in text.splitlines() if line and not line.startswith("#")]
        commands = [list(argv) for action in plan.actions for argv in action.commands]
        assert live[0] == "$ErrorActionPreference = 'Stop'" and live[2::2] == [CHECK] * len(commands), name
        assert [read(line) for line in live[1::2]] == commands, name
    assert any("Scripts\\python.exe" in text for _, text in made.values())


def test_the_plan_itself_writes_for_the_machine_s_own_shell(convfix: Any, tmp_path: Path) -> None:
    told = {**harness.load("windows-cpu--a")["machine"], "variables": {"USERPROFILE": "C:\\Users\\Jo Ann"}}
    (tmp_path / "windows.json").write_text(json.dumps(told))
    answer = convfix("plan", "--machine", str(tmp_path / "windows.json"), "--format", "commands")
    assert CHECK in answer.stdout and "set -eu" not in answer.stdout
    page = convfix("plan", "--machine", str(tmp_path / "windows.json")).stdout
    assert "& 'C:\\Users\\Jo Ann\\convfix-env\\Scripts\\activate'" in page and "convfix apply" not in page


@pytest.mark.slow
def test_a_grammar_of_powershell_takes_the_scripts(tmp_path: Path) -> None:
    reader = patients.make_patient(tmp_path / "reader", "3.11", ["tree-sitter", "tree-sitter-powershell"], pip=False)
    texts = [text for _, text in scripts().values()]
    wrong = ["'C:\\e\\python.exe' -m pip install a==1\n", "uv add a (\n"]
    (tmp_path / "texts.json").write_text(json.dumps([*texts, *wrong]))
    done = reader.run("-c", _READS, str(tmp_path / "texts.json"))
    assert [json.loads(line) for line in done.stdout.split()] == [False] * len(texts) + [True, True], done
