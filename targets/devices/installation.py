"""Files on a board or phone that are whole, or not there."""

import secrets
import shlex
from contextlib import suppress
from pathlib import Path

from ...errors import DeviceError
from ...files import sha256
from .shell import Shell

# What a folder is called, behind its name and a number, before it has its place and after, which nobody calls
# an artifact; and those of them that nobody has used for a day, for find.
PART, OLD = ".armlet-part", ".armlet-old"
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
    # Several may push at once: each beside, and one after the other takes the name.
    beside = f"{destination}.{secrets.token_hex(4)}"
    names = (destination, beside + PART, beside + OLD, f"{destination}.lock{PART}")
    there, draft, before, lock = map(shlex.quote, names)
    hashing_there = f"cd {there} 2>/dev/null && {hashing} 2>/dev/null"

    if _hashes(shell.run(f"{hashing_there} || true")) == expected:
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
        said = shell.run(f"cd {draft} && {hashing}")
        found = _hashes(said)
        if found != expected:
            name = next(name for name in expected if found.get(name) != expected[name])
            raise DeviceError(f"{shell.uri}: {name} arrived damaged: check the storage and the connection")
        same = f'[ "$({hashing_there})" = {shlex.quote(said.decode(errors="replace").strip())} ]'
        swap = f"if [ -e {there} ]; then mv {there} {before}; fi && mv {draft} {there} && rm -rf {before}"
        return bool(shell.run(_locked(lock, f"if {same}; then rm -rf {draft}; else {swap} && echo ours; fi")))
    except DeviceError:
        with suppress(DeviceError):
            shell.run(f"rm -rf {draft}")
        raise


def _locked(lock: str, script: str) -> str:
    """`script` while the folder `lock` is ours: that of one who was killed is waited for in vain, 5 s."""
    wait = f"tries=0; until mkdir {lock} 2>/dev/null || [ $tries -ge 50 ]"
    return f"{wait}; do sleep 0.1; tries=$((tries + 1)); done; {script}; code=$?; rmdir {lock}; exit $code"


def _hashes(output: bytes) -> dict[str, str]:
    """The hash of each file, from the lines of sha256sum."""
    lines = (line.split(maxsplit=1) for line in output.decode(errors="replace").splitlines())
    return {name.removeprefix("*"): digest for digest, name in lines}


def _free_bytes(output: bytes) -> int:
    """What is available, from the last line of df."""
    return 1024 * int(output.decode(errors="replace").splitlines()[-1].split()[3])
