"""Devices `ssh://` and `adb:`: the RPC server is pushed, and runs while it is used."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...errors import DeviceError
from ..rpc_server.portable import portable_server
from .connection import RpcSession, rpc_session
from .installation import install
from .protocol import Report
from .shell import Link, Shell
from .started import started


@dataclass(frozen=True)
class PushedDevice:
    """An ARM64 board or phone at the other end of `link`."""

    uri: str
    link: Link
    timeout: float
    connect_timeout: float
    core = None
    machine = "aarch64"
    measures_time = True

    def check(self) -> Report:
        """Ask in a session of its own; the note is the system that it has."""
        with self.shell() as shell, self._session(shell) as session:
            return Report(shell.system, session.report().board)

    def count(self) -> int:
        """One: rounds at once would disturb each other."""
        return 1

    @contextmanager
    def shell(self) -> Iterator[Shell]:
        """A shell there; raises DeviceError if it is not of an ARM64 machine, too."""
        with self.link.shell() as shell:
            machine = shell.run("uname -m").decode(errors="replace").strip()
            if machine != self.machine:
                raise DeviceError(
                    f"{self.uri} is {machine}, expected {self.machine}: armlet is for 64-bit ARM, and a "
                    "processor of 64 bits may need a system of 64 bits"
                )
            yield shell

    @contextmanager
    def connect(self) -> Iterator[RpcSession]:
        """Push the server unless it is there, start it, and begin a session; it ends with the block.

        The server also ends if the connection does, or this process is killed.
        """
        with self.shell() as shell, self._session(shell) as session:
            yield session

    @contextmanager
    def _session(self, shell: Shell) -> Iterator[RpcSession]:
        server = portable_server()
        folder = shell.folder(f"rpc-server-{server.name[:12]}")
        install(shell, server, folder)
        start = shell.command(f"exec sh {shlex.quote(folder)}/start --with-parent")
        with (
            started(start, "listening on ", self.uri, self.connect_timeout) as address,
            shell.forward(int(address.rpartition(":")[2])) as port,
            rpc_session(
                self.uri,
                "127.0.0.1",
                port,
                "",
                timeout=self.timeout,
                connect_timeout=self.connect_timeout,
            ) as session,
        ):
            yield session
