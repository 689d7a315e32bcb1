"""From Relax and TIR to machine code: one cached object a kernel, the rest linked around them."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tvm
from tvm import relax

from ..artifact import installed_pins
from ..files import cache_folder, require_space, written_beside
from ..targets import Core, Toolchain
from ..targets.toolchains import DependencyError
from .fallback import TVM_ERRORS, Fallback, cannot_compile
from .kernels import Kernel
from .lowering import Lowered

# A node left to TVM is to blame for these, and not for a toolchain that fails.
BLAMED_ON_A_NODE = (DependencyError, *TVM_ERRORS)

# LLVM ends the process when it cannot write an object; all of a network's take less than this.
SPACE_NEEDED = 64 << 20


def compile_kernel(name: str, kernel: Kernel, target: dict[str, Any]) -> Path:
    """The object file of `kernel` for the TVM `target`, from the cache if it is there.

    It holds one function of TVM's packed interface, `name`.
    """
    content = json.dumps([name, kernel.function.script(), target, installed_pins()], sort_keys=True)
    cached = cache_folder("kernels") / f"{hashlib.sha256(content.encode()).hexdigest()}.o"
    if not cached.exists():
        function = kernel.function.with_attr("global_symbol", name)
        module = tvm.compile(tvm.IRModule({name: function}), target=tvm.target.Target(target)).mod
        with written_beside(cached, force=True) as draft:
            module.write_to_file(str(draft))
    return cached


def build_library(
    lowered: Lowered,
    core: Core,
    os: str,
    toolchain: Toolchain,
    output: Path,
    progress: Callable[[str, float], None],
) -> None:
    """Compile `lowered` for `core` and link it to `output`, a module for TVM's Relax VM.

    `progress` is told what is being done and which part of the whole is behind. Raises InvalidModelError
    naming the node if TVM cannot compile one that was left to it, ArmletError if the toolchain
    fails or a disk is full.
    """
    for folder in (cache_folder("kernels"), Path(tempfile.gettempdir())):
        require_space(folder, SPACE_NEEDED)
    target = core.tvm_target(os)
    objects: list[Path] = []
    for number, (name, kernel) in enumerate(lowered.kernels.items()):
        progress(f"kernel {name}", number / (len(lowered.kernels) + 1))
        objects.append(compile_kernel(name, kernel, target))
    progress("network", len(lowered.kernels) / (len(lowered.kernels) + 1))
    try:
        _link(lowered.module, objects, target, toolchain, output)
    except BLAMED_ON_A_NODE:
        for fallback in lowered.fallbacks:
            _check_alone(fallback, target, toolchain)
        raise


def _link(
    module: tvm.IRModule, objects: Sequence[Path], target: dict[str, Any], toolchain: Toolchain, output: Path
) -> None:
    """Compile what `module` still holds of Relax and TIR, and link it with `objects`."""
    executable = relax.build(module, tvm.target.Target(target))

    def link(library: str, files: list[str], **_: Any) -> None:
        toolchain.link_library([*map(Path, files), *objects], Path(library))

    link.object_format = "o"  # type: ignore[attr-defined]  # what export_library asks of its linker
    # TVM leaves its objects in the folder it is given.
    with tempfile.TemporaryDirectory(prefix="armlet-build-") as folder:
        library = Path(folder, "model.so")
        executable.export_library(str(library), fcompile=link, workspace_dir=folder)
        shutil.copyfile(library, output)


def _check_alone(fallback: Fallback, target: dict[str, Any], toolchain: Toolchain) -> None:
    """Raise InvalidModelError if TVM cannot compile this one node."""
    with tempfile.TemporaryDirectory(prefix="armlet-build-") as folder:
        try:
            _link(fallback.module, [], target, toolchain, Path(folder, "alone.so"))
        except BLAMED_ON_A_NODE as error:
            raise cannot_compile(fallback.node, error) from error
