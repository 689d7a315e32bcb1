"""What the kernels of segmentation and detection heads gain over TVM's code for the same operations.

Run it as `python -m armlet.benchmarks.fallbacks`. It writes a table in docs/performance.md: modelled cycles
of each operation alone on an NHWC map, on simulated cores, as armlet compiles it and as it is left to TVM,
with the transpositions that this needs. A few minutes.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from armlet.compiler.fuse import fuse
from armlet.compiler.lowering import lower
from armlet.compiler.tvm_module import compile_library
from armlet.console import progress_bar
from armlet.targets import Core, find_core
from armlet.targets.simulator.simulation import simulate

from .document import PERFORMANCE, table, write_section
from .operation import network_of

CORES = tuple(find_core(name) for name in ("cortex-a55", "cortex-a76"))


class Operation(NamedTuple):
    """An ONNX operation on a map of so many rows, columns and channels, or a bilinear resizing of it."""

    name: str
    rows: int
    columns: int
    channels: int
    onnx: str = 'Resize<mode="linear">(x, , , sizes)'
    resized: int = 0
    result: str = "float"

    def model(self) -> ir.Model:
        """The network of this operation alone."""
        shape = (1, self.channels, self.rows, self.columns)
        sizes = {"sizes": np.array([1, self.channels, self.resized, self.resized])} if self.resized else {}
        return network_of(self.onnx, shape, self.name, self.result, **sizes)


# Of LR-ASPP on pictures of 1024 x 2048 and 513 x 513, and of SSDLite's classes.
OPERATIONS = (
    Operation(
        *("average of 49x49, strides 16, 20", 64, 128, 128),
        "AveragePool<kernel_shape=[49,49], strides=[16,20]>(x)",
    ),
    Operation(
        *("average of 3x3, stride 2", 28, 28, 64),
        "AveragePool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)",
    ),
    Operation(
        *("maximum of 3x3, stride 2", 56, 56, 64),
        "MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)",
    ),
    Operation("bilinear, to 65x65", 33, 33, 128, resized=65),
    Operation("bilinear, to 513x513", 65, 65, 21, resized=513),
    Operation("bilinear, to 33x33", 65, 65, 40, resized=33),
    Operation("largest channel", 513, 513, 21, "ArgMax<axis=1, keepdims=0>(x)", result="int64"),
    Operation("sigmoid", 33, 33, 128, "Sigmoid(x)"),
    Operation("sigmoid", 19, 19, 273, "Sigmoid(x)"),
)


def cycles(operation: Operation, core: Core, *, by_tvm: bool) -> float:
    """Modelled cycles of an operation alone, caches cold."""
    model = operation.model()
    if not by_tvm:
        fuse(model, core)
    with tempfile.TemporaryDirectory(prefix="armlet-fallbacks-") as name:
        library = Path(name) / "head.so"
        compile_library(lower(model, "nhwc", core), core, library)
        shape = (1, operation.rows, operation.columns, operation.channels)
        image = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        return simulate(library, image, core).cycles


def main() -> None:
    """Measure and write."""
    rows = []
    with progress_bar("fallbacks") as progress:
        for number, operation in enumerate(OPERATIONS):
            row = [operation.name, f"{operation.rows}x{operation.columns}x{operation.channels}"]
            for core in CORES:
                progress(f"{operation.name}, {core.name}", number / len(OPERATIONS))
                ours, tvm = (cycles(operation, core, by_tvm=by_tvm) for by_tvm in (False, True))
                row.append(f"{ours / 1e6:.3f} / {tvm / 1e6:.3f} = **{ours / tvm:.3f}**")
            rows.append(row)
    head = ["operation", "map", *(core.name for core in CORES)]
    write_section(PERFORMANCE, "fallbacks", table(head, rows))


if __name__ == "__main__":
    main()
