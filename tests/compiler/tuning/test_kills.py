"""A run on two boards behind a tracker, of which client, tracker, servers and sessions are killed at random.

No board is at hand: servers on this machine, of its own kind, stand for them. Their times differ from run to
run: all is measured there as ever, and then replaced by numbers that follow from what was measured, so that
the records must be those of an undisturbed run. `test_simulated.py` kills on a simulated core.
"""

import contextlib
import os
import platform
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from armlet.errors import DeviceError
from armlet.frontend import save
from armlet.targets.rpc_server import server_program

from ...waiting import free_port, wait_until
from .records import trials_in

KILLS = 20

TUNE = """
import hashlib, sys
from pathlib import Path
import numpy as np
from armlet.compiler import tune_model
from armlet.compiler.tuning import on_device
from armlet.errors import DeviceError
from armlet.frontend import load
from armlet.targets import Conditions, find_core, open_device

measure_alone, measure_parts = on_device._nanoseconds, on_device._parts

def nanoseconds(*arguments):
    assert measure_alone(*arguments) > 0
    return 1e6

def parts(device, reference, library, *others):
    found = measure_parts(device, reference, library, *others)
    assert found.min() > 0
    seed = int(hashlib.sha256(library.read_bytes()).hexdigest(), 16)
    return np.random.default_rng(seed).uniform(0.1, 1, len(found))

on_device._nanoseconds, on_device._parts = nanoseconds, parts
source, records, uri = sys.argv[1:]
try:
    device = open_device(uri, connect_timeout=10)
    tuning = tune_model(
        load(Path(source)), find_core("host"), device, Path(records), conditions=Conditions(cooldown=0)
    )
except DeviceError as error:
    sys.exit(error.exit_code)
sys.exit(DeviceError.exit_code if tuning.failures else 0)
"""


class Process:
    """A process that is started again after it was killed, as an init system would."""

    def __init__(self, *command):
        self.command = command
        self.start()

    def start(self):
        nowhere = subprocess.DEVNULL
        self.popen = subprocess.Popen(self.command, start_new_session=True, stdout=nowhere, stderr=nowhere)

    def kill(self):
        # With all that it started.
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


@pytest.fixture
def boards(tmp_path):
    """A tracker and two servers, and the device URI for them."""
    port = free_port()
    tracker = ("--host", "127.0.0.1", "--port", str(port), "--port-end", str(port + 1), "--silent")
    server = ("--work", tmp_path, "--tracker", f"127.0.0.1:{port}", "--key", "board")
    processes = [
        Process(sys.executable, "-m", "tvm.exec.rpc_tracker", *tracker),
        *(Process(server_program(platform.machine()), *server) for _ in range(2)),
    ]
    yield processes, f"tracker://127.0.0.1:{port}/board"
    for process in processes:
        process.kill()


@pytest.fixture
def network(parse, tmp_path):
    """The file of an expansion, a depthwise convolution and a projection."""
    text = "a = Conv(x, e) b = Conv<group=48, pads=[1,1,1,1]>(a, d) y = Conv(b, p)"
    path = tmp_path / "model.onnx"
    save(parse(text, "1,8,10,10", e=(48, 8, 1, 1), d=(48, 1, 3, 3), p=(8, 48, 1, 1)), path)
    return path


def ends(client) -> None:
    """Wait until a run is complete; one that lost its boards is started again, as people would."""

    def is_complete():
        if client.popen.poll() == DeviceError.exit_code:
            client.start()
        return client.popen.poll() is not None

    wait_until(is_complete, seconds=300)
    assert client.popen.returncode == 0


def kill_a_session(servers) -> bool:
    """Kill the process of one of the boards' sessions, if there is any."""
    for server in servers:
        with contextlib.suppress(psutil.NoSuchProcess):
            for session in psutil.Process(server.popen.pid).children():
                session.kill()
                return True
    return False


@pytest.mark.full
def test_no_record_is_lost_whatever_is_killed(boards, network, tmp_path):
    processes, uri = boards
    tracker, *servers = processes
    undisturbed, records = tmp_path / "undisturbed.jsonl", tmp_path / "records.jsonl"
    ends(Process(sys.executable, "-c", TUNE, network, undisturbed, uri))
    expected = trials_in(undisturbed)

    client = Process(sys.executable, "-c", TUNE, network, records, uri)
    random, known, killed = np.random.default_rng(0), set(), []
    while len(killed) < KILLS:
        time.sleep(random.uniform(1, 10))
        if client.popen.poll() == 0:
            # Kills are to be in the midst of a run.
            assert records.read_text() == undisturbed.read_text()
            records.unlink()
            known = set()
        if client.popen.poll() is not None:
            client.start()
            continue
        # The client every other time: it is the client that writes.
        victim = "client" if len(killed) % 2 == 0 else random.choice(["tracker", "server", "session"])
        if victim == "client":
            client.kill()
        elif victim == "session" and kill_a_session(servers):
            pass
        else:
            process = tracker if victim == "tracker" else servers[random.integers(2)]
            process.kill()
            process.start()
        killed.append(victim)
        found = trials_in(records)
        assert known <= found <= expected
        known = found
    if client.popen.poll() is not None:
        client.start()
    ends(client)
    assert records.read_text() == undisturbed.read_text()
