"""A TVM RPC session that never hangs and whose every failure is a DeviceError of one line."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from ...errors import ArmletError, DeviceError, InvalidArtifactError
from ..board import Board
from ..board_files import PATTERNS, parse_board
from ..elf import check_machine, read_signature
from ..tvm_runtime import installed_version
from .program import Program, Result
from .protocol import LOADS, Report, cannot_pin
from .tvm_connection import TvmConnection

# What TVM says when it cannot connect, and what it means.
NO_LISTENER = "Connect to"
CONNECT_FAILURES = {
    NO_LISTENER: "nothing listens there: start the RPC server on the device",
    "matches key": "the server has another key",
    "is not TVM RPC server": "what answers there is no TVM RPC server",
}
# What armlet's server says when the process of a session was killed or crashed.
SESSION_DIED = "the session's process died"
# What it puts between files, and between a file's path and its text.
RECORD, UNIT = "\x1e", "\x1f"


class UnreachableError(DeviceError):
    """There is no session to be had with the device, now."""


@contextmanager
def rpc_session(
    uri: str,
    host: str,
    port: int,
    key: str,
    *,
    timeout: float,
    connect_timeout: float,
    sees_our_files: bool = False,
) -> Iterator["RpcSession"]:
    """A session with the RPC server at `host`:`port`, of the same TVM version as ours.

    Times are in seconds: `connect_timeout` to get the session, `timeout` for each answer after that. `uri` is
    how errors name the device. A server that `sees_our_files` is sent none. Raises UnreachableError if it
    cannot be reached, else DeviceError.
    """
    connection, remote = _connect(uri, host, port, key, connect_timeout)
    try:
        yield RpcSession(uri, remote, ConnectionGuard(uri, connection, timeout), sees_our_files)
    finally:
        connection.hang_up()


def _connect(uri: str, host: str, port: int, key: str, timeout: float) -> tuple[TvmConnection, Any]:
    """The connection to the first address of `host` where something listens, and TVM's session on it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnreachableError(f"{uri}: {error.strerror or error}") from error
    deadline = time.monotonic() + timeout
    for address in dict.fromkeys(str(numeric) for *_, (numeric, *_) in found):
        connection = TvmConnection((address, port))
        try:
            return connection, connection.open(key, max(deadline - time.monotonic(), 0))
        except TimeoutError as error:
            message = f"{uri} gave no session within {timeout:g} s: it is busy, or no TVM RPC server"
            raise UnreachableError(message) from error
        except RuntimeError as error:
            failure = error
            if NO_LISTENER not in str(error):
                break
    reasons = (reason for words, reason in CONNECT_FAILURES.items() if words in str(failure))
    reason = next(reasons, "it closed the connection: is it a TVM RPC server?")
    raise UnreachableError(f"{uri}: {reason}") from failure


class RpcSession:
    """A session over TVM RPC; `remote` is TVM's own session."""

    def __init__(self, uri: str, remote: Any, guard: "ConnectionGuard", sees_our_files: bool) -> None:
        self._uri = uri
        self._remote = remote
        self._guard = guard
        self._sees_our_files = sees_our_files
        self._numbers = count()
        version = guard(lambda: self._ask("armlet.tvm_version"))
        if version not in (None, installed_version()):
            raise DeviceError(
                f"{uri} runs TVM {version}, this is {installed_version()}: they must be the same"
            )
        self._machine = guard(lambda: self._ask("armlet.machine"))
        self.measures_time = not guard(lambda: self._ask("armlet.emulated_core"))

    def load(self, library: Path) -> Program:
        """Load `library`, sent if need be; raises InvalidArtifactError if the device cannot load it."""
        check_machine(library, self._machine, self._uri)
        return self._guard(lambda: self._load(library), failure=InvalidArtifactError)

    def loading(self, library: Path) -> Callable[[], float]:
        """What loads a copy of `library` again and again, and says how many seconds the fastest took."""
        check_machine(library, self._machine, self._uri)
        name = self._guard(lambda: self._send(library))
        return lambda: self._guard(lambda: self._seconds_to_load(name), failure=InvalidArtifactError)

    def _seconds_to_load(self, name: str) -> float:
        answer = self._ask("armlet.seconds_to_load", name, LOADS)
        if answer is None:
            raise DeviceError(f"{self._uri} runs a server that cannot time loading: start armlet's there")
        return float(answer)

    def _bring(self, library: Path) -> str:
        """What the server calls `library`, which it has."""
        # What the server is given an absolute path of is not looked for in the session's folder.
        return str(library.absolute()) if self._sees_our_files else self._send(library)

    def _send(self, library: Path) -> str:
        # Libraries of one name, as all artifacts have, stand beside each other.
        name = f"{next(self._numbers)}-{library.name}"
        self._remote.upload(str(library), name)
        return name

    def _load(self, library: Path) -> Program:
        return Program(
            self._uri,
            self._remote.load_module(self._bring(library)),
            self._remote.cpu(),
            read_signature(library),
            self._guard,
            measures_time=self.measures_time,
        )

    def board(self) -> Board | None:
        """What the device shows of itself at this moment; None if its server is not armlet's."""
        answer = self._guard(lambda: self._ask("armlet.system_files", "\n".join(PATTERNS)))
        if answer is None:
            return None
        records = (record.partition(UNIT) for record in answer.split(RECORD))
        return parse_board({path: text for path, _, text in records})

    def pin(self, cpus: Sequence[int]) -> None:
        """Run what is loaded on the processors `cpus` only; raises DeviceError if that cannot be."""
        reason = self._guard(lambda: self._ask("armlet.pin", " ".join(map(str, cpus))))
        if reason is None:
            raise DeviceError(
                f"{self._uri} runs a server that cannot choose processors: start armlet's there"
            )
        if reason:
            raise cannot_pin(self._uri, cpus, reason)

    def report(self) -> Report:
        """That it answers, and what it shows of itself."""
        board = self.board()
        if not self.measures_time:
            return Report("answers; it is emulated and gives no times", board)
        return Report("answers" if board else "answers; its server does not tell what it runs on", board)

    def _ask(self, name: str, *arguments: str | int) -> str | None:
        # Servers other than armlet's do not know these functions.
        try:
            return str(self._remote.get_function(name)(*arguments))
        except AttributeError:
            return None


class ConnectionGuard:
    """Runs what waits for the device: not for ever, and with errors of ours."""

    def __init__(self, uri: str, connection: TvmConnection, timeout: float) -> None:
        self._uri = uri
        self._connection = connection
        self._timeout = timeout

    def __call__(self, action: Callable[[], Result], *, failure: type[ArmletError] = DeviceError) -> Result:
        """The result of `action`, within the time for an answer."""
        from tvm.error import RPCError, RPCSessionTimeoutError

        try:
            return self._connection.within(self._timeout, action)
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
