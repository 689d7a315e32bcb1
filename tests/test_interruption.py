"""Ctrl-C while the command line compiles: it ends, and nothing is left half done."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

ARMLET = Path(sys.executable).with_name("armlet")


@pytest.fixture
def interrupted(wait_until):
    """Compile `network` to the folder `output`, interrupted once `reached(process)`; what that gave."""

    def run(network, target, output, reached, *, seconds, **environment):
        command = [ARMLET, "compile", network, "-o", output, "--target", target]
        process = subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.PIPE, text=True)

        def is_reached():
            assert process.poll() is None
            return reached(process)

        found = wait_until(is_reached, seconds=seconds)
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=120)
        assert process.returncode == 130
        assert words.strip().splitlines()[-1] == "armlet: interrupted"
        return found

    return run


def test_interrupting_leaves_nothing(tmp_path, interrupted):
    cache = tmp_path / "cache"

    def compiles_kernels(process):
        return any(cache.rglob("*.o"))

    out = tmp_path / "out"
    interrupted("mobilenet_v3_large", "host", out, compiles_kernels, seconds=120, ARMLET_CACHE=str(cache))
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    kernels = cache / "kernels"
    assert not [path.name for path in kernels.glob(".*") if path.suffix != ".lock"]
    for kernel in kernels.glob("[!.]*"):
        assert {path.name for path in kernel.iterdir()} == {"kernel.o", "scratch.json"}
        assert (kernel / "kernel.o").read_bytes().startswith(b"\x7fELF")


@pytest.mark.emulator
def test_interrupting_the_verification_ends_the_emulated_phones(tmp_path, interrupted, wait_until):
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    def verifies(process):
        """Two servers, and a session of each."""
        children = emulators_of(process.pid)
        return children if len(children) >= 4 else None

    out = tmp_path / "out"
    phones = interrupted(
        "mobilenet_v3_small", "cortex-a76", out, verifies, seconds=180, TMPDIR=str(temporary)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]
    wait_until(lambda: not any(phone.is_running() for phone in phones) and not any(temporary.glob("armlet*")))


def emulators_of(number):
    """The emulators that the process of this number has started."""
    found = []
    for child in psutil.Process(number).children(recursive=True):
        # Compilers among them come and go.
        with suppress(psutil.NoSuchProcess):
            if child.name().startswith("qemu"):
                found.append(child)
    return found
