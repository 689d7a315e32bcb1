"""A TVM RPC session that never hangs and whose every failure is a DeviceError of one line."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import ArmletError, DeviceError, InvalidArtifactError
from ..tvm_runtime import installed_version
from .program import Result, VmProgram

# What TVM says when it cannot connect, and what it means.
CONNECT_FAILURES = {
    "Connect to": "nothing listens there: start the RPC server on the device",
    "matches key": "the server has another key",
    "is not TVM RPC server": "what answers there is no TVM RPC server",
}
# What armlet's server says when the process of a session was killed or crashed.
SESSION_DIED = "the session's process died"


class UnreachableError(DeviceError):
    """There is no session to be had with the device, now."""


@contextmanager
def rpc_session(
    uri: str, host: str, port: int, key: str, *, timeout: float, connect_timeout: float
) -> Iterator["RpcSession"]:
    """A session with the RPC server at `host`:`port`, of the same TVM version as ours.

    Times are in seconds: `connect_timeout` to get the session, `timeout` for each answer after that. `uri` is
    how errors name the device. Raises UnreachableError if it cannot be reached, else DeviceError.
    """
    from tvm import rpc

    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4]
    except OSError as error:
        raise UnreachableError(f"{uri}: {error.strerror or error}") from error
    guard = ConnectionGuard(uri, (str(address[0]), port), timeout)
    try:
        remote = guard.connect(lambda: rpc.connect(str(address[0]), port, key), connect_timeout)
        yield RpcSession(uri, remote, guard)
    finally:
        guard.hang_up()


class RpcSession:
    """A session over TVM RPC; `remote` is TVM's own session."""

    def __init__(self, uri: str, remote: Any, guard: "ConnectionGuard") -> None:
        self._uri = uri
        self._remote = remote
        self._guard = guard
        version = guard(lambda: self._ask("armlet.tvm_version"))
        if version not in (None, installed_version()):
            raise DeviceError(
                f"{uri} runs TVM {version}, this is {installed_version()}: they must be the same"
            )
        self.measures_time = not guard(lambda: self._ask("armlet.emulated_core"))

    def load(self, library: Path) -> VmProgram:
        """Upload and load `library`; raises InvalidArtifactError if the device cannot load it."""
        if not library.is_file():
            raise InvalidArtifactError(f"{library} is no file")
        return self._guard(lambda: self._load(library), failure=InvalidArtifactError)

    def _load(self, library: Path) -> VmProgram:
        self._remote.upload(str(library), library.name)
        module = self._remote.load_module(library.name)
        return VmProgram(self._uri, module, self._remote.cpu(), self._guard, measures_time=self.measures_time)

    def _ask(self, name: str) -> str | None:
        # Servers other than armlet's do not know these functions.
        try:
            return str(self._remote.get_function(name)())
        except AttributeError:
            return None


class ConnectionGuard:
    """Runs what waits for the device in a thread that can be given up: TVM itself waits for ever."""

    def __init__(self, uri: str, address: tuple[str, int], timeout: float) -> None:
        self._uri = uri
        self._address = address
        self._timeout = timeout
        self._others = {_identity(connection) for connection in _connections_to(address)}

    def __call__(self, action: Callable[[], Result], *, failure: type[ArmletError] = DeviceError) -> Result:
        """The result of `action`, within the time for an answer."""
        from tvm.error import RPCError, RPCSessionTimeoutError

        try:
            return self._within(self._timeout, action)
        except RPCSessionTimeoutError as error:
            raise DeviceError(f"{self._uri}: the server allowed no more time for this session") from error
        except TimeoutError as error:
            raise DeviceError(f"{self._uri} did not answer within {self._timeout:g} s") from error
        except RPCError as error:
            reason = str(error).strip().splitlines()[-1]
            kind = DeviceError if SESSION_DIED in reason else failure
            raise kind(f"{self._uri}: {reason}") from error
        except RuntimeError as error:
            raise DeviceError(f"{self._uri}: the connection was lost") from error

    def connect(self, action: Callable[[], Result], timeout: float) -> Result:
        """The result of an `action` that connects."""
        try:
            return self._within(timeout, action)
        except TimeoutError as error:
            message = f"{self._uri} gave no session within {timeout:g} s: it is busy, or no TVM RPC server"
            raise UnreachableError(message) from error
        except RuntimeError as error:
            reasons = (reason for words, reason in CONNECT_FAILURES.items() if words in str(error))
            reason = next(reasons, "it closed the connection: is it a TVM RPC server?")
            raise UnreachableError(f"{self._uri}: {reason}") from error

    def hang_up(self) -> None:
        """End the connection, whose socket TVM keeps to itself: who waits for an answer gets an error."""
        for connection in _connections_to(self._address):
            if _identity(connection) not in self._others:
                connection.shutdown(socket.SHUT_RDWR)

    def _within(self, seconds: float, action: Callable[[], Result]) -> Result:
        results: list[Result] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                results.append(action())
            except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self.hang_up()
            raise TimeoutError
        if errors:
            raise errors[0]
        return results[0]


def _connections_to(address: tuple[str, int]) -> Iterator[socket.socket]:
    """The sockets of this process connected to `address`, as duplicates."""
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if not entry.is_socket():
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as connection:
                if connection.getpeername()[:2] == address:
                    yield connection
        except OSError:
            continue  # not connected, or closed meanwhile


def _identity(connection: socket.socket) -> int:
    return os.fstat(connection.fileno()).st_ino
