"""qemu's emulator of ARM64 programs, and the libraries that these need on a machine of another kind."""

import functools
import platform
import re
import shutil
import subprocess
from pathlib import Path

from ..errors import ArmletError
from .cores import Core

# Where the cross packages of Debian and Ubuntu have ARM64's libraries, for machines of another kind.
SYSROOT = Path("/usr/aarch64-linux-gnu")
INSTALL_PLUGINS = (
    "put another qemu-aarch64 first on the PATH, such as that of Debian 12 or one built with --enable-plugins"
)


def find_qemu() -> str | None:
    """The path of qemu's emulator of ARM64 programs, if it is installed."""
    return shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")


def can_count() -> bool:
    """Whether a qemu is here that runs plugins: Debian 12's does, Debian 13's and Ubuntu's do not."""
    qemu = find_qemu()
    return qemu is not None and find_sysroot() is not None and _takes_plugins(qemu)


@functools.cache
def _takes_plugins(qemu: str) -> bool:
    words = subprocess.run([qemu, "-h"], capture_output=True, text=True).stdout
    return re.search(r"^-plugin ", words, re.MULTILINE) is not None


def qemu_version(qemu: str) -> str:
    """What `qemu` calls its version: "7.2.22"."""
    words = subprocess.run([qemu, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"version (\d+\.\d+\.\d+)", words)
    if not found:
        raise ArmletError(f"{qemu} does not tell its version: `apt-get install qemu-user`")
    return found[1]


def find_sysroot() -> str | None:
    """The root of the C and C++ libraries of ARM64, if they are installed: a system of ARM64 has its own."""
    if platform.machine() == "aarch64":
        return "/"
    return str(SYSROOT) if (SYSROOT / "lib/libstdc++.so.6").exists() else None


def qemu_command(core: Core, sysroot: Path | None = None) -> list[str]:
    """The start of the command line that emulates `core`; libraries come from `sysroot`, if it is given.

    Raises ArmletError saying what to install if qemu or the libraries of ARM64 are missing.
    """
    qemu, root = find_qemu(), sysroot or find_sysroot()
    if not qemu:
        raise ArmletError(f"emulating {core.name} needs qemu-aarch64: `apt-get install qemu-user`")
    if not root:
        raise ArmletError(
            f"emulating {core.name} needs the C and C++ libraries of ARM64: "
            "`apt-get install libc6-arm64-cross libstdc++6-arm64-cross`"
        )
    return [qemu, "-L", str(root), "-cpu", str(core.emulated_by)]


def counting_command(core: Core, sysroot: Path | None = None) -> list[str]:
    """As `qemu_command`, for a qemu that runs plugins: raises ArmletError also if this one does not."""
    qemu, *options = qemu_command(core, sysroot)
    if not can_count():
        raise ArmletError(f"{qemu} runs no plugins, by which programs are counted: {INSTALL_PLUGINS}")
    return [qemu, *options]
