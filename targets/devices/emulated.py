"""Devices `emulated:CORE`: the RPC server under qemu-aarch64, with the instructions of an ARM core."""

import os
import select
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from ...errors import DeviceError
from ..cores import Core
from ..qemu import qemu_command
from ..rpc_server import server_program
from .connection import RpcSession, rpc_session
from .protocol import Report

START_TIMEOUT, END_TIMEOUT = 60, 10  # seconds


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
        tempfile.TemporaryFile("w+") as log,
    ):
        # The server ends when the pipe to its standard input does, even if this process is killed; in a
        # session of its own it does not get the terminal's ctrl-C before us.
        server = subprocess.Popen(
            [*command, "--work", folder, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield _port_of(server, core, log)
        finally:
            server.terminate()
            try:
                server.communicate(timeout=END_TIMEOUT)
            except subprocess.TimeoutExpired:
                server.kill()
                server.communicate()


def _port_of(server: subprocess.Popen[bytes], core: Core, log: TextIO) -> int:
    assert server.stdout
    ready, _, _ = select.select([server.stdout], [], [], START_TIMEOUT)
    line = os.read(server.stdout.fileno(), 4096).decode() if ready else ""
    if not line.startswith("listening on "):
        log.seek(0)
        words = log.read().strip().splitlines() or [f"nothing within {START_TIMEOUT} s"]
        raise DeviceError(f"emulated:{core.name} did not start: {words[-1]}")
    return int(line.strip().rpartition(":")[2])
