"""A described machine is looked at alone: options that look at this one are refused beside it, in one line."""

from __future__ import annotations

import pytest

VERBS = (["doctor"], ["plan"], ["why-not", "tensorflow==2.4"], ["report"])
EACH = [(verb, more) for verb in VERBS for more in (["--python", "python3"], ["--sys-root", "/"])]


@pytest.mark.parametrize(("verb", "more"), [*EACH, (["explain", "-"], ["--python", "python3"])])
def test_nothing_of_this_machine_goes_with_a_described_one(convfix, tmp_path, verb, more):
    machine = tmp_path / "machine.json"
    machine.write_text('{"schema": "convfix-machine/1"}')
    told = convfix(*verb, "--machine", str(machine), *more, "--json")
    (error,) = told.json()["errors"]
    assert told.code == 2 and more[0] in error["message"] and "--machine" in error["message"]


def test_a_log_without_this_machine_has_no_python_to_look_at(convfix):
    told = convfix("explain", "-", "--python", "python3", "--json")
    (error,) = told.json()["errors"]
    assert told.code == 2 and "--python" in error["message"] and "--this-machine" in error["message"]
