"""What is done to a picture before the first layer: one pass, of bytes or of numbers."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from armlet.compiler.fuse import fuse
from armlet.compiler.lowering import lower
from armlet.compiler.tvm_module import compile_library
from armlet.frontend.importer import from_proto
from armlet.passes import optimize
from armlet.passes.verify import Runner, relative_error
from armlet.targets import find_core, open_device

HOST = find_core("host")
TOLERANCE = 1e-6
CONSTANTS = {
    "k": np.random.default_rng(0).standard_normal((8, 3, 3, 3), np.float32),
    "f": np.array([0.1, 0.2, 0.3], np.float32),
    "planes": np.array([0.1, 0.2, 0.3], np.float32).reshape(1, 3, 1, 1),
    "few": np.array([1, 2, 3], np.float32).reshape(3, 1, 1),
    "two": np.float32(127.5),
    "one": np.float32(1),
    "row": np.arange(1, 10, dtype=np.float32),
    "byte": np.uint8(200),
    "sizes": np.array([1, 3, 12, 11]),
}
STEM = "y = Conv<strides=[2,2], pads=[1,1,1,1]>({}, k)"
TURN = "Transpose<perm=[0,3,1,2]>"
RESIZE = 'Resize<mode="linear">'


def model_of(text: str, given: str) -> ir.Model:
    proto = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 21]> test ({given} x) => (float[?,?,?,?] y) {{ {text} }}'
    )
    for name, array in CONSTANTS.items():
        if name in text.replace("(", " ").replace(")", " ").replace(",", " ").split():
            proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    return from_proto(proto, "test")


BYTES, ROWS, PLANES = "uint8[1,7,9,3]", "float[1,7,9,3]", "float[1,3,7,9]"
TAKEN = [
    (BYTES, f"a = Cast<to=1>(x) b = {TURN}(a) c = Mul(b, planes) d = Sub(c, few)", ["scale_shift"]),
    (BYTES, f"a = Cast<to=1>(x) b = Mul(a, f) c = Sub(b, one) d = {TURN}(c)", ["scale_shift"]),
    (BYTES, f"a = Cast<to=1>(x) b = Div(a, two) c = Sub(one, b) d = {TURN}(c)", ["scale_shift"]),
    (BYTES, f"a = Cast<to=1>(x) b = {TURN}(a) d = {RESIZE}(b, , , sizes)", ["resize", "scale_shift"]),
    (
        BYTES,
        f"a = Cast<to=1>(x) b = Mul(f, a) t = {TURN}(b) c = {RESIZE}(t, , , sizes) d = Add(few, c)",
        ["resize", "scale_shift"],
    ),
    (ROWS, f"a = Div(x, two) b = Sub(a, one) d = {TURN}(b)", ["scale_shift"]),
    (PLANES, "a = Mul(x, planes) d = Add(a, few)", ["transpose", "scale_shift"]),
]


@pytest.mark.parametrize("is_optimised", [False, True])
@pytest.mark.parametrize(("given", "text", "families"), TAKEN)
def test_taken(given, text, families, is_optimised, tmp_path):
    model = model_of(f"{text} {STEM.format('d')}", given)
    fused = optimize(model).model if is_optimised else model.clone()
    fuse(fused, HOST)
    program = lower(fused, "nchw", HOST)
    found = [program.kernels[call.function].family for call in program.calls]
    assert not program.fallbacks
    assert found == [*families, "conv3x3", "transpose"]
    compile_library(program, HOST, tmp_path / "model.so")
    numbers = np.random.default_rng(0).integers(0, 256, [int(n) for n in given[:-1].split("[")[1].split(",")])
    x = numbers.astype("uint8" if given == BYTES else "float32")
    with open_device("host").connect() as session:
        got = session.load(tmp_path / "model.so").run([x])
    assert relative_error(Runner(model)({"x": x}), got) < TOLERANCE


REFUSED = {
    "along another axis": (PLANES, f"d = Mul(x, row) {STEM.format('d')}"),
    "others read the picture": (PLANES, "d = Mul(x, planes) z = Conv(d, k) w = Conv(x, k) y = Add(z, w)"),
    "never NCHW": (BYTES, "a = Cast<to=1>(x) y = Mul(a, two)"),
    "bytes that overflow": (BYTES, f"a = Add(x, byte) b = Cast<to=1>(a) d = {TURN}(b) {STEM.format('d')}"),
    "divided by it": (PLANES, f"d = Div(two, x) {STEM.format('d')}"),
}


@pytest.mark.parametrize(("given", "text"), REFUSED.values(), ids=REFUSED)
def test_refused(given, text, fused, operators):
    assert "armlet.ScaleShift" not in operators(fused(model_of(text, given)))
