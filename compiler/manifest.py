"""What the manifest of an artifact says of it: only what follows from the inputs, no time and no machine."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import onnx_ir as ir
from tvm.target import codegen

from .. import __version__
from ..artifact import TVM_FAMILY, installed_pins
from ..frontend.shapes import shape_of
from ..targets import Core, Toolchain
from .layout import Layout, shape_in
from .network import Network
from .precision import Precision
from .prepare import Prepared
from .traffic import least_bytes
from .verification import TOLERANCES


def describe(
    model: ir.Model,
    prepared: Prepared,
    network: Network,
    core: Core,
    os: str,
    precision: Precision,
    layout: Layout,
    toolchain: Toolchain,
) -> dict[str, Any]:
    """The manifest of `model`, compiled; the files and their hashes are added by `artifact.seal`."""
    program, arena = network.program, network.arena
    calls = [network.traffic[call.function] for call in program.calls]
    scratch = sum(call.scratch for call in calls)
    return {
        "armlet": __version__,
        "c_library": {"name": network.name, "version": network.version},
        "pins": installed_pins(),
        "llvm": str(codegen.llvm_version_major()),
        "toolchain": {"name": toolchain.name, "version": toolchain.version},
        "source": {
            "sha256": model.meta.get("sha256") or _hash(model),
            "weights": model.metadata_props.get("armlet.weights", "of the model"),
        },
        "target": {"core": core.name, "os": os, **core.tvm_target(os)},
        "precision": precision,
        "tolerance": TOLERANCES[precision],
        "layout": layout,
        "inputs": [_describe_input(value, layout) for value in model.graph.inputs],
        "outputs": [_describe(value, layout) for value in model.graph.outputs],
        "preprocessing": json.loads(model.metadata_props.get("armlet.preprocessing", "null")),
        "kernels": [_kernel(name, layers, network) for name, layers in program.layers.items()],
        "fused": prepared.computed,
        "bytes_per_inference": {
            "read": sum(call.read + call.constants for call in calls) + scratch,
            "written": sum(call.written for call in calls) + scratch,
            "lower_bound_of_both": least_bytes(prepared.model),
        },
        "arena": {"bytes": arena.nbytes, "lower_bound_bytes": arena.lower_bound},
        "weights_bytes": network.weights_bytes,
        "kept_fp32": prepared.kept_fp32,
        "fallbacks": [str(fallback) for fallback in program.fallbacks],
    }


def _kernel(name: str, layers: Sequence[str], network: Network) -> dict[str, Any]:
    """A function, its `layers` and the numbers of its calls for these.

    What TVM's own code multiplies is not known, and counts as nothing.
    """
    kernel, traffic = network.program.kernels.get(name), network.traffic[name]
    return {
        "name": name,
        "family": kernel.family if kernel else TVM_FAMILY,
        "layers": layers,
        "calls": [number for number, call in enumerate(network.program.calls) if call.function == name],
        "macs": kernel.macs if kernel else 0,
        "constant_bytes": traffic.constants,
        "activation_bytes_read": traffic.read,
        "activation_bytes_written": traffic.written,
        "scratch_bytes": traffic.scratch,
    }


def _hash(model: ir.Model) -> str:
    return hashlib.sha256(ir.to_proto(model).SerializeToString(deterministic=True)).hexdigest()


def _describe_input(value: ir.Value, layout: Layout) -> dict[str, Any]:
    """Bytes are a frame, which is NHWC and stays so."""
    if value.dtype == ir.DataType.UINT8:
        return {**_describe(value, "nchw"), "layout": "nhwc"}
    return _describe(value, layout)


def _describe(value: ir.Value, layout: Layout) -> dict[str, Any]:
    assert value.dtype is not None
    shape = shape_in(layout, shape_of(value))
    return {
        "name": value.name,
        "shape": shape,
        "type": value.dtype.numpy().name,
        "layout": layout if len(shape) == 4 else None,
    }
