"""What Linux shows of a board in /proc and /sys, here or at the other end of a session.

Any of these files may be missing: virtual machines have few of them, and Android denies some to its shell.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from .arm_parts import name_of
from .board import Board, Cpu

CPU, THERMAL = "/sys/devices/system/cpu", "/sys/class/thermal"
# Patterns of what is read, with * and [] as in the shell.
PATTERNS = (
    "/proc/cpuinfo",
    "/proc/loadavg",
    f"{CPU}/present",
    f"{CPU}/cpu[0-9]*/cpu_capacity",
    f"{CPU}/cpu[0-9]*/cpufreq/scaling_driver",
    f"{CPU}/cpu[0-9]*/cpufreq/scaling_governor",
    f"{CPU}/cpu[0-9]*/cpufreq/scaling_cur_freq",
    f"{CPU}/cpu[0-9]*/cpufreq/scaling_max_freq",
    f"{CPU}/cpu[0-9]*/cpufreq/cpuinfo_max_freq",
    f"{THERMAL}/thermal_zone*/type",
    f"{THERMAL}/thermal_zone*/temp",
    f"{THERMAL}/thermal_zone*/trip_point_*_type",
    f"{THERMAL}/thermal_zone*/trip_point_*_temp",
    f"{THERMAL}/cooling_device*/type",
    f"{THERMAL}/cooling_device*/cur_state",
    # What the firmware of a Raspberry Pi does to its clock, as `vcgencmd get_throttled` tells.
    "/sys/devices/platform/*/*:firmware/get_throttled",
)

# Drivers of x86 processors, whose governor "powersave" raises the clock with the work.
X86_DRIVERS = ("intel_pstate", "amd-pstate")
# What drivers call the zones of processors; a zone "soc" may be a battery's state of charge.
PROCESSOR_ZONE = re.compile(r"cpu|soc.?thermal|big|little|^mid$|pkg", re.IGNORECASE)
# At these trip points Linux slows processors down.
SLOWING_TRIPS = ("passive", "hot")
# Where no such point is shown: here the firmware of a Raspberry Pi begins.
COMMON_LIMIT_CELSIUS = 80.0
PLAUSIBLE_CELSIUS = (1.0, 150.0)
# The bits of get_throttled that say how it is now.
FIRMWARE = (
    "the supply voltage is too low",
    "the firmware caps the clock",
    "the firmware throttles",
    "the firmware's soft temperature limit is active",
)

Files = Mapping[str, str]


def read_board() -> Board:
    """The board that this machine is, now."""
    files = {}
    for pattern in PATTERNS:
        for path in Path("/").glob(pattern.removeprefix("/")):
            with suppress(OSError):
                files[str(path)] = path.read_text(errors="replace")
    return parse_board(files)


def parse_board(files: Files) -> Board:
    """The board of which `files`, texts by path, were read."""
    processors = _processors(files.get("/proc/cpuinfo", ""))
    cpus = [_cpu(number, fields, files) for number, fields in sorted(processors.items())]
    celsius, limit = min(_zones(files), key=lambda zone: zone[1] - zone[0], default=(None, None))
    load = files.get("/proc/loadavg", "").partition(" ")[0]
    return Board(
        cpus,
        offline=max(_highest(files.get(f"{CPU}/present", "")) + 1 - len(cpus), 0),
        load=float(load) if re.fullmatch(r"\d+(\.\d+)?", load) else None,
        celsius=celsius,
        limit_celsius=limit,
        slowed=[*_slowed(files)],
        features=sorted(
            {word for fields in processors.values() for word in fields.get("Features", "").split()}
        ),
    )


def _processors(cpuinfo: str) -> dict[int, dict[str, str]]:
    """The fields of each processor that /proc/cpuinfo lists: those that are online."""
    found: dict[int, dict[str, str]] = {}
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "processor" and value.isdecimal():
            fields = found.setdefault(int(value), {})
        fields[key] = value
    return found


def _cpu(number: int, fields: Mapping[str, str], files: Files) -> Cpu:
    folder = f"{CPU}/cpu{number}"
    implementer, part = (_hexadecimal(fields.get(f"CPU {name}", "")) for name in ("implementer", "part"))
    unnamed = fields.get("model name", "processor")
    core = unnamed if part is None else name_of(implementer or 0, part)
    capacity = _number(files, f"{folder}/cpu_capacity")
    now, limit, highest = (
        _number(files, f"{folder}/cpufreq/{name}", 1000)
        for name in ("scaling_cur_freq", "scaling_max_freq", "cpuinfo_max_freq")
    )
    driver = files.get(f"{folder}/cpufreq/scaling_driver", "")
    governor = files.get(f"{folder}/cpufreq/scaling_governor", "").strip()
    if driver.startswith(X86_DRIVERS):
        governor = ""
    return Cpu(number, core, int(capacity) if capacity else None, governor or None, now, limit, highest)


def _zones(files: Files) -> Iterator[tuple[float, float]]:
    """The temperature of each zone of processors, and the lowest at which Linux slows them down."""
    for path, kind in files.items():
        zone, _, name = path.rpartition("/")
        if not zone.startswith(f"{THERMAL}/thermal_zone") or name != "type":
            continue
        celsius = _celsius(files, f"{zone}/temp")
        if celsius is None or not PROCESSOR_ZONE.search(kind):
            continue
        trips = (
            _celsius(files, f"{path.removesuffix('_type')}_temp")
            for path, kind in files.items()
            if path.startswith(f"{zone}/trip_point_") and kind.strip() in SLOWING_TRIPS
        )
        yield celsius, min((trip for trip in trips if trip), default=COMMON_LIMIT_CELSIUS)


def _slowed(files: Files) -> Iterator[str]:
    """What slows the processors down now."""
    for path, text in files.items():
        device, _, name = path.rpartition("/")
        if name == "get_throttled":
            bits = _hexadecimal(text) or 0
            yield from (words for bit, words in enumerate(FIRMWARE) if bits >> bit & 1)
        elif name == "cur_state" and _number(files, path):
            kind = files.get(f"{device}/type", "").strip()
            if "cpufreq" in kind:
                yield f"{kind} cools by lowering the clock"


def _celsius(files: Files, path: str) -> float | None:
    """Thousandths of a degree, or with some old drivers degrees; None for what a sensor cannot mean."""
    value = _number(files, path)
    if value is not None and abs(value) >= 1000:
        value /= 1000
    return value if value is not None and PLAUSIBLE_CELSIUS[0] <= value <= PLAUSIBLE_CELSIUS[1] else None


def _number(files: Files, path: str, unit: float = 1) -> float | None:
    text = files.get(path, "").strip()
    return int(text) / unit if re.fullmatch(r"-?\d+", text) else None


def _hexadecimal(text: str) -> int | None:
    return int(text, 16) if re.fullmatch(r"\s*(0x)?[0-9a-fA-F]+\s*", text) else None


def _highest(numbers: str) -> int:
    """The last number of a list such as "0-3,5"; -1 of an empty one."""
    found = re.findall(r"\d+", numbers)
    return int(found[-1]) if found else -1
