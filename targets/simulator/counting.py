"""Exact counts of what an ARM64 program executes: every block of instructions, and which follows which."""

import hashlib
import platform
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import ArmletError, InvalidArtifactError
from ...files import cache_folder
from ..cores import Core
from ..qemu import qemu_command
from ..toolchains import find_toolchain
from ..tvm_runtime import build_on_runtime, built_once, runtime_folder
from .cache_model import CacheConfig, CacheCounts

SOURCES = Path(__file__).parent
# From qemu 9.0 on, plugins of version 1 are refused.
FIRST_WITH_VERSION_2 = 9
TIMEOUT = 600.0


@dataclass(frozen=True)
class Block:
    """Instructions executed one after the other from `address` on, so many times."""

    address: int
    executions: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class Trace:
    """What one thread executed in the marked region.

    `edges` counts what followed what where blocks meet: the last instruction of one, the first of the other.
    `memory` is what each block, by its address, did to the caches of the core, all of them empty at first.
    """

    blocks: tuple[Block, ...]
    edges: dict[tuple[int, int], int]
    memory: dict[int, CacheCounts]

    @property
    def instructions(self) -> int:
        """All instructions executed."""
        return sum(block.executions * len(block.words) for block in self.blocks)


def count_network(library: Path, image: np.ndarray, core: Core) -> Trace:
    """Count one inference of the network in `library`, a module for TVM's Relax VM, after one to warm up.

    Addresses are relative to the library; what TVM's runtime executes is above or below it. Raises
    ArmletError if qemu, a toolchain or TVM's runtime is missing, or this qemu takes no plugins;
    InvalidArtifactError if the network crashes.
    """
    with tempfile.TemporaryDirectory(prefix="armlet-count-") as folder:
        image_file = Path(folder, "image.bin")
        image.astype(np.float32).tofile(image_file)
        arguments = [str(_runner()), str(library), str(image_file), *map(str, image.shape)]
        trace, printed = count_program(arguments, core)
    return _relative_to(trace, int(printed, 16))


def count_program(
    arguments: Sequence[str], core: Core, *, sysroot: Path | None = None, timeout: float = TIMEOUT
) -> tuple[Trace, str]:
    """Count the marked region of an ARM64 program; also what it printed.

    The region is from the system call close(-777) to close(-778), in the thread that makes them. The program
    finds its libraries, and any file that is there, under `sysroot`: by default the cross libraries. Raises
    ArmletError as `count_network` does, or after `timeout` seconds.
    """
    qemu, *options = qemu_command(core, sysroot)
    with tempfile.TemporaryDirectory(prefix="armlet-count-") as folder:
        output = Path(folder, "trace")
        cache = CacheConfig.of_core(core).pack().hex()
        plugin = f"file={_plugin(qemu)},out={output},cache={cache}"
        command = [qemu, *options, "-plugin", plugin, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise ArmletError(f"{arguments[0]} did not end within {timeout:g} s under qemu") from error
        if "plugin" in done.stderr and not output.exists():
            raise ArmletError(
                f"{qemu} takes no plugins: install the dynamically linked one, `apt-get install qemu-user`"
            )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise InvalidArtifactError(f"{arguments[0]} failed under qemu: {reason}")
        return _parse(output.read_text()), done.stdout


def _parse(text: str) -> Trace:
    executions: Counter[tuple[int, tuple[int, ...]]] = Counter()
    edges: Counter[tuple[int, int]] = Counter()
    memory: dict[int, CacheCounts] = {}
    for line in text.splitlines():
        kind, *fields = line.split()
        if kind == "block":
            address, times, *words = fields
            # The same block is translated again where qemu threw its translation away.
            executions[int(address, 16), tuple(int(word, 16) for word in words)] += int(times)
        elif kind == "edge":
            edges[int(fields[0], 16), int(fields[1], 16)] += int(fields[2])
        else:
            at, counts = int(fields[0], 16), CacheCounts.of(map(int, fields[1:]))
            memory[at] = memory[at] + counts if at in memory else counts
    blocks = (Block(address, times, words) for (address, words), times in sorted(executions.items()))
    return Trace(tuple(blocks), dict(sorted(edges.items())), memory)


def _relative_to(trace: Trace, base: int) -> Trace:
    blocks = tuple(Block(block.address - base, block.executions, block.words) for block in trace.blocks)
    edges = {(a - base, b - base): times for (a, b), times in trace.edges.items()}
    memory = {address - base: counts for address, counts in trace.memory.items()}
    return Trace(blocks, edges, memory)


def qemu_version(qemu: str) -> str:
    """What `qemu` calls its version: "7.2.22"."""
    words = subprocess.run([qemu, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"version (\d+\.\d+\.\d+)", words)
    if not found:
        raise ArmletError(f"{qemu} does not tell its version: `apt-get install qemu-user`")
    return found[1]


def _plugin(qemu: str) -> Path:
    """The plugin counter.c for this qemu, built once."""
    version = 2 if int(qemu_version(qemu).split(".")[0]) >= FIRST_WITH_VERSION_2 else 1
    toolchain = find_toolchain("linux", platform.machine())
    sources = [SOURCES / name for name in ("counter.c", "cache_model.c", "cache_model.h")]
    text = b"".join(source.read_bytes() for source in sources)
    key = hashlib.sha256(f"{version}\0{toolchain}\0".encode() + text).hexdigest()[:16]
    folder = cache_folder("simulator") / f"counter-{key}"
    with built_once(folder) as draft:
        if draft:
            toolchain.build_plugin(sources[:2], draft / "counter.so", defines={"VERSION": str(version)})
    return folder / "counter.so"


def _runner() -> Path:
    """The ARM64 program runner.cc with TVM's libraries beside it, built once."""
    toolchain, runtime = find_toolchain("linux", "aarch64"), runtime_folder("aarch64")
    sources = SOURCES / "runner.cc", SOURCES.parent / "rpc_server" / "tvm_functions.h"
    text = b"".join(source.read_bytes() for source in sources)
    key = hashlib.sha256(f"{runtime.name}\0{toolchain}\0".encode() + text).hexdigest()[:16]
    folder = cache_folder("simulator") / f"runner-{key}"
    with built_once(folder) as draft:
        if draft:
            build_on_runtime(sources[0], draft, toolchain, runtime)
    return folder / "runner"
