"""Pointwise convolution: a matrix of pixels [H * W, K] times a matrix of weights [K, N], tile by tile.

NHWC rows are read as they are. What can be tuned is how the two matrices are cut up, in which order the tiles
are computed, and who orders the instructions.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import onnx_ir as ir
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from ...targets import Core
from .bounded_sums import is_bounded, sum_in_parts
from .epilogue import Epilogue
from .gated_weights import gated
from .in_order_loop import InnerLoop
from .in_order_row import RowLoop
from .inline_assembly import touch
from .kernel import Kernel, array, dtype_of, given, holds, llvm_cpu, nhwc, precision_of, vector_of
from .loads import llvm_functions
from .map_mean import MapMean
from .register_tile import (
    RegisterTile,
    Starts,
    each,
    pack,
    padded,
    panels,
    parameters,
    pieces,
    rows_held,
    valid_columns,
)
from .vectors import Index, Vector

# Rows of a tile for the vectors of a panel: 32 registers hold the sums, a vector of each row, and some
# weights. With a row more LLVM spills, and the assembly for in-order cores has too few weights on their way.
ROWS = {4: 5, 3: 7, 2: 8, 1: 12}
# More input channels than DEEP are done in chunks where a block of all of them would have fewer tiles than
# FEW_TILES. A panel of a chunk fills a quarter of the first cache, but has at least LEAST_CHUNK channels.
DEEP, FEW_TILES, LEAST_CHUNK = 256, 4, 128
# What the second cache does not hold costs so many times as much to read again.
FAR = 4
# A first cache where nothing is known of the core's.
ANY_CACHE = 32 << 10


@dataclass(frozen=True)
class Tiling:
    """How a product is cut up.

    A panel has at most `vectors` vectors of channels. Blocks of at most `block` pixels are computed one after
    the other, each by chunks of at most `chunk` input channels, with partial sums in the output; 0 is all of
    them. `llvm_cpu` is the core for which LLVM orders instructions, if not that which is compiled for;
    `inner_loop` is the in-order one for which the inner loop is in assembly, with None it is LLVM's; the kind
    of core is the `pipeline`.
    """

    vectors: int
    block: int = 0
    chunk: int = 0
    llvm_cpu: str | None = None
    inner_loop: str | None = None
    pipeline: str | None = None


def _rows(vectors: int, vector: Vector) -> int:
    """The most rows of a tile of so many vectors."""
    return ROWS.get(vectors, 1) if vector.by_lane else rows_held(vectors, vector)


def candidates(pixels: int, depth: int, channels: int, vector: Vector, core: Core) -> list[Tiling]:
    """The tilings worth measuring for `pixels` of `depth` input and so many output channels, the best first.

    What a panel reads and writes of a block fills at most half of the first cache, so that the rows are still
    there when the next panel wants them. The map is one block where that costs less: weights are read again
    for each block but the first, rows for each panel that does not find them there.
    """
    in_order = core.pipeline == "in-order"
    inner_loop = core.name if in_order else None
    half = (core.l1d.size if core.l1d else ANY_CACHE) // 2 // vector.number_bytes
    found = []
    for vectors in (3, 2, 4) if in_order else (4, 3, 2):
        tile, width = _rows(vectors, vector), vectors * vector.lanes
        # In-order cores read ahead, which is worth more than what a chunk saves: it takes whole rows. Partial
        # sums are not to be rounded to half precision.
        whole_rows = in_order or vector.dtype != "float32"
        in_chunks = depth > DEEP and half < FEW_TILES * tile * (depth + width) and not whole_rows
        chunk = max(LEAST_CHUNK, half // 2 // width) if in_chunks else 0
        block = half // (tile * ((chunk or depth) + width)) * tile
        blocks = [each for each in (block, 2 * block) if 0 < each < pixels]
        again = [-(-pixels // each) - 1 for each in blocks[:1]]
        weights, rows = (_reading(depth * size, vector, core) for size in (channels, pixels))
        by_block = bool(again) and again[0] * weights < (-(-channels // width) - 1) * rows
        blocks = [*blocks, 0] if by_block else [0, *blocks]
        found += [Tiling(vectors, each, chunk, llvm_cpu(core), inner_loop, core.pipeline) for each in blocks]
    return found


def _reading(numbers: int, vector: Vector, core: Core) -> int:
    """What it costs to read `numbers` once more, beside others."""
    return numbers if holds(core.l2, numbers * vector.number_bytes) else FAR * numbers


def pointwise(node: ir.Node, core: Core, tiling: Tiling | None = None) -> Kernel:
    """The kernel of a fused 1x1 `Conv` without padding: x [1, H, W, K], weight [N, K, 1, 1], bias [N].

    A residual [1, h, w, N] may follow, and a gate [1, 1, 1, K] of x; output [1, h, w, N].
    """
    weight = array(node.inputs[1])[:, :, 0, 0]
    source, result = nhwc(node.inputs[0]), nhwc(node.outputs[0])
    _, _, row_width, depth = source
    _, height, width, _ = result
    vertical, horizontal = node.attributes["strides"].as_ints()

    def strided(pixel: Index) -> Index:
        return (pixel // width * vertical * row_width + pixel % width * horizontal) * depth

    vector = vector_of(node, core)
    tiling = tiling or candidates(height * width, depth, len(weight), vector, core)[0]
    start_of = strided if (vertical, horizontal) != (1, 1) else None
    return matrix_product("conv1x1", node, weight, source, result, vector, tiling, start_of)


def matrix_product(
    family: str,
    node: ir.Node,
    weight: np.ndarray,
    source: tuple[int, ...],
    result: tuple[int, ...],
    vector: Vector,
    tiling: Tiling,
    start_of: Callable[[Index], Index] | None = None,
) -> Kernel:
    """The kernel of rows [K] of x, of shape `source`, times `weight` [N, K], plus bias [N] and a residual.

    A gate of x is multiplied into the weights. The output's shape is `result`, its last axis N; the mean over
    its rows may follow or stand for it. `start_of` says where in x a row starts; without it, rows lie one
    after the other.
    """
    epilogue = Epilogue.of(node)
    channels, depth = weight.shape
    pixels = int(np.prod(result[:-1]))
    scale = np.float32(epilogue.scale)
    stores_map = bool(node.outputs[0].name)
    if not stores_map:
        # Partial sums would lie in the map.
        tiling = replace(tiling, chunk=0)
    constants = [
        pack(weight * scale, tiling.vectors, vector).astype(precision_of(node)),
        padded(array(node.inputs[2]) * scale, vector).astype(vector.dtype),
    ]
    with IRBuilder() as builder, T.prim_func():
        x, residual, gate, weights, bias, out, means = parameters(
            x=(source, dtype_of(node.inputs[0])),
            residual=(result, dtype_of(node.inputs[3])) if given(node, 3) else None,
            gate=((depth,), dtype_of(node.inputs[4])) if given(node, 4) else None,
            weight=constants[0],
            bias=constants[1],
            out=(result, dtype_of(node.outputs[0])) if stores_map else None,
            mean=((channels,), dtype_of(node.outputs[1])) if len(node.outputs) > 1 else None,
        )
        mean = MapMean.begun(means, pixels)
        if gate is not None:
            weights = gated(weights, gate, panels(channels, tiling.vectors, vector), depth, vector)
        product = Product(
            x,
            weights,
            bias,
            out,
            (pixels, depth, channels),
            vector,
            tiling,
            epilogue,
            residual,
            mean,
            start_of,
        )
        product.compute()
    return Kernel(family, builder.get(), constants, macs=pixels * depth * channels, llvm_cpu=tiling.llvm_cpu)


class _Tile(NamedTuple):
    """A tile, and the chunk of input channels that is added to its sums: starts and sizes."""

    pixel: Index
    rows: int
    channel: Index
    width: int
    k: Index
    depth: int
    is_first: bool
    is_last: bool


def _tiles(
    block: Index, size: int, channels: int, depth: int, vector: Vector, tiling: Tiling
) -> Iterator[_Tile]:
    """Loop over a block's chunks, panels and tiles, from the outside in; built once for each size."""
    # Partial sums are kept as whole vectors, and not rounded to half precision.
    chunk = tiling.chunk if channels % vector.lanes == 0 and vector.dtype == "float32" else 0
    for k, part, is_first, is_last in _chunks(depth, chunk or depth, vector):
        for channel, width in each(panels(channels, tiling.vectors, vector)):
            for row, rows in each(pieces(size, _rows(width // vector.lanes, vector))):
                yield _Tile(block + row, rows, channel, width, k, part, is_first, is_last)


def _chunks(depth: int, largest: int, vector: Vector) -> Iterator[tuple[Index, int, bool, bool]]:
    """Loop over the input channels: start, size, whether it is the first, the last."""
    count = -(-depth // largest)
    size = -(-depth // count // vector.lanes) * vector.lanes
    rest = depth - (count - 1) * size
    if count > 1:
        yield 0, size, True, False
    if count > 2:
        with T.serial(1, count - 1) as number:
            yield number * size, size, False, False
    yield (count - 1) * size, rest, count == 1, True


@dataclass(frozen=True)
class Product:
    """A product in buffers: x [pixels, depth], panels of weights, bias [channels], out [pixels, channels].

    Its `size` is (pixels, depth, channels). A residual may be added; the mean over the pixels may follow the
    output, or stand for it.
    """

    x: tirx.Buffer
    weights: tirx.Buffer
    bias: tirx.Buffer
    out: tirx.Buffer | None
    size: tuple[int, int, int]
    vector: Vector
    tiling: Tiling
    epilogue: Epilogue
    residual: tirx.Buffer | None = None
    mean: MapMean | None = None
    start_of: Callable[[Index], Index] | None = None

    def compute(self) -> None:
        """Compute all of it."""
        (pixels, depth, channels), vector, tiling = self.size, self.vector, self.tiling
        with llvm_functions(tiling.pipeline, vector):
            for block, size in each(pieces(pixels, tiling.block or pixels)):
                if self.residual is not None and tiling.inner_loop:
                    touch(self.residual, block * channels, size * channels)
                for at in _tiles(block, size, channels, depth, vector, tiling):
                    self._compute_tile(at)

    def _compute_tile(self, at: _Tile) -> None:
        channels = self.size[2]
        tile = RegisterTile(at.rows, at.width, self.vector, self.tiling.pipeline)
        places = [(at.pixel + row) * channels + at.channel for row in range(at.rows)]
        starts = (self.bias, [at.channel] * at.rows) if at.is_first else (self.out, places)
        if is_bounded(self.vector, at.depth):
            self._multiply(tile, at, 0, at.depth, starts)
        else:
            sum_in_parts(tile, starts, at.depth, partial(self._multiply, tile, at))
        valid = valid_columns(at.channel, at.width, channels)
        if at.is_last:
            tile.store(self.out, places, valid, self.epilogue, self.residual, self.mean, at.channel)
        else:
            tile.store(self.out, places, valid, Epilogue())

    def _multiply(
        self,
        tile: RegisterTile,
        at: _Tile,
        first: Index,
        terms: int,
        starts: Starts | None,
    ) -> None:
        """Make the sums of `tile` those of `terms` input channels, from number `first` of its chunk on.

        They start as numbers of a buffer, each row from its place on, or as zeros.
        """
        pixels, depth, channels = self.size
        k = at.k + first
        panel = at.channel * depth + k * at.width
        loop = self._inner_loop(tile, terms, None if starts is None else 0 if at.is_first else channels)
        if loop is None:
            rows = [at.pixel + row for row in range(at.rows)]
            rows = [(self.start_of(row) if self.start_of else row * depth) + k for row in rows]
            tile.start(starts)
            tile.multiply_rows(self.x, rows, terms, self.weights, panel)
            return
        row, start = at.pixel * depth + k, None if starts is None else starts[0][starts[1][0]]
        if isinstance(loop, RowLoop):
            loop.call(self.x[row], self.weights[panel], start, tile.sums)
        else:
            next_rows = T.min(at.pixel + at.rows, pixels - at.rows) * depth
            ahead = self.x[next_rows + first * at.rows]
            loop.call(self.x[row], self.weights[panel], start, ahead, tile.sums)

    def _inner_loop(
        self, tile: RegisterTile, terms: int, start_stride: int | None
    ) -> InnerLoop | RowLoop | None:
        """The loop of a tile in assembly, where it is wanted and can be had."""
        core, vector, vectors = self.tiling.inner_loop, tile.vector, len(tile.columns)
        if not core or self.start_of or not vector.dtype == self.x.dtype == self.weights.dtype:
            return None
        if RowLoop.serves(tile.rows, vectors, terms, vector):
            return RowLoop(vectors, terms, vector)
        row_bytes = vector.number_bytes * self.size[1]
        if not InnerLoop.serves(tile.rows, vectors, terms, row_bytes, vector):
            return None
        start_bytes = None if start_stride is None else vector.number_bytes * start_stride
        return InnerLoop(tile.rows, vectors, terms, row_bytes, vector, core, start_bytes)
