"""What Linux on a board tells of its processor: libraries choose their kernels by these files.

The formats are Linux's: arch/arm64/kernel/cpuinfo.c, and Documentation/ABI/stable/sysfs-devices-system-cpu.
"""

from pathlib import Path

from armlet.targets import Core

# As many cores of one kind as the boards with published measurements have.
CORES = 4
ARM = 0x41
HIGHEST_KHZ = 2_000_000

# Variant and revision (r2p0 is 2, 0) of the boards with published measurements: BCM2837, RK3566, BCM2711,
# A311D and BCM2712. XNNPACK has other kernels for A55 r0.
REVISIONS = {
    "cortex-a53": (0, 4),
    "cortex-a55": (2, 0),
    "cortex-a72": (0, 3),
    "cortex-a73": (0, 2),
    "cortex-a76": (4, 1),
}

ARMV8 = "fp asimd evtstrm crc32 cpuid"
ARMV8_2 = f"{ARMV8} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp"


def core_files(core: Core) -> dict[str, str]:
    """The content of each file under / by which a library tells that it runs on `core`."""
    everyone, folder = f"0-{CORES - 1}\n", "sys/devices/system/cpu"
    files = {
        "proc/cpuinfo": "\n".join(_cpuinfo(core, number) for number in range(CORES)),
        **{f"{folder}/{group}": everyone for group in ("possible", "present", "online")},
    }
    for number in range(CORES):
        one = {
            "cpufreq/cpuinfo_max_freq": f"{HIGHEST_KHZ}\n",
            "regs/identification/midr_el1": f"{_midr(core):#018x}\n",
            "topology/core_id": f"{number}\n",
            "topology/core_siblings_list": everyone,
            "topology/physical_package_id": "0\n",
            "topology/thread_siblings_list": f"{number}\n",
        }
        files |= {f"{folder}/cpu{number}/{name}": text for name, text in one.items()}
    return files


def write_core_files(core: Core, root: Path) -> None:
    """Write `core_files` under `root`."""
    for name, text in core_files(core).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _cpuinfo(core: Core, number: int) -> str:
    variant, revision = REVISIONS[core.name]
    fields = {
        "processor": number,
        "BogoMIPS": "48.00",
        "Features": ARMV8_2 if "+fullfp16" in core.features else ARMV8,
        "CPU implementer": f"{ARM:#x}",
        "CPU architecture": 8,
        "CPU variant": f"{variant:#x}",
        "CPU part": f"{core.part:#05x}",
        "CPU revision": revision,
    }
    return "".join(f"{name}\t: {value}\n" for name, value in fields.items())


def _midr(core: Core) -> int:
    """MIDR_EL1 (Arm ARM, D19.2): implementer, variant, architecture, part, revision."""
    variant, revision = REVISIONS[core.name]
    return ARM << 24 | variant << 20 | 0xF << 16 | (core.part or 0) << 4 | revision
