"""TVM's runtime libraries for either machine, of the versions that armlet is pinned to."""

import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from ..cache import built_once, cache_folder
from ..errors import ArmletError, InvalidArtifactError
from .elf import read_needs
from .toolchains import Toolchain

# libtvm_runtime_extra holds the random fill with which tuning makes its inputs.
LIBRARIES = {
    "apache-tvm": ("tvm/lib/libtvm_runtime.so", "tvm/lib/libtvm_runtime_extra.so"),
    "apache-tvm-ffi": ("tvm_ffi/lib/libtvm_ffi.so",),
}
# What TVM's headers define in a program stays in it: else it replaces the same of TVM's libraries, and an
# exception there crashes if the two were built on different C++ libraries.
PRIVATE_FFI = {"TVM_FFI_DLL": "", "TVM_FFI_DLL_EXPORT": "", "TVM_FFI_CMAKE_LITTLE_ENDIAN": "1"}
# glibc 2.28 is Debian 10; pip wants each compatible platform named.
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17")


def pinned_versions() -> dict[str, str]:
    """The exact versions of TVM and its FFI that armlet requires, by package."""
    requirements = metadata.requires("armlet") or []
    pins = (re.match(r"(apache-tvm(?:-ffi)?)==(\S+)$", requirement) for requirement in requirements)
    return {pin[1]: pin[2] for pin in pins if pin}


def installed_version() -> str:
    """What this machine's TVM calls itself; a device must say the same."""
    return describe_version({name: metadata.version(name) for name in LIBRARIES})


def describe_version(versions: dict[str, str]) -> str:
    """One line for the versions of both packages, as a device announces them."""
    return f"{versions['apache-tvm']} with FFI {versions['apache-tvm-ffi']}"


def runtime_folder(machine: str) -> Path:
    """The cached folder with the libraries for `machine` ("aarch64", "x86_64").

    They are those of the installed packages for this machine's own kind, else taken out of the wheels that
    pip downloads (95 MB, once). Raises ArmletError if pip cannot, or brings something else.
    """
    with built_once(_cached(machine)) as draft:
        if draft:
            if machine == platform.machine():
                _copy_installed(draft)
            else:
                _download(machine, draft)
            for library in draft.iterdir():
                _check_machine(library, machine)
    return _cached(machine)


def runtime_is_cached(machine: str) -> bool:
    """Whether `runtime_folder` need not download anything."""
    return _cached(machine).is_dir()


def _cached(machine: str) -> Path:
    pins = pinned_versions()
    return cache_folder("tvm-runtime") / f"{pins['apache-tvm']}-ffi-{pins['apache-tvm-ffi']}-{machine}"


def _copy_installed(folder: Path) -> None:
    pins = pinned_versions()
    for package, members in LIBRARIES.items():
        distribution = metadata.distribution(package)
        if distribution.version != pins[package]:
            raise ArmletError(
                f"{package} {distribution.version} is installed, {pins[package]} is needed: "
                f"`pip install {package}=={pins[package]}`"
            )
        for member in members:
            source = Path(str(distribution.locate_file(member)))
            (folder / source.name).write_bytes(source.read_bytes())


def _download(machine: str, folder: Path) -> None:
    pins = pinned_versions()
    with tempfile.TemporaryDirectory(prefix="armlet-wheels-") as wheels:
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        command += ["--no-deps", "--only-binary=:all:"]
        command += [f"--platform={platform}_{machine}" for platform in PLATFORMS]
        command += ["--dest", wheels, *(f"{package}=={version}" for package, version in pins.items())]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise ArmletError(f"TVM's runtime for {machine} could not be downloaded: {reason}")
        for package, version in pins.items():
            pattern = f"{package.replace('-', '_')}-{version}-*_{machine}.whl"
            found = list(Path(wheels).glob(pattern))
            if len(found) != 1:
                names = ", ".join(sorted(wheel.name for wheel in Path(wheels).iterdir()))
                raise ArmletError(f"pip was to bring {pattern} and brought {names}")
            with zipfile.ZipFile(found[0]) as wheel:
                for member in LIBRARIES[package]:
                    (folder / Path(member).name).write_bytes(wheel.read(member))


def _check_machine(library: Path, machine: str) -> None:
    found = read_needs(library).machine
    if found != machine:
        raise InvalidArtifactError(f"{library.name} is for {found}, not for {machine}")


def ffi_headers() -> Path:
    """The folder of the headers of TVM's FFI, and of DLPack."""
    return Path(str(metadata.distribution("apache-tvm-ffi").locate_file("tvm_ffi/include")))


def build_on_runtime(
    source: Path, folder: Path, toolchain: Toolchain, runtime: Path, defines: Mapping[str, str] | None = None
) -> None:
    """Build the C++ program `source` into `folder`, under its stem, the libraries of `runtime` beside it.

    Raises ArmletError with the compiler's first complaint.
    """
    libraries = [Path(shutil.copy(library, folder)) for library in sorted(runtime.iterdir())]
    toolchain.build_program(
        source,
        folder / source.stem,
        include=[ffi_headers()],
        libraries=libraries,
        defines={**PRIVATE_FFI, **(defines or {})},
    )
