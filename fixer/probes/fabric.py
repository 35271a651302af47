"""The NVSwitches of an HGX or DGX machine, and whether their fabric manager runs. The unit is one ``Fabric``.

Until the fabric manager has set the switches up, cuInit answers 802 (CUDA_ERROR_SYSTEM_NOT_READY), while nvidia-smi lists every
card (NVIDIA's Fabric Manager user guide). The kernel module lists each switch that it drives below /proc/driver/nvidia-nvswitch
(procfs_nvswitch.c of NVIDIA's open-gpu-kernel-modules). The switches of the fourth generation are no devices of this module: of
those NVML alone speaks.
"""

from __future__ import annotations

from fixer.host.base import Host
from fixer.model.facts import Fabric
from fixer.model.observed import Observed, absent, found
from fixer.probes.plain import clean, line
from fixer.probes.system import container_of

SWITCHES = "/proc/driver/nvidia-nvswitch/devices"
# The kernel keeps fifteen letters of a program's name.
_MANAGER = "nv-fabricmanager"[:15]


def observe(host: Host) -> Observed[Fabric]:
    """Absent on every machine without NVSwitches; other processes are looked at on one with them alone."""
    switches = tuple(map(clean, host.entries(SWITCHES)))
    if not switches:
        return absent(SWITCHES)
    running = {line(host, f"/proc/{one}/comm") for one in host.entries("/proc") if one.isdigit()}
    if _MANAGER in running:
        return found(Fabric(switches, True), SWITCHES, "/proc/*/comm")
    # Where the first process is no system's, this is a container, and what runs beside it is not shown.
    whole = line(host, "/proc/1/comm") in ("systemd", "init") and container_of(host).is_absent
    return found(Fabric(switches, False if whole else None), SWITCHES, "/proc/*/comm")
