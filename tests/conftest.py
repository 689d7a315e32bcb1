"""Skip what needs an emulated phone where there is none; CI has one, and must not skip.

And let tests interrupt what they start, though the shell that started them may ignore SIGINT, as it does for
what it runs in the background, and nohup SIGHUP.
"""

import contextlib
import os
import platform
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from armlet.errors import ArmletError
from armlet.targets import find_core, find_witness
from armlet.targets.rpc_server import server_program

from .boards import phone as phones
from .boards import sshd
from .waiting import Tracker, wait_until

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items):
    emulated = [item for item in items if item.get_closest_marker("emulator")]
    if not emulated or os.environ.get("CI"):
        return
    try:
        find_witness(find_core("cortex-a72"))
    except ArmletError as error:
        for item in emulated:
            item.add_marker(pytest.mark.skip(reason=f"no emulated phone here: {error}"))


@pytest.fixture(name="wait_until")
def wait_until_fixture():
    return wait_until


@pytest.fixture
def tracker():
    tracker = Tracker()
    yield tracker
    tracker.server.terminate()


@pytest.fixture(scope="session")
def ssh_board(tmp_path_factory):
    """A Raspberry Pi that is not there, behind a real sshd."""
    if sshd.MISSING:
        pytest.skip(sshd.MISSING)
    with sshd.ssh_board(tmp_path_factory.mktemp("sshd")) as board:
        yield board


@pytest.fixture
def raspberry_pi(ssh_board, monkeypatch):
    """The same, under the name that ssh, started by this process, knows."""
    monkeypatch.setenv("PATH", str(ssh_board.bin), prepend=os.pathsep)
    return ssh_board


@pytest.fixture(scope="session", autouse=True)
def adb_server():
    """What tests ask adb concerns no phone of this machine's, and no server of adb's is left behind."""
    with phones.adb_server():
        yield


@pytest.fixture(scope="session")
def phone(tmp_path_factory):
    """A phone that is not there, behind the real adb."""
    if phones.MISSING:
        pytest.skip(phones.MISSING)
    with phones.phone(tmp_path_factory.mktemp("phone")) as the_phone:
        yield the_phone


@dataclass
class RunningServer:
    process: subprocess.Popen
    port: int
    work: Path
    log: Path

    def folders(self) -> list[Path]:
        """The folders of the sessions there are."""
        return list(self.work.glob("*/*"))

    def sessions(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()


@pytest.fixture
def start_server(tmp_path):
    """A function (*options, program) that starts the server of this machine's own kind."""
    with contextlib.ExitStack() as stack:
        count = 0

        def start(*options: str, program: Path | None = None) -> RunningServer:
            nonlocal count
            count += 1
            work = tmp_path / f"work{count}"
            work.mkdir()
            log = tmp_path / f"log{count}"
            program = program or server_program(platform.machine())
            process = stack.enter_context(
                subprocess.Popen(
                    [program, "--work", work, *options],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log.open("w"),
                )
            )
            stack.callback(process.kill)
            line = os.read(process.stdout.fileno(), 100).decode()
            assert line.startswith("listening on 127.0.0.1:"), line
            return RunningServer(process, int(line.rpartition(":")[2]), work, log)

        yield start
