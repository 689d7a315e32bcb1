"""Devices `emulated:CORE`: the RPC server under qemu-aarch64, with the instructions of an ARM core."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..cores import Core
from ..qemu import qemu_command
from ..rpc_server import server_program
from .connection import RpcSession, rpc_session
from .protocol import Report
from .started import started

START_TIMEOUT = 60.0  # seconds


@dataclass(frozen=True)
class EmulatedDevice:
    """`core` as qemu emulates it: right results, and no time that would mean anything."""

    core: Core
    timeout: float
    connect_timeout: float
    measures_time = False

    @property
    def uri(self) -> str:
        """`emulated:CORE`."""
        return f"emulated:{self.core.name}"

    def check(self) -> Report:
        """Build the server if that has not been done: whatever is missing is said now."""
        qemu_command(self.core)
        server_program("aarch64")
        return Report(f"qemu's {self.core.emulated_by}; gives no times")

    def count(self) -> int:
        """One."""
        return 1

    @contextmanager
    def connect(self) -> Iterator[RpcSession]:
        """Start an emulated server and connect to it; it ends with the block, or with this process."""
        with (
            emulated_server(self.core) as port,
            rpc_session(
                self.uri,
                "127.0.0.1",
                port,
                "",
                timeout=self.timeout,
                connect_timeout=self.connect_timeout,
                sees_our_files=True,
            ) as session,
        ):
            yield session


@contextmanager
def emulated_server(core: Core, *options: str) -> Iterator[int]:
    """Run the RPC server as `core`, with `options` of its own, and give the loopback port it listens on.

    Raises DeviceError with the server's own words if it does not start.
    """
    command = [*qemu_command(core), str(server_program("aarch64")), "--emulated", core.name, "--with-parent"]
    with (
        tempfile.TemporaryDirectory(prefix="armlet-emulated-", ignore_cleanup_errors=True) as folder,
        started(
            [*command, "--work", folder, *options], "listening on ", f"emulated:{core.name}", START_TIMEOUT
        ) as address,
    ):
        yield int(address.rpartition(":")[2])
