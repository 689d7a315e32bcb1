"""A run on two boards behind a tracker, whose client, tracker and servers are killed at random moments.

No board is at hand: servers on this machine, of its own kind, stand for them. Their times differ from run to
run; on a simulated core, where they do not, `test_simulated.py` kills as well.
"""

import os
import platform
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from armlet.compiler.tuning import Database
from armlet.errors import DeviceError
from armlet.frontend import save
from armlet.targets.rpc_server import server_program

from ...waiting import free_port

TUNE = """
import sys
from pathlib import Path
from armlet.compiler import tune_model
from armlet.errors import DeviceError
from armlet.frontend import load
from armlet.targets import Conditions, find_core, open_device
source, records, uri = sys.argv[1:]
try:
    device = open_device(uri, connect_timeout=10)
    tuning = tune_model(
        load(Path(source)), find_core("host"), device, Path(records), conditions=Conditions(cooldown=0)
    )
except DeviceError as error:
    sys.exit(error.exit_code)
complete = all(tuning.cost(trial) for task in tuning.tasks for trial in task.trials)
sys.exit(0 if complete else 1)
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
    """A tracker, two servers, and the device URI for them."""
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


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.full)])
def test_no_record_is_lost_whatever_is_killed(kills, boards, parse, tmp_path, wait_until):
    processes, uri = boards
    text = "a = Conv(x, e) b = Conv<group=48, pads=[1,1,1,1]>(a, d) y = Conv(b, p)"
    source, records = tmp_path / "model.onnx", tmp_path / "records.jsonl"
    save(parse(text, "1,8,10,10", e=(48, 8, 1, 1), d=(48, 1, 3, 3), p=(8, 48, 1, 1)), source)
    client = Process(sys.executable, "-c", TUNE, source, records, uri)
    random, known = np.random.default_rng(0), {}
    for kill in range(kills):
        time.sleep(random.uniform(1, 10))
        if client.popen.poll() == 0:
            records.unlink()
            known = {}
        # The client every other time: it is the client that writes.
        killed = client if kill % 2 == 0 else processes[random.integers(len(processes))]
        if killed is not client or client.popen.poll() is None:
            killed.kill()
        now = {record.trial: record.cost for record in Database.open(records)}
        assert all(now[trial] <= cost for trial, cost in known.items())
        known = now
        if killed is not client:
            killed.start()
        if client.popen.poll() is not None:
            client.start()

    def completes():
        if client.popen.poll() == DeviceError.exit_code:
            client.start()
        return client.popen.poll() is not None

    wait_until(completes, seconds=180)
    assert client.popen.returncode == 0
