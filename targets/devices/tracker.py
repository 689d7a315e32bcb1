"""Devices `tracker://HOST:PORT/KEY`: any free one of those that a TVM tracker knows under KEY."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ...errors import DeviceError
from .connection import RpcSession, UnreachableError, rpc_session
from .protocol import Report

# A tracker, and a device that it offered as free, answer at once or never.
OFFER_TIMEOUT = 10.0


@dataclass(frozen=True)
class TrackerDevice:
    """The next free device of a tracker; waits `connect_timeout` seconds for one."""

    uri: str
    host: str
    port: int
    key: str
    timeout: float
    connect_timeout: float
    core = None
    measures_time = True

    def check(self) -> Report:
        """Ask the tracker for the devices of this key, and a free one what it is."""
        known, free = self.summary()
        if not known:
            raise DeviceError(f"{self.uri}: no device is registered under this key")
        note = f"{known} registered, {free} free"
        if not free:
            return Report(note)
        with replace(self, connect_timeout=self._reply_timeout).connect() as session:
            return Report(note, session.board())

    def count(self) -> int:
        """How many devices have the key."""
        return max(1, self.summary()[0])

    @contextmanager
    def connect(self) -> Iterator[RpcSession]:
        """A session with a free device; one that the tracker lists but that is gone is passed over."""
        deadline = time.monotonic() + self.connect_timeout
        with ExitStack() as stack:
            while True:
                host, port, match_key = self._request(deadline)
                session = rpc_session(
                    f"{self.uri} (at {host}:{port})",
                    host,
                    port,
                    match_key,
                    timeout=self.timeout,
                    connect_timeout=OFFER_TIMEOUT,
                )
                try:
                    remote = stack.enter_context(session)
                    break
                except UnreachableError:
                    continue
            yield remote

    def summary(self) -> tuple[int, int]:
        """How many devices have the key, and how many of them are free; raises DeviceError."""
        state = self._summary()
        known = [server for server in state["server_info"] if server["key"] == f"server:{self.key}"]
        return len(known), state["queue_info"].get(self.key, {"free": 0})["free"]

    def keys(self) -> list[str]:
        """The keys that devices are registered under; raises DeviceError."""
        return sorted({server["key"].removeprefix("server:") for server in self._summary()["server_info"]})

    def _summary(self) -> Any:
        from tvm.rpc.base import TrackerCode

        try:
            return self._ask([TrackerCode.SUMMARY], self._reply_timeout)
        except TimeoutError as error:
            message = f"{self.uri}: no tracker answers within {self._reply_timeout:g} s"
            raise DeviceError(message) from error

    def _request(self, deadline: float) -> tuple[str, int, str]:
        from tvm.rpc.base import TrackerCode

        remaining = deadline - time.monotonic()
        try:
            offer = self._ask([TrackerCode.REQUEST, self.key, "", 1], max(remaining, 0.01))
        except TimeoutError as error:
            known, _ = self.summary()
            state = f"all {known} are busy" if known else "none is registered under this key"
            raise DeviceError(f"{self.uri}: no device within {self.connect_timeout:g} s: {state}") from error
        host, port, match_key = offer
        return str(host), int(port), str(match_key)

    def _ask(self, message: list[Any], timeout: float) -> Any:
        """What the tracker answers; raises TimeoutError if it takes too long, DeviceError if it is none."""
        from tvm.rpc import base

        magic = struct.pack("<i", base.RPC_TRACKER_MAGIC)
        no_tracker = DeviceError(f"{self.uri}: what answers there is no TVM tracker")
        try:
            with socket.create_connection((self.host, self.port), self._reply_timeout) as connection:
                connection.sendall(magic)
                if base.recvall(connection, len(magic)) != magic:
                    raise no_tracker
                connection.settimeout(timeout)
                base.sendjson(connection, message)
                _, answer = base.recvjson(connection)
                return answer
        except TimeoutError:
            raise
        except OSError as error:
            raise DeviceError(f"{self.uri}: no tracker answers: {error.strerror or error}") from error
        except (ValueError, TypeError) as error:  # not JSON, or not a list of two
            raise no_tracker from error

    @property
    def _reply_timeout(self) -> float:
        return min(OFFER_TIMEOUT, self.connect_timeout)
