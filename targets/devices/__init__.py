"""Devices: where a model runs. Each is named by a URI, and reached by one file of this folder."""

from .installation import install
from .listing import DeviceStatus, list_devices
from .opening import find_witness, open_device
from .protocol import Device, Program, Session
from .pushed import PushedDevice
from .shell import Shell
from .simulated import SimulatedDevice

__all__ = [
    "Device",
    "DeviceStatus",
    "Program",
    "PushedDevice",
    "Session",
    "Shell",
    "SimulatedDevice",
    "find_witness",
    "install",
    "list_devices",
    "open_device",
]
