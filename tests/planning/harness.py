"""Reads a planning case and compares its plan with what the case expects; one small check per key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

from packaging.version import Version

from fixer.dataset.questions import Dataset
from fixer.model import machine
from fixer.model.codec import to_json
from fixer.model.plan import Plan, Wish
from fixer.planning import make_plan
from fixer.rules import judge

CASES = Path(__file__).resolve().parents[1] / "cases" / "planning"


def names() -> list[str]:
    return sorted(path.stem for path in CASES.glob("*.json"))


def load(name: str) -> dict[str, Any]:
    return json.loads((CASES / f"{name}.json").read_text())


def wish_of(data: dict[str, Any]) -> Wish:
    return Wish(tuple(data.get("requirements", ())), **{k: v for k, v in data.items() if k != "requirements"})


def plan_of(described: dict[str, Any], wish: Wish, dataset: Dataset) -> Plan:
    facts = machine.decode(described)
    return make_plan(facts, judge(facts, dataset, wish), dataset, wish, "0")


def _commands(plan: Plan) -> list[list[str]]:
    return [list(argv) for action in plan.actions for argv in action.commands]


def _human(plan: Plan) -> str:
    return "\n".join("\n".join((step.summary, step.why, *(" ".join(argv) for argv in step.commands))) for step in plan.human_steps)


def _requirements(plan: Plan) -> list[str]:
    return sorted(text for action in plan.actions for text in action.params.get("requirements", ()))


def _state(plan: Plan) -> Any:
    assert plan.outcome is not None, "the plan has no outcome"
    return plan.outcome


def _preloaded(plan: Plan) -> list[str]:
    return [path.rpartition("/")[2] for action in plan.actions for path in action.params.get("libraries", ())]


def _package(plan: Plan, name: str) -> Version:
    return Version(_state(plan).packages[name])


def _refused(plan: Plan, wanted: dict[str, str]) -> bool:
    for version, text in wanted.items():
        found = [r for r in plan.rejected if version in r.stack.values()]
        if not any(text in reason.text for r in found for reason in r.reasons):
            raise AssertionError(f"{version} is not refused for {text!r}: {[[x.text for x in r.reasons] for r in found]}")
    return True


def _primary(plan: Plan) -> str | None:
    return next((one.cause for one in plan.findings if one.primary), None)


CHECKS: dict[str, Callable[[Plan, Any, dict[str, Any]], bool]] = {
    "cause": lambda p, v, m: _primary(p) == v,
    "risk": lambda p, v, m: any(one.code == v and one.severity == "risks" for one in p.findings),
    "exit_code": lambda p, v, m: p.exit_code == v,
    "outcome": lambda p, v, m: p.outcome is None,
    "kinds": lambda p, v, m: [a.kind for a in p.actions] == v,
    "kinds_start": lambda p, v, m: [a.kind for a in p.actions][: len(v)] == v,
    "installs": lambda p, v, m: len([c for c in _commands(p) if "install" in c]) == v,
    "commands": lambda p, v, m: _commands(p) == v,
    "words": lambda p, v, m: all(any(text in " ".join(c) for c in _commands(p)) for text in v),
    "no_words": lambda p, v, m: not any(text in " ".join(c) for c in _commands(p) for text in v),
    "settles": lambda p, v, m: all(any(text in json.dumps(to_json(a)) for a in p.actions) for text in v),
    "first_word": lambda p, v, m: _commands(p)[0][0] == v,
    "requirements": lambda p, v, m: _requirements(p) == v,
    "removes": lambda p, v, m: sorted(n for a in p.actions for n in a.params.get("remove", ())) == v,
    "takes_off": lambda p, v, m: all(
        list(a.params.get("drop", {}).get("LD_LIBRARY_PATH", ())) == v for a in p.actions if a.kind == "activation_script"
    ),
    "human": lambda p, v, m: all(text in _human(p) for text in v),
    "human_not": lambda p, v, m: not any(text in _human(p) for text in v),
    "human_steps": lambda p, v, m: len(p.human_steps) == v,
    "notes": lambda p, v, m: all(text in "\n".join(p.notes) for text in v),
    "refused": lambda p, v, m: _refused(p, v),
    "reaches": lambda p, v, m: all(list(a.reaches) == v for a in p.actions),
    "preloads": lambda p, v, m: set(v) <= {path.rpartition("/")[2] for a in p.actions for path in a.params.get("libraries", ())},
    "preload_order": lambda p, v, m: [n for n in _preloaded(p) if n in v] == v,
    "device": lambda p, v, m: _state(p).device == v,
    "python": lambda p, v, m: _state(p).python == v,
    "tensorflow": lambda p, v, m: _state(p).tensorflow == v,
    "tensorflow_not": lambda p, v, m: _state(p).tensorflow not in (v, None),
    "tensorflow_below": lambda p, v, m: Version(_state(p).tensorflow) < Version(v),
    "tensorflow_at_least": lambda p, v, m: Version(_state(p).tensorflow) >= Version(v),
    "prerelease": lambda p, v, m: Version(_state(p).tensorflow).is_prerelease == v,
    "distribution": lambda p, v, m: _state(p).distribution == v,
    "packages": lambda p, v, m: all(_state(p).packages.get(n) == x for n, x in v.items()),
    "package_at_least": lambda p, v, m: all(_package(p, n) >= Version(x) for n, x in v.items()),
    "package_below": lambda p, v, m: all(_package(p, n) < Version(x) for n, x in v.items()),
    "only_changes": lambda p, v, m: sorted(
        n for n, x in _state(p).packages.items() if m["environment"]["packages"].get(n) != x
    ) == v,
    "has": lambda p, v, m: set(v) <= set(_state(p).packages),
    "absent": lambda p, v, m: not set(v) & set(_state(p).packages),
    "no_package_like": lambda p, v, m: not any(n.startswith(v) for n in _state(p).packages),
    "cuda": lambda p, v, m: _state(p).cuda == v,
    "cuda_at_least": lambda p, v, m: Version(_state(p).cuda) >= Version(v),
    "cudnn": lambda p, v, m: _state(p).cudnn == v,
    "cudnn_major": lambda p, v, m: Version(_state(p).cudnn).major == v,
    "cudnn_at_least": lambda p, v, m: Version(_state(p).cudnn) >= Version(v),
    "cudnn_below": lambda p, v, m: Version(_state(p).cudnn) < Version(v),
    "libraries_from": lambda p, v, m: list(_state(p).libraries_from) == v,
    "driver": lambda p, v, m: _state(p).driver == v,
    "driver_branch": lambda p, v, m: _state(p).driver["branch"] == v,
}  # fmt: skip


def wrong(plan: Plan, expect: dict[str, Any], described: dict[str, Any]) -> list[str]:
    """The keys of ``expect`` that ``plan`` does not meet, each with what it has."""
    found = []
    for key, value in expect.items():
        try:
            met = CHECKS[key](plan, value, described)
        except (AssertionError, IndexError, KeyError, TypeError) as error:
            met, value = False, f"{value} ({type(error).__name__}: {error})"
        if not met:
            found.append(f"{key}: expected {value}")
    return found


def told(plan: Plan) -> str:
    """A plan in a few lines, for a failing test."""
    lines = [f"exit {plan.exit_code}", f"outcome {plan.outcome}", f"notes {plan.notes}"]
    lines += [f"{a.kind}: {a.commands or dict(a.params)}" for a in plan.actions]
    lines += [f"person: {s.summary} {s.commands}" for s in plan.human_steps]
    lines += [f"finding {f.code} {f.severity} {f.certainty} {f.needs}" for f in plan.findings]
    lines += [f"refused {dict(r.stack)}: {[x.text for x in r.reasons]}" for r in plan.rejected[:8]]
    return "\n".join(lines)
