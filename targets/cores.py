"""The cores, and families of cores, that armlet compiles for: LLVM's names, their speed, their caches.

Features and peaks are those of Arm's Technical Reference Manuals and Software Optimization Guides. Cache
sizes are choices of the chip's maker: given is what phones and boards of that core commonly have.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..errors import UsageError

KIB, MIB = 1024, 1024 * 1024

# Phones mask SVE, and LLVM emits it for Armv9 cores even in a plain loop.
NO_SVE = ("-sve", "-sve2")
ARMV8_2 = ("+fullfp16", "+dotprod")
# What LLVM's cores of Armv8.2 have beside Armv8.0.
ARMV8_2_EXTENSIONS = ("fullfp16", "dotprod", "lse", "rdm", "rcpc")
ARMV9 = ("+fullfp16", "+dotprod", "+i8mm")

# The bits of AT_HWCAP and AT_HWCAP2 by which Linux says that a processor has what every one has (FP, ASIMD),
# and what a feature is (FPHP and ASIMDHP, ASIMDDP, I8MM): arch/arm64/include/uapi/asm/hwcap.h.
HWCAP_OF_ALL = 1 << 0 | 1 << 1
CPUINFO_FEATURES = {"+fullfp16": "asimdhp", "+dotprod": "asimddp", "+i8mm": "i8mm"}
HWCAP = {"+fullfp16": (1 << 9 | 1 << 10, 0), "+dotprod": (1 << 20, 0), "+i8mm": (0, 1 << 13)}


@dataclass(frozen=True)
class Cache:
    """One level of cache: its size in bytes and its ways. A line is 64 bytes in all of them.

    `replacement` says which line leaves a full set; pseudo-LRU stands in for what Arm does not document (as
    the L3, and the L2s from A76 on). An `exclusive` level is filled by what the level above evicts, and gives
    a line away when it hits.
    """

    size: int
    ways: int
    replacement: Literal["lru", "pseudo-lru", "random"] = "pseudo-lru"
    exclusive: bool = False


@dataclass(frozen=True)
class Peak:
    """Multiply-accumulates a cycle of one core, at most; None where the core has no such arithmetic."""

    fp32: int
    fp16: int | None
    int8: int


@dataclass(frozen=True)
class Core:
    """One processor core, or a family: all that have `features`.

    `llvm_cpu` and `features` are LLVM's -mcpu and -mattr. `part` is the part number of MIDR_EL1, by which
    Linux tells the core in /proc/cpuinfo. `emulated_by` is the -cpu of qemu-aarch64 that stands in for it.
    Kernels use `vector_registers` vector registers of `vector_bytes`.
    What is not known of a machine (`host`), or is not the same for a family, is None.
    """

    name: str
    machine: Literal["aarch64", "x86_64"]
    llvm_cpu: str
    features: tuple[str, ...] = NO_SVE
    pipeline: Literal["in-order", "out-of-order"] | None = None
    peak: Peak | None = None
    l1d: Cache | None = None
    l2: Cache | None = None
    l3: Cache | None = None
    part: int | None = None
    emulated_by: str | None = None
    cache_line: int = 64
    vector_bytes: int = 16
    vector_registers: int = 32

    @property
    def has_half(self) -> bool:
        """Whether it computes in half precision, not only converts."""
        return "+fullfp16" in self.features

    def triple(self, os: str = "linux") -> str:
        """LLVM's target triple; `os` is "linux" or "android". Raises UsageError for any other."""
        if os == "android" and self.name == "host":
            raise UsageError("the core host runs linux only: choose an ARM core for android")
        if os not in ("linux", "android"):
            raise UsageError(f"unknown operating system {os!r}: choose linux or android")
        return f"{self.machine}-linux-{'gnu' if os == 'linux' else 'android'}"

    @property
    def hwcap(self) -> tuple[int, int]:
        """The bits of AT_HWCAP and of AT_HWCAP2 that Linux sets for all that this core has of HWCAP."""
        bits = [HWCAP.get(feature, (0, 0)) for feature in self.features]
        return sum((bit for bit, _ in bits), HWCAP_OF_ALL), sum(bit for _, bit in bits)

    def tvm_target(self, os: str = "linux", ordered_for: str | None = None) -> dict[str, Any]:
        """What `tvm.target.Target` is to be made of, for one thread.

        `ordered_for` is another core of LLVM's, for which it orders the instructions; which there are remains
        a matter of this one.
        """
        target = {"kind": "llvm", "mtriple": self.triple(os), "mcpu": self.llvm_cpu, "num-cores": 1}
        features = list(self.features)
        if ordered_for:
            target["mcpu"] = ordered_for
            features += [f"-{name}" for name in ARMV8_2_EXTENSIONS if f"+{name}" not in features]
        return target | ({"mattr": features} if features else {})


def _arm(name: str, features: tuple[str, ...] = (), **facts: Any) -> Core:
    return Core(name, "aarch64", llvm_cpu=name, features=(*features, *NO_SVE), **facts)


# qemu 7.2 knows A53, A72 and A76. A73 has the instructions of A72 (Armv8.0); A55, A78 and X1 have those of
# A76 (Armv8.2 with half precision and dot product); the Armv9 cores need `max`, where an SVE instruction is
# made illegal as on a phone that masks it.
_ARMV9_IN_QEMU = "max,sve=off,sme=off,pauth-impdef=on"

_ARM_CORES = (
    # TRM DDI 0500. Two 64-bit vector pipes; int8 by SMLAL, as on every core without dot product. That its L2
    # is exclusive is what the TRMs of A35 and A55 say of theirs.
    _arm(
        "cortex-a53",
        pipeline="in-order",
        peak=Peak(fp32=4, fp16=None, int8=8),
        l1d=Cache(32 * KIB, 4, "random"),
        l2=Cache(512 * KIB, 16, exclusive=True),
        part=0xD03,
        emulated_by="cortex-a53",
    ),
    # TRM 100442, guide ARM-EPM-128372: one 128-bit FMLA a cycle (LLVM's model has two). That
    # its L1 replaces at random is assumed, after A53's.
    _arm(
        "cortex-a55",
        ARMV8_2,
        pipeline="in-order",
        peak=Peak(fp32=4, fp16=8, int8=16),
        l1d=Cache(32 * KIB, 4, "random"),
        l2=Cache(128 * KIB, 4, exclusive=True),
        l3=Cache(2 * MIB, 16, exclusive=True),
        part=0xD05,
        emulated_by="cortex-a76",
    ),
    # TRM 100095, guide UAN 0016. The caches of a Raspberry Pi 4.
    _arm(
        "cortex-a72",
        pipeline="out-of-order",
        peak=Peak(fp32=4, fp16=None, int8=8),
        l1d=Cache(32 * KIB, 2, "lru"),
        l2=Cache(1 * MIB, 16),
        part=0xD08,
        emulated_by="cortex-a72",
    ),
    # TRM 100048. Its peak is taken to be A72's.
    _arm(
        "cortex-a73",
        pipeline="out-of-order",
        peak=Peak(fp32=4, fp16=None, int8=8),
        l1d=Cache(64 * KIB, 16),
        l2=Cache(2 * MIB, 16),
        part=0xD09,
        emulated_by="cortex-a72",
    ),
    # TRM 100798, guide SWOG 307215: two 128-bit pipes. The caches of a Raspberry Pi 5.
    _arm(
        "cortex-a76",
        ARMV8_2,
        pipeline="out-of-order",
        peak=Peak(fp32=8, fp16=16, int8=32),
        l1d=Cache(64 * KIB, 4),
        l2=Cache(512 * KIB, 8),
        l3=Cache(2 * MIB, 16, exclusive=True),
        part=0xD0B,
        emulated_by="cortex-a76",
    ),
    # TRM 101430, Software Optimization Guide of A78: two 128-bit pipes.
    _arm(
        "cortex-a78",
        ARMV8_2,
        pipeline="out-of-order",
        peak=Peak(fp32=8, fp16=16, int8=32),
        l1d=Cache(64 * KIB, 4),
        l2=Cache(512 * KIB, 8),
        l3=Cache(4 * MIB, 16, exclusive=True),
        part=0xD41,
        emulated_by="cortex-a76",
    ),
    # TRM 101433, Software Optimization Guide of X1: four 128-bit pipes.
    _arm(
        "cortex-x1",
        ARMV8_2,
        pipeline="out-of-order",
        peak=Peak(fp32=16, fp16=32, int8=64),
        l1d=Cache(64 * KIB, 4),
        l2=Cache(1 * MIB, 8),
        l3=Cache(4 * MIB, 16, exclusive=True),
        part=0xD44,
        emulated_by="cortex-a76",
    ),
    # TRM 101604, Software Optimization Guide of A510: all of the two 128-bit pipes that two cores share.
    _arm(
        "cortex-a510",
        ARMV9,
        pipeline="in-order",
        peak=Peak(fp32=8, fp16=16, int8=32),
        l1d=Cache(32 * KIB, 4),
        l2=Cache(256 * KIB, 8),
        l3=Cache(8 * MIB, 16, exclusive=True),
        part=0xD46,
        emulated_by=_ARMV9_IN_QEMU,
    ),
    # TRM 101800, Software Optimization Guide of A710: two 128-bit pipes; int8 by SMMLA.
    _arm(
        "cortex-a710",
        ARMV9,
        pipeline="out-of-order",
        peak=Peak(fp32=8, fp16=16, int8=64),
        l1d=Cache(64 * KIB, 4),
        l2=Cache(512 * KIB, 8),
        l3=Cache(8 * MIB, 16, exclusive=True),
        part=0xD47,
        emulated_by=_ARMV9_IN_QEMU,
    ),
)


def _family(name: str, features: tuple[str, ...], emulated_by: str) -> Core:
    """Of Armv8 cores: whatever there is to choose is chosen as for Cortex-A55, which costs the others least.

    Kernels shaped for it take at most a quarter longer on another core than that one's own; those of the
    out-of-order cores take half as long again on Cortex-A53 and A55 (modelled, MobileNetV3-Small in fp32).
    """
    shaped_for = next(core for core in _ARM_CORES if core.name == "cortex-a55")
    return replace(
        shaped_for,
        name=name,
        llvm_cpu="generic",
        features=(*features, *NO_SVE),
        peak=None,
        part=None,
        emulated_by=emulated_by,
    )


# qemu 7.2 knows no core that has half precision and not dot product.
_FAMILIES = (
    _family("armv8-a", (), emulated_by="cortex-a53"),
    _family("armv8.2-a+fp16", ("+fullfp16",), emulated_by="cortex-a76"),
    _family("armv8.2-a+fp16+dotprod", ARMV8_2, emulated_by="cortex-a76"),
)

# What each x86-64 level adds, as /proc/cpuinfo spells it (x86-64 psABI, section 3.1.1). A level, unlike the
# processor's name, never claims an instruction that a hypervisor has masked.
_X86_LEVELS = {
    "x86-64-v2": {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
    "x86-64-v3": {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"},
    "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}


# Its vector registers, and the bytes of each.
_X86_VECTORS = {"x86-64": (16, 16), "x86-64-v2": (16, 16), "x86-64-v3": (16, 32), "x86-64-v4": (32, 64)}


def host_core(machine: str, cpuinfo: str, caches: Sequence[Cache] = ()) -> Core:
    """The core `host` of a `machine` ("x86_64" or "aarch64") whose /proc/cpuinfo reads `cpuinfo`.

    `caches` are its levels that hold data, the first one first; an ARM core that is known has its own.
    """
    entries = [line.partition(":") for line in cpuinfo.splitlines()]
    fields = {key.strip(): value.strip() for key, _, value in entries}
    if machine == "aarch64":
        # Linux lists big cores last, and the last value of a field is what stays.
        part = int(fields.get("CPU part", "0"), 16)
        known = next((core for core in _ARM_CORES if core.part == part), None)
        return replace(known, name="host", emulated_by=None) if known else Core("host", "aarch64", "generic")
    flags = set(fields.get("flags", "").split())
    level = "x86-64"
    for name, required in _X86_LEVELS.items():
        if not required <= flags:
            break
        level = name
    registers, size = _X86_VECTORS[level]
    l1d, l2, l3 = (*caches, None, None, None)[:3]
    core = Core("host", "x86_64", level, features=(), l1d=l1d, l2=l2, l3=l3)
    return replace(core, vector_registers=registers, vector_bytes=size)


def read_caches(folder: Path) -> list[Cache]:
    """The levels that hold data, as Linux describes them in /sys/devices/system/cpu/cpu0/cache.

    A virtual machine may say nothing of them, or only a part: then there are none.
    """
    levels = {}
    for index in folder.glob("index*"):
        files = [index / name for name in ("type", "level", "size", "ways_of_associativity")]
        if not all(file.exists() for file in files):
            return []
        kind, level, size, ways = (file.read_text().strip() for file in files)
        if kind != "Instruction":
            levels[int(level)] = Cache(int(size.removesuffix("K")) * KIB, int(ways))
    caches = [levels[level] for level in sorted(levels)]
    return caches if all(cache.size and cache.ways for cache in caches) else []


def _this_machine() -> Core:
    cpuinfo = Path("/proc/cpuinfo")
    return host_core(
        platform.machine(),
        cpuinfo.read_text() if cpuinfo.exists() else "",
        read_caches(Path("/sys/devices/system/cpu/cpu0/cache")),
    )


CORES: dict[str, Core] = {core.name: core for core in (*_ARM_CORES, *_FAMILIES, _this_machine())}


def find_core(name: str) -> Core:
    """The core called `name`; raises UsageError naming those there are."""
    if name not in CORES:
        raise UsageError(f"unknown core {name!r}: choose one of {', '.join(CORES)}")
    return CORES[name]
