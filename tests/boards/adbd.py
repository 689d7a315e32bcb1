"""The device end of adb on loopback, a program: what it serves is the shell of a board, and its files.

The protocol is that of AOSP's packages/modules/adb (protocol.txt, SYNC.TXT, shell_protocol.h): messages of a
header and data, streams that take turns by OKAY, and the services shell, sync and tcp. Its settings are a
JSON object, its only argument; it prints its port. SIGUSR1 ends the connection, as pulling the cable would.
"""

import contextlib
import json
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

VERSION, MAX_DATA = 0x01000001, 64 * 1024
AUTH_TOKEN, AUTH_PUBLIC_KEY = 1, 3
HOME = "/data/local/tmp"
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)


@dataclass
class Phone:
    """`folder` stands for HOME here, and the storage is full if the file `full` exists."""

    shell: str
    environment: dict[str, str]
    folder: str
    authorized: bool
    full: str
    streams: dict[int, "Stream"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.transport: socket.socket | None = None
        self.sending = threading.Lock()

    def here(self, text: str) -> str:
        """`text` of the phone's, with the names that its folders have on this machine."""
        return text.replace(HOME, self.folder)

    def send(self, command: bytes, first: int, second: int, data: bytes = b"") -> None:
        number = struct.unpack("<I", command)[0]
        # The checksum, which version VERSION leaves out, is zero.
        header = struct.pack("<6I", number, first, second, len(data), 0, number ^ 0xFFFFFFFF)
        with self.sending, contextlib.suppress(OSError):
            self.transport.sendall(header + data)

    def serve(self) -> None:
        """Answer one client after the other, for ever."""
        while True:
            self.transport, _ = self.listener.accept()
            with self.transport, contextlib.suppress(OSError):
                self._serve(self.transport)
            for stream in [*self.streams.values()]:
                stream.closed()

    def unplug(self, *_: object) -> None:
        """End the connection."""
        if self.transport:
            with contextlib.suppress(OSError):
                self.transport.shutdown(socket.SHUT_RDWR)

    def _serve(self, transport: socket.socket) -> None:
        while header := transport.recv(24, socket.MSG_WAITALL):
            number, first, _, size, _, _ = struct.unpack("<6I", header)
            data = transport.recv(size, socket.MSG_WAITALL) if size else b""
            command = struct.pack("<I", number)
            if command in (b"CNXN", b"AUTH") and not self.authorized:
                # After the client's public key it is the user's turn.
                if (command, first) != (b"AUTH", AUTH_PUBLIC_KEY):
                    self.send(b"AUTH", AUTH_TOKEN, 0, bytes(20))
            elif command == b"CNXN":
                banner = b"device::ro.product.name=oriole;ro.product.model=Pixel 6;features=shell_v2"
                self.send(b"CNXN", VERSION, MAX_DATA, banner)
            elif command == b"OPEN":
                self.streams[first] = Stream(self, first, data.rstrip(b"\0").decode())
            elif stream := self.streams.get(first):
                stream.receive(command, data)


class Stream:
    """One service in use: `remote` is the client's number of the stream, and ours."""

    def __init__(self, phone: Phone, remote: int, service: str) -> None:
        self.phone, self.remote = phone, remote
        self.incoming: queue.Queue[bytes] = queue.Queue()
        self.acknowledged = threading.Semaphore(0)
        self.rest = b""
        self.ended = False
        self.at_end = lambda: None
        name, _, argument = service.partition(":")
        serve = {"shell": self.shell, "sync": self.sync, "tcp": self.tcp}.get(name.partition(",")[0])
        if not serve:
            phone.send(b"CLSE", 0, remote)
            return
        phone.send(b"OKAY", remote, remote)
        threading.Thread(target=self._run, args=(serve, argument), daemon=True).start()

    def _run(self, serve, argument: str) -> None:
        with contextlib.suppress(EOFError):
            serve(argument)
        self.phone.streams.pop(self.remote, None)
        self.incoming.put(b"")
        self.phone.send(b"CLSE", self.remote, self.remote)

    def receive(self, command: bytes, data: bytes) -> None:
        if command == b"WRTE":
            self.incoming.put(data)
            self.phone.send(b"OKAY", self.remote, self.remote)
        elif command == b"OKAY":
            self.acknowledged.release()
        elif command == b"CLSE":
            self.closed()

    def closed(self) -> None:
        self.ended = True
        self.incoming.put(b"")
        self.acknowledged.release()
        self.at_end()

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), MAX_DATA):
            if self.ended:
                raise EOFError
            self.phone.send(b"WRTE", self.remote, self.remote, data[start : start + MAX_DATA])
            self.acknowledged.acquire()

    def read(self, size: int) -> bytes:
        while len(self.rest) < size:
            more = self.incoming.get()
            if not more:
                raise EOFError
            self.rest += more
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def shell(self, script: str) -> None:
        """Version 2 of the protocol, without a terminal: packets of a kind, a length and data."""
        process = subprocess.Popen(
            [self.phone.shell, "-c", self.phone.here(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.phone.environment,
            cwd=self.phone.folder,
        )
        self.at_end = lambda: _hang_up(process)
        threading.Thread(target=self._feed, args=(process,), daemon=True).start()
        writing = threading.Lock()

        def forward(kind: int, output) -> None:
            with contextlib.suppress(EOFError):
                while data := os.read(output.fileno(), 16384):
                    with writing:
                        self.write(struct.pack("<BI", kind, len(data)) + data)

        pipes = ((STDOUT, process.stdout), (STDERR, process.stderr))
        threads = [threading.Thread(target=forward, args=pipe, daemon=True) for pipe in pipes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        code = process.wait()
        self.write(struct.pack("<BIB", EXIT, 1, code if code >= 0 else 128 - code))

    def _feed(self, process: subprocess.Popen) -> None:
        with contextlib.suppress(EOFError, OSError, ValueError):
            while True:
                kind, size = struct.unpack("<BI", self.read(5))
                data = self.read(size)
                if kind == CLOSE_STDIN:
                    process.stdin.close()
                elif kind == STDIN:
                    process.stdin.write(data)
                    process.stdin.flush()

    def sync(self, _: str) -> None:
        """Files: STAT and SEND, as `adb push` asks."""
        while True:
            request, size = struct.unpack("<4sI", self.read(8))
            name = self.read(size).decode()
            if request == b"QUIT":
                return
            path = Path(self.phone.here(name.rpartition(",")[0] if request == b"SEND" else name))
            if request == b"STAT":
                found = path.stat() if path.exists() else None
                facts = (found.st_mode, found.st_size, int(found.st_mtime)) if found else (0, 0, 0)
                self.write(struct.pack("<4sIII", b"STAT", *facts))
            elif request == b"SEND":
                failure = self._receive_file(path, int(name.rpartition(",")[2]) & 0o777)
                answer = b"FAIL" if failure else b"OKAY"
                self.write(struct.pack("<4sI", answer, len(failure)) + failure)

    def _receive_file(self, path: Path, mode: int) -> bytes:
        content = bytearray()
        while True:
            kind, size = struct.unpack("<4sI", self.read(8))
            if kind == b"DONE":
                break
            content += self.read(size)
        if Path(self.phone.full).exists():
            return b"couldn't write: No space left on device"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        return b""

    def tcp(self, port: str) -> None:
        """A connection to a port of the phone's loopback."""
        with socket.create_connection(("127.0.0.1", int(port))) as connection:

            def leave() -> None:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

            self.at_end = leave

            def inwards() -> None:
                with contextlib.suppress(OSError):
                    while data := self.incoming.get():
                        connection.sendall(data)
                leave()

            threading.Thread(target=inwards, daemon=True).start()
            with contextlib.suppress(OSError):
                while data := connection.recv(MAX_DATA):
                    self.write(data)


def _hang_up(process: subprocess.Popen) -> None:
    """What adbd does when the client has gone."""
    if process.poll() is None:
        process.send_signal(signal.SIGHUP)
    with contextlib.suppress(OSError):
        process.stdin.close()


if __name__ == "__main__":
    phone = Phone(**json.loads(sys.argv[1]))
    signal.signal(signal.SIGUSR1, phone.unplug)
    print(phone.listener.getsockname()[1], flush=True)
    phone.serve()
