"""C and C++ toolchains: found on this machine, and used to link what LLVM compiled."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ..cache import built_once, cache_folder, content_key
from ..errors import ArmletError, UsageError
from .elf import read_needs, undefined_symbols
from .localize import localize

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
    *("-shared", "-nostdlib", "-Wl,--build-id=none", "-Wl,--hash-style=both", "-Wl,--strip-debug"),
    *("-Wl,-z,max-page-size=16384", "-Wl,-z,noexecstack"),
)
STATIC_FLAGS = ("-O2", "-g0", "-static", "-s", "-Wl,-z,max-page-size=16384")
# Zig has no static library of glibc.
ZIG_STATIC_FLAGS = ("-target", "aarch64-linux-musl")
# Of GNU's linker, which else maps constants as code; Zig's maps them apart, and does not know the option.
GNU_LINK_FLAGS = ("-Wl,-z,separate-code",)

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
    """Compilers and an archiver for one kind of machine; `version` is what a manifest records."""

    name: str
    version: str
    c_compiler: tuple[str, ...]
    cxx_compiler: tuple[str, ...]
    archiver: tuple[str, ...]
    link_flags: tuple[str, ...] = LINK_FLAGS

    def compile_object(self, source: Path, output: Path, *, include: Iterable[Path] = ()) -> None:
        """Compile a freestanding C file to an object, which is the same wherever it is made."""
        flags = [*COMPILE_FLAGS, *(f"-I{folder}" for folder in include)]
        command = [*self.c_compiler, *flags, "-c", source.name, "-o", str(output.absolute())]
        self._run(command, folder=source.parent)

    def link_object(self, objects: Iterable[Path], output: Path, exports: Collection[str]) -> None:
        """Link `objects`, and the C library's functions that compilers call, to an object that needs nothing.

        All symbols but `exports` are its own. Raises DependencyError if any stays undefined, ArmletError if
        the toolchain fails.
        """
        inputs = [str(Path(item).absolute()) for item in (*objects, *self._freestanding())]
        flags = ["-r", "-nostdlib", "-Wl,--strip-debug"]
        self._run([*self.c_compiler, *flags, *inputs, "-o", str(output.absolute())], folder=output.parent)
        _refuse_dependencies(output, undefined_symbols(output))
        localize(output, exports)

    def _freestanding(self) -> list[Path]:
        """The objects of the C library's functions that compilers call, from the cache if they are there."""
        folder = cache_folder("freestanding") / content_key(str(self), str(COMPILE_FLAGS), *FREESTANDING)
        with built_once(folder) as draft:
            if draft:
                for source in FREESTANDING:
                    self.compile_object(source, draft / f"{source.stem}.o")
        return [folder / f"{source.stem}.o" for source in FREESTANDING]

    def archive(self, item: Path, output: Path) -> None:
        """Write the object `item` to the static library `output`, the same bytes wherever it is made."""
        self._run([*self.archiver, "rcsD", str(output.absolute()), item.name], folder=item.parent)

    def link_library(
        self, objects: Iterable[Path], output: Path, *, exports: Iterable[str] = ("*",), soname: str = ""
    ) -> None:
        """Link `objects` to a library that depends on nothing.

        `exports` are the symbols, or patterns of them, that it offers; `soname` is what programs linked to it
        will look for. Only the symbols of the TVM FFI (`TVMFFI...`) may stay undefined: the process that
        loads the library has them. Raises DependencyError for any other, ArmletError if the toolchain fails.
        """
        with tempfile.TemporaryDirectory(prefix="armlet-link-") as folder:
            inputs = [str(Path(item).absolute()) for item in objects]
            Path(folder, "exports").write_text(f"{{ global: {'; '.join(exports)}; local: *; }};\n")
            flags = [*self.link_flags, "-Wl,--version-script=exports"]
            flags += [f"-Wl,-soname,{soname}"] if soname else []
            command = [*self.c_compiler, *flags, *inputs, "-o", str(output.absolute())]
            self._run(command, folder=Path(folder))
        library = read_needs(output)
        needed = (name for name in library.undefined if not name.startswith("TVMFFI"))
        _refuse_dependencies(output, [*library.libraries, *needed])

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

    def build_static(self, inputs: Iterable[Path], output: Path) -> None:
        """Build a C program that needs nothing of the system it runs on but its kernel.

        Raises ArmletError with the compiler's first complaint.
        """
        flags = [*STATIC_FLAGS, *(ZIG_STATIC_FLAGS if self.name == "zig" else ())]
        files = [str(file.absolute()) for file in inputs]
        self._run([*self.c_compiler, *flags, *files, "-o", str(output.absolute())], folder=output.parent)

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


def _refuse_dependencies(output: Path, missing: Collection[str]) -> None:
    if missing:
        raise DependencyError(f"{output.name} would need {', '.join(missing)}, which a device may not have")


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
    compilers = (str(compiler), target), (f"{compiler}++", target)
    return Toolchain("ndk", _version(str(compiler)), *compilers, (str(compiler.with_name("llvm-ar")),))


def find_gnu_cross(machine: str) -> Toolchain | None:
    """The distribution's GNU cross compiler for ARM64."""
    prefix = "aarch64-linux-gnu-"
    return _gcc("gnu", f"{prefix}gcc", f"{prefix}g++", f"{prefix}ar") if machine == "aarch64" else None


def find_host_compiler(machine: str) -> Toolchain | None:
    """The machine's own compiler, where the machine is of the kind asked for."""
    return _gcc("host-cc", "cc", "c++", "ar") if machine == platform.machine() else None


def find_zig(machine: str) -> Toolchain | None:
    """Zig's C compiler, from the Python package `ziglang`."""
    try:
        version = metadata.version("ziglang")
    except metadata.PackageNotFoundError:
        return None
    # Zig traps undefined behaviour in what it compiles unless told otherwise.
    target = ("-target", ZIG_TARGETS[machine], "-fno-sanitize=undefined")
    zig = (sys.executable, "-m", "ziglang")
    compilers = (*zig, "cc", *target), (*zig, "c++", *target)
    return Toolchain("zig", f"ziglang {version}", *compilers, (*zig, "ar"))


def _gcc(name: str, *programs: str) -> Toolchain | None:
    """The toolchain of a C compiler, a C++ compiler and an archiver, if all three are there."""
    c_path, cxx_path, archiver = map(shutil.which, programs)
    if not c_path or not cxx_path or not archiver:
        return None
    found = (c_path,), (cxx_path,), (archiver,)
    return Toolchain(name, _version(c_path), *found, link_flags=(*LINK_FLAGS, *GNU_LINK_FLAGS))


def _version(compiler: str) -> str:
    return subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout.partition("\n")[0]
