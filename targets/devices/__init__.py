"""Devices: where a model runs. Each is named by a URI, and reached by one file of this folder."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...errors import ArmletError, DeviceError, UsageError
from ..board import Board
from ..cores import CORES, Core, find_core
from ..fitness import unfit
from .adb import AdbLink, list_phones
from .emulated import EmulatedDevice
from .host import HostDevice
from .installation import install
from .protocol import Device, Program, Session
from .pushed import PushedDevice
from .rpc import RpcDevice
from .shell import Shell
from .simulated import SimulatedDevice
from .ssh import SshLink
from .tracker import TrackerDevice

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

FORMS = (
    "host, emulated:CORE, sim:CORE, ssh://[USER@]HOST[:PORT], adb:SERIAL, rpc://HOST:PORT[/KEY] or "
    "tracker://HOST:PORT/KEY"
)
# Seconds for adb to start its server and to say which phones there are.
ADB_TIMEOUT = 15.0


def open_device(uri: str, *, timeout: float = 600.0, connect_timeout: float = 60.0) -> Device:
    """The device that `uri` names; nothing is connected or started yet.

    Times are in seconds: `timeout` for each answer of the device, `connect_timeout` to get a session with it.
    Raises UsageError for a URI of no known form, or an unknown core.
    """
    scheme, _, rest = uri.partition(":")
    if uri == "host":
        return HostDevice()
    if scheme == "emulated" and rest:
        core = find_core(rest)
        if core.emulated_by is None:
            raise UsageError(f"the core {rest} is not emulated: use the device host")
        return EmulatedDevice(core, timeout, connect_timeout)
    if scheme == "sim":
        return SimulatedDevice.of(rest)
    if scheme == "ssh" and _is_ssh(uri):
        return PushedDevice(uri, SshLink(uri, timeout, connect_timeout), timeout, connect_timeout)
    if scheme == "adb":
        return PushedDevice(uri, AdbLink(uri, rest, timeout, connect_timeout), timeout, connect_timeout)
    if scheme in ("rpc", "tracker"):
        host, port, key = _split(uri)
        kind = RpcDevice if scheme == "rpc" else TrackerDevice
        if key or scheme == "rpc":
            return kind(uri, host, port, key, timeout, connect_timeout)
    raise UsageError(f"{uri!r} names no device: use {FORMS}")


def find_witness(core: Core) -> Device:
    """The device of this machine that runs what is compiled for `core`; raises ArmletError saying why not."""
    device = open_device(f"emulated:{core.name}" if core.emulated_by else "host")
    device.check()
    return device


@dataclass(frozen=True)
class DeviceStatus:
    """Whether a device can be used now, and what there is to know about it; `board` is None if not told."""

    uri: str
    available: bool
    note: str
    board: Board | None = None

    @property
    def unfit(self) -> list[str] | None:
        """Why it is not fit to measure, nothing if it is; None if that is not known."""
        return unfit(self.board) if self.board else None

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        board = self.board and self.board.to_json()
        return {**vars(self), "board": board, "unfit": self.unfit}


def list_devices(uris: Iterable[str] = ()) -> list[DeviceStatus]:
    """The devices that `uris` name; without any, those of this machine and the phones that adb knows."""
    if named := [*uris]:
        return [_status(open_device(uri)) for uri in named]
    here = ["host", *(f"emulated:{core.name}" for core in CORES.values() if core.emulated_by)]
    statuses = [_status(open_device(uri)) for uri in here]
    try:
        phones = list_phones(ADB_TIMEOUT)
    except DeviceError as error:
        return [*statuses, DeviceStatus("adb:", False, str(error))]
    return [*statuses, *(_status(open_device(f"adb:{serial}")) for serial in phones)]


def _status(device: Device) -> DeviceStatus:
    try:
        report = device.check()
        return DeviceStatus(device.uri, True, report.note, report.board)
    except ArmletError as error:
        return DeviceStatus(device.uri, False, str(error))


def _is_ssh(uri: str) -> bool:
    # Of the parts, only ssh itself knows what they mean: a host may be a name of its configuration.
    return re.fullmatch(r"ssh://([^@/\s]+@)?(\[[0-9a-fA-F:.%]+\]|[\w][\w.-]*)(:\d+)?/?", uri) is not None


def _split(uri: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise UsageError(f"{uri!r} names no host and port: use {FORMS}")
    return host, port, parts.path.removeprefix("/")
