"""How near the default parameters of each kernel family are to the best of the candidates.

Run it as `python -m armlet.benchmarks.defaults [NETWORK ...]`. Every candidate of every distinct layer is
compiled for each core and called alone in the simulator, the activations that it reads just written, its
weights cold. The table, in docs/performance.md, has modelled cycles: those of the default over those of the
best candidate, summed over layers, and of the worst layer. Hours for all networks.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx_ir as ir

import armlet
from armlet.compiler.c_interface import compile_function
from armlet.compiler.fuse import fuse
from armlet.compiler.kernels import Kernel, candidates
from armlet.console import progress_bar
from armlet.passes.squeeze_excite_function import DOMAIN
from armlet.targets import Core, Toolchain, find_core, find_toolchain
from armlet.targets.simulator.attribution import Symbols
from armlet.targets.simulator.freestanding import count_function
from armlet.targets.simulator.image import load
from armlet.targets.simulator.simulation import model

from .document import PERFORMANCE, table, write_section

NETWORKS = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")
CORES = tuple(find_core(f"cortex-{name}") for name in ("a53", "a55", "a72", "a76"))
TUNED = ("Conv", "DepthwiseConv", "Dense")
# Writes a number of every cache line of the first arrays, as the layers before would, then calls the kernel.
CALLER = """
void kernel({parameters});
void call({named}) {{
  const long sizes[] = {{{sizes}}};
  volatile char *const written[] = {{{written}}};
  for (int i = 0; i < {count}; ++i)
    for (long at = 0; at < sizes[i]; at += 64) written[i][at] = 0;
  kernel({arguments});
}}
"""


def layers(networks: Sequence[str]) -> Iterator[ir.Node]:
    """The fused nodes of all networks that have parameters, one of those that differ in weights only."""
    seen = set()
    for network in networks:
        optimized = armlet.optimize(armlet.build(network)).model
        fuse(optimized)
        for node in optimized.graph:
            shapes = tuple(str(value and value.shape) for value in (*node.inputs, *node.outputs))
            kind = (node.op_type, shapes, tuple(str(item) for item in node.attributes.values()))
            if node.domain == DOMAIN and node.op_type in TUNED and kind not in seen:
                seen.add(kind)
                yield node


def prices(kernels: Sequence[Kernel], core: Core, toolchain: Toolchain) -> list[float]:
    """The modelled cycles of one call of each of `kernels`, of one layer, on `core`."""
    known: dict[bytes, float] = {}
    found = []
    for kernel in kernels:
        # LLVM's cores often give the same code.
        code = compile_function(kernel.function, "kernel", core.tvm_target("linux", kernel.llvm_cpu)).path
        content = code.read_bytes()
        if content not in known:
            known[content] = price(kernel, core, toolchain)
        found.append(known[content])
    return found


def price(kernel: Kernel, core: Core, toolchain: Toolchain) -> float:
    """The modelled cycles of one call of `kernel` on `core`."""
    given = [_zeros(parameter) for parameter in kernel.function.params]
    with tempfile.TemporaryDirectory(prefix="armlet-defaults-") as name:
        folder = Path(name)
        compiled = compile_function(kernel.function, "kernel", core.tvm_target("linux", kernel.llvm_cpu))
        scratch = [np.zeros(nbytes, np.uint8) for nbytes in compiled.scratch]
        arrays = [*given, *scratch]
        _write_caller(folder / "caller.c", arrays, _activations(kernel))
        toolchain.compile_object(folder / "caller.c", folder / "caller.o")
        library, whole = folder / "library.so", folder / "whole.o"
        toolchain.link_object([compiled.path, folder / "caller.o"], whole, ["call", "kernel"])
        toolchain.link_library([whole], library)
        trace, _ = count_function(load(library), "call", arrays, core)
        costs = model(trace, core, Symbols(library).kernel_at).kernels
    return sum(cost.cycles for cost in costs if cost.name != "call")


def _zeros(parameter: ir.Value) -> np.ndarray:
    return np.zeros([int(size) for size in parameter.ty.shape], str(parameter.ty.dtype))


def _activations(kernel: Kernel) -> int:
    """How many parameters come before the constants."""
    shapes = [tuple(int(size) for size in parameter.ty.shape) for parameter in kernel.function.params]
    first = kernel.constants[0].shape
    return shapes.index(first, 1)


def _write_caller(source: Path, arrays: Sequence[np.ndarray], activations: int) -> None:
    numbers = range(len(arrays))
    # The first is what the layer before wrote last.
    written = [*reversed(range(activations))]
    source.write_text(
        CALLER.format(
            parameters=", ".join("void *" for _ in numbers),
            named=", ".join(f"void *a{number}" for number in numbers),
            sizes=", ".join(str(arrays[number].nbytes) for number in written),
            written=", ".join(f"a{number}" for number in written),
            count=activations,
            arguments=", ".join(f"a{number}" for number in numbers),
        )
    )


def summary(found: dict[str, list[list[float]]]) -> Iterator[tuple[str, str, str, str]]:
    """For each family: its name, its layers, the default's cycles over the best's, and the worst layer's.

    `found` has the cycles of each layer's candidates, the default first.
    """
    for family, layers_ in sorted(found.items()):
        ratio = sum(costs[0] for costs in layers_) / sum(map(min, layers_))
        worst = max(costs[0] / min(costs) for costs in layers_)
        yield family, str(len(layers_)), f"{ratio:.3f}", f"{worst:.2f}"


def main(networks: Sequence[str]) -> None:
    """Price all candidates, and write the table."""
    toolchain = find_toolchain("linux", "aarch64")
    nodes, rows = [*layers(networks)], []
    with progress_bar("pricing") as progress:
        for place, core in enumerate(CORES):
            found: defaultdict[str, list[list[float]]] = defaultdict(list)
            for number, node in enumerate(nodes):
                part = (place + number / len(nodes)) / len(CORES)
                progress(f"{node.name} on {core.name}", part)
                kernels = [*candidates(node, core)]
                found[kernels[0].family].append(prices(kernels, core, toolchain))
            rows += [(core.name, *row) for row in summary(found)]
    head = ("core", "family", "layers", "default / best", "worst layer")
    text = f"Distinct layers of {', '.join(networks)}.\n\n{table(head, rows)}"
    write_section(PERFORMANCE, "defaults", text)


if __name__ == "__main__":
    main(sys.argv[1:] or NETWORKS)
