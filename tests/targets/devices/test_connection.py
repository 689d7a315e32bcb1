import socket
import struct
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


def test_sessions_leave_no_open_files(start_server):
    server = start_server()
    connect(server.port)
    open_files = count_open_files()
    for _ in range(5):
        connect(server.port)
    assert count_open_files() == open_files
