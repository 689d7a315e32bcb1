"""What half precision loses and costs: kernels by the number of terms summed in it, and whole networks.

Run it as `python benchmarks/half_precision.py [INPUTS]`; it prints the tables of docs/half-precision.md. A
kernel is a pointwise convolution of 49 pixels to 96 channels, held against float64; networks, on emulated
Cortex-A76, against ONNX Runtime, whose own noise, in single precision, is 60 dB below.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx_ir as ir

import armlet
from armlet.compiler.c_interface import compile_function
from armlet.compiler.kernels import Kernel, bounded_sums
from armlet.compiler.kernels.pointwise import pointwise
from armlet.compiler.verification import signal_to_noise
from armlet.passes.verify import Runner
from armlet.targets import Core, find_core, find_toolchain, open_device
from armlet.targets.simulator.freestanding import count_function
from armlet.targets.simulator.image import load
from armlet.targets.simulator.simulation import model

NETWORKS = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")
CORES = ("cortex-a55", "cortex-a76")
TERMS = (64, 128, 256, 512, 4096)
DEPTHS = (240, 480, 960)
SIDE, CHANNELS = 7, 96


def layer(weight: np.ndarray) -> ir.Node:
    """A pointwise convolution in half precision, as fused."""
    channels, depth = weight.shape[:2]
    x, out = (
        ir.Value(name=name, shape=ir.Shape((1, size, SIDE, SIDE)), type=ir.TensorType(ir.DataType.FLOAT16))
        for name, size in (("x", depth), ("out", channels))
    )
    constants = [
        ir.Value(name="w", const_value=ir.tensor(weight)),
        ir.Value(name="b", const_value=ir.tensor(np.zeros(channels, np.float32))),
    ]
    attributes = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "precision": "float16"}
    return ir.node("Conv", [x, *constants], attributes, domain="armlet", outputs=[out])


def run(kernel: Kernel, x: np.ndarray, core: Core) -> tuple[np.ndarray, float]:
    """What `kernel` makes of `x`, and its modelled cycles, nothing waiting for memory."""
    out = np.zeros([int(size) for size in kernel.function.params[-1].ty.shape], np.float16)
    compiled = compile_function(kernel.function, "kernel", core.tvm_target("linux", kernel.llvm_cpu))
    with tempfile.TemporaryDirectory() as folder:
        toolchain, whole = find_toolchain("linux", core.machine), Path(folder) / "kernel.o"
        library = Path(folder) / "kernel.so"
        toolchain.link_object([compiled.path], whole, exports=["kernel"])
        toolchain.link_library([whole], library)
        trace, _ = count_function(load(library), "kernel", [x, *kernel.constants, out], core)
    simulation = model(trace, core, lambda address: "kernel")
    return out, simulation.cycles - simulation.stall_cycles


def kernels() -> None:
    """A row for each depth and number of terms."""
    print("| input channels | terms | signal to noise, random signs (dB) | all positive (dB) | A55 | A76 |")
    print("|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for depth in DEPTHS:
        for terms in TERMS:
            bounded_sums.TERMS = terms
            cells, costs = [], []
            for positive in (False, True):
                x = rng.standard_normal((1, SIDE, SIDE, depth)).astype(np.float16)
                weight = rng.standard_normal((CHANNELS, depth, 1, 1)).astype(np.float16).astype(np.float32)
                x, weight = (np.abs(part) if positive else part for part in (x, weight / depth**0.5))
                weight = weight.astype(np.float16).astype(np.float32)
                want = x.astype(np.float64) @ weight[:, :, 0, 0].T.astype(np.float64)
                results = [run(pointwise(layer(weight), core), x, core) for core in map(find_core, CORES)]
                cells.append(f"{min(signal_to_noise([want], [out]) for out, _ in results):.1f}")
                costs = [f"{SIDE * SIDE * CHANNELS * depth / cycles:.2f}" for _, cycles in results]
            print(f"| {depth} | {min(terms, depth)} | {' | '.join([*cells, *costs])} |", flush=True)


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
            reference, noise, worst = Runner(ir.load(artifact.model)), np.inf, 0.0
            same, beyond_doubt = 0, []
            (described,) = artifact.manifest["inputs"]
            with open_device("emulated:cortex-a76").connect() as session:
                program = session.load(artifact.library)
                for number in range(inputs):
                    # Pictures of every contrast, a sixteenth to one and a half of the ordinary one.
                    scale = 1.5 * (1 / 24) ** (number / max(1, inputs - 1))
                    image = (scale * rng.standard_normal(described["shape"])).astype(np.float32)
                    (want,), (got,) = reference({described["name"]: image}), program.run([image])
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
    kernels()
