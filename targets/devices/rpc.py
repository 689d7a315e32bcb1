"""Devices `rpc://HOST:PORT[/KEY]`: a TVM RPC server on a phone or board, reached directly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .connection import RpcSession, rpc_session
from .protocol import Report


@dataclass(frozen=True)
class RpcDevice:
    """The RPC server at `host`:`port`, under the key it was started with."""

    uri: str
    host: str
    port: int
    key: str
    timeout: float
    connect_timeout: float
    core = None
    measures_time = True

    def check(self) -> Report:
        """Ask in a session of its own."""
        with self.connect() as session:
            return session.report()

    def count(self) -> int:
        """One: a server serves one session at a time."""
        return 1

    @contextmanager
    def connect(self) -> Iterator[RpcSession]:
        """A session with the server, once the one before has ended."""
        with rpc_session(
            self.uri,
            self.host,
            self.port,
            self.key,
            timeout=self.timeout,
            connect_timeout=self.connect_timeout,
        ) as session:
            yield session
