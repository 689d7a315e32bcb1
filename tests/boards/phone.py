"""An Android phone that is not there, for the real adb: adbd.py, with a board's shell."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..waiting import free_port, wait_until
from .board import Board

MISSING = None if shutil.which("adb") else "no adb here: `apt-get install adb`"
HOME = "data/local/tmp"
GETPROP = """#!/bin/sh
case "$1" in
    ro.product.model) echo "Pixel 6" ;;
    ro.build.version.release) echo 14 ;;
    ro.build.version.sdk) cat "$SDK" ;;
esac
"""


@dataclass
class Phone:
    """`folder` stands for /data/local/tmp; `sdk` holds the API of its Android, `full` exists if it is."""

    board: Board
    process: subprocess.Popen
    serial: str
    folder: Path
    sdk: Path
    full: Path

    @property
    def uri(self) -> str:
        return f"adb:{self.serial}"

    def processes(self) -> list[psutil.Process]:
        """Everything that runs on the phone for its clients."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def cut_off(self) -> None:
        """What happens when somebody pulls the cable."""
        self.process.send_signal(signal.SIGUSR1)


@contextlib.contextmanager
def phone(root: Path, *, authorized: bool = True) -> Iterator[Phone]:
    """A phone that adb is connected to; Android's own shell and tools, where this machine has them."""
    sdk, full = root / "sdk", root / "full"
    shell, tools = shutil.which("mksh") or "/bin/sh", shutil.which("toybox")
    board = Board(
        root / "board", shell=shell, tools=tools, settings={"SDK": str(sdk), "ARM64_CPU": "cortex-a76"}
    )
    board.add_program("getprop", GETPROP)
    sdk.write_text("34")
    folder = board.home / HOME
    folder.mkdir(parents=True)
    settings = {"shell": shell, "environment": board.environment, "folder": str(folder)}
    settings |= {"authorized": authorized, "full": str(full)}
    program = Path(__file__).with_name("adbd.py")
    # In this process, TVM would keep Python from answering while it waits for the answer.
    process = subprocess.Popen([sys.executable, program, json.dumps(settings)], stdout=subprocess.PIPE)
    serial = f"127.0.0.1:{int(process.stdout.readline())}"
    try:
        subprocess.run(["adb", "connect", serial], check=True, capture_output=True, timeout=60)
        state = "device" if authorized else "unauthorized"
        wait_until(lambda: f"{serial}\t{state}" in adb("devices"))
        yield Phone(board, process, serial, folder, sdk, full)
    finally:
        adb("disconnect", serial)
        process.kill()
        process.communicate()


def adb(*arguments: str) -> str:
    return subprocess.run(["adb", *arguments], capture_output=True, text=True, timeout=60).stdout


@contextlib.contextmanager
def adb_server() -> Iterator[None]:
    """An adb server of our own, on a port of its own, for the time of the block."""
    port = str(free_port())
    before = os.environ.get("ANDROID_ADB_SERVER_PORT")
    os.environ["ANDROID_ADB_SERVER_PORT"] = port
    try:
        yield
    finally:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", int(port))):
            subprocess.run(["adb", "kill-server"], check=True, capture_output=True)
        os.environ.pop("ANDROID_ADB_SERVER_PORT")
        if before:
            os.environ["ANDROID_ADB_SERVER_PORT"] = before
