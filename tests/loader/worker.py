"""Compares the model with the real loader on a range of layouts and prints one JSON object of counts and differences.

``python -m tests.loader.worker FOLDER FIRST COUNT``; a process of its own, so that it can run where
/etc/ld.so.cache is another one.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections import Counter

from fixer.host.real import RealHost
from tests.loader import layouts, model


def main(folder: str, first: int, count: int) -> None:
    host = RealHost()
    with open(os.path.join(folder, "driver"), "rb") as file:
        template = file.read()
    system, cache = model.setting_of(host, "/bin/sh")
    maker = layouts.Maker(os.path.join(folder, f"layouts-{first}"), template)
    seen: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    differences = []
    for seed in range(first, first + count):
        layout = maker.make(seed)
        predicted = model.predict(layout, host, system, cache, rules)
        real = layouts.run(layout)
        seen.update(step[0] for step in real)
        if not layouts.same(predicted, real):
            differences.append({"layout": vars(layout), "predicted": predicted, "real": real})
        else:
            shutil.rmtree(layout.root)
    print(json.dumps({"count": count, "seen": seen, "rules": rules, "learnt": system.learnt, "differences": differences}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
