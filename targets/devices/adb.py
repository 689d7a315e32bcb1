"""The way `adb:SERIAL`: Android's own client, adb, to a phone on a cable or in the network."""

import fcntl
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...cache import cache_folder
from ...errors import DeviceError, UsageError
from .shell import Shell, run_for

# The folder of a phone where adb may write, and programs be run.
HOME = "/data/local/tmp"
# Android 8: the first with sha256sum.
OLDEST_API = 26
INSTALL = "apt-get install adb"
# What adb says of phones that cannot be used, and what the user can do.
REMEDIES = {
    "unauthorized": "unlock it and allow USB debugging from this computer",
    "authorizing": "unlock it and allow USB debugging from this computer",
    "offline": "plug it in again, or restart it",
    "no permissions": "let your user reach USB devices: apt-get install android-sdk-platform-tools-common",
}
# What the words of `adb devices -l` that describe a phone begin with.
_DESCRIPTION = re.compile(r"\s+(?=(?:usb|product|model|device|features|transport_id):)")


def list_phones(timeout: float) -> dict[str, str]:
    """The state of each phone that adb knows, "device" if it can be used, by its serial.

    Raises DeviceError if adb fails; where it is not installed, there are none.
    """
    if not shutil.which("adb"):
        return {}
    output = run_for("adb", ["adb", "devices", "-l"], timeout).decode(errors="replace")
    lines = output.partition("List of devices attached\n")[2].splitlines()
    found = (line.split(maxsplit=1) for line in lines if line.strip())
    return {serial: _DESCRIPTION.split(rest)[0] for serial, rest in found}


@dataclass(frozen=True)
class AdbLink:
    """The phone `serial`, or the only one there is if that is empty."""

    uri: str
    serial: str
    timeout: float
    connect_timeout: float

    @contextmanager
    def shell(self) -> Iterator["AdbShell"]:
        """A shell there; raises UsageError if it is not said which, DeviceError if it is too old, too."""
        shell = AdbShell(self.uri, HOME, self.timeout, self._find())
        words = shell.run("getprop ro.build.version.sdk").decode(errors="replace").strip()
        if not words.isdecimal() or int(words) < OLDEST_API:
            raise DeviceError(
                f"{self.uri} has Android's API {words or '?'}, expected {OLDEST_API} (Android 8) or later"
            )
        yield shell

    def _find(self) -> str:
        if not shutil.which("adb"):
            raise DeviceError(f"{self.uri}: adb is not installed; {INSTALL}")
        phones = list_phones(self.connect_timeout)
        if not self.serial and len(phones) > 1:
            raise UsageError(f"{self.uri} is one of several: choose adb:{', adb:'.join(phones)}")
        serial = self.serial or next(iter(phones), "")
        if serial not in phones:
            known = f"there are {', '.join(phones)}" if phones else "there is none"
            connect = f"; adb connect {serial}" if ":" in serial else ""
            raise DeviceError(f"{self.uri}: adb knows no such phone, {known}{connect}")
        if phones[serial] != "device":
            remedy = next((remedy for state, remedy in REMEDIES.items() if state in phones[serial]), None)
            raise DeviceError(f"{self.uri} is {phones[serial]}" + (f": {remedy}" if remedy else ""))
        return serial


class AdbShell(Shell):
    """The shell of the phone `serial`."""

    os_name = "android"

    def __init__(self, uri: str, home: str, timeout: float, serial: str) -> None:
        super().__init__(uri, home, timeout)
        self._adb = ["adb", "-s", serial]

    def command(self, script: str) -> list[str]:
        """As Shell has it."""
        return [*self._adb, "shell", "-T", script]

    def spelled(self, script: str) -> str:
        """As Shell has it."""
        return shlex.join([*self._adb, "shell", script])

    @property
    def system(self) -> str:
        """Its model, and the version of Android."""
        ask = 'echo "$(getprop ro.product.model), Android $(getprop ro.build.version.release)"'
        return self.run(ask).decode(errors="replace").strip()

    def push(self, folder: Path, destination: str) -> None:
        """As Shell has it."""
        self.run_here([*self._adb, "push", str(folder), destination])

    @contextmanager
    def forward(self, port: int) -> Iterator[int]:
        """As Shell has it."""
        # A file for each way, locked while it is used: adb keeps those of processes that were killed.
        folder = cache_folder("adb-forwards", os.environ.get("ANDROID_ADB_SERVER_PORT", "5037"))
        self._remove_unused(folder)
        here = int(self.run_here([*self._adb, "forward", "tcp:0", f"tcp:{port}"]))
        used = folder / str(here)
        with used.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            print(self._adb[2], f"tcp:{here}", f"tcp:{port}", file=file, flush=True)
            try:
                yield here
            finally:
                with suppress(DeviceError):  # it went with the phone
                    self.run_here([*self._adb, "forward", "--remove", f"tcp:{here}"])
                used.unlink(missing_ok=True)

    def _remove_unused(self, folder: Path) -> None:
        """Remove the ways to phones that killed processes have left, each with its file in `folder`."""
        listed = self.run_here(["adb", "forward", "--list"]).decode(errors="replace").splitlines()
        for path in folder.iterdir():
            with suppress(FileNotFoundError, BlockingIOError, DeviceError), path.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                way = file.read().strip()
                if not way:  # its process is about to write it
                    continue
                if way in listed:
                    serial, here, _ = way.split()
                    self.run_here(["adb", "-s", serial, "forward", "--remove", here])
                path.unlink()
