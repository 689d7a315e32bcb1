"""TIR to plain C functions: pointers to tensors in, nothing else; compiled to objects, which are cached.

TVM's own build wraps each function in its packed interface, which needs TVM's runtime. Here the buffers that
a function takes become pointers in their order, `restrict` unless the function says otherwise, and those that
it would allocate become further ones behind them: memory is planned in one place, `arena.py`.
"""

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tvm
import tvm_ffi
from tvm import s_tir, tirx
from tvm.ir import PointerType

from ..artifact import installed_pins
from ..cache import built_once, cache_folder, content_key

# What a kernel may keep on the stack.
STACK_BYTES = 16 << 10

# For functions scheduled in blocks: TVM's default pipelines, less what is for other processors and for the
# packed interface.
_LOWER_BLOCKS = tvm.ir.transform.Sequential(
    [
        s_tir.transform.CanonicalizeLoop(),
        s_tir.transform.LowerInitBlock(),
        s_tir.transform.PlanAndUpdateBufferAllocationLocation(),
        s_tir.transform.ConvertBlocksToOpaque(),
        s_tir.transform.CompactBufferAllocation(),
        s_tir.transform.LowerMatchBuffer(),
        s_tir.transform.StmtSimplify(),
        s_tir.transform.LowerOpaqueBlock(),
        tirx.transform.FlattenBuffer(),
        tirx.transform.NarrowDataType(32),
        s_tir.transform.LoopPartition(),
        tirx.transform.VectorizeLoop(True),
        tirx.transform.StorageRewrite(),
        s_tir.transform.HoistIfThenElse(),
        tirx.transform.UnrollLoop(),
        s_tir.transform.RenormalizeSplitPattern(),
        tirx.transform.StmtSimplify(),
        tirx.transform.RemoveNoOp(),
        s_tir.transform.RewriteUnsafeSelect(),
        tirx.transform.CommonSubexprElim(),
    ]
)
# For kernels written as loops: the rest took two thirds of the time and changed no instruction.
_LOWER_LOOPS = tvm.ir.transform.Sequential(
    [
        tirx.transform.FlattenBuffer(),
        tirx.transform.NarrowDataType(32),
        tirx.transform.VectorizeLoop(True),
        tirx.transform.StorageRewrite(),
        tirx.transform.UnrollLoop(),
        tirx.transform.StmtSimplify(),
        s_tir.transform.RewriteUnsafeSelect(),
    ]
)


@dataclass(frozen=True)
class CFunction:
    """A lowered function whose parameters are pointers, the last ones to `scratch`, so many bytes each."""

    module: tvm.IRModule
    scratch: tuple[int, ...]


def to_c(function: tirx.PrimFunc, name: str, target: tvm.target.Target) -> CFunction:
    """`function` as the C function `name`, for `target`."""
    named = function.with_attr("global_symbol", name)
    if "tirx.noalias" not in named.attrs:
        named = named.with_attr("tirx.noalias", True)
    lower = _LOWER_BLOCKS if isinstance(function.body, s_tir.SBlockRealize) else _LOWER_LOOPS
    lowered = lower(tirx.transform.BindTarget(target)(tvm.IRModule({name: named})))[name]

    scratch: list[tirx.Var] = []
    body = tvm_ffi.structural_map(
        lowered.body, (tirx.AllocBuffer, lambda allocation: _lifted(allocation, scratch)), order="post"
    )
    buffers = [*lowered.params, *scratch]
    pointers = [tirx.Var(buffer.name, PointerType(buffer.ty.dtype)) for buffer in buffers]
    declared = [
        tirx.DeclBuffer(buffer, data=data) for buffer, data in zip(lowered.params, pointers, strict=False)
    ]
    for buffer, data in zip(scratch, pointers[len(lowered.params) :], strict=True):
        declared.append(tirx.DeclBuffer(buffer, data=data))
    plain = tirx.PrimFunc(pointers, tirx.SeqStmt([*declared, body]), None, lowered.attrs)
    module = tirx.transform.LowerIntrin()(tvm.IRModule({name: plain}))
    return CFunction(module, tuple(map(_bytes, scratch)))


def _lifted(allocation: tirx.AllocBuffer, scratch: list[tirx.Var]) -> tirx.Stmt:
    """Nothing in the place of an allocation too large for the stack, which is added to `scratch`."""
    if _bytes(allocation.buffer) <= STACK_BYTES:
        return allocation
    scratch.append(allocation.buffer)
    return tirx.Evaluate(0)


def _bytes(buffer: tirx.Var) -> int:
    element = tvm.DataType(str(buffer.dtype))
    return int(np.prod([int(size) for size in buffer.shape])) * ((element.bits + 7) // 8) * element.lanes


@dataclass(frozen=True)
class KernelObject:
    """An object file with one C function, and the scratch memory that this takes behind its tensors."""

    path: Path
    scratch: tuple[int, ...]


@dataclass(frozen=True)
class CompiledFunction:
    """A function whose object is in the cache, in `folder`, or is `new`: the object file and its scratch."""

    folder: Path
    new: tuple[bytes, tuple[int, ...]] | None

    def kept(self) -> KernelObject:
        """Its object in the cache; raises ArmletError if that cannot be written."""
        if self.new:
            code, scratch = self.new
            with built_once(self.folder) as draft:
                if draft:
                    (draft / "kernel.o").write_bytes(code)
                    (draft / "scratch.json").write_text(json.dumps(scratch))
        scratch = tuple(json.loads((self.folder / "scratch.json").read_text()))
        return KernelObject(self.folder / "kernel.o", scratch)


def compile_function(function: tirx.PrimFunc, name: str, target: dict[str, Any]) -> CompiledFunction:
    """Compile to the C function `name` for the TVM `target`, unless the cache has it; no file is written."""
    content = content_key(name, fingerprint(function), json.dumps(target, sort_keys=True), _compiler())
    folder = cache_folder("kernels") / content
    if folder.is_dir():
        return CompiledFunction(folder, None)
    llvm = tvm.target.Target(target)
    compiled = to_c(function, name, llvm)
    module = tvm.get_global_func("target.build.llvm")(compiled.module, llvm)
    # LLVM writes to files only, and ends the process where it cannot.
    with os.fdopen(os.memfd_create(name), "rb") as memory:
        module.write_to_file(f"/proc/self/fd/{memory.fileno()}", "o")
        return CompiledFunction(folder, (memory.read(), compiled.scratch))


def fingerprint(function: tirx.PrimFunc) -> str:
    """Sixteen digits that are the same for the same `function`, whatever its variables are called.

    TVM's structural hash. Its TVMScript leaves out long texts, such as assembly, and takes ten times as long.
    """
    return f"{tvm_ffi.structural_hash(function):016x}"


@functools.cache
def _compiler() -> str:
    """What makes objects of functions: this file and TVM."""
    return content_key(Path(__file__), json.dumps(installed_pins(), sort_keys=True))
