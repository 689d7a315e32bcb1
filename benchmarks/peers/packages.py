"""Packages of exact versions in the cache: wheels for ARM64, environments for the converters."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from armlet.cache import built_once, cache_folder
from armlet.errors import ArmletError

# pip wants each compatible platform named.
GLIBC_2 = (17, 24, 26, 27, 28)


def unpack_wheels(pins: Sequence[str], python: str) -> Path:
    """A folder with the ARM64 wheels of `pins` ("numpy==2.4.0") for `python` ("3.11"), without dependencies.

    Raises ArmletError if pip cannot bring them.
    """
    folder = cache_folder("peers", "wheels") / _name((*pins, python))
    with built_once(folder) as draft:
        if draft:
            platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in GLIBC_2]
            platforms.append("--platform=manylinux2014_aarch64")
            options = ["--no-deps", "--only-binary=:all:", "--no-compile", f"--python-version={python}"]
            _pip(Path(sys.executable), [*options, *platforms, f"--target={draft}", *pins])
    return folder


def environment(pins: Sequence[str], *, dependencies: bool = True) -> Path:
    """A virtual environment that holds `pins`: its folder. Raises ArmletError if pip cannot bring them."""
    folder = cache_folder("peers", "environments") / _name(pins)
    with built_once(folder) as draft:
        if draft:
            _checked([sys.executable, "-m", "venv", str(draft)])
            _pip(draft / "bin/python", [*([] if dependencies else ["--no-deps"]), *pins])
    return folder


def run_in(environment: Path, script: Path, *arguments: str | Path) -> None:
    """Run a Python script in an environment; raises ArmletError with the last line that it complains in."""
    _checked([str(environment / "bin/python"), str(script), *map(str, arguments)])


def _name(pins: Sequence[str]) -> str:
    return f"{pins[0].partition('==')[0]}-{hashlib.sha256(' '.join(pins).encode()).hexdigest()[:12]}"


def _pip(python: Path, arguments: Sequence[str]) -> None:
    _checked([str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *arguments])


def _checked(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ArmletError(f"`{' '.join(command[:6])} ...` failed: {reason}")
