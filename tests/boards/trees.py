"""Boards and phones as Linux shows them: folders with the files of /proc and /sys that matter, made by hand.

They are after what such boards show; none of them was recorded on one.
"""

from collections.abc import Mapping
from pathlib import Path

CPU, THERMAL = "sys/devices/system/cpu", "sys/class/thermal"
A53, A55, A72, A76, A78, X1 = 0xD03, 0xD05, 0xD08, 0xD0B, 0xD41, 0xD44
HALF = "fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"


def cpuinfo(parts: Mapping[int, int], features: str = HALF, implementer: int = 0x41) -> str:
    """/proc/cpuinfo of the processors with these `parts`, by number."""
    return "\n".join(
        f"processor\t: {number}\nBogoMIPS\t: 108.00\nFeatures\t: {features}\n"
        f"CPU implementer\t: {implementer:#x}\nCPU architecture: 8\nCPU variant\t: 0x0\n"
        f"CPU part\t: {part:#x}\nCPU revision\t: 3\n"
        for number, part in parts.items()
    )


def cpufreq(number: int, governor: str, now: int, limit: int, highest: int) -> dict[str, str]:
    """The clock of a processor, in MHz."""
    folder = f"{CPU}/cpu{number}/cpufreq"
    clocks = {"scaling_cur_freq": now, "scaling_max_freq": limit, "cpuinfo_max_freq": highest}
    files = {f"{folder}/{name}": f"{1000 * clock}\n" for name, clock in clocks.items()}
    return files | {f"{folder}/scaling_governor": f"{governor}\n"}


def zone(number: int, kind: str, celsius: float, **trips: float) -> dict[str, str]:
    """A thermal zone, and its trip points."""
    folder = f"{THERMAL}/thermal_zone{number}"
    files = {f"{folder}/type": f"{kind}\n", f"{folder}/temp": f"{1000 * celsius:.0f}\n"}
    for place, (name, at) in enumerate(trips.items()):
        files[f"{folder}/trip_point_{place}_type"] = f"{name}\n"
        files[f"{folder}/trip_point_{place}_temp"] = f"{1000 * at:.0f}\n"
    return files


def cooling(number: int, kind: str, state: int) -> dict[str, str]:
    """A cooling device."""
    folder = f"{THERMAL}/cooling_device{number}"
    return {f"{folder}/type": f"{kind}\n", f"{folder}/cur_state": f"{state}\n"}


def pi4(*, governor: str = "performance", mhz: int = 1800, celsius: float = 48.2, throttled: int = 0):
    """A Raspberry Pi 4: four A72, no trip point but the critical one, the firmware's flags."""
    files = {
        "proc/cpuinfo": cpuinfo(dict.fromkeys(range(4), A72), "fp asimd evtstrm crc32 cpuid"),
        "proc/loadavg": "0.08 0.03 0.01 1/132 1009\n",
        f"{CPU}/present": "0-3\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": f"{throttled:x}\n",
    }
    for number in range(4):
        files |= cpufreq(number, governor, mhz, 1800, 1800)
    return files | zone(0, "cpu-thermal", celsius, critical=110)


def pi5(*, celsius: float = 51.0):
    """A Raspberry Pi 5: four A76, and a fan that is at work."""
    files = {
        "proc/cpuinfo": cpuinfo(dict.fromkeys(range(4), A76)),
        "proc/loadavg": "0.00 0.00 0.00 1/141 812\n",
        f"{CPU}/present": "0-3\n",
    }
    for number in range(4):
        files |= cpufreq(number, "ondemand", 1500, 2400, 2400)
        files[f"{CPU}/cpu{number}/cpu_capacity"] = "1024\n"
    files |= zone(0, "cpu-thermal", celsius, critical=110, active=50) | cooling(0, "pwm-fan", 1)
    return files


def pixel(*, limit: int = 2841, celsius: float = 41.0, offline: tuple[int, ...] = (), cooled: int = 0):
    """A phone with four A55, three A78 and one X1; its battery's zone is called "soc" and stands at 87%."""
    parts = {**dict.fromkeys(range(4), A55), **dict.fromkeys(range(4, 7), A78), 7: X1}
    parts = {number: part for number, part in parts.items() if number not in offline}
    files = {
        "proc/cpuinfo": cpuinfo(parts),
        "proc/loadavg": "1.42 1.61 1.70 1/4523 21001\n",
        f"{CPU}/present": "0-7\n",
    }
    for number, part in parts.items():
        highest = {A55: 1804, A78: 2419, X1: 2841}[part]
        files |= cpufreq(number, "schedutil", highest // 3, min(limit, highest), highest)
        files[f"{CPU}/cpu{number}/cpu_capacity"] = {A55: "325\n", A78: "812\n", X1: "1024\n"}[part]
    files |= zone(0, "soc", 87) | zone(1, "battery", 39) | zone(2, "cpu-0-0-usr", 38, passive=95)
    files |= zone(3, "cpu-1-4-usr", celsius, passive=95, hot=110) | zone(4, "pm8350-tz", 90, passive=95)
    return files | cooling(0, "thermal-cpufreq-7", cooled) | cooling(1, "modem_lte", 3)


def write_tree(folder: Path, files: Mapping[str, str]) -> Path:
    """Write `files` under `folder`, which a server can take for its root."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def as_read(files: Mapping[str, str]) -> dict[str, str]:
    """`files` by absolute paths, as they are read on the board itself."""
    return {f"/{name}": text for name, text in files.items()}
