"""The sigmoid 1 / (1 + e^-x), element by element, in vectors and without a mathematical library.

With -x log2(e) = n + f, n an integer and |f| <= 1/2, e^-x is 2^n times a polynomial of f, to whose exponent n
is added.
The reciprocal on ARM is an estimate and two steps of Newton's method, exact to two units in the last place: a
division takes up to 34 cycles. Error: 2e-7 absolute, and 4e-6 of the value where that is above 1e-37.
"""

import math

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...frontend.shapes import shape_of
from ...targets import Core
from .kernel import Kernel, argument, dtype_of, llvm_cpu
from .vectors import Vector, covering_blocks

# Chebyshev interpolation of 2^f: an error of 2e-7 relative to 2^f, a quarter of it in the sigmoid.
_POWER_OF_TWO = np.polynomial.Chebyshev.interpolate(np.exp2, 5, domain=[-0.5, 0.5])
COEFFICIENTS = _POWER_OF_TWO.convert(kind=np.polynomial.Polynomial, domain=[-1, 1]).coef.tolist()
MANTISSA_BITS = 23
# Where e^-x and its reciprocal are normal numbers.
LARGEST = 87.0
# Vectors side by side: the steps of one wait for each other.
VECTORS = 4


def sigmoid(node: ir.Node, core: Core) -> Kernel:
    """The kernel of `Sigmoid`: any shape, to the same shape."""
    shape = tuple(shape_of(node.inputs[0]))
    size = math.prod(shape)
    vector = Vector.of("float32", core)
    with IRBuilder() as builder, T.prim_func():
        x = argument("x", (size,), dtype_of(node.inputs[0]))
        out = argument("out", (size,), dtype_of(node.outputs[0]))
        for blocks in covering_blocks(size, VECTORS * vector.lanes, vector):
            with T.serial(blocks.count) as block:
                places = [blocks.channel(block, number) for number in range(blocks.vectors)]
                values = [T.Bind(blocks.vector.load(x, place)) for place in places]
                is_arm = core.machine == "aarch64" and blocks.vector == vector
                for place, value in zip(places, values, strict=True):
                    blocks.vector.store(out, _sigmoid(value, blocks.vector, is_arm), place)
    return Kernel("sigmoid", builder.get(), [], macs=0, llvm_cpu=llvm_cpu(core))


def _sigmoid(x: tirx.Expr, vector: Vector, is_arm: bool) -> tirx.Expr:
    def constant(value: float) -> tirx.Expr:
        return vector.spread(vector.number(value))

    x = T.Bind(tirx.max(constant(-LARGEST), tirx.min(constant(LARGEST), x)))
    exponent = T.Bind(x * constant(-math.log2(math.e)))
    rounded = T.Bind(tirx.nearbyint(exponent))
    fraction = T.Bind(exponent - rounded)
    power = constant(COEFFICIENTS[-1])
    for coefficient in COEFFICIENTS[-2::-1]:
        power = power * fraction + constant(coefficient)
    words = Vector("int32", vector.lanes)
    shift = words.spread(words.number(MANTISSA_BITS))
    bits = _as(power, words) + tirx.shift_left(words.cast(rounded), shift)
    total = T.Bind(constant(1) + _as(bits, vector))
    return _reciprocal(total) if is_arm else constant(1) / total


def _as(value: tirx.Expr, vector: Vector) -> tirx.Expr:
    """The same bits as another type."""
    return tirx.reinterpret(vector.type, value)


def _reciprocal(x: tirx.Expr) -> tirx.Expr:
    """1 / x for positive x below 2^126 (ARM ARM, FRECPE and FRECPS)."""

    def call(name: str, *arguments: tirx.Expr) -> tirx.Expr:
        return T.Bind(tirx.call_llvm_pure_intrin(x.ty.dtype, f"llvm.aarch64.neon.{name}", *arguments))

    estimate = call("frecpe", x)
    for _ in range(2):
        estimate = T.Bind(estimate * call("frecps", x, estimate))
    return estimate
