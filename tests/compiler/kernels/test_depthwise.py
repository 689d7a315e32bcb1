"""Depthwise convolution against numpy in float64: tails, borders, every epilogue, both kinds of core."""

from dataclasses import replace

import numpy as np
import pytest

from armlet.compiler.kernels.axis import Axis
from armlet.compiler.kernels.depthwise import candidates, default, depthwise_function, pack
from armlet.compiler.kernels.depthwise_layer import Layer, Parameters
from armlet.compiler.kernels.epilogue import Epilogue
from armlet.compiler.kernels.vectors import Vector
from armlet.targets import find_core

TOLERANCE = 2e-6  # of the range of what is summed
EPILOGUES = {
    "none": Epilogue("none", -np.inf, np.inf),
    "clip": Epilogue("clip", -1.0, 6.0),
    "relu": Epilogue("clip", 0.0, np.inf),
    "hard_swish": Epilogue("hard_swish", -np.inf, np.inf),
}
FLOATS = Vector("float32", 4)
CORES = ("cortex-a53", "cortex-a76")


def expected(layer: Layer, x, weight, bias, residual=None) -> np.ndarray:
    rows, columns = layer.rows, layer.columns
    pads = ((rows.before, rows.after), (columns.before, columns.after), (0, 0))
    padded = np.pad(x[0].astype(np.float64), pads)
    sums = np.zeros((rows.outputs, columns.outputs, layer.channels)) + bias
    for i in range(rows.taps):
        for j in range(columns.taps):
            y, z = i * rows.dilation, j * columns.dilation
            window = padded[y : y + (rows.outputs - 1) * rows.stride + 1 : rows.stride]
            sums += (
                window[:, z : z + (columns.outputs - 1) * columns.stride + 1 : columns.stride] * weight[i, j]
            )
    sums += 0 if residual is None else residual[0]
    if layer.epilogue.activation == "hard_swish":
        return (sums * np.clip(sums / 6 + 0.5, 0, 1))[None]
    return np.clip(sums, layer.epilogue.low, layer.epilogue.high)[None]


@pytest.fixture
def check(call, normal):
    """Run a layer on a core and compare."""

    def run(layer: Layer, parameters: Parameters, core: str, scale: float = 1.0) -> None:
        rows, columns, channels = layer.rows, layer.columns, layer.channels
        x = scale * normal(1, rows.size, columns.size, channels)
        weight, bias = normal(rows.taps, columns.taps, channels), normal(channels)
        out = np.full((1, rows.outputs, columns.outputs, channels), np.nan, np.float32)
        outputs = [out] if layer.stores_map else []
        residual = scale * normal(*out.shape[1:])[None] if layer.residual else None
        mean = np.full((1, channels), np.nan, np.float32)
        factor = np.float32(layer.epilogue.scale)
        scaled = [pack(weight * factor, parameters.block, layer.vector), bias * factor]
        inputs = [x, *([residual] if layer.residual else []), *scaled, *outputs]
        function = depthwise_function(layer, parameters)
        call(function, [*inputs, *([mean] if layer.squeeze else [])], core, parameters.llvm_cpu)
        want = expected(layer, x, weight, bias, residual)
        summed = expected(replace(layer, epilogue=EPILOGUES["none"]), x, weight, bias, residual)
        if layer.stores_map:
            assert np.abs(out - want).max() <= TOLERANCE * np.abs(summed).max()
        if layer.squeeze:
            assert np.abs(mean - want.mean((1, 2))).max() <= TOLERANCE * np.abs(want).mean((1, 2)).max()

    return run


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7, 16, 22, 40])
@pytest.mark.parametrize("taps", [3, 5])
def test_channels(taps, channels, core, check):
    axis = Axis(9, taps, 1, 1, taps // 2, taps // 2)
    layer = Layer(axis, axis, channels, FLOATS, EPILOGUES["none"])
    check(layer, default(layer, find_core(core)), core)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (Axis(1, 3, 1, 1, 1, 1), Axis(1, 3, 1, 1, 1, 1)),
        (Axis(2, 5, 1, 1, 2, 2), Axis(3, 5, 1, 1, 2, 2)),
        (Axis(6, 3, 2, 1, 0, 1), Axis(5, 3, 2, 1, 0, 1)),
        (Axis(13, 3, 1, 1, 1, 0), Axis(41, 3, 1, 1, 2, 2)),
        (Axis(14, 3, 2, 1, 1, 1), Axis(31, 3, 2, 1, 1, 1)),
        (Axis(9, 3, 1, 2, 2, 2), Axis(11, 3, 1, 2, 2, 2)),
        (Axis(15, 5, 2, 1, 2, 2), Axis(30, 5, 2, 1, 1, 2)),
        (Axis(9, 5, 1, 2, 4, 4), Axis(9, 5, 1, 2, 4, 4)),
        (Axis(4, 3, 1, 1, 3, 3), Axis(4, 3, 1, 1, 3, 3)),
        (Axis(8, 3, 3, 1, 0, 0), Axis(9, 3, 1, 1, 1, 1)),
        (Axis(5, 1), Axis(6, 3, 2)),
        (Axis(12, 7, 1, 1, 3, 3), Axis(12, 7, 1, 1, 3, 3)),
    ],
    ids=str,
)
def test_windows(rows, columns, core, check):
    layer = Layer(rows, columns, 12, FLOATS, EPILOGUES["relu"], squeeze=True)
    check(layer, default(layer, find_core(core)), core)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("scale", [1.0, 1e3])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("epilogue", EPILOGUES)
def test_epilogues(epilogue, residual, scale, core, check):
    for taps in (3, 5):
        axis = Axis(8, taps, 1, 1, taps // 2, taps // 2)
        layer = Layer(axis, axis, 6, FLOATS, EPILOGUES[epilogue], residual, squeeze=not residual)
        check(layer, default(layer, find_core(core)), core, scale)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("taps", [3, 5])
def test_the_mean_alone(taps, core, check):
    axis = Axis(9, taps, 1, 1, taps // 2, taps // 2)
    layer = Layer(axis, axis, 11, FLOATS, EPILOGUES["hard_swish"], squeeze=True, stores_map=False)
    check(layer, default(layer, find_core(core)), core)


@pytest.mark.full
@pytest.mark.parametrize("core", ["cortex-a53", "cortex-a55", "cortex-a72"])
@pytest.mark.parametrize(("taps", "stride"), [(3, 1), (3, 2), (5, 1)])
def test_every_candidate_computes_the_same(taps, stride, core, check):
    axis = Axis(16, taps, stride, 1, taps // 2, taps // 2)
    layer = Layer(axis, axis, 20, FLOATS, EPILOGUES["hard_swish"], squeeze=True)
    found = candidates(layer, find_core(core))
    assert found[0] == default(layer, find_core(core))
    assert len(set(found)) == len(found)
    for parameters in found:
        check(layer, parameters, core)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("band", [1, 2, 3, 100])
@pytest.mark.parametrize("taps", [3, 5])
def test_bands_and_touching_stay_in_the_map(taps, band, core, check):
    # 16 x 16 x 16 numbers are whole pages: what lies beside them is not mapped.
    axis = Axis(16, taps, 1, 1, taps // 2, taps // 2)
    layer = Layer(axis, axis, 16, FLOATS, EPILOGUES["none"])
    check(layer, replace(default(layer, find_core(core)), band=band, touch=True, columns=7), core)


def test_multiply_adds_are_those_of_the_map():
    layer = Layer(Axis(7, 3, 2, 1, 1, 1), Axis(9, 3, 2, 1, 1, 1), 10, FLOATS, EPILOGUES["none"])
    assert layer.macs == 4 * 5 * 10 * 9
