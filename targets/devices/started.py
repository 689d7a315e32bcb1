"""A program that runs for the time of a block, here or at the other end of ssh or adb."""

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from ...errors import DeviceError

# Seconds for a program to end when its input does, and for one that did not start to say why.
END_TIMEOUT, REASON_TIMEOUT = 10.0, 1.0


@contextmanager
def started(command: Sequence[str], greeting: str, name: str, timeout: float) -> Iterator[str]:
    """Run `command`, and give what follows `greeting` on the line that begins so, within `timeout` seconds.

    The command must end when its standard input does: with the block, or with this process even if that is
    killed. Raises DeviceError, which names the device as `name`, with the command's last words if it says no
    such line.
    """
    with tempfile.TemporaryFile() as log:
        # In a session of its own it does not get the terminal's ctrl-C before us.
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        except FileNotFoundError as error:
            raise DeviceError(f"{name}: {command[0]} is not installed") from error
        try:
            assert process.stdout
            line = _rest_of_line(process.stdout, greeting, timeout)
            if line is None:
                _end(process, REASON_TIMEOUT)
                log.seek(0)
                reason = last_words(log.read()) or f"no answer within {timeout:g} s"
                raise DeviceError(f"{name}: {reason}")
            yield line
        finally:
            _end(process, END_TIMEOUT)


def _end(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Close its input; if that does not end it, kill it."""
    try:
        process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _rest_of_line(output: IO[bytes], greeting: str, timeout: float) -> str | None:
    deadline, said = time.monotonic() + timeout, b""
    while select.select([output], [], [], max(deadline - time.monotonic(), 0))[0]:
        more = os.read(output.fileno(), 4096)
        if not more:
            return None
        said += more
        for line in said.decode(errors="replace").splitlines(keepends=True):
            if line.startswith(greeting) and line.endswith("\n"):
                return line.removeprefix(greeting).strip()
    return None


def last_words(output: bytes) -> str:
    """The last line of what a program said, adb's "[ 30%] ..." left out."""
    lines = (line.strip() for line in output.decode(errors="replace").splitlines())
    return next(reversed([line for line in lines if line and not line.startswith("[")]), "")
