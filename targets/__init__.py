"""What compiled code runs on: cores, toolchains that link for them, and devices that have them."""

from .cores import CORES, Core, find_core
from .devices import Device, SimulatedDevice, find_witness, list_devices, open_device
from .doctor import Finding, diagnose
from .latency import Latency, measure, require_clock
from .rpc_server.portable import write_server
from .simulator.simulation import YARDSTICK, Simulation
from .toolchains import Toolchain, find_toolchain

__all__ = [
    "CORES",
    "YARDSTICK",
    "Core",
    "Device",
    "Finding",
    "Latency",
    "SimulatedDevice",
    "Simulation",
    "Toolchain",
    "diagnose",
    "find_core",
    "find_toolchain",
    "find_witness",
    "list_devices",
    "measure",
    "open_device",
    "require_clock",
    "write_server",
]
