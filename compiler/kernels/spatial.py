"""What every convolution shares: windows slid over a padded map, bias, residual and epilogue on the sum."""

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
from tvm import te, tirx

from .kernel import Epilogue, Kernel, accumulate_in_registers, array, nhwc, padded, scheduled

# (input at a channel of the window, packed weight, tap row i, tap column j, k, output channel c) -> product
Product = Callable[..., tirx.Expr]


def spatial_kernel(
    node: ir.Node,
    family: str,
    weight: np.ndarray,
    product: Product,
    *,
    taps: tuple[int, int],
    depth: int,
    width: int,
    rows: int,
) -> Kernel:
    """The kernel of a fused convolution: inputs x, weight, bias and perhaps a residual to add.

    Sums `product` over `taps` and over `depth` input channels. `weight` is laid out as `product` reads it;
    a tile of `rows` pixels x `width` channels is held in registers.
    """
    x_value, _, bias_value, *residual_values = node.inputs
    out_shape = nhwc(node.outputs[0])
    strides, dilations = (node.attributes[name].as_ints() for name in ("strides", "dilations"))

    x = te.placeholder(nhwc(x_value), name="x")
    packed = te.placeholder(weight.shape, name="weight")
    bias = te.placeholder(out_shape[3:], name="bias")
    residuals = [te.placeholder(out_shape, name="residual") for _ in residual_values]
    source = padded(x, node.attributes["pads"].as_ints())
    i, j, k = (te.reduce_axis((0, size), name=name) for size, name in zip((*taps, depth), "ijk", strict=True))

    def summed(n: tirx.Var, y: tirx.Var, z: tirx.Var, c: tirx.Var) -> tirx.Expr:
        def window(channel: tirx.Expr) -> tirx.Expr:
            return source[n, y * strides[0] + i * dilations[0], z * strides[1] + j * dilations[1], channel]

        return te.sum(product(window, packed, i, j, k, c), axis=[i, j, k])

    def stored(n: tirx.Var, y: tirx.Var, z: tirx.Var, c: tirx.Var) -> tirx.Expr:
        total = sums[n, y, z, c] + bias[c]
        for residual in residuals:
            total = total + residual[n, y, z, c]
        return Epilogue.of(node).apply(total)

    sums = te.compute(out_shape, summed, name="sums")
    out = te.compute(out_shape, stored, name="out")
    schedule = scheduled([x, *residuals, packed, bias], out)
    accumulate_in_registers(schedule, schedule.get_sblock("sums"), schedule.get_sblock("out"), width, rows)
    return Kernel(
        family,
        schedule.mod["main"],
        [weight, array(bias_value)],
        macs=int(np.prod(out_shape)) * int(np.prod(taps)) * depth,
    )
