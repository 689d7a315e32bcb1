"""Any layer that a kernel may be asked for, of a size that is run in a moment, and what it has to put out."""

from dataclasses import dataclass
from math import prod

import numpy as np
from hypothesis import strategies as st

from armlet.compiler.kernels import Kernel, kernel_of, may_read_planes
from armlet.compiler.kernels.resize import COORDINATES
from armlet.targets import find_core

from .nodes import fused_node
from .references import activate, convolve, pool, resize

CORES = st.sampled_from(("cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76"))
EPILOGUES = st.sampled_from(
    (
        {},
        {"activation": "clip", "low": 0.0},
        {"activation": "clip", "low": -1.0, "high": 6.0},
        {"activation": "hard_swish"},
    )
)
# By the type of activations: from where products vanish beside a bias to where the square of a sum is almost
# infinite, or in half precision the sum.
SCALES = {"float32": (1.0, 1e-20, 1e3, 1e15), "float16": (1.0, 2e-4, 10.0)}
SIZES, CHANNELS = st.integers(1, 40), st.integers(1, 200)
# Multiply-accumulates of a layer.
MOST = 4_000_000


@dataclass(frozen=True)
class Layer:
    """A kernel for a core, its activations, and what it has to put out.

    A number, of `terms` products, may be off by a tolerance times its magnitude, which is the same sum of
    absolute values.
    """

    core: str
    kernel: Kernel
    activations: list[np.ndarray]
    outputs: list[np.ndarray]
    magnitudes: list[np.ndarray]
    terms: int = 1


class Numbers:
    """Normally distributed numbers, those of activations scaled, and some of them zero."""

    def __init__(self, draw: st.DrawFn, precision: str):
        self._generator, self._precision = np.random.default_rng(draw(st.integers(0, 999))), precision
        self._scale = draw(st.sampled_from(SCALES[precision]))

    def constant(self, *shape: int) -> np.ndarray:
        return self._generator.standard_normal(shape, dtype=np.float32)

    def activation(self, *shape: int) -> np.ndarray:
        keep = self._generator.random(shape) < 0.9
        return (self._scale * keep * self.constant(*shape)).astype(self._precision)


@dataclass(frozen=True)
class Window:
    """A window over a map of `size`, and how it moves, as the attributes of a fused node."""

    size: tuple[int, ...]
    taps: tuple[int, int]
    moves: dict[str, tuple[int, ...]]


@st.composite
def windows(draw: st.DrawFn, *taps: tuple[int, int], dilation: int = 2) -> Window:
    """Sizes 1 to 40 that the window fits in with its padding; no place of it is but padding."""
    kernel = draw(st.sampled_from(taps))
    strides = draw(st.tuples(*[st.integers(1, 3)] * 2))
    dilations = draw(st.tuples(*[st.integers(1, dilation)] * 2))
    pads = tuple(draw(st.integers(0, min(3, tap - 1))) for tap in (*kernel, *kernel))
    smallest = (
        max(1, (tap - 1) * apart + 1 - before - after)
        for tap, apart, before, after in zip(kernel, dilations, pads[:2], pads[2:], strict=True)
    )
    size = tuple(draw(st.integers(least, 40)) for least in smallest)
    return Window(size, kernel, {"strides": strides, "pads": pads, "dilations": dilations})


@st.composite
def convolutions(draw: st.DrawFn, precision: str) -> Layer:
    """Any window over all channels, of a map or of planes; one of single pixels may have a gate."""
    window, numbers = draw(windows((1, 1), (1, 1), (3, 3), (5, 5), (2, 4))), Numbers(draw, precision)
    budget = max(1, MOST // prod((*window.size, *window.taps)))
    depth = draw(st.integers(1, min(200, budget)))
    channels = draw(st.integers(1, min(200, max(1, budget // depth))))
    weight, bias = numbers.constant(channels, depth, *window.taps), numbers.constant(channels)
    gate = (
        numbers.constant(1, 1, 1, depth).astype(precision)
        if window.taps == (1, 1) and draw(st.booleans())
        else None
    )
    return _convolution(draw, "Conv", numbers, window, weight, bias, gate)


@st.composite
def depthwise_convolutions(draw: st.DrawFn, precision: str) -> Layer:
    """Any window over each channel."""
    window, numbers = draw(windows((3, 3), (5, 5), (7, 7), (1, 3))), Numbers(draw, precision)
    channels = draw(CHANNELS)
    weight, bias = numbers.constant(channels, 1, *window.taps), numbers.constant(channels)
    return _convolution(draw, "DepthwiseConv", numbers, window, weight, bias)


@st.composite
def expanded_convolutions(draw: st.DrawFn, precision: str) -> Layer:
    """Any window over each channel of what a map is expanded to."""
    window, numbers = draw(windows((3, 3), (5, 5), (1, 3))), Numbers(draw, precision)
    depth, channels = draw(st.integers(1, 40)), draw(CHANNELS)
    x = numbers.activation(1, *window.size, depth)
    expansion, starts = numbers.constant(channels, depth, 1, 1), numbers.constant(channels)
    weight, bias = numbers.constant(channels, 1, *window.taps), numbers.constant(channels)
    (first, second), core = (draw(EPILOGUES), draw(EPILOGUES)), draw(CORES)
    expanded = activate(convolve(x, expansion, starts), **first)
    # The errors of the expansion, those of its activation among them, go on to those of the convolution.
    errors = 3 * convolve(np.abs(x), np.abs(expansion), np.abs(starts))
    sums = convolve(expanded, weight, bias, **window.moves)
    magnitudes = convolve(errors, np.abs(weight), np.abs(bias), **window.moves)
    inputs = [nchw(x), weight, bias, None, expansion, starts]
    attributes = window.moves | second | {f"expansion_{name}": value for name, value in first.items()}
    node = fused_node("DepthwiseConv", nchw(sums), inputs, x.dtype.name, **attributes)
    kernel, terms = kernel_of(node, find_core(core)), depth + prod(window.taps)
    return Layer(core, kernel, [x], [activate(sums, **second)], [magnitudes], terms)


def _convolution(
    draw: st.DrawFn,
    op_type: str,
    numbers: Numbers,
    window: Window,
    weight: np.ndarray,
    bias: np.ndarray,
    gate: np.ndarray | None = None,
) -> Layer:
    core, epilogue = draw(CORES), draw(EPILOGUES)
    is_depthwise = op_type == "DepthwiseConv"
    channels, depth = weight.shape[:2]
    x = numbers.activation(1, *window.size, channels if is_depthwise else depth)
    seen = x.astype(np.float64) * (1 if gate is None else gate)
    sums = convolve(seen, weight, bias, **window.moves)
    magnitudes = convolve(np.abs(seen), np.abs(weight), np.abs(bias), **window.moves)
    residual = numbers.activation(*sums.shape) if draw(st.booleans()) else None
    if residual is not None:
        sums, magnitudes = sums + residual, magnitudes + np.abs(residual)
    outputs, magnitudes = [activate(sums, **epilogue)], [magnitudes]
    mean = draw(st.sampled_from(("none", "too", "alone")))
    if mean != "none":
        outputs.append(outputs[0].mean((1, 2), keepdims=True))
        magnitudes.append(magnitudes[0].mean((1, 2), keepdims=True))
    if mean == "alone":
        del outputs[0], magnitudes[0]
    others = [array if array is None else nchw(array) for array in (residual, gate)]
    inputs = [nchw(x), weight, bias, *others]
    node = fused_node(op_type, nchw(sums), inputs, x.dtype.name, mean=mean, **window.moves, **epilogue)
    planes = gate is None and may_read_planes(node) and draw(st.booleans())
    kernel = kernel_of(node, find_core(core), planes=planes)
    if planes:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    activations = [array for array in (x, residual, gate) if array is not None]
    return Layer(core, kernel, activations, outputs, magnitudes, weight[0].size)


@st.composite
def dense(draw: st.DrawFn, precision: str) -> Layer:
    """A row times a matrix."""
    core, epilogue, numbers = draw(CORES), draw(EPILOGUES), Numbers(draw, precision)
    depth, features = draw(st.integers(1, 1000)), draw(st.integers(1, 1000))
    x, weight, bias = (
        numbers.activation(1, depth),
        numbers.constant(features, depth),
        numbers.constant(features),
    )
    node = fused_node("Dense", (1, features), [x.shape, weight, bias], precision, **epilogue)
    sums = x.astype(np.float64) @ weight.T + bias
    magnitudes = np.abs(x.astype(np.float64)) @ np.abs(weight.T) + np.abs(bias)
    kernel = kernel_of(node, find_core(core))
    return Layer(core, kernel, [x], [activate(sums, **epilogue)], [magnitudes], depth)


@st.composite
def pools(draw: st.DrawFn, precision: str) -> Layer:
    """A mean or a maximum over windows, or over the map."""
    op_type = draw(st.sampled_from(("AveragePool", "MaxPool", "GlobalAveragePool")))
    window, numbers = draw(windows((2, 2), (3, 3), (5, 4), dilation=1)), Numbers(draw, precision)
    x = numbers.activation(1, *window.size, draw(CHANNELS))
    moves = {"kernel_shape": window.taps, "strides": window.moves["strides"], "pads": window.moves["pads"]}
    moves["count_include_pad"] = int(draw(st.booleans()) and op_type == "AveragePool")
    if op_type == "GlobalAveragePool":
        moves = {}
    output, magnitude = (pool(array, op_type, **moves) for array in (x, np.abs(x)))
    return _of_one_input(draw, op_type, x, output, magnitude, **moves)


@st.composite
def resizings(draw: st.DrawFn, precision: str) -> Layer:
    """Bilinear, from any size to any size."""
    size, result = draw(st.tuples(SIZES, SIZES)), draw(st.tuples(SIZES, SIZES))
    x = Numbers(draw, precision).activation(1, *size, draw(CHANNELS))
    coordinates = draw(st.sampled_from(COORDINATES))
    output = resize(x.astype(np.float32), coordinates, sizes=result)
    attributes = {"coordinates": coordinates, "scales": np.divide(result, size).tolist()}
    # In this mode ONNX Runtime's places differ in the last bit, 2^-18 of a step between two pixels.
    magnitude = np.abs(x).max() * (5 if coordinates == "half_pixel_symmetric" else 1)
    return _of_one_input(draw, "Resize", x, output, np.full(output.shape, magnitude), **attributes)


@st.composite
def sigmoids(draw: st.DrawFn, precision: str) -> Layer:
    """The sigmoid, of numbers of any size."""
    x = Numbers(draw, precision).activation(1, draw(SIZES), draw(SIZES), draw(CHANNELS))
    output = 1 / (1 + np.exp(-x.astype(np.float64).clip(-700)))
    return _of_one_input(draw, "Sigmoid", x, output, np.ones(output.shape))


@st.composite
def scales(draw: st.DrawFn, precision: str) -> Layer:
    """A map times its gate, which is a pixel or another map."""
    numbers, size, channels = Numbers(draw, precision), draw(st.tuples(SIZES, SIZES)), draw(CHANNELS)
    x = numbers.activation(1, *size, channels)
    gates = size if draw(st.booleans()) else (1, 1)
    gate = numbers.constant(1, *gates, channels).astype(precision)
    core, output = draw(CORES), x * gate.astype(np.float64)
    kernel = kernel_of(fused_node("Scale", nchw(x), [nchw(x), nchw(gate)], precision), find_core(core))
    return Layer(core, kernel, [x, gate], [output], [np.abs(output)])


@st.composite
def scales_and_shifts(draw: st.DrawFn, precision: str) -> Layer:
    """A map or bytes, by two numbers for each channel."""
    numbers, channels = Numbers(draw, precision), draw(CHANNELS)
    x = numbers.activation(1, draw(SIZES), draw(SIZES), channels)
    factors, shifts = numbers.constant(channels), numbers.constant(channels)
    output = x.astype(np.float64) * factors + shifts
    magnitude = np.abs(x.astype(np.float64) * factors) + np.abs(shifts)
    attributes = {"factors": factors.tolist(), "shifts": shifts.tolist()}
    return _of_one_input(draw, "ScaleShift", x, output, magnitude, **attributes)


@st.composite
def concatenations(draw: st.DrawFn, precision: str) -> Layer:
    """Channels of one to four maps."""
    numbers, size = Numbers(draw, precision), draw(st.tuples(SIZES, SIZES))
    parts = [numbers.activation(1, *size, draw(st.integers(1, 70))) for _ in range(draw(st.integers(1, 4)))]
    output, core = np.concatenate(parts, axis=-1), draw(CORES)
    node = fused_node("Concat", nchw(output), list(map(nchw, parts)), precision)
    return Layer(core, kernel_of(node, find_core(core)), parts, [output], [np.zeros(output.shape)])


def _of_one_input(
    draw: st.DrawFn, op_type: str, x: np.ndarray, output: np.ndarray, magnitude: np.ndarray, **attributes
) -> Layer:
    core, node = draw(CORES), fused_node(op_type, nchw(output), [nchw(x)], x.dtype.name, **attributes)
    return Layer(core, kernel_of(node, find_core(core)), [x], [output], [magnitude])


def nchw(array: np.ndarray) -> tuple[int, ...]:
    """The NCHW shape of a map that is NHWC."""
    n, h, w, c = array.shape
    return n, c, h, w
