"""What runs on a board for its clients, and a client that can be killed."""

import contextlib
import subprocess
import sys
from pathlib import Path

import psutil

from ..waiting import wait_until

CLIENT = """
import sys, numpy
from pathlib import Path
from armlet.errors import DeviceError
from armlet.targets import open_device
try:
    with open_device(sys.argv[1], timeout=120).connect() as session:
        session.load(Path(sys.argv[2])).run([numpy.zeros(1024, numpy.float32)])
except DeviceError as error:
    sys.exit(error.exit_code)
except KeyboardInterrupt:
    sys.exit(130)
"""


def servers(board) -> list[psutil.Process]:
    """The processes of RPC servers on the board, and of their sessions."""
    found = []
    for process in board.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "qemu" in process.name():
                found.append(process)
    return found


def busy_session(board) -> psutil.Process | None:
    """A session that has computed for a while."""
    for process in servers(board):
        with contextlib.suppress(psutil.NoSuchProcess):
            if "qemu" in process.parent().name() and process.cpu_times().user > 0.2:
                return process
    return None


def end_busy_client(
    board, library: Path, number: int
) -> tuple[tuple[int, bytes, bytes], list[psutil.Process]]:
    """Send signal `number` to a client whose session computes: its exit code, output and errors.

    And the processes that it had started on this machine.
    """
    command = [sys.executable, "-c", CLIENT, board.uri, library]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: busy_session(board))
    here = psutil.Process(client.pid).children(recursive=True)
    client.send_signal(number)
    output, errors = client.communicate(timeout=60)
    return (client.returncode, output, errors), here
