"""What compiled code runs on: cores, toolchains that link for them, and devices that have them."""

from .cores import CORES, Core, find_core
from .devices import (
    Device,
    PushedDevice,
    Shell,
    SimulatedDevice,
    find_witness,
    install,
    list_devices,
    open_device,
)
from .doctor import Finding, diagnose
from .latency import Latency, measure, measure_in_turns, measure_loads_in_turns, require_clock
from .paired_times import PairedTimes
from .rpc_server.portable import write_server
from .simulator.bottleneck import Limits
from .simulator.hot_runs import HotRun, hot_runs
from .simulator.memory_stalls import bytes_a_cycle
from .simulator.simulation import KernelCost, Simulation
from .simulator.yardstick import YARDSTICK, Record
from .toolchains import Toolchain, find_toolchain

__all__ = [
    "CORES",
    "YARDSTICK",
    "Core",
    "Device",
    "Finding",
    "HotRun",
    "KernelCost",
    "Latency",
    "Limits",
    "PairedTimes",
    "PushedDevice",
    "Record",
    "Shell",
    "SimulatedDevice",
    "Simulation",
    "Toolchain",
    "bytes_a_cycle",
    "diagnose",
    "find_core",
    "find_toolchain",
    "find_witness",
    "hot_runs",
    "install",
    "list_devices",
    "measure",
    "measure_in_turns",
    "measure_loads_in_turns",
    "open_device",
    "require_clock",
    "write_server",
]
