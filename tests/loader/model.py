"""The model's side of the differential test: the same layout, predicted, in the words of ``layouts.run``."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from fixer.loader.cache import PATH, Cache, parse_cache
from fixer.loader.files import HostFiles
from fixer.loader.search import Answer, Process, Setting
from fixer.loader.system import System, learn
from tests.loader import layouts


def machine_cache(host: Any) -> Cache | None:
    try:
        return parse_cache(host.read(PATH, 64 << 20))
    except FileNotFoundError:
        return Cache({})


def predict(
    layout: layouts.Layout, host: Any, system: System, cache: Cache | None, rules: Counter[str]
) -> list[Any]:
    """Choose the layout's calls as the model goes along (a caller must be loaded) and say what they do."""
    rng = random.Random(layout.seed * 7919 + 1)
    files = HostFiles(host, cwd=layout.cwd)
    setting = Setting(system, cache, layout.environ, cwd=layout.cwd)
    process = Process(files, setting, layout.program)
    started = process.start()
    if started.failure is not None:
        return [_failed(started, start=True)]
    steps: list[Any] = [_maps(process)]
    for _ in range(rng.randint(1, 5)):
        caller, name = layouts.call(rng, layout.root, [one.path for one in process.loaded])
        layout.calls.append((caller, name))
        owner = None if caller == "-" else next(one for one in process.loaded if one.path == caller)
        answer = process.dlopen(name, owner)
        rules[answer.rule or "none"] += 1
        if answer.failure is None:
            steps.append(("OK", answer.path))
        else:
            steps.append(_failed(answer))
            if answer.failure.kind == "kills":
                return steps
        steps.append(_maps(process))
    return steps


def _maps(process: Process) -> Any:
    return ("maps", tuple(sorted(one.path for one in process.loaded if one.path)))


def _failed(answer: Answer, start: bool = False) -> Any:
    assert answer.failure is not None
    if answer.failure.kind == "kills":
        return ("killed", "")
    return ("start" if start else "ERR", answer.failure.message)


def setting_of(host: Any, program: str) -> tuple[System, Cache | None]:
    return learn(host, "/lib64/ld-linux-x86-64.so.2", program, {}), machine_cache(host)
