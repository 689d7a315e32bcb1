import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from armlet.errors import DeviceError
from armlet.targets.devices import open_device


def count_open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def connect(port: int, host: str = "127.0.0.1") -> None:
    with open_device(f"rpc://{host}:{port}", connect_timeout=2).connect():
        pass


def test_nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceError, match=rf"^rpc://127.0.0.1:{port}: nothing listens there"):
        connect(port)


def test_no_such_host():
    with pytest.raises(DeviceError, match=r"^rpc://phone\.invalid:9090: [^\n]+$"):
        connect(9090, "phone.invalid")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "gave no session within 2 s: it is busy, or no TVM RPC server"),
        (b"", "it closed the connection: is it a TVM RPC server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there is no TVM RPC server"),
    ],
    ids=["silent", "closing", "HTTP"],
)
def test_what_is_no_rpc_server_is_a_device_error(answer, reason):
    def serve():
        client, _ = listener.accept()
        with client:
            handshake = struct.pack("<ii", 0xFF271, 7) + b"client:"
            assert client.recv(len(handshake), socket.MSG_WAITALL) == handshake
            if answer is not None:
                client.sendall(answer)
            else:
                assert client.recv(1) == b""

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(DeviceError) as error:
            connect(listener.getsockname()[1])
        server.join(60)
        assert not server.is_alive(), "the connection should have been hung up"
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


CLIENT = """
import os, sys, time
from armlet.errors import DeviceError
from armlet.targets import open_device

class Last:
    def __del__(self, write=os.write, sleep=time.sleep):
        write(1, b"ending")
        sleep(1)

last = Last()
try:
    with open_device(sys.argv[1], connect_timeout=float(sys.argv[2])).connect():
        pass
except DeviceError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("interrupted", [False, True], ids=["time out", "ctrl-C"])
def test_giving_up_a_connection_ends_the_process_in_order(interrupted):
    # A thread that comes out of TVM's C++ while Python ends aborts the process: here it would, because the
    # connection is closed in the midst of the end.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"rpc://127.0.0.1:{listener.getsockname()[1]}"
        command = [sys.executable, "-c", CLIENT, uri, "60" if interrupted else "1"]
        client = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        connection, _ = listener.accept()
        with connection:
            connection.recv(15, socket.MSG_WAITALL)
            if interrupted:
                client.send_signal(signal.SIGINT)
            assert os.read(client.stdout.fileno(), 100) == b"ending"
        _, errors = client.communicate(timeout=60)
    message = f"{uri} gave no session within 1 s: it is busy, or no TVM RPC server\n"
    assert errors.decode() == ("" if interrupted else message)
    assert client.returncode == (130 if interrupted else 5)


def test_each_address_of_a_name_is_tried(start_server, monkeypatch):
    def both(host, port, *args, **options):
        addresses = (("::1", port, 0, 0), ("127.0.0.1", port))
        families = (socket.AF_INET6, socket.AF_INET)
        return [
            (family, socket.SOCK_STREAM, 6, "", address)
            for family, address in zip(families, addresses, strict=True)
        ]

    server = start_server()
    monkeypatch.setattr("socket.getaddrinfo", both)
    connect(server.port, "localhost")


def test_the_end_of_a_session_leaves_later_ones_alone(start_server, library, wait_until):
    server = start_server()
    device = open_device(f"rpc://127.0.0.1:{server.port}", connect_timeout=60)
    errors: list[DeviceError] = []

    def use() -> None:
        try:
            with device.connect() as session:
                session.load(library("affine", "host"))
        except DeviceError as error:
            errors.append(error)

    waiting = threading.Thread(target=use)
    with device.connect():
        waiting.start()
        wait_until(lambda: len(server.sessions()) == 2)
    waiting.join(60)
    assert not waiting.is_alive()
    assert errors == []


def test_sessions_leave_no_open_files(start_server):
    server = start_server()
    connect(server.port)
    open_files = count_open_files()
    for _ in range(5):
        connect(server.port)
    assert count_open_files() == open_files
