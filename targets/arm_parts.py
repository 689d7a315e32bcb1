"""The names of ARM processors by the numbers in their MIDR_EL1 register, which /proc/cpuinfo shows.

Beside the cores that armlet compiles for are those that boards and phones have next to them. The numbers are
those of Arm's Technical Reference Manuals and of util-linux' lscpu-arm.c; Qualcomm's Kryo of these years are
Arm's cores under numbers of its own.
"""

from .cores import CORES

ARM, QUALCOMM = 0x41, 0x51

_BESIDE_OURS = {
    0xD04: "cortex-a35",
    0xD07: "cortex-a57",
    0xD0A: "cortex-a75",
    0xD0C: "neoverse-n1",
    0xD0D: "cortex-a77",
    0xD40: "neoverse-v1",
    0xD48: "cortex-x2",
    0xD49: "neoverse-n2",
    0xD4D: "cortex-a715",
    0xD4E: "cortex-x3",
    0xD4F: "neoverse-v2",
    0xD80: "cortex-a520",
    0xD81: "cortex-a720",
    0xD82: "cortex-x4",
    0xD85: "cortex-x925",
    0xD87: "cortex-a725",
}
_KRYO = {
    0x800: "cortex-a73",
    0x801: "cortex-a53",
    0x802: "cortex-a75",
    0x803: "cortex-a55",
    0x804: "cortex-a76",
    0x805: "cortex-a55",
}
_OURS = {core.part: core.name for core in CORES.values() if core.part and core.name != "host"}
_NAMES = {ARM: _OURS | _BESIDE_OURS, QUALCOMM: _KRYO}


def name_of(implementer: int, part: int) -> str:
    """The name of a processor, its numbers where it is not known."""
    return _NAMES.get(implementer, {}).get(part) or f"processor {implementer:#x}/{part:#x}"
