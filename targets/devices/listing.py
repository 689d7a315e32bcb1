"""Which devices there are, whether they can be used, and whether they are fit to measure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import ArmletError, DeviceError, UsageError
from ...settings import Settings
from ..board import Board
from ..cores import CORES
from ..fitness import unfit
from .adb import list_phones
from .opening import open_device, split_uri
from .protocol import Device
from .tracker import TrackerDevice

# Seconds for adb to start its server and to say which phones there are, and for a tracker to list its keys.
ADB_TIMEOUT, TRACKER_TIMEOUT = 15.0, 10.0


@dataclass(frozen=True)
class DeviceStatus:
    """Whether a device can be used now, and what there is to know about it; `board` is None if not told.

    `name` is what armlet.toml calls it, None if it does not.
    """

    name: str | None
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
    """The devices that `uris` name; without any those of this machine and of armlet.toml, and adb's phones.

    A tracker's URI without a key stands for each key that has a device.
    """
    if named := [*uris]:
        return [status for uri in named for status in _named(uri)]
    here = ["host", *(f"emulated:{core.name}" for core in CORES.values() if core.emulated_by)]
    listed = [status for uri in here for status in _named(uri)]
    for name, uri in Settings.find().devices.items():
        listed += _configured(name, uri)
    return [*listed, *_phones({status.uri for status in listed})]


def _configured(name: str, uri: str) -> list[DeviceStatus]:
    """What a name of armlet.toml stands for; one that names no device does not hide the others."""
    try:
        return [*_named(name)]
    except UsageError as error:
        return [DeviceStatus(name, uri, False, str(error))]


def _named(given: str) -> Iterator[DeviceStatus]:
    """What a URI, or the name of one, stands for."""
    uri = Settings.find().devices.get(given, given)
    name = given if given != uri else None
    if not re.fullmatch(r"tracker://[^/]+/?", uri):
        yield _status(open_device(uri), name)
        return
    host, port, _ = split_uri(uri)
    try:
        keys = TrackerDevice(uri, host, port, "", TRACKER_TIMEOUT, TRACKER_TIMEOUT).keys()
    except DeviceError as error:
        yield DeviceStatus(name, uri, False, str(error))
        return
    if not keys:
        yield DeviceStatus(name, uri, False, "no device is registered there")
    for key in keys:
        yield _status(open_device(f"{uri.removesuffix('/')}/{key}"), name)


def _phones(listed: set[str]) -> Iterator[DeviceStatus]:
    """The phones that adb knows and that are not in the list yet."""
    try:
        phones = [f"adb:{serial}" for serial in list_phones(ADB_TIMEOUT)]
    except DeviceError as error:
        yield DeviceStatus(None, "adb:", False, str(error))
        return
    for uri in phones:
        if uri not in listed:
            yield _status(open_device(uri), None)


def _status(device: Device, name: str | None) -> DeviceStatus:
    try:
        report = device.check()
        return DeviceStatus(name, device.uri, True, report.note, report.board)
    except ArmletError as error:
        return DeviceStatus(name, device.uri, False, str(error))
