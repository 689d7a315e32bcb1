"""The assembly's order, held against the rules of the cores that it is written for."""

import subprocess

import numpy as np
import pytest

from armlet.compiler.kernels.in_order_loop import InnerLoop
from armlet.compiler.kernels.vectors import Vector
from armlet.targets.simulator.in_order import cycles
from armlet.targets.simulator.instructions import decode

FLOATS = Vector("float32", 4)
# Multiply-accumulates a cycle, of 4 at most; what LLVM's order of the same loop reaches is 1.9 and 2.7.
REACHED = [
    ("cortex-a53", 7, 3, 3.2),
    ("cortex-a53", 8, 2, 3.0),
    ("cortex-a53", 5, 4, 2.9),
    ("cortex-a55", 7, 3, 3.9),
    ("cortex-a55", 8, 2, 3.8),
    ("cortex-a55", 5, 4, 3.9),
]


@pytest.mark.parametrize(("core", "rows", "vectors", "reached"), REACHED)
def test_loop_is_near_the_limit(core, rows, vectors, reached, tmp_path):
    loop = InnerLoop(rows, vectors, 64, 256, FLOATS, core)
    (tmp_path / "loop.s").write_text("\n".join(["1:", *loop.body(), "b.ne 1b", ""]))
    subprocess.run(["aarch64-linux-gnu-as", "-o", tmp_path / "loop.o", tmp_path / "loop.s"], check=True)
    subprocess.run(
        ["aarch64-linux-gnu-objcopy", "-O", "binary", "-j", ".text", tmp_path / "loop.o", tmp_path / "loop"],
        check=True,
    )
    body = [decode(word) for word in np.fromfile(tmp_path / "loop", "<u4").tolist()]
    macs = sum(instruction.macs for instruction in body)
    assert macs == 4 * 4 * rows * vectors
    assert macs / (cycles(body, 100, core) / 100) > reached


def test_what_cannot_be_served():
    assert InnerLoop.serves(7, 3, 16, 64, FLOATS)
    assert not InnerLoop.serves(7, 3, 3, 12, FLOATS)  # less than a vector of input channels
    assert not InnerLoop.serves(7, 3, 5, 20, FLOATS)  # rows not at multiples of 8 bytes
    assert not InnerLoop.serves(3, 3, 64, 256, FLOATS)  # too few sums
    assert not InnerLoop.serves(7, 3, 2048, 8192, FLOATS)  # rows too far apart
