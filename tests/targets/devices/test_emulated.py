import platform
import signal
import subprocess
import sys
import threading

import numpy as np
import psutil
import pytest

from armlet.errors import ArmletError, DeviceError, InvalidArtifactError, UsageError
from armlet.targets.cores import find_core
from armlet.targets.devices import open_device
from armlet.targets.devices.emulated import emulated_server
from armlet.targets.qemu import qemu_command

pytestmark = pytest.mark.emulator

X = np.arange(1024, dtype=np.float32)


@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76", "cortex-a710"])
def test_each_core_runs_its_own_code(library, core):
    with open_device(f"emulated:{core}").connect() as session:
        np.testing.assert_array_equal(session.load(library("affine", core)).run([X])[0], 2 * X + 1)


def test_the_android_library_needs_no_android(library):
    x = np.arange(4, dtype=np.float32)
    with open_device("emulated:cortex-a76").connect() as session:
        total, square = session.load(library("pair", "cortex-a76", "android")).run([x])
    np.testing.assert_array_equal(total, 2 * x)
    np.testing.assert_array_equal(square, x * x)


def test_an_emulated_time_is_never_given(library):
    with open_device("emulated:cortex-a53").connect() as session:
        program = session.load(library("affine"))
        with pytest.raises(UsageError, match="emulated:cortex-a53 is emulated and gives no times"):
            program.time([X], warm_up=1, rounds=1)


def test_nor_is_it_by_an_emulated_device_behind_rpc(library):
    with (
        emulated_server(find_core("cortex-a53"), "--key", "phone") as port,
        open_device(f"rpc://127.0.0.1:{port}/phone").connect() as session,
    ):
        program = session.load(library("affine"))
        with pytest.raises(UsageError, match="emulated and gives no times"):
            program.time([X], warm_up=1, rounds=1)


@pytest.mark.skipif(platform.machine() == "aarch64", reason="the library is for the emulated machine too")
def test_a_library_of_another_machine_is_not_uploaded(library):
    with open_device("emulated:cortex-a53").connect() as session:
        message = (
            r"model\.so is for x86_64, emulated:cortex-a53 is aarch64: compile it for a core of that kind"
        )
        with pytest.raises(InvalidArtifactError, match=message):
            session.load(library("affine", "host"))


@pytest.mark.parametrize(
    ("core", "instruction"),
    [("cortex-a710", "ptrue p0.b"), ("cortex-a53", "sdot v0.4s, v1.16b, v2.16b")],
)
def test_what_the_core_lacks_is_an_illegal_instruction(crashing_library, core, instruction):
    crash = crashing_library(f'__asm__ volatile(".arch armv8.2-a+sve+dotprod\\n{instruction}");', "aarch64")
    with (
        pytest.raises(DeviceError, match="the session's process died: Illegal instruction"),
        open_device(f"emulated:{core}").connect() as session,
    ):
        session.load(crash)


def _busy_session() -> psutil.Process | None:
    """The process of a session, of an emulated server of ours, that has computed for a while."""
    for process in psutil.Process().children(recursive=True):
        emulated = "qemu" in process.name() and "qemu" in process.parent().name()
        if emulated and process.cpu_times().user > 0.2:
            return process
    return None


@pytest.mark.parametrize("whole_device", [True, False], ids=["device", "session"])
def test_a_device_killed_while_it_computes_is_a_device_error(library, wait_until, whole_device):
    def kill():
        session = wait_until(_busy_session)
        (session.parent() if whole_device else session).kill()

    killer = threading.Thread(target=kill)
    reason = "the connection was lost" if whole_device else "the session's process died: Killed"
    with open_device("emulated:cortex-a72", timeout=120).connect() as session:
        program = session.load(library("endless"))
        killer.start()
        with pytest.raises(DeviceError, match=f"^emulated:cortex-a72: {reason}$"):
            program.run([X])
    killer.join()


CLIENT = """
import sys, numpy
from pathlib import Path
from armlet.errors import DeviceError
from armlet.targets import open_device
try:
    with open_device("emulated:cortex-a53", timeout=120).connect() as session:
        session.load(Path(sys.argv[1])).run([numpy.zeros(1024, numpy.float32)])
except DeviceError as error:
    sys.exit(error.exit_code)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)], ids=["ctrl-C", "kill"]
)
def test_no_emulator_outlives_its_client(library, wait_until, number, code):
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, library("endless")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    session = wait_until(_busy_session)
    server = session.parent()
    client.send_signal(number)
    output, errors = client.communicate(timeout=60)
    assert (client.returncode, output, errors) == (code, b"", b"")
    wait_until(lambda: not server.is_running() and not session.is_running())


def test_a_lost_device_leaves_no_trace_when_the_client_exits(library, wait_until):
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, library("endless")], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_until(_busy_session).parent().kill()
    output, errors = client.communicate(timeout=60)
    assert (client.returncode, output, errors) == (5, b"", b"")


def test_a_missing_emulator_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(ArmletError, match=r"needs qemu-aarch64: `apt-get install qemu-user`"),
        open_device("emulated:cortex-a53").connect(),
    ):
        pass


def test_missing_libraries_say_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("armlet.targets.qemu.SYSROOT", tmp_path)
    with (
        pytest.raises(ArmletError, match=r"`apt-get install libc6-arm64-cross libstdc\+\+6-arm64-cross`"),
        open_device("emulated:cortex-a53").connect(),
    ):
        pass


def test_an_arm64_machine_has_the_libraries_itself(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert qemu_command(find_core("cortex-a53"))[1:] == ["-L", "/", "-cpu", "cortex-a53"]


def test_a_server_that_does_not_start_says_why():
    with (
        pytest.raises(DeviceError, match="emulated:cortex-a53: rpc server: unknown option"),
        emulated_server(find_core("cortex-a53"), "--colour", "red"),
    ):
        pass
