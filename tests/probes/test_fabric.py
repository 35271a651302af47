"""NVSwitches and their fabric manager, as /proc shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixer.probes import fabric
from tests.probes.trees import described

SWITCH = {"proc/driver/nvidia-nvswitch/devices/0000:c4:00.0/information": "BIOS Version: N/A"}
WHOLE = {**SWITCH, "proc/1/comm": "systemd\n"}


@pytest.mark.parametrize(
    ("files", "managed"),
    [
        ({**WHOLE, "proc/812/comm": "nv-fabricmanage\n"}, True),
        ({**WHOLE, "proc/812/comm": "nv-hostengine\n"}, False),
        ({**WHOLE, ".dockerenv": ""}, None),
        ({**WHOLE, "run/systemd/container": "lxc\n"}, None),
        ({**SWITCH, "proc/1/comm": "bash\n"}, None),
        (SWITCH, None),
    ],
)
def test_whether_the_fabric_manager_runs(tmp_path: Path, files: dict[str, str | None], managed: bool | None) -> None:
    seen = fabric.observe(described(tmp_path, files)).value
    assert seen is not None and (seen.switches, seen.managed) == (("0000:c4:00.0",), managed)


def test_a_machine_without_switches_has_no_fabric(tmp_path: Path) -> None:
    files = {"proc/1/comm": "systemd\n", "proc/driver/nvidia-nvswitch/devices/": None}
    assert fabric.observe(described(tmp_path, files)).is_absent
