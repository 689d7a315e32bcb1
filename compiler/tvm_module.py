"""model.so: a network as a module of TVM's runtime, for RPC and for armlet's own devices."""

import json
from pathlib import Path
from string import Template
from typing import Any

from ..targets import Core, Toolchain, find_toolchain
from ..targets.tvm_runtime import ffi_headers
from .arena import ALIGNMENT
from .network import Network, compile_network
from .program import Program

SOURCE = Path(__file__).with_name("templates") / "tvm_entry.c"


def compile_library(program: Program, core: Core, output: Path, *, os: str = "linux") -> Network:
    """Compile `program` for `core` to the library `output` alone, working in its folder.

    Raises as `compile_network` does.
    """
    toolchain = find_toolchain(os, core.machine)
    network = compile_network(
        program, output.stem, core, os, toolchain, output.parent, lambda what, part: None
    )
    link_tvm_module(network, toolchain, output)
    return network


def link_tvm_module(network: Network, toolchain: Toolchain, output: Path) -> None:
    """Link `network` with an entry for TVM to `output`; raises ArmletError if the toolchain fails."""
    program = network.program
    tensors = [*program.inputs, *program.outputs]
    shapes = [*(tensor.shape for tensor in program.inputs), *program.output_shapes]
    described: list[dict[str, Any]] = [
        {"shape": list(shape), "type": tensor.dtype.name}
        for shape, tensor in zip(shapes, tensors, strict=True)
    ]
    inputs = len(program.inputs)
    signature = {
        "inputs": described[:inputs],
        "outputs": described[inputs:],
        "workspace_bytes": network.arena.nbytes,
        "calls": len(program.calls),
    }
    source = network.object.with_name("tvm_entry.c")
    source.write_text(
        Template(SOURCE.read_text()).substitute(
            name=network.name,
            signature=json.dumps(json.dumps(signature)),
            inputs=inputs,
            outputs=len(program.outputs),
            sizes=", ".join(str(tensor.nbytes) for tensor in tensors),
            workspace_bytes=network.arena.nbytes,
            calls=len(program.calls),
            alignment=ALIGNMENT,
        )
    )
    entry = source.with_suffix(".o")
    toolchain.compile_object(source, entry, include=[ffi_headers()])
    toolchain.link_library([network.object, entry], output, exports=("armlet_*", "__tvm_ffi_*"))
