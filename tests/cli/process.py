"""armlet as a process: its output and its exit code."""

import os
import subprocess
import sys
from pathlib import Path

ARMLET = Path(sys.executable).with_name("armlet")


def armlet(*arguments, cwd=None, **environment):
    return subprocess.run(
        [str(ARMLET), *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def refused(code, *arguments, cwd=None):
    """The one line with which the command fails."""
    done = armlet(*arguments, cwd=cwd)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("armlet: ")
    return line
