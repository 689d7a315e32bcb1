"""A root folder with an ARM64 Python in the cache, and a root for each core that says it is that core.

`qemu-aarch64 -L ROOT` looks for every absolute path under ROOT first: neither a chroot nor a namespace, and
no rights, are needed.
"""

import hashlib
import subprocess
import tempfile
from pathlib import Path

from armlet.cache import built_once, cache_folder
from armlet.errors import ArmletError
from armlet.targets import Core

from .core_files import core_files, write_core_files

PACKAGES = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
OWN = ("proc", "sys")


def root_for(core: Core) -> Path:
    """The root of programs that are to find themselves on `core`.

    Raises ArmletError if apt or dpkg is missing, or the packages cannot be had.
    """
    system, files = _system(), repr(core_files(core)).encode()
    root = cache_folder("peers", "roots") / f"{core.name}-{hashlib.sha256(files).hexdigest()[:12]}"
    with built_once(root) as draft:
        if draft:
            for entry in system.iterdir():
                if entry.name not in OWN:
                    (draft / entry.name).symlink_to(entry)
            write_core_files(core, draft)
    return root


def find_python() -> Path:
    """The ARM64 Python of the root, called by its version; raises ArmletError as `root_for` does."""
    return next((_system() / "usr/bin").glob("python3.[0-9]*"))


def _system() -> Path:
    """The packages of this machine's own Debian or Ubuntu for ARM64, unpacked."""
    folder = cache_folder("peers") / "arm64"
    with built_once(folder) as draft:
        if draft:
            with tempfile.TemporaryDirectory(prefix="armlet-apt-") as state:
                for package in _download(Path(state)):
                    _run("dpkg", "-x", str(package), str(draft))
            if not (draft / "lib").exists():  # where /lib is one with /usr/lib, its link is of no package
                (draft / "lib").symlink_to("usr/lib")
    return folder


def _download(state: Path) -> list[Path]:
    """Let apt download PACKAGES and all they need into `state`, as if for an empty ARM64 machine."""
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures::": "arm64",
        "APT::Sandbox::User": "root",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "Debug::NoLocking": "1",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    _run("apt-get", *options, "update")
    _run("apt-get", *options, "install", "--yes", "--no-install-recommends", "--download-only", *PACKAGES)
    return sorted((state / "archives").glob("*.deb"))


def _run(program: str, *arguments: str) -> None:
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise ArmletError(f"the ARM64 root needs {program}: use Debian or Ubuntu") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise ArmletError(f"the ARM64 root cannot be made, {program} failed: {reason}")
