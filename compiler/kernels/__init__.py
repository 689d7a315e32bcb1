"""The operations that armlet has kernels for, one family a file.

A family is a function from a fused ONNX node (`fuse.py`) and a core to a `Kernel`: its TIR, tiled for that
core, and its weights, laid out as the TIR reads them. Activations are NHWC, batch 1; a stem can read NCHW, a
resizing can write it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import onnx_ir as ir

from ...targets import Core
from . import conv, dense, depthwise, expand_depthwise, pointwise
from .argmax import argmax
from .concat import concat
from .kernel import Kernel, is_pointwise, nhwc, vector_of
from .pool import global_average_pool
from .resize import resize
from .scale import scale
from .scale_shift import scale_shift
from .sigmoid import sigmoid
from .template import Template
from .window_pool import window_pool

Select = Callable[[ir.Node, Template], Any]


def _is_of_one_pixel(node: ir.Node) -> bool:
    return nhwc(node.inputs[0])[1:3] == (1, 1)


def _conv_tilings(node: ir.Node, core: Core) -> list[conv.Tiling]:
    return conv.candidates(nhwc(node.outputs[0])[3], vector_of(node, core), core)


def _pointwise_tilings(node: ir.Node, core: Core) -> list[pointwise.Tiling]:
    (_, height, width, channels), depth = nhwc(node.outputs[0]), nhwc(node.inputs[0])[3]
    return pointwise.candidates(height * width, depth, channels, vector_of(node, core), core)


def _dense_tilings(node: ir.Node, core: Core) -> list[pointwise.Tiling]:
    return dense.candidates(core)


def _depthwise_parameters(node: ir.Node, core: Core) -> list[depthwise.Parameters]:
    return depthwise.candidates(depthwise.layer_of(node, core), core)


# Functions with names: what was found of a template goes from process to process.
CONV = Template("conv", 2, conv.Tiling, _conv_tilings, conv.conv)
STEM = Template("stem", 2, conv.Tiling, _conv_tilings, partial(conv.conv, planes=True))
POINTWISE = Template("pointwise", 2, pointwise.Tiling, _pointwise_tilings, pointwise.pointwise)
DENSE = Template("dense", 1, pointwise.Tiling, _dense_tilings, dense.dense)
DEPTHWISE = Template("depthwise", 2, depthwise.Parameters, _depthwise_parameters, depthwise.depthwise)
EXPAND_DEPTHWISE = Template(
    *("expand_depthwise", 1, expand_depthwise.Banding),
    expand_depthwise.candidates,
    expand_depthwise.expand_depthwise,
)

TEMPLATES = {
    template.name: template for template in (CONV, STEM, POINTWISE, DENSE, DEPTHWISE, EXPAND_DEPTHWISE)
}


def template_of(node: ir.Node, *, planes: bool = False) -> Template | None:
    """What `node` is computed by, if it can be tuned; of `planes` if its map comes in NCHW."""
    match node.op_type:
        case "Conv" if is_pointwise(node):
            return DENSE if _is_of_one_pixel(node) else POINTWISE
        case "Conv":
            return STEM if planes else CONV
        case "Dense":
            return DENSE
        case "DepthwiseConv":
            return EXPAND_DEPTHWISE if expand_depthwise.is_expanded(node) else DEPTHWISE
        case _:
            return None


def may_read_planes(node: ir.Node) -> bool:
    """Whether the kernel of `node` can read its map in NCHW, as pictures come."""
    return node.op_type == "Conv" and not is_pointwise(node) and conv.may_read_planes(node)


def may_write_planes(node: ir.Node) -> bool:
    """Whether the kernel of `node` can write its map in NCHW, as others want outputs."""
    return node.op_type in WRITING_PLANES


def kernel_of(
    node: ir.Node, core: Core, *, select: Select = lambda node, template: None, planes: bool = False
) -> Kernel:
    """The kernel of a fused `node` on `core`; with `planes`, the map is NCHW that it may read or write so.

    `select` gives the parameters of one that can be tuned, or None for the default.
    """
    template = template_of(node, planes=planes)
    if template is None:
        return (WRITING_PLANES if planes else FAMILIES)[node.op_type](node, core)
    return template.kernel(node, core, select(node, template))


# What has no parameters.
FAMILIES: dict[str, Callable[[ir.Node, Core], Kernel]] = {
    "GlobalAveragePool": global_average_pool,
    "Scale": scale,
    "ScaleShift": scale_shift,
    "Resize": resize,
    "ResizeArgMax": resize,
    "ArgMax": argmax,
    "Concat": concat,
    "AveragePool": window_pool,
    "MaxPool": window_pool,
    "Sigmoid": sigmoid,
}
# The same with the map that they write in NCHW.
WRITING_PLANES: dict[str, Callable[[ir.Node, Core], Kernel]] = {"Resize": partial(resize, planes=True)}

__all__ = [
    "TEMPLATES",
    "Kernel",
    "Select",
    "Template",
    "kernel_of",
    "may_read_planes",
    "may_write_planes",
    "template_of",
]
