"""Versions of ONNX: what a file comes in, brought to what the passes and ONNX Runtime know."""

import onnx
import onnx.inliner

from ..errors import InvalidModelError, first_line

# HardSwish came with the oldest; onnxruntime 1.31 loads the newest. onnx 1.23 writes newer ones by default.
OLDEST_OPSET, NEWEST_OPSET = 14, 26
# Before version 4 every initializer had to be listed as an input.
OLDEST_IR_VERSION, NEWEST_IR_VERSION = 4, 13

ONNX_DOMAINS = ("", "ai.onnx")  # Two names of one domain.


def in_known_versions(proto: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """`proto` in an opset from 14 to 26 and an IR version from 4 to 13, converted by onnx where need be.

    None of its inputs may have an initializer; `name` is what errors call it. Raises InvalidModelError if it
    says no version, says one that onnx does not know, or cannot be converted.
    """
    opset = max((entry.version for entry in proto.opset_import if entry.domain in ONNX_DOMAINS), default=0)
    for what, found, newest in (
        ("IR version", proto.ir_version, onnx.IR_VERSION),
        ("opset", opset, onnx.defs.onnx_opset_version()),
    ):
        if not 1 <= found <= newest:
            raise InvalidModelError(
                f"{name} has {what} {found}, expected 1 to {newest}, which onnx {onnx.__version__} knows: "
                "export it for one of these"
            )
    proto.ir_version = min(max(proto.ir_version, OLDEST_IR_VERSION), NEWEST_IR_VERSION)
    wanted = min(max(opset, OLDEST_OPSET), NEWEST_OPSET)
    if wanted != opset:
        try:
            # The converter drops functions, and puts the model into the newest IR version.
            inlined = onnx.inliner.inline_local_functions(proto) if proto.functions else proto
            proto = onnx.version_converter.convert_version(inlined, wanted)
            proto.ir_version = inlined.ir_version
        except (RuntimeError, ValueError, onnx.version_converter.ConvertError) as error:
            reason = first_line(error).split(" failed: ")[-1]
            raise InvalidModelError(
                f"{name} has opset {opset}, which cannot be converted to {wanted} ({reason}): export it for "
                f"opset {OLDEST_OPSET} to {NEWEST_OPSET}"
            ) from error
    return proto
