"""The RPC server for a board or phone on which nothing is installed: the program with every library it loads.

The C library's loader travels along and starts the program, so that it does not matter which C library the
system has: Raspberry Pi OS of any year, and Android's shell, which has none that would do.
"""

import shutil
from pathlib import Path

from ...cache import built_once, cache_folder, content_key
from ...errors import ArmletError
from ...files import written_beside
from ..elf import read_needs
from . import server_program

# Where the cross packages of Debian and Ubuntu, and ARM64 systems themselves, keep ARM64's libraries.
LIBRARY_FOLDERS = (Path("/usr/aarch64-linux-gnu/lib"), Path("/lib/aarch64-linux-gnu"), Path("/lib"))
LOADER = "ld-linux-aarch64.so.1"

START = f"""#!/bin/sh
# The TVM RPC server for armlet. It has no authentication: it listens on this machine alone unless --host says
# otherwise; reach it through an SSH tunnel or adb forward.
cd "$(dirname "$0")" || exit 1
exec ./{LOADER} --library-path . ./server --work . "$@"
"""


def write_server(folder: Path, *, force: bool = False) -> None:
    """Write the server for ARM64 Linux and Android to `folder`; `folder/start` runs it.

    Raises UsageError if `folder` exists and `force` is not given, ArmletError if the toolchain, TVM's runtime
    or ARM64's C library is missing.
    """
    server = portable_server()
    with written_beside(folder, folder=True, marker="start", force=force) as draft:
        for file in server.iterdir():
            shutil.copy(file, draft)


def portable_server() -> Path:
    """The folder that `write_server` copies, in the cache, named by what is in it; raises as that does."""
    built = server_program("aarch64").parent
    libraries = _libraries_beyond(built)
    key = content_key(built.name, START, *libraries)
    folder = cache_folder("portable-server") / key
    with built_once(folder) as draft:
        if draft:
            for file in (*built.iterdir(), *libraries):
                shutil.copy(file, draft)
            (draft / LOADER).chmod(0o755)
            (draft / "start").write_text(START)
            (draft / "start").chmod(0o755)
    return folder


def _libraries_beyond(folder: Path) -> list[Path]:
    """The system's libraries that those in `folder` load, and these load in turn."""
    known = {file.name: file for file in folder.iterdir()}
    own, pending = {*known}, [*known.values()]
    while pending:
        for name in read_needs(pending.pop()).libraries:
            if name not in known:
                known[name] = _system_library(name)
                pending.append(known[name])
    return [known[name] for name in sorted(known.keys() - own)]


def _system_library(name: str) -> Path:
    for folder in LIBRARY_FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise ArmletError(
        f"ARM64's {name} is missing: `apt-get install libc6-arm64-cross libstdc++6-arm64-cross`"
    )
