"""Waiting for what happens in other processes; a tracker for boards to register with."""

import socket
import time

from armlet.targets import open_device


def wait_until(condition, *, seconds: float = 60):
    """Wait for `condition()` to hold and return what it gave; fail when it never does."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "what was waited for never happened"
        time.sleep(0.05)
    return result


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Tracker:
    """A TVM tracker on loopback, and a device URI for it."""

    def __init__(self, port: int | None = None):
        from tvm.rpc.tracker import Tracker as TvmTracker

        # A port of its own: tests of other workers have trackers too.
        port = port or free_port()
        self.server = TvmTracker("127.0.0.1", port=port, port_end=port + 1, silent=True)
        self.port = self.server.port

    def device(self, key: str = "phone", **options):
        return open_device(f"tracker://127.0.0.1:{self.port}/{key}", **options)

    def counts(self) -> tuple[int, int]:
        """Devices registered, and free."""
        return self.device().summary()
