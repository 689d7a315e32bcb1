"""An ARM64 board that is not there: a shell with a home of its own in which ARM64 programs run under qemu."""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from armlet.targets.qemu import find_qemu

HERE = Path(__file__).parent
# What Raspberry Pi OS Lite and Android both have; no Python, no compiler, nothing of TVM's.
PROGRAMS = (
    *("cat", "chmod", "cp", "df", "dirname", "echo", "env", "find", "grep", "head", "ls", "mkdir", "mv"),
    *("printf", "rm", "rmdir", "sed", "sha256sum", "sleep", "tail", "tar", "test", "true", "wc"),
)
UNAME = """#!/bin/sh
case "$1" in
    -m) echo "${BOARD_MACHINE:-aarch64}" ;;
    -r) echo 6.12.25-board ;;
    *) echo Linux ;;
esac
"""


@dataclass
class Board:
    """`home` and `programs` are folders of the board's, `settings` variables of its shell's environment."""

    root: Path
    shell: str = "/bin/sh"
    tools: str | None = None  # one program for all PROGRAMS, such as toybox
    settings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home, self.programs = self.root / "home", self.root / "programs"
        self.home.mkdir(parents=True)
        self.programs.mkdir()
        for name in PROGRAMS:
            (self.programs / name).symlink_to(self.tools or shutil.which(name))
        (self.programs / "sh").symlink_to(self.shell)
        self.add_program("uname", UNAME)
        library = self.root / "arm64_programs.so"
        subprocess.run(["cc", "-shared", "-fPIC", HERE / "arm64_programs.c", "-o", library], check=True)

    def add_program(self, name: str, script: str) -> None:
        program = self.programs / name
        program.write_text(script)
        program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """Everything that a shell of the board's has in its environment."""
        return {
            "HOME": str(self.home),
            "PATH": str(self.programs),
            "LD_PRELOAD": str(self.root / "arm64_programs.so"),
            "ARM64_QEMU": find_qemu(),
            "ARM64_CPU": "cortex-a72",
            **self.settings,
        }
