"""The whole way from an ONNX model to an artifact, on one screen."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import onnx_ir as ir

from .. import artifact
from ..artifact import Artifact, seal, write_json
from ..errors import InvalidModelError
from ..files import written_beside
from ..frontend.shapes import shape_of
from ..passes import optimize
from ..targets import Core, Device, find_toolchain
from .c_library import c_name, write_c_library
from .detection import Detection
from .labels import read_labels
from .layout import Layout
from .lowering import lower
from .manifest import describe
from .network import compile_network
from .precision import Precision
from .prepare import prepare
from .tuning import Selection, known_records
from .tvm_module import link_tvm_module
from .verification import save_sample, verify

# Grey, RGB, and RGB with a fourth byte.
FRAME_CHANNELS = (1, 3, 4)


def compile_model(
    model: ir.Model,
    output: Path,
    core: Core,
    *,
    os: str = "linux",
    precision: Precision = "fp32",
    layout: Layout = "nchw",
    name: str | None = None,
    labels: Path | None = None,
    database: Path | None = None,
    witness: Device | None = None,
    force: bool = False,
    progress: Callable[[str, float], None] = lambda what, part: None,
) -> Artifact:
    """Optimise `model` and compile it for `core` into the artifact folder `output`.

    The result is run on `witness` (if None, on the device of this machine that can, if there is one) and
    compared with ONNX Runtime on an ordinary and, in "fp32", on a large input. With `precision` "fp16",
    weights and what layers hand to each other are float16, except where they do not fit, and are computed in
    as well if the core can. Inputs and outputs of rank 4 are in `layout`; a uint8 input is a frame, NHWC.
    `name`, an identifier, is that of the C library: the model's if left out. `labels` is a text file with the
    name of a class on each line. Kernels get the parameters that are best by the tuning records that armlet
    ships and those of `database`. `progress` is told what is being done and which part of the whole is
    behind.

    Raises InvalidModelError if the model cannot be compiled, UsageError if `output` exists and `force` is not
    given, ArmletError if the toolchain fails or the compiled network is wrong.
    """
    _refuse_what_is_not_built_yet(model)
    detection = Detection.of(model)
    classes = read_labels(labels, model) if labels else None
    records = known_records(database)
    name = c_name(model, name)
    toolchain = find_toolchain(os, core.machine)
    started = time.monotonic()
    with written_beside(output, folder=True, marker=artifact.MANIFEST, force=force) as folder:
        progress("optimise", 0.0)
        optimized = optimize(model)
        ir.save(optimized.model, folder / artifact.MODEL)

        prepared = prepare(optimized, precision, core)
        selection = Selection(core.name, precision, records)
        program = lower(prepared.model, layout, core, selection, selection.schedule)
        library = folder / artifact.LIBRARY
        with tempfile.TemporaryDirectory(prefix="armlet-build-") as work:
            network = compile_network(
                program,
                name,
                core,
                os,
                toolchain,
                Path(work),
                lambda what, part: progress(what, 0.1 + 0.7 * part),
                detection,
            )
            manifest = describe(model, prepared, network, core, os, precision, layout, toolchain)
            manifest["tuning"] = selection.to_json()
            link_tvm_module(network, toolchain, library)
            write_c_library(network, manifest, core, toolchain, folder / artifact.C_LIBRARY)

        progress("verify", 0.8)
        save_sample(folder, optimized.references[0], layout)
        report = {
            "made_of": {
                "source": model.meta.get("source"),
                "weights": model.meta.get("weights"),
                "whose": model.meta.get("whose"),
                "input_shapes": model.meta.get("shapes", {}),
                "database": str(database.resolve()) if database else None,
            },
            "passes": optimized.report.to_json(),
            "fallbacks": [str(fallback) for fallback in program.fallbacks],
            "verification": verify(library, optimized.references, precision, layout, core, witness),
            "compile_seconds": round(time.monotonic() - started, 1),
        }
        sealed = seal(folder, {**manifest, "labels": classes})
        write_json(folder / artifact.REPORT, report)
    return Artifact(output, sealed)


def _refuse_what_is_not_built_yet(model: ir.Model) -> None:
    inputs = [value for value in model.graph.inputs if not value.is_initializer()]
    if len(inputs) != 1:
        raise InvalidModelError(
            f"the model has {len(inputs)} inputs, expected one: split it, or fix the others"
        )
    image = inputs[0]
    if image.dtype not in (ir.DataType.FLOAT, ir.DataType.UINT8):
        raise InvalidModelError(
            f"input {image.name!r} is {image.dtype}, expected float32 or uint8: export it so"
        )
    shape = shape_of(image)
    if shape[:1] != [1]:
        raise InvalidModelError(
            f"input {image.name!r} has the shape {shape}, expected batch 1: export the model so"
        )
    if image.dtype == ir.DataType.UINT8 and (len(shape) != 4 or shape[3] not in FRAME_CHANNELS):
        raise InvalidModelError(
            f"input {image.name!r} is uint8 of the shape {shape}, expected a frame, "
            "[1, height, width, channels]: export the model so"
        )
