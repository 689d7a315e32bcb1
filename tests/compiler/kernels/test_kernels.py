"""Every family against ONNX Runtime on this machine, with the tails that channels and sizes leave."""

import numpy as np
import pytest

TOLERANCE = 1e-5


@pytest.mark.parametrize(
    ("channels_in", "channels", "size", "kernel", "attributes"),
    [
        (3, 16, "11,11", 3, "strides=[2,2], pads=[1,1,1,1]"),  # the stem
        (16, 24, "7,7", 1, "group=1"),
        (24, 40, "13,9", 1, "group=1"),
        (5, 7, "6,5", 1, "group=1"),
        (1, 1, "4,4", 3, "pads=[1,1,1,1]"),
        (8, 21, "5,5", 3, "pads=[0,1,2,1]"),
        (6, 12, "9,8", 5, "strides=[2,1], pads=[2,2,2,2]"),
        (4, 8, "9,9", 3, "dilations=[2,2], pads=[2,2,2,2]"),
        (4, 1000, "1,1", 1, "group=1"),
    ],
)
def test_conv(channels_in, channels, size, kernel, attributes, parse, error_on_host):
    weights = {"k": (channels, channels_in, kernel, kernel), "b": (channels,)}
    model = parse(f"s = Conv<{attributes}>(x, k, b) y = Relu(s)", f"1,{channels_in},{size}", **weights)
    error, lowered = error_on_host(model)
    assert error < TOLERANCE
    assert not lowered.fallbacks
    (table,) = lowered.kernels.values()
    n, c, h, w = model.graph.outputs[0].shape
    assert table.macs == n * c * h * w * channels_in * kernel * kernel


@pytest.mark.parametrize(
    ("channels", "size", "kernel", "attributes"),
    [
        (16, "14,14", 3, "pads=[1,1,1,1]"),
        (24, "15,13", 5, "strides=[2,2], pads=[2,2,2,2]"),
        (7, "6,5", 3, "strides=[2,2], pads=[0,0,1,1]"),
        (40, "9,9", 5, "dilations=[2,2], pads=[4,4,4,4]"),
        (12, "4,9", 3, "strides=[1,2], pads=[1,0,1,2]"),
    ],
)
def test_depthwise(channels, size, kernel, attributes, parse, error_on_host):
    text = f"y = Conv<group={channels}, {attributes}>(x, k, b)"
    model = parse(text, f"1,{channels},{size}", k=(channels, 1, kernel, kernel), b=(channels,))
    error, lowered = error_on_host(model)
    assert error < TOLERANCE
    assert [kernel.family for kernel in lowered.kernels.values()] == [f"depthwise{kernel}x{kernel}"]


@pytest.mark.parametrize("scale", [3.0, 1e3])
@pytest.mark.parametrize("end", ["y = Clip(s, low, high)", "y = Add(s, x)", "y = Add(x, s)"])
def test_epilogues(end, scale, parse, error_on_host):
    bounds = {"low": np.float32(-1), "high": np.float32(6)}
    model = parse(f"s = Conv(x, k, b) {end}", "1,8,5,5", k=(8, 8, 1, 1), b=(8,), **bounds)
    error, lowered = error_on_host(model, scale=scale)
    assert error < TOLERANCE
    assert len(lowered.kernels) == 1


def test_hard_swish_bends_at_three(parse, error_on_host):
    numbers = {
        "sixth": np.float32(1 / 6),
        "half": np.float32(0.5),
        "zero": np.float32(0),
        "one": np.float32(1),
    }
    swish = "u = Mul(s, sixth) v = Add(u, half) w = Clip(v, zero, one) y = Mul(s, w)"
    identity = np.eye(4, dtype=np.float32)[:, :, None, None]
    model = parse(f"s = Conv(x, k) {swish}", "1,4,16,16", k=identity, **numbers)
    error, lowered = error_on_host(model)
    assert error < 1e-6
    assert len(lowered.kernels) == 1


@pytest.mark.parametrize(("depth", "features"), [(6, 5), (64, 16), (1024, 1000), (3, 1)])
def test_dense(depth, features, parse, error_on_host):
    model = parse("s = Gemm(x, m, b) y = Relu(s)", f"1,{depth}", m=(depth, features), b=(features,))
    error, lowered = error_on_host(model)
    assert error < TOLERANCE
    assert lowered.kernels.popitem()[1].macs == depth * features


@pytest.mark.parametrize("shape", ["1,16,7,7", "1,5,3,4", "1,8,1,1"])
def test_global_average_pool(shape, parse, error_on_host):
    error, lowered = error_on_host(parse("y = GlobalAveragePool(x)", shape))
    assert error < TOLERANCE
    assert not lowered.fallbacks
