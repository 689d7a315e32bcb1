"""Files on a board or phone that are whole, or not there."""

import secrets
import shlex
from contextlib import suppress
from pathlib import Path, PurePosixPath

from ...errors import DeviceError
from ...files import sha256
from .shell import Shell

# What a folder is called, behind its name and a number, before it has its place and after; and those of them
# that nobody has used for a day, for find.
PART, OLD = ".part", ".old"
LEFT_BEHIND = f"'(' -name '*{PART}' -o -name '*{OLD}' ')' -mtime +0"


def install(shell: Shell, folder: Path, destination: str) -> bool:
    """Have what is in `folder` in the folder `destination` of the device; False if it was there already.

    It is pushed beside, read back there as hashes, and only then takes the place of what had the name, unless
    another push was faster; what one that was cut off has left is removed a day later. Raises DeviceError if
    it cannot be written, or differs.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    expected = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    hashing = "sha256sum -- " + " ".join(map(shlex.quote, expected))
    # Several may push at once.
    beside = f"{destination}.{secrets.token_hex(4)}"
    there, draft, before = map(shlex.quote, (destination, beside + PART, beside + OLD))
    # Where ours would be if another one took the name while we do.
    inside = shlex.quote(f"{destination}/{PurePosixPath(beside + PART).name}")

    def is_there() -> bool:
        return _hashes(shell.run(f"cd {there} 2>/dev/null && {hashing} 2>/dev/null || true")) == expected

    if is_there():
        return False
    try:
        parent = f'"$(dirname {there})"'
        shell.run(
            f"mkdir -p {parent} && {{ find {parent} -maxdepth 1 {LEFT_BEHIND} -exec rm -rf {{}} + || true; }}"
        )
        free = _free_bytes(shell.run(f"df -Pk {parent}"))
        needed = sum(path.stat().st_size for path in files)
        if free < needed:
            raise DeviceError(
                f"{shell.uri} has {free / 1e6:.1f} MB free for {destination}, "
                f"{needed / 1e6:.1f} MB are needed: make room there"
            )
        shell.push(folder, beside + PART)
        found = _hashes(shell.run(f"cd {draft} && {hashing}"))
        if found != expected:
            name = next(name for name in expected if found.get(name) != expected[name])
            raise DeviceError(f"{shell.uri}: {name} arrived damaged: check the storage and the connection")
        if is_there():
            shell.run(f"rm -rf {draft}")
            return False
        swap = f"mv {there} {before} 2>/dev/null; mv {draft} {there} && rm -rf {before} {inside}"
        if _hashes(shell.run(f"{swap} && cd {there} && {hashing}")) != expected:
            raise DeviceError(f"{shell.uri}: another push has taken {destination} meanwhile: do it again")
    except DeviceError:
        with suppress(DeviceError):
            shell.run(f"rm -rf {draft}")
        raise
    return True


def _hashes(output: bytes) -> dict[str, str]:
    """The hash of each file, from the lines of sha256sum."""
    lines = (line.split(maxsplit=1) for line in output.decode(errors="replace").splitlines())
    return {name.removeprefix("*"): digest for digest, name in lines}


def _free_bytes(output: bytes) -> int:
    """What is available, from the last line of df."""
    return 1024 * int(output.decode(errors="replace").splitlines()[-1].split()[3])
