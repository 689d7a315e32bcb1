"""What compiled code runs on: cores, toolchains that link for them, and devices that have them."""

from .board import Board
from .cores import CORES, CPUINFO_FEATURES, Core, find_core
from .devices import (
    Device,
    Program,
    PushedDevice,
    Session,
    Shell,
    SimulatedDevice,
    find_witness,
    install,
    list_devices,
    open_device,
)
from .doctor import Finding, diagnose
from .latency import (
    Latency,
    measure_by_call,
    measure_in_turns,
    measure_latency,
    require_clock,
    warm_up,
)
from .paired_times import PairedTimes
from .rpc_server.portable import write_server
from .simulator.bottleneck import Limits
from .simulator.hot_runs import HotRun, hot_runs
from .simulator.memory_stalls import bytes_a_cycle
from .simulator.simulation import KernelCost, Simulation
from .simulator.yardstick import YARDSTICK, Record
from .steady import AS_USUAL, Conditions, Watch, measure_steadily
from .toolchains import Toolchain, find_toolchain

__all__ = [
    "AS_USUAL",
    "CORES",
    "CPUINFO_FEATURES",
    "YARDSTICK",
    "Board",
    "Conditions",
    "Core",
    "Device",
    "Finding",
    "HotRun",
    "KernelCost",
    "Latency",
    "Limits",
    "PairedTimes",
    "Program",
    "PushedDevice",
    "Record",
    "Session",
    "Shell",
    "SimulatedDevice",
    "Simulation",
    "Toolchain",
    "Watch",
    "bytes_a_cycle",
    "diagnose",
    "find_core",
    "find_toolchain",
    "find_witness",
    "hot_runs",
    "install",
    "list_devices",
    "measure_by_call",
    "measure_in_turns",
    "measure_latency",
    "measure_steadily",
    "open_device",
    "require_clock",
    "warm_up",
    "write_server",
]
