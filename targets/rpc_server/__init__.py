"""TVM's RPC server as one C++ program: built once for each machine, then kept in the cache."""

from pathlib import Path

from ...cache import built_once, cache_folder, content_key
from ..toolchains import Toolchain, find_toolchain
from ..tvm_runtime import (
    build_on_runtime,
    describe_version,
    pinned_versions,
    runtime_folder,
)

SOURCES = Path(__file__).parent


def server_program(machine: str) -> Path:
    """The RPC server for Linux on `machine` ("aarch64", "x86_64"), in a folder with the libraries it needs.

    It is built again when its sources, TVM's version or the toolchain changed. Raises ArmletError if there is
    no toolchain, or TVM's runtime cannot be had.
    """
    toolchain = find_toolchain("linux", machine)
    version = describe_version(pinned_versions())
    key = content_key(machine, version, str(toolchain), *sorted(SOURCES.glob("*.[ch]*")))
    folder = cache_folder("rpc-server") / key
    with built_once(folder) as draft:
        if draft:
            build_server(draft, toolchain, runtime_folder(machine), version)
    return folder / "server"


def build_server(folder: Path, toolchain: Toolchain, runtime: Path, version: str) -> None:
    """Build the server into `folder`, with the libraries of `runtime` beside it, to announce `version`."""
    announced = {"ARMLET_TVM_VERSION": f'"{version}"'}
    build_on_runtime(SOURCES / "server.cc", folder, toolchain, runtime, announced)
