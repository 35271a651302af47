"""A stand-in nvidia-smi: the table, -L, --query-gpu and --query-compute-apps, of each card or of those of -i, from the machine's settings."""

import sys

VALUES = {}
with open("/proc/driver/nvidia/stand-in", encoding="utf-8") as _file:
    for _line in _file:
        _name, _, _value = _line.rstrip("\n").partition("=")
        VALUES[_name] = _value

CUDA = int(VALUES["FAKEGPU_CUDA"])
MODES = {"0": "Default", "1": "Exclusive_Thread", "2": "Prohibited", "3": "Exclusive_Process"}
HEAD = """Tue Nov 24 04:00:00 2026
+---------------------------------------------------------------------------------------+
| NVIDIA-SMI {driver:<20}   Driver Version: {driver:<12} CUDA Version: {cuda:<8} |
|-----------------------------------------+----------------------+----------------------+
"""
ROW = """|{index:>4}  {name:<34} | {pci.bus_id}  {on:>2} |                  N/A |
| 30%   41C    P8              20W / 320W | {used:>6}MiB /{total:>6}MiB |      0% {compute_mode:>12} |
+-----------------------------------------+----------------------+----------------------+
"""


def value(name: str, card: int, otherwise: str) -> str:
    """A card's own setting, or what holds for all."""
    own = VALUES.get("%s_%d" % (name, card)) if card else None
    return own or VALUES.get(name) or otherwise


def fields(card: int) -> dict[str, str]:
    """What can be queried of one card; as common.h and visible.h have it."""
    total, used = int(value("FAKEGPU_MEM_MIB", card, "0")), int(value("FAKEGPU_USED_MIB", card, "0"))
    digits = bytes(range(card + 1, card + 17)).hex()
    uuid = "GPU-" + "-".join(digits[start:end] for start, end in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
    name = value("FAKEGPU_NAME", card, "")
    vendor, _, device = value("FAKEGPU_PCI", card, "10de:2484").upper().partition(":")
    return {
        "index": str(card),
        "name": name,
        "gpu_name": name,
        "uuid": uuid,
        "gpu_uuid": uuid,
        "pci.bus_id": "00000000:%02X:00.0" % (card + 1),
        "pci.device_id": "0x" + device + vendor,
        "driver_version": VALUES["FAKEGPU_DRIVER"],
        "compute_cap": value("FAKEGPU_CC", card, ""),
        "compute_mode": MODES[value("FAKEGPU_COMPUTE_MODE", card, "0")],
        "mig.mode.current": "[N/A]",
        "memory.total": "%d MiB" % total,
        "memory.used": "%d MiB" % used,
        "memory.free": "%d MiB" % (total - used),
    }


def query(names: str, form: list[str], cards: list[dict[str, str]]) -> int:
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in cards[0]]
    if unknown:
        print('Field "%s" is not a valid field to query.\n' % unknown[0])
        return 2
    if "noheader" not in form:
        print(", ".join(wanted))
    for card in cards:
        values = [card[name] for name in wanted]
        if "nounits" in form:
            values = [one.replace(" MiB", "") for one in values]
        print(", ".join(values))
    return 0


def table(cards: list[dict[str, str]]) -> None:
    cuda = "%d.%d" % (CUDA // 1000, CUDA % 1000 // 10)
    sys.stdout.write(HEAD.format(driver=VALUES["FAKEGPU_DRIVER"], cuda=cuda))
    for card in cards:
        told = {"on": "On" if card["index"] == "0" else "Off", "used": card["memory.used"][:-4], "total": card["memory.total"][:-4]}
        row = ROW.replace("{pci.bus_id}", card["pci.bus_id"])
        sys.stdout.write(row.format(**told, index=card["index"], name=card["name"], compute_mode=card["compute_mode"]))


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
    cards = [fields(card) for card in range(int(VALUES.get("FAKEGPU_COUNT", "1")))]
    if not cards:
        print("No devices were found")
        return 6
    given = dict(argument.partition("=")[::2] for argument in arguments)
    chosen = given.get("--id") or (arguments[arguments.index("-i") + 1] if "-i" in arguments[:-1] else "")
    if chosen:
        named = [card for card in cards for one in chosen.split(",") if one in (card["index"], card["uuid"], card["pci.bus_id"])]
        if not named:
            print("No devices were found")
            return 6
        cards = named
    form = given.get("--format", "csv").split(",")
    for option in ("--query-gpu", "--query-compute-apps"):
        if option in given:
            return query(given[option], form, cards) if option == "--query-gpu" else 0
    if "-L" in given or "--list-gpus" in given:
        for card in cards:
            print("GPU %s: %s (UUID: %s)" % (card["index"], card["name"], card["uuid"]))
        return 0
    table(cards)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
