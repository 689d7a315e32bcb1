"""What a search for schedules gains for operations that armlet has no template for.

Run it as `python -m armlet.benchmarks.schedules`. It writes a table in docs/performance.md: modelled cycles
of each operation alone, as TVM's legalisation leaves it and after `armlet tune`. Some minutes for each.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx_ir as ir

from armlet.cache import cache_folder
from armlet.compiler import tune_model
from armlet.console import progress_bar
from armlet.targets import find_core, open_device

from .document import PERFORMANCE, table, write_section
from .operation import network_of

CORE = find_core("cortex-a76")


class Operation(NamedTuple):
    """An ONNX operation on x of this shape with constant weights w."""

    name: str
    onnx: str
    shape: Sequence[int]
    weights: Sequence[int]

    def model(self) -> ir.Model:
        """The network of this operation alone."""
        weights = np.random.default_rng(0).standard_normal(self.weights, dtype=np.float32)
        return network_of(self.onnx, self.shape, self.name, w=weights)


# Of decoders, of grouped networks, of attention.
OPERATIONS = (
    Operation(
        "transposed convolution 2x2, stride 2",
        "ConvTranspose<strides=[2,2]>(x, w)",
        (1, 64, 14, 14),
        (64, 32, 2, 2),
    ),
    Operation(
        "convolution 3x3, 4 groups", "Conv<group=4, pads=[1,1,1,1]>(x, w)", (1, 64, 14, 14), (64, 16, 3, 3)
    ),
    Operation("matrix product", "MatMul(x, w)", (1, 196, 64), (64, 128)),
)


def measure(operation: Operation) -> tuple[float, float]:
    """Modelled cycles by default, and with what was found; nothing is searched for twice."""
    database = cache_folder("tuning") / f"schedules-{CORE.name}.jsonl"
    tuning = tune_model(operation.model(), CORE, open_device(f"sim:{CORE.name}"), database)
    return tuning.default_cost, tuning.tuned_cost


def main() -> None:
    """Measure and write."""
    rows = []
    with progress_bar("schedules") as progress:
        for number, operation in enumerate(OPERATIONS):
            progress(operation.name, number / len(OPERATIONS))
            default, tuned = measure(operation)
            shape = "x".join(map(str, operation.shape[1:]))
            cycles = (f"{default / 1e6:.3f}", f"{tuned / 1e6:.3f}", f"{tuned / default:.3f}")
            rows.append([operation.name, shape, *cycles])
    head = ["operation", "input", "by TVM: M cycles", "after the search", "ratio"]
    write_section(PERFORMANCE, "schedules", f"On sim:{CORE.name}.\n\n{table(head, rows)}")


if __name__ == "__main__":
    main()
