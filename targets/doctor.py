"""What armlet can use on this machine, and the one command that brings what is missing."""

import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from ..errors import ArmletError
from .llvm_mca import INSTALL_LLVM_MCA, find_llvm_mca
from .qemu import INSTALL_PLUGINS, can_count, find_qemu, find_sysroot
from .toolchains import INSTALL, Toolchain, find_gnu_cross, find_host_compiler, find_ndk, find_zig
from .tvm_runtime import pinned_versions, runtime_is_cached


@dataclass(frozen=True)
class Finding:
    """One thing: what was found of it (None: nothing that will do), its use, and what brings it."""

    name: str
    found: str | None
    purpose: str
    remedy: str


def diagnose() -> list[Finding]:
    """Look for everything; nothing is installed, downloaded or built."""
    return [
        *(_package(name, version) for name, version in pinned_versions().items()),
        _toolchain("host-cc", find_host_compiler, platform.machine(), "compiling for the core host"),
        _toolchain("gnu", find_gnu_cross, "aarch64", "compiling for ARM64, linux and android"),
        _toolchain("zig", find_zig, "aarch64", "the same without a cross compiler"),
        _toolchain("ndk", find_ndk, "aarch64", "programs for Android"),
        Finding("qemu-aarch64", _first_line(find_qemu()), "emulated devices", "`apt-get install qemu-user`"),
        Finding(
            "qemu's plugins", "yes" if can_count() else None, "simulated devices, faster", INSTALL_PLUGINS
        ),
        Finding(
            "ARM64 C++ library",
            find_sysroot(),
            "emulated devices",
            "`apt-get install libc6-arm64-cross libstdc++6-arm64-cross`",
        ),
        Finding(
            "TVM's ARM64 runtime",
            "downloaded" if runtime_is_cached("aarch64") else None,
            "the RPC server for emulated devices and boards",
            "the first use downloads it (95 MB)",
        ),
        Finding("ssh", shutil.which("ssh"), "ssh:// devices", "`apt-get install openssh-client`"),
        Finding("adb", shutil.which("adb"), "adb: devices", "`apt-get install adb`"),
        Finding("llvm-mca", _llvm_mca(), "modelled cycles of out-of-order cores", INSTALL_LLVM_MCA),
    ]


def _package(name: str, pinned: str) -> Finding:
    installed = next((package.version for package in metadata.distributions(name=name)), None)
    found = installed if installed == pinned else None
    return Finding(name, found, f"compiling and RPC; exactly {pinned}", f"`pip install {name}=={pinned}`")


def _toolchain(name: str, find: Callable[[str], Toolchain | None], machine: str, purpose: str) -> Finding:
    toolchain = find(machine)
    return Finding(name, toolchain.version if toolchain else None, purpose, INSTALL[name])


def _llvm_mca() -> str | None:
    try:
        return f"LLVM {find_llvm_mca()[1]}"
    except ArmletError:
        return None


def _first_line(program: str | None) -> str | None:
    return _output(program).partition("\n")[0] or None


def _output(program: str | None) -> str:
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout if program else ""
