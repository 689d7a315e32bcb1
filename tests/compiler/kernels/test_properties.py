"""Whatever the layer: right numbers, wherever tensors lie, and nothing touched outside (`conftest.py`)."""

import numpy as np
import pytest
from hypothesis import given, settings

from . import layers
from .references import half_precision_bound

FAMILIES = {
    "convolution": layers.convolutions,
    "depthwise": layers.depthwise_convolutions,
    "expanded": layers.expanded_convolutions,
    "dense": layers.dense,
    "pool": layers.pools,
    "resize": layers.resizings,
    "sigmoid": layers.sigmoids,
    "scale": layers.scales,
    "scale and shift": layers.scales_and_shifts,
    "concat": layers.concatenations,
}
TOLERANCE = 2e-6


@pytest.mark.parametrize("examples", [6, pytest.param(250, marks=pytest.mark.full)])
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_any_layer(family, precision, examples, call):
    @settings(max_examples=examples, derandomize=True, deadline=None, database=None)
    @given(FAMILIES[family](precision))
    def holds(layer: layers.Layer) -> None:
        kernel = layer.kernel
        outputs = [np.full(output.shape, np.nan, precision) for output in layer.outputs]
        call(kernel.function, [*layer.activations, *kernel.constants, *outputs], layer.core, kernel.llvm_cpu)
        for got, want, magnitude in zip(outputs, layer.outputs, layer.magnitudes, strict=True):
            slack = (
                TOLERANCE * magnitude
                if precision == "float32"
                else half_precision_bound(layer.terms, magnitude, want)
            )
            assert np.all(np.abs(got - want) <= slack)

    holds()
