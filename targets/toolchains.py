"""C and C++ toolchains: found on this machine, and used to link what LLVM compiled."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ..errors import ArmletError, UsageError
from .elf import read_needs

# What LLVM calls of itself, for libraries that depend on none.
FREESTANDING = tuple(Path(__file__).with_name(name) for name in ("freestanding.c", "freestanding_math.c"))

# glibc of Debian 10: what the aarch64 wheels of TVM are built for as well.
ZIG_TARGETS = {"aarch64": "aarch64-linux-gnu.2.28", "x86_64": "x86_64-linux-gnu.2.28"}
# Android 7, of 2016: every 64-bit phone still in use.
NDK_API = 24

COMPILE_FLAGS = (
    *("-O2", "-g0", "-fPIC", "-ffreestanding", "-fvisibility=hidden"),
    *("-fno-stack-protector", "-fno-asynchronous-unwind-tables"),
)
# 16 KB pages as new phones have; both hashes, since Android before 6 reads the old one only.
LINK_FLAGS = (
    *("-shared", "-nostdlib", "-Wl,--build-id=none", "-Wl,--hash-style=both"),
    *("-Wl,-z,max-page-size=16384", "-Wl,-z,noexecstack"),
)


# What brings each toolchain.
INSTALL = {
    "ndk": "set ANDROID_NDK_HOME to the folder of an Android NDK",
    "gnu": "`apt-get install g++-aarch64-linux-gnu`",
    "zig": "`pip install ziglang`",
    "host-cc": "`apt-get install g++`",
}


class DependencyError(ArmletError):
    """A library would need what a device may not have."""


@dataclass(frozen=True)
class Toolchain:
    """A C and a C++ compiler for one kind of machine; `version` is what a manifest records."""

    name: str
    version: str
    c_compiler: tuple[str, ...]
    cxx_compiler: tuple[str, ...]

    def compile_object(self, source: Path, output: Path, *, include: Iterable[Path] = ()) -> None:
        """Compile a freestanding C file to an object, which is the same wherever it is made."""
        flags = [*COMPILE_FLAGS, *(f"-I{folder}" for folder in include)]
        command = [*self.c_compiler, *flags, "-c", source.name, "-o", str(output.absolute())]
        self._run(command, folder=source.parent)

    def link_library(self, objects: Iterable[Path], output: Path, *, exports: Iterable[str] = ("*",)) -> None:
        """Link `objects`, and the memory functions they may call, to a library that depends on nothing.

        `exports` are the symbols, or patterns of them, that it offers. Only the symbols of the TVM FFI
        (`TVMFFI...`) may stay undefined: the process that loads the library has them. Raises DependencyError
        for any other, ArmletError if the toolchain fails.
        """
        with tempfile.TemporaryDirectory(prefix="armlet-link-") as folder:
            own = [Path(folder, source.stem + ".o") for source in FREESTANDING]
            for source, output_file in zip(FREESTANDING, own, strict=True):
                self.compile_object(source, output_file)
            inputs = [str(Path(item).absolute()) for item in (*objects, *own)]
            Path(folder, "exports").write_text(f"{{ global: {'; '.join(exports)}; local: *; }};\n")
            script = "-Wl,--version-script=exports"
            command = [*self.c_compiler, *LINK_FLAGS, script, *inputs, "-o", str(output.absolute())]
            self._run(command, folder=Path(folder))
        library = read_needs(output)
        missing = [*library.libraries, *(name for name in library.undefined if not name.startswith("TVMFFI"))]
        if missing:
            raise DependencyError(
                f"{output.name} would need {', '.join(missing)}, which a device may not have"
            )

    def build_program(
        self,
        source: Path,
        output: Path,
        *,
        include: Iterable[Path] = (),
        defines: Mapping[str, str] | None = None,
        libraries: Iterable[Path] = (),
    ) -> None:
        """Build a C++17 program that exports nothing and finds `libraries` in its own folder when it runs.

        Raises ArmletError with the compiler's first complaint.
        """
        flags = ["-std=c++17", "-O2", "-g0", "-pthread", "-fvisibility=hidden"]
        flags += [f"-I{folder}" for folder in include]
        flags += [f"-D{name}={value}" for name, value in (defines or {}).items()]
        link = ["-Wl,--no-as-needed", *map(str, libraries), "-Wl,-rpath,$ORIGIN"]
        command = [*self.cxx_compiler, *flags, source.name, *link, "-o", str(output.absolute())]
        self._run(command, folder=source.parent)

    def build_plugin(
        self, sources: Iterable[Path], output: Path, *, defines: Mapping[str, str] | None = None
    ) -> None:
        """Build a library of C11 (with POSIX) for a program of this toolchain's machine to load.

        It exports what is marked so. The C library is there, and what the sources leave undefined is the
        program's. Raises ArmletError with the compiler's first complaint.
        """
        flags = ["-std=gnu11", "-O2", "-g0", "-shared", "-fPIC", "-fvisibility=hidden"]
        flags += [f"-D{name}={value}" for name, value in (defines or {}).items()]
        inputs = [str(source.absolute()) for source in sources]
        self._run([*self.c_compiler, *flags, *inputs, "-o", str(output.absolute())], folder=output.parent)

    def _run(self, command: list[str], *, folder: Path) -> None:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.splitlines() or [f"exit code {done.returncode}"]
            complaint = next((line for line in lines if "error" in line or "undefined" in line), lines[0])
            raise ArmletError(f"the {self.name} toolchain ({self.version}) failed: {complaint.strip()}")


def find_toolchain(os_name: str, machine: str) -> Toolchain:
    """The toolchain for `os_name` ("linux", "android") on `machine` ("aarch64", "x86_64").

    The environment variable ARMLET_TOOLCHAIN (ndk, gnu, zig, host-cc) forces a choice. A library for Android
    can be linked by any of them, since nothing of a C library goes into it. Raises ArmletError saying what to
    install, UsageError if the variable names none of them.
    """
    finders: dict[str, Callable[[str], Toolchain | None]]
    finders = {"host-cc": find_host_compiler, "gnu": find_gnu_cross, "zig": find_zig}
    if os_name == "android":
        finders = {"ndk": find_ndk, **finders}
    forced = os.environ.get("ARMLET_TOOLCHAIN")
    if forced:
        if forced not in INSTALL:
            raise UsageError(f"ARMLET_TOOLCHAIN={forced}: choose one of {', '.join(INSTALL)}")
        finders = {name: finder for name, finder in finders.items() if name == forced}
    for finder in finders.values():
        if found := finder(machine):
            return found
    if forced:
        raise ArmletError(
            f"ARMLET_TOOLCHAIN={forced} cannot link for {machine} {os_name}: {INSTALL[forced]}, or unset it"
        )
    best = "host-cc" if machine == platform.machine() else "gnu"
    raise ArmletError(
        f"no C toolchain for {machine} {os_name} was found: {INSTALL[best]}, or {INSTALL['zig']}"
    )


def find_ndk(machine: str) -> Toolchain | None:
    """The NDK in the folder ANDROID_NDK_HOME."""
    home = os.environ.get("ANDROID_NDK_HOME")
    if not home or machine != "aarch64":
        return None
    compiler = Path(home, "toolchains/llvm/prebuilt/linux-x86_64/bin/clang")
    if not compiler.exists():
        return None
    target = f"--target=aarch64-linux-android{NDK_API}"
    return Toolchain("ndk", _version(str(compiler)), (str(compiler), target), (f"{compiler}++", target))


def find_gnu_cross(machine: str) -> Toolchain | None:
    """The distribution's GNU cross compiler for ARM64."""
    return _gcc("gnu", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++") if machine == "aarch64" else None


def find_host_compiler(machine: str) -> Toolchain | None:
    """The machine's own compiler, where the machine is of the kind asked for."""
    return _gcc("host-cc", "cc", "c++") if machine == platform.machine() else None


def find_zig(machine: str) -> Toolchain | None:
    """Zig's C compiler, from the Python package `ziglang`."""
    try:
        version = metadata.version("ziglang")
    except metadata.PackageNotFoundError:
        return None
    # Zig traps undefined behaviour in what it compiles unless told otherwise.
    target = ("-target", ZIG_TARGETS[machine], "-fno-sanitize=undefined")
    zig = (sys.executable, "-m", "ziglang")
    return Toolchain("zig", f"ziglang {version}", (*zig, "cc", *target), (*zig, "c++", *target))


def _gcc(name: str, c_compiler: str, cxx_compiler: str) -> Toolchain | None:
    c_path, cxx_path = shutil.which(c_compiler), shutil.which(cxx_compiler)
    if not c_path or not cxx_path:
        return None
    return Toolchain(name, _version(c_path), (c_path,), (cxx_path,))


def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout.partition("\n")[0]
