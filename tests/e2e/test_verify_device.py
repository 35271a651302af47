"""``verify`` without ``--device``: the GPU where some stack can use it, and the CPU where none can."""

import json
import sys

import pytest

from tests.conftest import ROOT, START
from tests.lab.machine import Card

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("card", "device"), [
    (Card("NVIDIA GeForce GTX 580", "10de:1080", "2.0", 1536), "cpu"),
    ("RTX 3080", "gpu"),
])  # fmt: skip
def test_a_card_that_no_stack_can_use_leaves_the_cpu(lab, staged, card, device):
    one = staged("2.4.4")
    argv = [sys.executable, "-I", "-c", START, str(ROOT), "verify", "--level", "loader", "--python", one.patient.python, "--json"]
    done = lab.run(argv, gpu=card, over=one.machine.over, variables=one.cured, cwd="/")
    told = json.loads(done.stdout)
    assert (told["data"]["device"], told["data"]["passed"], done.returncode) == (device, True, 0), done.stdout
