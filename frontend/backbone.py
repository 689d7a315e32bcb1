"""What the networks of this family share: a stem, inverted residuals, a last 1x1 convolution.

A paper's table becomes a `Backbone` at one width (`widths.py`), and a backbone a part of a graph (`extract`);
heads take the features that they need.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import onnx_ir as ir

from .blocks import InvertedResidual, conv_bn_act, inverted_residual
from .builder import Activation, GraphBuilder
from .widths import Widths

# How a stride is taken back: see `Backbone.dilated`.
DilationRule = Literal["paper", "torchvision"]
# Half the channels from the last stride on: with the expansion in front of that stride, or only behind it.
Tail = Literal["full", "halved", "halved_behind"]
STEM_STRIDE = 2


class Bottleneck(NamedTuple):
    """A row of a paper's table, at width 1."""

    kernel: int
    expanded: int
    channels: int
    squeeze_excite: bool
    activation: Activation
    stride: int


@dataclass(frozen=True)
class Block:
    """An inverted residual; `squeezed` is the bottleneck of its squeeze-excite, 0 if it has none.

    `reduction` is how far the image is reduced after it; dilations do not change that.
    """

    kernel: int
    expanded: int
    channels: int
    squeezed: int
    activation: Activation
    stride: int
    reduction: int
    dilation: int = 1


@dataclass(frozen=True)
class Backbone:
    """A network without its head.

    `activation` is that of the stem, of the last convolution (to `last` channels; None: left out), and of the
    `head` channels between the mean over the map and the classifier, where a network has those. `widths` are
    those by which a head may scale what it adds.
    """

    widths: Widths
    stem: int
    blocks: Sequence[Block]
    last: int | None
    head: int | None
    activation: Activation
    batch_norm_epsilon: float
    gate: Activation = "hard_sigmoid"

    @property
    def last_stride(self) -> int:
        """The place of the last block with a stride."""
        return max(place for place, block in enumerate(self.blocks) if block.stride > 1)

    def dilated(self, output_stride: int, rule: DilationRule) -> "Backbone":
        """The same with no map smaller than the image by more than `output_stride`, by dilation instead.

        Under torchvision's rule a block whose stride is taken back is dilated itself; under the paper's
        (TF-slim) only those behind it are.
        """
        dilation, blocks = 1, []
        for block in self.blocks:
            behind = max(1, block.reduction // output_stride)
            taken_back = behind > dilation
            blocks.append(
                replace(
                    block,
                    stride=1 if taken_back else block.stride,
                    dilation=behind if rule == "torchvision" else dilation,
                )
            )
            dilation = behind
        return replace(self, blocks=blocks)


def sequences(
    stem: int, activation: Activation, rows: Sequence[tuple[int, int, int, bool, int, int]]
) -> list[Bottleneck]:
    """A table that repeats its rows, behind `stem` channels, with one activation.

    A row is kernel, factor of the expansion, channels, squeeze-excite, repeats, stride of the first.
    """
    table, channels_in = [], stem
    for kernel, factor, channels, squeeze_excite, repeats, stride in rows:
        for each in (stride, *[1] * (repeats - 1)):
            table.append(Bottleneck(kernel, factor * channels_in, channels, squeeze_excite, activation, each))
            channels_in = channels
    return table


def halved(table: Sequence[Bottleneck], tail: Tail) -> list[Bottleneck]:
    """`table` with half the channels from its last stride on."""
    start = max(place for place, row in enumerate(table) if row.stride > 1)
    rows = [row._replace(expanded=row.expanded // 2, channels=row.channels // 2) for row in table[start:]]
    if tail == "halved_behind":
        rows[0] = rows[0]._replace(expanded=table[start].expanded)
    return [*table[:start], *rows]


def blocks_at(
    widths: Widths,
    stem: int,
    table: Sequence[Bottleneck],
    squeezed: Callable[[int, int], int] = lambda channels_in, expanded: 0,
) -> list[Block]:
    """`table`, behind `stem` channels, at a width.

    `squeezed` gives the bottleneck of a squeeze-excite, of the channels going into its block and the expanded
    ones.
    """
    table_in, channels, reduction, blocks = stem, widths.stem(stem), STEM_STRIDE, []
    for row in table:
        expanded = widths.expanded(row.expanded, table_in, channels)
        gate = squeezed(channels, expanded) if row.squeeze_excite else 0
        channels, table_in, reduction = widths.channels(row.channels), row.channels, reduction * row.stride
        blocks.append(Block(row.kernel, expanded, channels, gate, row.activation, row.stride, reduction))
    return blocks


@dataclass(frozen=True)
class Features:
    """What a backbone computes: the values of each block, and the last map."""

    backbone: Backbone
    blocks: Sequence[InvertedResidual]
    last: ir.Value

    def at(self, reduction: int) -> list[InvertedResidual]:
        """The blocks after which the image is reduced so far, by the strides of the undilated backbone."""
        blocks = zip(self.backbone.blocks, self.blocks, strict=True)
        return [values for block, values in blocks if block.reduction == reduction]


def extract(b: GraphBuilder, image: ir.Value, backbone: Backbone) -> Features:
    """Add `backbone` to the graph, on `image` [1, 3, H, W]."""
    with b.scope("stem"):
        x = conv_bn_act(b, image, backbone.stem, backbone.activation, kernel=3, stride=STEM_STRIDE)
    blocks = []
    for number, block in enumerate(backbone.blocks, start=1):
        with b.scope(f"block{number}"):
            blocks.append(
                inverted_residual(
                    b,
                    x,
                    block.channels,
                    expanded=block.expanded,
                    kernel=block.kernel,
                    stride=block.stride,
                    dilation=block.dilation,
                    activation=block.activation,
                    squeezed=block.squeezed,
                    gate=backbone.gate,
                )
            )
            x = blocks[-1].output
    if backbone.last:
        with b.scope("last"):
            x = conv_bn_act(b, x, backbone.last, backbone.activation)
    return Features(backbone, blocks, x)
