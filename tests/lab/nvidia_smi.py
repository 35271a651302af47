"""A stand-in nvidia-smi: the table, -L, --query-gpu and --query-compute-apps, from the machine's settings."""

import sys

VALUES = {}
with open("/proc/driver/nvidia/stand-in", encoding="utf-8") as _file:
    for _line in _file:
        _name, _, _value = _line.rstrip("\n").partition("=")
        VALUES[_name] = _value

TOTAL, USED = int(VALUES.get("FAKEGPU_MEM_MIB", "0")), int(VALUES.get("FAKEGPU_USED_MIB", "0"))
CUDA = int(VALUES["FAKEGPU_CUDA"])
UUID = "GPU-01020304-0506-0708-090a-0b0c0d0e0f10"
FIELDS = {
    "index": "0",
    "name": VALUES.get("FAKEGPU_NAME", ""),
    "gpu_name": VALUES.get("FAKEGPU_NAME", ""),
    "uuid": UUID,
    "gpu_uuid": UUID,
    "pci.bus_id": "00000000:01:00.0",
    "pci.device_id": "0x220610DE",
    "driver_version": VALUES["FAKEGPU_DRIVER"],
    "compute_cap": VALUES.get("FAKEGPU_CC", ""),
    "compute_mode": "Default",
    "mig.mode.current": "[N/A]",
    "memory.total": "%d MiB" % TOTAL,
    "memory.used": "%d MiB" % USED,
    "memory.free": "%d MiB" % (TOTAL - USED),
}
TABLE = """Tue Nov 24 04:00:00 2026
+---------------------------------------------------------------------------------------+
| NVIDIA-SMI {driver:<20}   Driver Version: {driver:<12} CUDA Version: {cuda:<8} |
|-----------------------------------------+----------------------+----------------------+
|   0  {name:<34} | 00000000:01:00.0  On |                  N/A |
| 30%   41C    P8              20W / 320W | {used:>6}MiB /{total:>6}MiB |      0%      Default |
+-----------------------------------------+----------------------+----------------------+
"""


def query(names: str, form: list[str]) -> int:
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in FIELDS]
    if unknown:
        print('Field "%s" is not a valid field to query.\n' % unknown[0])
        return 2
    values = [FIELDS[name] for name in wanted]
    if "nounits" in form:
        values = [value.replace(" MiB", "") for value in values]
    if "noheader" not in form:
        print(", ".join(wanted))
    print(", ".join(values))
    return 0


def main(arguments: list[str]) -> int:
    answer = int(VALUES.get("FAKEGPU_NVML", "0"))
    if answer == 18:
        print("Failed to initialize NVML: Driver/library version mismatch\nNVML library version: " + VALUES["FAKEGPU_DRIVER"].rsplit(".", 1)[0])
        return 18
    if answer:
        print(
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
            "Make sure that the latest NVIDIA driver is installed and running.\n"
        )
        return 9
    if VALUES.get("FAKEGPU_COUNT") == "0":
        print("No devices were found")
        return 6
    given = dict(argument.partition("=")[::2] for argument in arguments)
    form = given.get("--format", "csv").split(",")
    for option in ("--query-gpu", "--query-compute-apps"):
        if option in given:
            return query(given[option], form) if option == "--query-gpu" else 0
    if "-L" in given or "--list-gpus" in given:
        print("GPU 0: %s (UUID: %s)" % (FIELDS["name"], UUID))
        return 0
    cuda = "%d.%d" % (CUDA // 1000, CUDA % 1000 // 10)
    sys.stdout.write(TABLE.format(driver=FIELDS["driver_version"], cuda=cuda, name=FIELDS["name"], used=USED, total=TOTAL))
    return 0


sys.exit(main(sys.argv[1:]))
