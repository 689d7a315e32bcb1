"""Exact counts of what an ARM64 program executes, by qemu and its plugin counter.c."""

import platform
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...cache import built_once, cache_folder, content_key
from ...errors import ArmletError, InvalidArtifactError
from ..cores import Core
from ..elf import read_signature
from ..qemu import counting_command, qemu_version
from ..toolchains import find_toolchain
from .attribution import Symbols
from .cache_model import CacheConfig
from .trace import Trace

SOURCES = Path(__file__).parent
# From qemu 9.0 on, plugins of version 1 are refused.
FIRST_WITH_VERSION_2 = 9
# Segmentation of 1025x2049 takes a quarter of an hour.
TIMEOUT = 3600.0
# What runner.cc says last of a network that crashes.
CRASH = re.compile(r"crash (?P<signal>\d+) (?P<address>[0-9a-f]+)")


def count_under_qemu(library: Path, image: np.ndarray, core: Core) -> Trace:
    """Count one inference of the network in `library`: its own code, at addresses relative to it.

    Raises ArmletError if a toolchain is missing, or there is no qemu that takes plugins; InvalidArtifactError
    if the network crashes.
    """
    # The length of a path, or of the environment, would move what lies on the heap and on the stack.
    with tempfile.TemporaryDirectory(prefix="armlet-count-") as folder:
        Path(folder, "runner").symlink_to(_runner())
        Path(folder, "model.so").symlink_to(library.resolve())
        image.astype(read_signature(library)["inputs"][0]["type"]).tofile(Path(folder, "image.bin"))
        arguments = ["./runner", "./model.so", "./image.bin"]
        text, _ = _count(_plugged_in(core), arguments, TIMEOUT, library, cwd=folder, env={})
    return Trace.parse(text)


def qemu_identity(core: Core) -> tuple[str, ...]:
    """What decides, beside the network and its input, what `count_under_qemu` counts."""
    return (_runner().parent.name, *_plugged_in(core))


def count_program(
    arguments: Sequence[str],
    core: Core,
    *,
    sysroot: Path | None = None,
    environment: Mapping[str, str] | None = None,
    keep: Path | None = None,
    timeout: float = TIMEOUT,
) -> tuple[Trace, str]:
    """Count the marked region of an ARM64 program; also what it printed.

    The region is from the system call close(-777) to close(-778), in the thread that makes them. The program
    finds its libraries, and any file that is there, under `sysroot`: by default the cross libraries. It gets
    `environment` in place of this process's. `keep` is a file to write the trace to, for `Trace.parse`.
    Raises as `count_under_qemu` does, and ArmletError after `timeout` seconds.
    """
    text, printed = _count(_plugged_in(core, sysroot), arguments, timeout, env=environment)
    if keep:
        keep.write_text(text)
    return Trace.parse(text), printed


def _plugged_in(core: Core, sysroot: Path | None = None) -> list[str]:
    """The start of a command line that counts; what the plugin writes goes where `_count` says."""
    qemu, *options = counting_command(core, sysroot)
    cache = CacheConfig.of_core(core).pack().hex()
    # The seed is of what the kernel gives a program at random, by which hash tables may be ordered.
    return [qemu, *options, "-seed", "1", "-plugin", f"file={_plugin(qemu)},cache={cache}"]


def _count(
    command: Sequence[str],
    arguments: Sequence[str],
    timeout: float,
    library: Path | None = None,
    **place: Any,
) -> tuple[str, str]:
    """The trace as the plugin wrote it, and what the program printed; `place` is its cwd and env.

    If the program is the runner, `library` is the network, for errors to name it and its kernels.
    """
    name = library or arguments[0]
    with tempfile.TemporaryDirectory(prefix="armlet-count-") as folder:
        output = Path(folder, "trace")
        *options, plugin = command
        try:
            done = subprocess.run(
                [*options, f"{plugin},out={output}", *arguments],
                capture_output=True,
                text=True,
                timeout=timeout,
                **place,
            )
        except subprocess.TimeoutExpired as error:
            raise ArmletError(f"{name} did not end within {timeout:g} s under qemu") from error
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        if "Could not load plugin" in reason:
            raise ArmletError(f"{command[0]} is not of a version that counter.c is for: {reason}")
        if done.returncode:
            crash = CRASH.fullmatch(reason)
            if library and crash:
                kernel = Symbols(library).kernel_at(int(crash["address"], 16))
                reason = f"{signal.strsignal(int(crash['signal']))} in {kernel}"
            raise InvalidArtifactError(f"{name} failed under qemu: {reason}")
        return output.read_text(), done.stdout


def _plugin(qemu: str) -> Path:
    """The plugin counter.c for this qemu, built once."""
    version = 2 if int(qemu_version(qemu).split(".")[0]) >= FIRST_WITH_VERSION_2 else 1
    toolchain = find_toolchain("linux", platform.machine())
    sources = [SOURCES / name for name in ("counter.c", "cache_model.c", "cache_model.h")]
    folder = cache_folder("simulator") / f"counter-{content_key(str(version), str(toolchain), *sources)}"
    with built_once(folder) as draft:
        if draft:
            toolchain.build_plugin(sources[:2], draft / "counter.so", defines={"VERSION": str(version)})
    return folder / "counter.so"


def _runner() -> Path:
    """The ARM64 program runner.cc, built once."""
    toolchain = find_toolchain("linux", "aarch64")
    source = SOURCES / "runner.cc"
    folder = cache_folder("simulator") / f"runner-{content_key(str(toolchain), source)}"
    with built_once(folder) as draft:
        if draft:
            toolchain.build_program(source, draft / "runner")
    return folder / "runner"
