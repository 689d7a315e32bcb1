"""A command line on a board or phone, however it is reached."""

import subprocess
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from ...errors import DeviceError
from .started import last_words

BEGINS = "armlet begins"


class Shell(ABC):
    """A POSIX shell on the device `uri`; `home` is the folder there that is ours to write to.

    `os_name` is "linux" or "android". Each command may take `timeout` seconds. Whatever fails is a
    DeviceError of one line.
    """

    os_name: str

    def __init__(self, uri: str, home: str, timeout: float) -> None:
        self.uri = uri
        self.home = home
        self._timeout = timeout

    @abstractmethod
    def command(self, script: str) -> list[str]:
        """What to run here for `script` to run there, with its input, outputs and exit code those of this."""

    @abstractmethod
    def spelled(self, script: str) -> str:
        """The same for people, to type."""

    @abstractmethod
    def push(self, folder: Path, destination: str) -> None:
        """Copy what is in `folder` to the new folder `destination` of the device."""

    @abstractmethod
    def forward(self, port: int) -> AbstractContextManager[int]:
        """A port of this machine's loopback that leads to `port` of the device's, for the time of a block."""

    @property
    @abstractmethod
    def system(self) -> str:
        """The device and its system, in words."""

    def run(self, script: str, source: IO[bytes] | None = None) -> bytes:
        """The output of `script`, whose input is `source`, if it succeeds."""
        # Some logins print a greeting first.
        output = self.run_here(self.command(f"echo {BEGINS}; {script}"), source)
        return output.partition(f"{BEGINS}\n".encode())[2]

    def run_here(self, command: list[str], source: IO[bytes] | None = None) -> bytes:
        """The output of a command of this machine that has to do with the device, if it succeeds."""
        return run_for(self.uri, command, self._timeout, source)

    def folder(self, name: str) -> str:
        """Where `name` of armlet's is there: all that it ever puts on a device is in one folder."""
        return f"{self.home}/armlet/{name}"


class Link(Protocol):
    """A way to a device."""

    def shell(self) -> AbstractContextManager[Shell]:
        """A shell there, for the time of a block."""


def run_for(name: str, command: list[str], timeout: float, source: IO[bytes] | None = None) -> bytes:
    """The output of `command`, if it succeeds within `timeout` seconds; `source` is its input.

    Raises DeviceError, which names the device as `name`, with the command's last words.
    """
    try:
        done = subprocess.run(
            command,
            stdin=source or subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            start_new_session=True,  # ctrl-C is for us to handle
        )
    except FileNotFoundError as error:
        raise DeviceError(f"{name}: {command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"{name} did not answer within {timeout:g} s") from error
    if done.returncode:
        words = last_words(done.stderr) or last_words(done.stdout) or f"exit code {done.returncode}"
        raise DeviceError(f"{name}: {words}")
    return done.stdout
