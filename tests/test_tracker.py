"""The command line with several phones behind a TVM tracker, one of which is lost in mid-run."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from armlet import build, compile_model
from armlet.targets import find_core
from armlet.targets.devices.emulated import emulated_server

ARMLET = Path(sys.executable).with_name("armlet")


def start_run(folder, device):
    command = [ARMLET, "run", folder, "--device", device]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def busy_server():
    """An emulated server of ours in which a session computes."""
    for server in psutil.Process().children():
        for session in server.children() if "qemu" in server.name() else []:
            if session.cpu_times().user > 1:
                return server
    return None


@pytest.mark.emulator
def test_a_phone_lost_in_mid_run_is_exit_code_5_and_the_next_run_takes_the_other(
    tracker, tmp_path, wait_until
):
    core = find_core("cortex-a72")
    artifact = compile_model(build("mobilenet_v3_large"), tmp_path / "large", core)
    device = tracker.device("phone").uri
    options = ("--tracker", f"127.0.0.1:{tracker.port}", "--key", "phone")
    with emulated_server(core, *options), emulated_server(find_core("cortex-a76"), *options):
        wait_until(lambda: tracker.counts() == (2, 2), seconds=120)

        running = start_run(artifact.folder, device)
        wait_until(busy_server, seconds=120).kill()
        _, words = running.communicate(timeout=120)
        assert running.returncode == 5
        assert len(words.strip().splitlines()) == 1
        assert words.startswith(f"armlet: {device}")

        again = start_run(artifact.folder, device)
        shown, words = again.communicate(timeout=240)
        assert again.returncode == 0, words
        assert "the same top 5" in shown
