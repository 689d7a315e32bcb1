"""What half precision loses and costs: by the number of terms summed in it, by kernel, and by network.

Run it as `python benchmarks/half_precision.py [INPUTS]`; it prints the tables of docs/half-precision.md. All
is held against double precision: whole networks on emulated Cortex-A76; each of their kernels alone, given
what double precision gives it, rounded; and pointwise convolutions of 49 pixels to 96 channels.
"""

import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx.reference import ReferenceEvaluator
from onnx_ir.passes.common import InlinePass

import armlet
from armlet.compiler.c_interface import compile_function
from armlet.compiler.kernels import Kernel, bounded_sums, kernel_of
from armlet.compiler.kernels.kernel import array, given
from armlet.compiler.kernels.pointwise import pointwise
from armlet.compiler.lowering import ACTIVATIONS
from armlet.compiler.prepare import prepare
from armlet.compiler.verification import signal_to_noise
from armlet.passes.squeeze_excite_function import DOMAIN
from armlet.targets import Core, find_core, find_toolchain, open_device
from armlet.targets.simulator.freestanding import count_function
from armlet.targets.simulator.image import load
from armlet.targets.simulator.simulation import model

NETWORKS = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")
CORES = ("cortex-a55", "cortex-a76")
TERMS = (64, 128, 256, 512, 4096)
DEPTHS = (240, 480, 960)
SIDE, CHANNELS = 7, 96
BOUNDS = (("low", -np.inf), ("high", np.inf))


def layer(weight: np.ndarray) -> ir.Node:
    """A pointwise convolution in half precision, as fused."""
    channels, depth = weight.shape[:2]
    x, out = (
        ir.Value(name=name, shape=ir.Shape((1, size, SIDE, SIDE)), type=ir.TensorType(ir.DataType.FLOAT16))
        for name, size in (("x", depth), ("out", channels))
    )
    constants = [
        ir.Value(name=name, shape=ir.Shape(numbers.shape), const_value=ir.tensor(numbers))
        for name, numbers in (("w", weight), ("b", np.zeros(channels, np.float32)))
    ]
    attributes = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "precision": "float16"}
    return ir.node("Conv", [x, *constants], attributes, domain="armlet", outputs=[out])


class Double:
    """A model in double precision."""

    def __init__(self, model: ir.Model):
        proto = ir.to_proto(InlinePass()(model.clone()).model)
        attributes = (attribute for node in proto.graph.node for attribute in node.attribute)
        constants = [attribute.t for attribute in attributes if attribute.HasField("t")]
        for tensor in (*proto.graph.initializer, *constants):
            if tensor.data_type == onnx.TensorProto.FLOAT:
                numbers = onnx.numpy_helper.to_array(tensor).astype(np.float64)
                tensor.CopyFrom(onnx.numpy_helper.from_array(numbers, tensor.name))
        names = [name for node in proto.graph.node for name in node.output]
        del proto.graph.output[:], proto.graph.value_info[:]
        proto.graph.output.extend(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.DOUBLE, None) for name in names
        )
        self._names, self._evaluator = names, ReferenceEvaluator(proto)

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """All values by name."""
        doubles = {name: array.astype(np.float64) for name, array in inputs.items()}
        return doubles | dict(zip(self._names, self._evaluator.run(None, doubles), strict=True))


def run(kernel: Kernel, activations: Sequence[np.ndarray], core: Core) -> tuple[list[np.ndarray], float]:
    """What `kernel` makes of activations, and its modelled cycles, nothing waiting for memory."""
    parameters = [
        np.zeros([int(size) for size in parameter.ty.shape], str(parameter.ty.dtype))
        for parameter in kernel.function.params
    ]
    for parameter, numbers in zip(parameters, [*activations, *kernel.constants], strict=False):
        parameter[...] = numbers.reshape(parameter.shape)
    compiled = compile_function(kernel.function, "kernel", core.tvm_target("linux", kernel.llvm_cpu)).kept()
    scratch = [np.zeros(nbytes, np.uint8) for nbytes in compiled.scratch]
    with tempfile.TemporaryDirectory() as folder:
        toolchain, whole = find_toolchain("linux", core.machine), Path(folder) / "kernel.o"
        library = Path(folder) / "kernel.so"
        toolchain.link_object([compiled.path], whole, exports=["kernel"])
        toolchain.link_library([whole], library)
        trace, _ = count_function(load(library), "kernel", [*parameters, *scratch], core)
    simulation = model(trace, core, lambda address: "kernel")
    outputs = parameters[len(activations) + len(kernel.constants) :]
    return outputs, simulation.cycles - simulation.stall_cycles


def lost(network: str, core: Core) -> Iterator[tuple[str, float, float]]:
    """Of each kernel: its family, its signal to noise in dB, and its worst error over the output's range."""
    optimized = armlet.optimize(armlet.build(network))
    fused = prepare(optimized, "fp16", core).model
    exact = Double(optimized.model)(optimized.references[0].inputs)
    for node in fused.graph:
        if node.domain != DOMAIN:
            continue
        kernel = kernel_of(node, core)
        exact |= _in_squeeze_excite(node, exact)
        values = [given(node, number) for number in ACTIVATIONS.get(node.op_type, (0,))]
        activations = [_nhwc(exact[value.name or ""]) for value in values if value]
        wanted = [_nhwc(exact[value.name]) for value in node.outputs if value.name]
        outputs, _ = run(kernel, activations, core)
        for want, got in zip(wanted, outputs, strict=True):
            error = np.abs(want.ravel() - got.ravel()).max() / np.ptp(want)
            yield kernel.family, signal_to_noise([want.ravel()], [got.ravel()]), float(error)


def _in_squeeze_excite(node: ir.Node, exact: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the optimised model has no name for: the mean and the small layers of a squeeze-excite."""
    x, out = node.inputs[0], node.outputs[-1].name or ""
    assert x is not None
    if out in exact:
        return {}
    if len(node.outputs) > 1:
        return {out: exact[node.outputs[0].name or ""].mean((2, 3), keepdims=True)}
    weight, bias = array(node.inputs[1]).astype(np.float64), array(node.inputs[2])
    low, high = (node.attributes.get_float(name, bound) for name, bound in BOUNDS)
    sums = np.tensordot(exact[x.name or ""], weight, ((1, 2, 3), (1, 2, 3))) + bias
    return {out: np.clip(sums, low, high)[:, :, None, None]}


def _nhwc(numbers: np.ndarray) -> np.ndarray:
    return numbers.transpose(0, 2, 3, 1) if numbers.ndim == 4 else numbers


def families() -> None:
    """A row for each family of kernels in all networks."""
    print("| family | outputs | signal to noise, median (dB) | worst (dB) | error, worst, of the range |")
    print("|---|---|---|---|---|")
    found = defaultdict(list)
    for network in NETWORKS:
        for family, *figures in lost(network, find_core("cortex-a76")):
            found[family].append(figures)
    for family, rows in sorted(found.items()):
        noises, errors = zip(*rows, strict=True)
        print(f"| {family} | {len(rows)} | {np.median(noises):.1f} | {min(noises):.1f} | {max(errors):.1e} |")


def terms() -> None:
    """A row for each depth and number of terms."""
    print("| input channels | terms | signal to noise, random signs (dB) | all positive (dB) | A55 | A76 |")
    print("|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for depth in DEPTHS:
        for most in TERMS:
            bounded_sums.TERMS = most
            cells, costs = [], []
            for positive in (False, True):
                x = rng.standard_normal((1, SIDE, SIDE, depth)).astype(np.float16)
                weight = rng.standard_normal((CHANNELS, depth, 1, 1)).astype(np.float16).astype(np.float32)
                x, weight = (np.abs(part) if positive else part for part in (x, weight / depth**0.5))
                weight = weight.astype(np.float16).astype(np.float32)
                want = x.astype(np.float64) @ weight[:, :, 0, 0].T.astype(np.float64)
                results = [run(pointwise(layer(weight), core), [x], core) for core in map(find_core, CORES)]
                cells.append(f"{min(signal_to_noise([want], out) for out, _ in results):.1f}")
                costs = [f"{SIDE * SIDE * CHANNELS * depth / cycles:.2f}" for _, cycles in results]
            print(f"| {depth} | {min(most, depth)} | {' | '.join([*cells, *costs])} |", flush=True)


def networks(inputs: int) -> None:
    """A row for each network."""
    print(
        "| network | signal to noise, worst (dB) | error, worst, of the range | same top-1 | beyond doubt |"
    )
    print("|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for name in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            artifact = armlet.compile_model(
                armlet.build(name), Path(folder) / name, find_core("cortex-a76"), precision="fp16"
            )
            optimized, noise, worst = ir.load(artifact.model), np.inf, 0.0
            exact, output = Double(optimized), optimized.graph.outputs[0].name or ""
            same, beyond_doubt = 0, []
            (described,) = artifact.manifest["inputs"]
            with open_device("emulated:cortex-a76").connect() as session:
                program = session.load(artifact.library)
                for number in range(inputs):
                    # Pictures of every contrast, a sixteenth to one and a half of the ordinary one.
                    scale = 1.5 * (1 / 24) ** (number / max(1, inputs - 1))
                    image = (scale * rng.standard_normal(described["shape"])).astype(np.float32)
                    want, (got,) = exact({described["name"]: image})[output], program.run([image])
                    noise = min(noise, signal_to_noise([want], [got]))
                    error = float(np.abs(want - got).max())
                    worst = max(worst, error / float(np.ptp(want)))
                    is_same, (second, first) = bool(want.argmax() == got.argmax()), np.sort(want.ravel())[-2:]
                    same += is_same
                    beyond_doubt += [is_same] if first - second > error else []
        doubtless = f"{sum(beyond_doubt)} of {len(beyond_doubt)}"
        print(f"| {name} | {noise:.1f} | {worst:.1e} | {same} of {inputs} | {doubtless} |", flush=True)


if __name__ == "__main__":
    networks(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
    families()
    terms()
