import contextlib
import socket
import struct
import threading
import time

import numpy as np
import psutil
import pytest

from armlet.errors import DeviceError
from armlet.targets.cores import find_core
from armlet.targets.devices import list_devices, open_device
from armlet.targets.devices.emulated import emulated_server

from ...boards.trees import pi4, pixel, write_tree
from ...waiting import Tracker

X = np.arange(1024, dtype=np.float32)
MAGIC = struct.pack("<i", 0x2F271)


def run_once(device, library) -> None:
    with device.connect() as session:
        np.testing.assert_array_equal(session.load(library).run([X])[0], 2 * X + 1)


@pytest.mark.emulator
def test_a_device_killed_in_mid_run_is_replaced_by_the_other(tracker, library, wait_until):
    options = ("--tracker", f"127.0.0.1:{tracker.port}", "--key", "phone")
    with (
        emulated_server(find_core("cortex-a72"), *options),
        emulated_server(find_core("cortex-a76"), *options),
    ):
        wait_until(lambda: tracker.counts() == (2, 2))
        run_once(tracker.device(), library("affine"))
        wait_until(lambda: tracker.counts() == (2, 2))

        def busy_device():
            for server in psutil.Process().children():
                for session in server.children() if "qemu" in server.name() else []:
                    if session.cpu_times().user > 0.2:
                        return server
            return None

        killer = threading.Thread(target=lambda: wait_until(busy_device).kill())
        with tracker.device(timeout=120).connect() as session:
            assert tracker.counts() == (2, 1)
            program = session.load(library("endless"))
            killer.start()
            with pytest.raises(DeviceError, match=r"/phone \(at 127.*\): the connection was lost$"):
                program.run([X])
        killer.join()
        for _ in range(2):
            run_once(tracker.device(), library("affine"))
        wait_until(lambda: tracker.counts() == (1, 1))


def test_two_sessions_at_once_get_two_devices(tracker, start_server, library, wait_until):
    servers = [start_server("--tracker", f"127.0.0.1:{tracker.port}", "--key", "phone") for _ in range(2)]
    wait_until(lambda: tracker.counts() == (2, 2))
    with tracker.device().connect(), tracker.device().connect():
        assert [len(server.sessions()) for server in servers] == [1, 1]
        with (
            pytest.raises(DeviceError, match=r"no device within 0\.5 s: all 2 are busy"),
            tracker.device(connect_timeout=0.5).connect(),
        ):
            pass
    wait_until(lambda: tracker.counts() == (2, 2))
    run_once(tracker.device(), library("affine", "host"))


def test_a_key_nobody_has(tracker):
    with (
        pytest.raises(DeviceError, match=r"/tablet: no device within 0\.5 s: none is registered under this"),
        tracker.device("tablet", connect_timeout=0.5).connect(),
    ):
        pass


def test_a_listed_device_that_is_gone_is_passed_over(tracker, start_server, library, wait_until):
    from tvm.rpc import base

    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with socket.create_connection(("127.0.0.1", tracker.port)) as listed:
        listed.sendall(base.RPC_TRACKER_MAGIC.to_bytes(4, "little"))
        base.recvall(listed, 4)
        for message in (
            [base.TrackerCode.UPDATE_INFO, {"key": "server:phone", "addr": [None, port]}],
            [base.TrackerCode.PUT, "phone", [port, "phone:0.5"], None],
        ):
            base.sendjson(listed, message)
            assert base.recvjson(listed) == base.TrackerCode.SUCCESS
        start_server("--tracker", f"127.0.0.1:{tracker.port}", "--key", "phone")
        wait_until(lambda: tracker.counts() == (2, 2))
        run_once(tracker.device(), library("affine", "host"))


def test_an_offer_that_was_taken_but_not_used_is_renewed(tracker, start_server, library, wait_until):
    start_server("--tracker", f"127.0.0.1:{tracker.port}", "--key", "phone")
    wait_until(lambda: tracker.counts() == (1, 1))
    tracker.device()._request(time.monotonic() + 60)
    assert tracker.counts() == (1, 0)
    run_once(tracker.device(connect_timeout=60), library("affine", "host"))


def test_servers_come_back_to_a_tracker_that_restarts(tracker, start_server, library, wait_until):
    start_server("--tracker", f"127.0.0.1:{tracker.port}", "--key", "phone")
    wait_until(lambda: tracker.counts() == (1, 1))
    tracker.server.terminate()
    with pytest.raises(DeviceError, match="no tracker answers: Connection refused"):
        tracker.counts()
    again = Tracker(tracker.port)
    try:
        assert again.port == tracker.port
        run_once(again.device(), library("affine", "host"))
    finally:
        again.server.terminate()


def test_an_address_of_ones_own_is_what_clients_are_told(tracker, start_server, wait_until):
    options = ("--tracker", f"127.0.0.1:{tracker.port}", "--key", "phone", "--address", "localhost")
    server = start_server(*options)
    wait_until(lambda: tracker.counts() == (1, 1))
    host, port, match_key = tracker.device()._request(time.monotonic() + 60)
    assert (host, port) == ("localhost", server.port)
    assert match_key.startswith("phone:0.")


def test_what_is_no_tracker_is_said(start_server):
    server = start_server()
    with pytest.raises(DeviceError, match="no tracker"):
        open_device(f"tracker://127.0.0.1:{server.port}/phone").summary()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "no tracker answers within 0.5 s"),
        (b"", "no tracker answers: connection reset"),
        (b"HTTP", "what answers there is no TVM tracker"),
        (MAGIC, "no tracker answers within 0.5 s"),
        (MAGIC + struct.pack("<i", 4) + b"\xff{no", "what answers there is no TVM tracker"),
        (MAGIC + struct.pack("<i", 1) + b"7", "what answers there is no TVM tracker"),
    ],
    ids=["silent", "closing", "HTTP", "silent after the handshake", "no JSON", "no answer"],
)
def test_whatever_does_not_answer_as_a_tracker_is_a_device_error(answer, reason):
    def serve():
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                client, _ = listener.accept()
                clients.append(client)
                client.recv(4)
                if answer:
                    client.sendall(answer)
                elif answer == b"":
                    client.close()

    clients: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        device = open_device(f"tracker://127.0.0.1:{listener.getsockname()[1]}/phone", connect_timeout=0.5)
        with pytest.raises(DeviceError) as error, device.connect():
            pass
        with pytest.raises(DeviceError, match=f"^{device.uri}: {reason}$"):
            device.check()
        listener.shutdown(socket.SHUT_RDWR)
        server.join(60)
    assert str(error.value) == f"{device.uri}: {reason}"
    for client in clients:
        client.close()


def test_the_list_of_devices_counts_those_of_a_tracker(tracker, start_server, wait_until):
    start_server("--tracker", f"127.0.0.1:{tracker.port}", "--key", "phone")
    wait_until(lambda: tracker.counts() == (1, 1))
    uri = tracker.device().uri
    status, other = list_devices([uri, f"{uri}-of-another-kind"])
    assert (status.available, status.note) == (True, "1 registered, 1 free")
    assert not other.available
    assert "no device is registered" in other.note


def test_a_tracker_without_a_key_lists_its_keys_with_their_boards(
    tracker, start_server, wait_until, tmp_path
):
    at = f"127.0.0.1:{tracker.port}"
    (nothing,) = list_devices([f"tracker://{at}"])
    assert (nothing.available, nothing.note) == (False, "no device is registered there")
    for key, files in {"pixel": pixel(), "board": pi4()}.items():
        root = write_tree(tmp_path / key, files)
        start_server("--tracker", at, "--key", key, "--root", str(root))
    wait_until(lambda: tracker.device("pixel").summary() == (1, 1))
    wait_until(lambda: tracker.device("board").summary() == (1, 1))
    board, phone = list_devices([f"tracker://{at}"])
    assert (board.uri, board.board.cores) == (f"tracker://{at}/board", "4 cortex-a72")
    assert (phone.uri, phone.board.cores) == (
        f"tracker://{at}/pixel",
        "4 cortex-a55, 3 cortex-a78, 1 cortex-x1",
    )


def test_a_device_that_is_busy_is_not_asked(tracker, start_server, wait_until):
    start_server("--tracker", f"127.0.0.1:{tracker.port}", "--key", "phone")
    wait_until(lambda: tracker.counts() == (1, 1))
    with tracker.device().connect():
        (status,) = list_devices([tracker.device().uri])
    assert (status.available, status.note, status.board) == (True, "1 registered, 0 free", None)
