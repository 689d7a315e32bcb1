"""llvm-mca, which says how long a core takes for instructions: the program of this machine."""

import re
import shutil
import subprocess

from ..errors import ArmletError

OLDEST_LLVM = 22
INSTALL_LLVM_MCA = f"`apt-get install llvm-{OLDEST_LLVM}`"


def find_llvm_mca() -> tuple[str, str]:
    """The path of llvm-mca and its version, as "22.1.0"; raises ArmletError if it is missing or too old."""
    found = []
    for path in filter(None, map(shutil.which, (f"llvm-mca-{OLDEST_LLVM}", "llvm-mca"))):
        words = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        version = re.search(r"version (\d+)\.\d+\.\d+", words)
        if version and int(version[1]) >= OLDEST_LLVM:
            return path, version[0].removeprefix("version ")
        found.append(version[0] if version else f"{path}, which does not tell its version")
    raise ArmletError(
        f"llvm-mca {OLDEST_LLVM} or later is needed to model cycles, found {' and '.join(found) or 'none'}: "
        f"{INSTALL_LLVM_MCA}"
    )
