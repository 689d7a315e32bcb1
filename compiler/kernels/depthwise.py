"""Depthwise convolution: every channel by its own window, channels in vectors, weights in blocks of channels.

The loops, outermost first: bands of tiles, blocks of channels, tiles of rows, pieces of columns, vectors of
channels, a micro-kernel. What a block of channels sees of a tile stays in the first cache while its vectors
take turns; borders have code of their own, nothing is padded or copied. Bands are done from the last to the
first: the last rows of a map were written last, and of a large one only they are still in the cache.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from math import gcd

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets import Core
from .axis import Axis
from .depthwise_columns import tile_by_columns
from .depthwise_layer import Buffers, Layer, Parameters, Storage, Tile
from .depthwise_taps import row_by_taps
from .epilogue import Epilogue
from .kernel import Kernel, array, dtype_of, given, holds, llvm_cpu, nhwc, precision_of, vector_of
from .loads import llvm_functions, touch
from .vectors import Blocks, Vector, channel_blocks

# Weights and outputs in flight that leave registers for pixels, of 32.
SMALL_WINDOW, SMALL_FLIGHT = 9, 3
# One vector of accumulators and the pixels it needs: the longest piece of a row that does not spill.
LONGEST_ROW, LONGEST_RUN = 14, 28
# Vector registers that hold such tiles; with fewer they are half as large.
MANY_REGISTERS = 32
# Cores whose prefetcher follows too few streams (two, TRM DDI 0500) for the lines of a block of channels.
FEW_STREAMS = ("cortex-a53",)
# Most expansions in these networks are sixfold.
EXPANSION = 6


def depthwise(node: ir.Node, core: Core, parameters: Parameters | None = None) -> Kernel:
    """The kernel of a fused `DepthwiseConv`, whose weight is [C, 1, kh, kw]; by default as `default` says."""
    layer = layer_of(node, core)
    parameters = parameters or default(layer, core)
    function = depthwise_function(layer, parameters)
    family = f"depthwise{layer.rows.taps}x{layer.columns.taps}"
    weight, bias = scaled(node, layer)
    constants = [pack(weight, parameters.block, layer.vector).astype(layer.stored.weight), bias]
    return Kernel(family, function, constants, layer.macs, parameters.llvm_cpu)


def scaled(node: ir.Node, layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """The weights [kh, kw, C] and the bias [C] of a fused `DepthwiseConv`, as its epilogue wants them."""
    scale = np.float32(layer.epilogue.scale)
    weight, bias = array(node.inputs[1])[:, 0].transpose(1, 2, 0), array(node.inputs[2])
    return weight * scale, (bias * scale).astype(layer.vector.dtype)


def pack(weight: np.ndarray, block: int, vector: Vector) -> np.ndarray:
    """Weights [kh, kw, C] as `channel_blocks`, each [kh][kw][channels]: in one row, as they are used."""
    return np.concatenate(
        [
            weight[:, :, blocks.channel(number, 0) :][:, :, : blocks.width].ravel()
            for blocks in channel_blocks(weight.shape[2], block, vector)
            for number in range(blocks.count)
        ]
    )


def layer_of(node: ir.Node, core: Core) -> Layer:
    """What a fused `DepthwiseConv` computes; a second output is the mean over the map of the first."""
    _, height, width, _ = nhwc(node.inputs[0])
    channels, _, *taps = array(node.inputs[1]).shape
    strides, dilations = (node.attributes[name].as_ints() for name in ("strides", "dilations"))
    pads = node.attributes["pads"].as_ints()
    rows, columns = (
        Axis(*axis)
        for axis in zip((height, width), taps, strides, dilations, pads[:2], pads[2:], strict=True)
    )
    return Layer(
        rows,
        columns,
        channels,
        vector_of(node, core),
        Epilogue.of(node),
        residual=given(node, 3) is not None,
        squeeze=len(node.outputs) > 1,
        stores_map=bool(node.outputs[0].name),
        stored=Storage(
            dtype_of(node.inputs[0]),
            precision_of(node),
            dtype_of(given(node, 3) or node.outputs[0]),
            dtype_of(node.outputs[0]),
            dtype_of(node.outputs[-1]),
        ),
    )


def default(layer: Layer, core: Core) -> Parameters:
    """Parameters near the best for any layer on `core`.

    Small windows are rolled by columns. Out-of-order cores store two vectors at the cost of one: there those
    with strides are not, nor rows that take more than one run.
    """
    by_columns = _default(layer, core, by_columns=True)
    whole_rows = by_columns.columns >= min(LONGEST_RUN, layer.columns.outputs)
    is_rolled = core.pipeline != "out-of-order" or (layer.columns.stride == 1 and whole_rows)
    return by_columns if _is_small(layer) and is_rolled else _default(layer, core, by_columns=False)


def _is_small(layer: Layer) -> bool:
    window = layer.rows.taps * layer.columns.taps
    return window <= SMALL_WINDOW and layer.columns.in_flight <= SMALL_FLIGHT


def _default(layer: Layer, core: Core, *, by_columns: bool) -> Parameters:
    """Parameters by columns or by taps.

    Tiles by columns have four rows; on in-order cores, which wait for whatever the first cache has lost,
    three, two with strides. Rows of pixels that one block of channels sees of a run fill at most half of the
    first cache, or of the part that the distance between pixels lets them reach. A map that the second cache
    does not hold, nor half of the first a block of its channels, is done tile by tile, which in-order cores
    touch first; on FEW_STREAMS, one that the second cache does not hold twice, beside the weights of an
    expansion that made it.
    """
    in_order = core.pipeline == "in-order"
    vectors = 2 if core.pipeline == "out-of-order" and not by_columns else 1
    few = layer.vector.of_core < MANY_REGISTERS
    rows = (3 if layer.rows.stride == 1 else 2) if in_order else 2 if few else 4
    rows = rows if by_columns else 1
    tiles = -(-layer.rows.outputs // rows)
    if core.name in FEW_STREAMS:
        weights = layer.channels**2 // EXPANSION * layer.vector.number_bytes
        is_large = not holds(core.l2, 2 * layer.input_bytes + weights)
    else:
        is_large = not (holds(core.l2, layer.input_bytes) or holds(core.l1d, 2 * layer.block_bytes))
    return Parameters(
        by="columns" if by_columns else "taps",
        rows=rows,
        columns=_run_length(layer, core, rows) if by_columns else LONGEST_ROW // vectors // (2 if few else 1),
        block=layer.vector.line,
        band=1 if is_large else tiles,
        touch=in_order and is_large,
        pipeline=core.pipeline,
        llvm_cpu="generic" if in_order and not by_columns else llvm_cpu(core),
        vectors=vectors,
    )


def _run_length(layer: Layer, core: Core, rows: int) -> int:
    # An x86 core prefetches what the first cache could not keep.
    if not core.l1d or not layer.vector.by_lane:
        return LONGEST_RUN
    sets = core.l1d.size // core.cache_line // core.l1d.ways
    lines, rest = divmod(layer.pixel_bytes, core.cache_line)
    reached = sets if rest else sets // gcd(lines, sets)
    pixels = reached * core.l1d.ways // 2 // len(layer.rows.pixels(rows))
    return max(
        2 * layer.columns.in_flight,
        min(LONGEST_RUN, (pixels - layer.columns.span) // layer.columns.stride + 1),
    )


def candidates(layer: Layer, core: Core) -> list[Parameters]:
    """What is worth measuring, the default first."""
    first = default(layer, core)
    found = [first]
    if first.by == "columns":
        found += [replace(first, rows=rows) for rows in (2, 3, 4, 5) if rows != first.rows]
    if _is_small(layer):
        found.append(_default(layer, core, by_columns=first.by == "taps"))
    found.append(replace(first, columns=first.columns // 2))
    found.append(replace(first, block=layer.channels))
    tiles = -(-layer.rows.outputs // first.rows)
    in_bands = replace(first, band=1, touch=core.pipeline == "in-order")
    found.append(in_bands if in_bands != first else replace(first, band=tiles, touch=False))
    others = {"generic", "cortex-a55", "cortex-a76"} - {first.llvm_cpu} if first.llvm_cpu else ()
    found += [replace(first, llvm_cpu=other) for other in sorted(others)]
    return found


def depthwise_function(layer: Layer, parameters: Parameters) -> tirx.PrimFunc:
    """The function of `layer`: x, [residual], weight as `pack` has it, bias, [out], [mean]."""
    with IRBuilder() as builder, T.prim_func():
        compute_depthwise(Buffers.arguments(layer), parameters)
    return builder.get()


def compute_depthwise(buffers: Buffers, parameters: Parameters) -> None:
    """Compute the layer that is in `buffers`."""
    layer = buffers.layer
    height = parameters.rows if parameters.by == "columns" else 1
    tiles = -(-layer.rows.outputs // height)
    band = min(parameters.band, tiles)
    with llvm_functions(parameters.pipeline, layer.vector), T.serial(-(-tiles // band)) as number:
        first = T.Bind((-(-tiles // band) - 1 - number) * band)
        count = band if tiles % band == 0 else T.Bind(tirx.min(tiles - first, band))
        if parameters.touch:
            _touch_band(buffers, height, first, count)
        for blocks in channel_blocks(layer.channels, parameters.block, layer.vector):
            with T.serial(blocks.count) as block, T.serial(count) as in_band:
                tile = T.Bind(first + in_band)
                if parameters.by == "taps":
                    row_by_taps(buffers, parameters, tile, blocks, block)
                else:
                    _tile_by_kind(buffers, parameters, tile, _kinds(layer, height), blocks, block)


# Rows of outputs, which of the rows of pixels that they see are no padding, the tiles up to the last such.
Kind = tuple[int, tuple[int, ...], int]


def _kinds(layer: Layer, height: int) -> list[Kind]:
    """Tiles that share their code, for their padding is the same."""
    tiles = []
    for row in range(0, layer.rows.outputs, height):
        rows = min(height, layer.rows.outputs - row)
        tiles.append((rows, layer.rows.inside(row, rows)))
    ends = [i + 1 for i in range(len(tiles)) if tiles[i : i + 1] != tiles[i + 1 : i + 2]]
    return [(*kind, end) for (kind, _), end in zip(groupby(tiles), ends, strict=True)]


def _tile_by_kind(
    buffers: Buffers,
    parameters: Parameters,
    number: tirx.Expr,
    kinds: Sequence[Kind],
    blocks: Blocks,
    block: tirx.Expr,
) -> None:
    (rows, inside, end), *others = kinds
    tile = Tile(number * parameters.rows, rows, inside)
    if not others:
        tile_by_columns(buffers, parameters, tile, blocks, block)
        return
    with T.If(number < end):
        with T.Then():
            tile_by_columns(buffers, parameters, tile, blocks, block)
        with T.Else():
            _tile_by_kind(buffers, parameters, number, others, blocks, block)


def _touch_band(buffers: Buffers, height: int, first: tirx.Expr, count: tirx.Expr | int) -> None:
    """Touch the rows of pixels that a band sees and those behind it do not."""
    axis, row_size = buffers.layer.rows, buffers.layer.columns.size * buffers.layer.channels
    tiles = -(-axis.outputs // height)

    def unseen(tile: tirx.Expr) -> tirx.Expr:
        """Rows of pixels before those that `tile` and the tiles behind it see."""
        return tirx.max(0, tirx.min(axis.size, tile * (height * axis.stride) - axis.before))

    begin = T.Bind(unseen(first) * row_size)
    behind = first + count
    end = T.Bind(tirx.if_then_else(behind < tiles, unseen(behind), axis.size) * row_size)
    touch(buffers.x, axis.size * row_size, begin, end)
