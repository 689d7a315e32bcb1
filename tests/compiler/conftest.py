"""Small graphs as ONNX text, compiled for this machine and held against ONNX Runtime."""

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from armlet import compile_model
from armlet.artifact import Artifact
from armlet.compiler.fuse import fuse
from armlet.compiler.layout import array_in
from armlet.compiler.lowering import lower
from armlet.compiler.program import Program
from armlet.compiler.tvm_module import compile_library
from armlet.frontend import build
from armlet.frontend.importer import from_proto
from armlet.passes.verify import Runner, relative_error
from armlet.targets import Core, find_core, open_device


def normal(*shape: int) -> np.ndarray:
    """Normally distributed float32; the same at every call with the same shape."""
    return np.random.default_rng(len(shape)).standard_normal(shape, dtype=np.float32)


def parse_model(text: str, shape: str, result: str = "float", **constants: np.ndarray) -> ir.Model:
    """A model from x of `shape` to y, of the type `result`.

    Constants that are shapes stand for normal numbers of that shape.
    """
    proto = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 21]> test (float[{shape}] x) => ({result}[] y) {{ {text} }}'
    )
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    for node in proto.graph.node:
        node.name = node.output[0]
    for name, value in constants.items():
        array = normal(*value) if isinstance(value, tuple) else np.asarray(value)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return from_proto(proto, "test")


@pytest.fixture(scope="session")
def parse() -> Callable[..., ir.Model]:
    return parse_model


@pytest.fixture(scope="session")
def fused() -> Callable[..., ir.Model]:
    """A copy of a model, fused for a core, or for one of which no cache is known."""

    def copy(model: ir.Model, core: Core | None = None) -> ir.Model:
        model = model.clone()
        fuse(model, core or replace(find_core("host"), l2=None))
        return model

    return copy


@pytest.fixture(scope="session")
def operators() -> Callable[[ir.Model], list[str]]:
    """The op types of a graph, ours with their domain."""
    return lambda model: [f"{node.domain}.{node.op_type}".removeprefix(".") for node in model.graph]


@pytest.fixture
def error_on(tmp_path, fused) -> Callable[..., tuple[float, Program]]:
    """Compile a model for a core; its error there against ONNX Runtime, relative to the output's range."""

    def error(core: str | Core, model: ir.Model, layout="nhwc", scale: float = 3.0) -> tuple[float, Program]:
        core = find_core(core) if isinstance(core, str) else core
        lowered = lower(fused(model, core), layout, core)
        library = tmp_path / "model.so"
        compile_library(lowered, core, library)
        inputs = {value.name: scale * normal(*value.shape) for value in model.graph.inputs}
        with open_device("host" if core.name == "host" else f"emulated:{core.name}").connect() as session:
            got = session.load(library).run([array_in(layout, array) for array in inputs.values()])
        want = [array_in(layout, output) for output in Runner(model)(inputs)]
        return relative_error(want, got), lowered

    return error


@pytest.fixture
def error_on_host(error_on) -> Callable[..., tuple[float, Program]]:
    """The same on this machine."""
    return functools.partial(error_on, "host")


@pytest.fixture(scope="session")
def artifact(tmp_path_factory) -> Artifact:
    """A small network compiled for this machine."""
    model = build("mobilenet_v3_small", resolution=64, width=0.35, classes=10)
    return compile_model(model, tmp_path_factory.mktemp("made") / "host", find_core("host"))
