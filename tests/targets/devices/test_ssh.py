import signal
import subprocess
import threading

import numpy as np
import psutil
import pytest

from armlet.errors import DeviceError, UsageError
from armlet.targets import list_devices, open_device

from ...boards.clients import busy_session, end_busy_client, servers

pytestmark = pytest.mark.emulator

X = np.arange(1024, dtype=np.float32)


def refusal(uri: str, **options) -> str:
    with pytest.raises(DeviceError) as error, open_device(uri, **options).connect():
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_server_is_pushed_once_and_runs_while_it_is_used(raspberry_pi, library, wait_until):
    device = open_device(raspberry_pi.uri)
    for _ in range(2):
        with device.connect() as session:
            program = session.load(library("affine"))
            np.testing.assert_array_equal(program.run([X])[0], 2 * X + 1)
            assert len(servers(raspberry_pi)) == 2
            (folder,) = (raspberry_pi.board.home / "armlet").iterdir()
            pushed = (folder / "server").stat()
        wait_until(lambda: not raspberry_pi.processes())
    assert (folder / "server").stat() == pushed
    assert folder.name.startswith("rpc-server-")
    assert not list(folder.glob("armlet-rpc-*"))


def test_an_emulated_board_gives_no_times(raspberry_pi, library):
    with open_device(raspberry_pi.uri).connect() as session:
        program = session.load(library("affine"))
        with pytest.raises(UsageError, match=f"^{raspberry_pi.uri} is emulated and gives no times"):
            program.time([X], warm_up=1, rounds=1)


def test_a_user_a_host_and_a_port_need_no_configuration(raspberry_pi):
    uri = f"ssh://{psutil.Process().username()}@127.0.0.1:{raspberry_pi.port}"
    (status,) = list_devices([uri])
    assert status.available
    assert status.note.endswith("kernel 6.12.25-board")


def test_each_refusal_is_one_line_that_says_what_to_do(raspberry_pi, monkeypatch, tmp_path):
    with_port = f"ssh://127.0.0.1:{raspberry_pi.port}"
    assert refusal("ssh://board.invalid").startswith(
        "ssh://board.invalid: ssh: Could not resolve hostname board.invalid: "
    )
    assert "Connection refused" in refusal("ssh://127.0.0.1:1")
    assert refusal(with_port.replace("//", "//nobody@")).endswith(
        "Permission denied (publickey).; armlet asks for no password: let your key in with ssh-copy-id"
    )
    known = raspberry_pi.folder / "known_hosts"
    known.rename(tmp_path / "known_hosts")
    try:
        assert refusal(raspberry_pi.uri) == (
            "ssh://raspberrypi: Host key verification failed.; connect once with ssh, and confirm the key of "
            "the host"
        )
    finally:
        (tmp_path / "known_hosts").rename(known)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refusal("ssh://pi") == "ssh://pi: ssh is not installed; apt-get install openssh-client"


def test_a_host_that_says_nothing_is_given_up(raspberry_pi):
    script = raspberry_pi.folder / "limits"
    script.write_text("sleep 60")
    try:
        assert refusal(raspberry_pi.uri, connect_timeout=2) == "ssh://raspberrypi: no answer within 2 s"
    finally:
        script.write_text("")


def test_what_a_login_prints_does_not_disturb(raspberry_pi):
    script = raspberry_pi.folder / "limits"
    script.write_text("echo welcome; echo warning >&2")
    try:
        (status,) = list_devices([raspberry_pi.uri])
        assert status.available, status.note
    finally:
        script.write_text("")


@pytest.mark.parametrize("machine", ["armv7l", "x86_64"])
def test_another_machine_is_refused(raspberry_pi, machine):
    script = raspberry_pi.board.programs / "uname"
    original = script.read_text()
    script.write_text(f"#!/bin/sh\necho {machine}")
    try:
        assert refusal(raspberry_pi.uri).startswith(
            f"ssh://raspberrypi is {machine}, expected aarch64: armlet is for 64-bit ARM"
        )
    finally:
        script.write_text(original)


def test_a_full_disk_leaves_nothing(raspberry_pi):
    # A limit on the size of files stands for a full disk.
    folder, script = raspberry_pi.board.home / "armlet", raspberry_pi.folder / "limits"
    subprocess.run(["rm", "-rf", folder], check=True)
    script.write_text("trap '' XFSZ; ulimit -f 500")
    try:
        assert "Wrote only" in refusal(raspberry_pi.uri)
        assert list(folder.iterdir()) == []
    finally:
        script.write_text("")


def test_a_cut_connection_is_a_device_error_and_ends_the_server(raspberry_pi, library, wait_until):
    def cut():
        wait_until(lambda: busy_session(raspberry_pi))
        raspberry_pi.cut_off()

    cutter = threading.Thread(target=cut)
    with open_device(raspberry_pi.uri, timeout=120).connect() as session:
        program = session.load(library("endless"))
        orphans = servers(raspberry_pi)
        cutter.start()
        with pytest.raises(DeviceError, match=r"^ssh://raspberrypi: the connection was lost$"):
            program.run([X])
    cutter.join()
    wait_until(lambda: not any(process.is_running() for process in orphans))


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)], ids=["ctrl-C", "kill"]
)
def test_nothing_outlives_its_client(raspberry_pi, library, wait_until, number, code):
    ended, here = end_busy_client(raspberry_pi, library("endless"), number)
    assert ended == (code, b"", b"")
    wait_until(lambda: not raspberry_pi.processes())
    wait_until(lambda: not any(process.is_running() for process in here))
