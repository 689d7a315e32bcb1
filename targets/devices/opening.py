"""What a URI, or a name of armlet.toml, stands for."""

import re
from urllib.parse import urlsplit

from ...errors import UsageError
from ...settings import Settings
from ..cores import Core, find_core
from .adb import AdbLink
from .emulated import EmulatedDevice
from .host import HostDevice
from .protocol import Device
from .pushed import PushedDevice
from .rpc import RpcDevice
from .simulated import SimulatedDevice
from .ssh import SshLink
from .tracker import TrackerDevice

FORMS = (
    "host, emulated:CORE, sim:CORE, ssh://[USER@]HOST[:PORT], adb:SERIAL, rpc://HOST:PORT[/KEY] or "
    "tracker://HOST:PORT/KEY"
)


def open_device(uri: str, *, timeout: float = 600.0, connect_timeout: float = 60.0) -> Device:
    """The device that `uri` names, or that has this name in armlet.toml; nothing is connected yet.

    Times are in seconds: `timeout` for each answer of the device, `connect_timeout` to get a session with it.
    Raises UsageError for a URI of no known form, or an unknown core.
    """
    uri = Settings.find().devices.get(uri, uri)
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
        host, port, key = split_uri(uri)
        kind = RpcDevice if scheme == "rpc" else TrackerDevice
        if key or scheme == "rpc":
            return kind(uri, host, port, key, timeout, connect_timeout)
    raise UsageError(f"{uri!r} names no device: use {FORMS}, or a name that armlet.toml has for one")


def find_witness(core: Core) -> Device:
    """The device of this machine that runs what is compiled for `core`; raises ArmletError saying why not."""
    device = open_device(f"emulated:{core.name}" if core.emulated_by else "host")
    device.check()
    return device


def _is_ssh(uri: str) -> bool:
    # Of the parts, only ssh itself knows what they mean: a host may be a name of its configuration.
    return re.fullmatch(r"ssh://([^@/\s]+@)?(\[[0-9a-fA-F:.%]+\]|[\w][\w.-]*)(:\d+)?/?", uri) is not None


def split_uri(uri: str) -> tuple[str, int, str]:
    """The host, port and key, if any, of `...://HOST:PORT[/KEY]`; raises UsageError for another form."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise UsageError(f"{uri!r} names no host and port: use {FORMS}")
    return host, port, parts.path.removeprefix("/")
