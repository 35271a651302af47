"""Whatever a file, a log or a tool says: an answer or one clear line, in bounded memory. S3 of the reliability anchors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.hostile import campaign
from tests.hostile.readers import Reader

INPUTS = 200_000
SEED = 20261127
# CONVFIX_FUZZ_INPUTS=10000000 makes a night of it; CONVFIX_FUZZ_SEED another one.
COUNT = int(os.environ.get("CONVFIX_FUZZ_INPUTS", INPUTS))


def fed(folder: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """What a campaign in as many processes as there are cores says, each for its part of the inputs."""
    parts = len(os.sched_getaffinity(0))
    running = []
    for part in range(parts):
        (own := folder / str(part)).mkdir()
        command = [sys.executable, "-m", "tests.hostile.campaign", *map(str, (own, count, seed, part, parts))]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    said = [(one.communicate(), one.returncode) for one in running]
    for (_, wrong), status in said:
        assert status == 0 and not wrong, f"status {status}: {wrong[-3000:]}"
    return [json.loads(out) for (out, _), _ in said]


@pytest.mark.slow
def test_spoiled_input_is_answered_or_refused_in_one_line(tmp_path: Path) -> None:
    told = fed(tmp_path, COUNT, int(os.environ.get("CONVFIX_FUZZ_SEED", SEED)))
    faults = [fault for one in told for fault in one["faults"]]
    assert not faults, "\n".join(faults)
    assert sum(sum(one["inputs"].values()) for one in told) >= min(COUNT, INPUTS) and len(told[0]["inputs"]) >= 67
    assert all(one["peak_kib"] < campaign.MEMORY >> 10 for one in told)


def test_the_campaign_can_fail() -> None:
    def breaks(data: bytes) -> object:
        return {}["no such key"]

    def floods(data: bytes) -> object:
        from fixer.errors import UsageError

        raise UsageError("x", "y" * 10_000)

    assert "KeyError" in (campaign.fault(Reader("x", (b"",), breaks, 1), b"") or "")
    assert "characters" in (campaign.fault(Reader("x", (b"",), floods, 1), b"") or "")
    assert campaign.fault(Reader("x", (b"",), len, 1), b"") is None


@pytest.mark.long
def test_huge_and_deep_input_in_bounded_memory_and_work(tmp_path: Path) -> None:
    """CONVFIX_FUZZ_SIZE=100000000 gives a hundred megabytes to each reader; just below their limits, 8, 24 and 31 million are harder."""
    size = int(os.environ.get("CONVFIX_FUZZ_SIZE", 1 << 18))
    done = subprocess.run([sys.executable, "-m", "tests.hostile.huge", str(tmp_path), str(size)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"status {done.returncode}, at {done.stderr[-300:]}"
    told = json.loads(done.stdout)
    assert not told["faults"], "\n".join(told["faults"])
    assert told["inputs"] >= 3000 and told["peak_kib"] < campaign.MEMORY >> 10
