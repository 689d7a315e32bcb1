"""Small models written as ONNX text, and ONNX Runtime to run them as they are written."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from armlet.passes.verify import Runner

# The numbers that spellings of activations are made of, in the shapes that exporters give them.
NUMBERS = {"zero": 0, "half": 0.5, "one": 1, "three": 3, "six": 6, "sixth": 1 / 6}


def parse_model(
    text: str, opset: int = 21, shape: str = "1,4,5,5", out: str = "", **arrays: np.ndarray
) -> ir.Model:
    """A model of one input x and one output y from the lines of its body; `arrays` are its initializers."""
    numbers = {name: np.array(number, np.float32) for name, number in NUMBERS.items()}
    proto = onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]>'
        f"model (float[{shape}] x) => (float[{out or shape}] y) {{ {text} }}"
    )
    used = {name for node in proto.graph.node for name in node.input}
    for name, array in {**numbers, **arrays}.items():
        if name in used:
            proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    model = ir.from_proto(onnx.shape_inference.infer_shapes(proto))
    for node in model.graph:
        node.name = node.outputs[0].name
    return model


@pytest.fixture(scope="session")
def parse() -> Callable[..., ir.Model]:
    return parse_model


@pytest.fixture(scope="session")
def operators() -> Callable[[ir.Model], dict[str, int]]:
    """How often each operator stands in the main graph."""
    return lambda model: dict(Counter(node.op_type for node in model.graph))


@pytest.fixture(scope="session")
def run() -> Callable[..., np.ndarray]:
    """The output of a model of one input and one output."""
    return lambda model, x: Runner(model)({"x": x})[0]


@pytest.fixture
def x() -> np.ndarray:
    """Values that reach well past both kinks of h-swish, and hit them."""
    values = np.random.default_rng(1).normal(0, 4, (1, 4, 5, 5)).astype(np.float32)
    values.flat[:6] = [-3, 3, 0, 1e3, -1e3, np.nextafter(np.float32(3), np.float32(4))]
    return values
