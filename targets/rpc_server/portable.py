"""The RPC server for a board or phone on which nothing is installed: the program with every library it loads.

The C library's loader travels along and starts the program, so that it does not matter which C library the
system has: Raspberry Pi OS of any year, and Android's shell, which has none that would do.
"""

import shutil
from pathlib import Path

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
    built = server_program("aarch64").parent
    with written_beside(folder, folder=True, marker="start", force=force) as draft:
        for file in built.iterdir():
            shutil.copy(file, draft)
        pending = [*draft.iterdir()]
        while pending:
            for name in read_needs(pending.pop()).libraries:
                if not (draft / name).exists():
                    shutil.copyfile(_system_library(name), draft / name)
                    pending.append(draft / name)
        (draft / LOADER).chmod(0o755)
        (draft / "start").write_text(START)
        (draft / "start").chmod(0o755)


def _system_library(name: str) -> Path:
    for folder in LIBRARY_FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise ArmletError(
        f"ARM64's {name} is missing: `apt-get install libc6-arm64-cross libstdc++6-arm64-cross`"
    )
