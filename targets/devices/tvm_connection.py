"""A connection that TVM opens, waits on for ever and keeps to itself: here with a time limit, and an end."""

import errno
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .program import Result

Address = tuple[str, int]

# Those who open a connection to the same address take turns: so it is known whose the new one is.
_TURNS: defaultdict[Address, threading.Lock] = defaultdict(threading.Lock)
# Seconds for TVM to notice that its connection was ended.
_LEAVE_TIMEOUT = 5.0


class TvmConnection:
    """The connection of one RPC session to `address`, a numeric host and a port."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._own: set[int] = set()  # inodes of sockets
        self._others: set[int] | None = None  # None: it is not being opened

    def open(self, key: str, timeout: float) -> Any:
        """TVM's session with the server at the address, within `timeout` seconds.

        Raises TimeoutError, or the RuntimeError with which TVM says why it cannot connect.
        """
        from tvm import rpc

        deadline = time.monotonic() + timeout
        with self._opening(timeout):
            return self.within(deadline - time.monotonic(), lambda: rpc.connect(*self._address, key))

    def within(self, seconds: float, action: Callable[[], Result]) -> Result:
        """The result of `action`, which waits for the other end; after so many seconds, TimeoutError."""
        outcome: Future[Result] = Future()

        def work() -> None:
            try:
                outcome.set_result(action())
            except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
                outcome.set_exception(error)

        try:
            # Not asked whether it is alive: until Python 3.13 it counts as dead when a join is interrupted.
            threading.Thread(target=work, daemon=True).start()
            return outcome.result(seconds)
        finally:
            # After ctrl-C too: Python aborts if it ends while the thread is on its way out of TVM's C++.
            self._recall(outcome)

    def hang_up(self) -> None:
        """End the connection: who waits for an answer gets an error."""
        if self._others is not None:
            self._own |= {inode for inode, _ in _connections_to(self._address)} - self._others
        for inode, connection in _connections_to(self._address):
            if inode in self._own:
                _shut_down(connection)

    def _recall(self, outcome: Future[Any]) -> None:
        deadline = time.monotonic() + _LEAVE_TIMEOUT
        while not outcome.done() and time.monotonic() < deadline:
            self.hang_up()  # again and again: the connection may be about to be opened
            wait([outcome], 0.1)

    @contextmanager
    def _opening(self, timeout: float) -> Iterator[None]:
        turn = _TURNS[self._address]
        if not turn.acquire(timeout=timeout):
            raise TimeoutError
        try:
            self._others = {inode for inode, _ in _connections_to(self._address)}
            yield
            self._own = {inode for inode, _ in _connections_to(self._address)} - self._others
        finally:
            self._others = None
            turn.release()


def _connections_to(address: Address) -> Iterator[tuple[int, socket.socket]]:
    """The sockets of this process connected to `address`, as duplicates, each with its inode."""
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if not entry.is_socket():
                continue
            with socket.socket(fileno=os.dup(int(entry.name))) as connection:
                if connection.getpeername()[:2] == address:
                    yield os.fstat(connection.fileno()).st_ino, connection
        except OSError:
            continue  # not connected, or closed meanwhile


def _shut_down(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        if error.errno != errno.ENOTCONN:  # the other end was first
            raise
