"""Random graphs around every pattern: each site is rewritten or refused, and the numbers stay."""

import numpy as np
import onnx_ir as ir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from armlet.frontend.importer import from_proto
from armlet.passes import optimize
from armlet.passes.verify import TOLERANCE, Runner, relative_error

from .conftest import parse_model

CHANNELS = 4
RNG = np.random.default_rng(0)
ARRAYS = {
    "w": RNG.normal(0, 0.5, (CHANNELS, CHANNELS, 1, 1)).astype(np.float32),
    "dw": RNG.normal(0, 0.5, (CHANNELS, 1, 3, 3)).astype(np.float32),
    "b": RNG.normal(0, 0.5, CHANNELS).astype(np.float32),
    "positive": RNG.uniform(0.5, 2, CHANNELS).astype(np.float32),
    "c": RNG.uniform(0.5, 2, (CHANNELS, 1, 1)).astype(np.float32),
    "tail": RNG.uniform(0.5, 2, CHANNELS).astype(np.float32),
    "to_map": np.array([1, CHANNELS, 1, 1]),
    "to_tail": np.array([1, 1, 1, CHANNELS]),
    "around": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    **{"zero": np.float32(0), "half": np.float32(0.5), "one": np.float32(1), "three": np.float32(3)},
    **{"six": np.float32(6), "sixth": np.float32(1 / 6), "near": np.float32(0.16667), "two": np.float32(2)},
}
TO_NHWC, TO_NCHW = "Transpose<perm=[0,2,3,1]>", "Transpose<perm=[0,3,1,2]>"
# What takes a map {x} [1, 4, 5, 5] to another {y} by values {n}_... of its own; {s} and {f} are numbers.
PIECES = [
    "{y} = Conv ({x}, w, b)",
    "{y} = Conv<group=4, pads=[1,1,1,1]> ({x}, dw)",
    '{y} = Conv<group=4, auto_pad="SAME_LOWER"> ({x}, dw, b)',
    "{n}_a = Pad ({x}, around) {y} = Conv<group=4> ({n}_a, dw, b)",
    "{y} = BatchNormalization ({x}, positive, b, b, positive)",
    "{n}_a = Conv ({x}, w) {y} = BatchNormalization ({n}_a, b, b, b, positive)",
    "{n}_a = Mul ({x}, c) {y} = Add ({n}_a, {s})",
    "{n}_a = Sub (c, {x}) {y} = Div ({n}_a, {s})",
    "{n}_a = Add ({x}, {s}) {n}_b = Clip ({n}_a, zero, six) {y} = Mul ({n}_b, {f})",
    """{n}_a = Add ({s}, {x}) {n}_b = Relu ({n}_a) {n}_c = Min ({n}_b, six) {n}_d = Mul ({x}, {n}_c)
       {y} = Div ({n}_d, six)""",
    "{n}_a = Mul ({x}, {f}) {n}_b = Add ({n}_a, half) {n}_c = Clip ({n}_b, zero, one) {y} = Mul ({n}_c, {x})",
    "{n}_a = HardSigmoid<alpha=0.16666667> ({x}) {y} = Mul ({x}, {n}_a)",
    "{y} = HardSwish ({x})",
    "{n}_a = HardSigmoid ({x}) {y} = Add ({n}_a, {x})",
    """{n}_a = ReduceMean<axes=[2,3]> ({x}) {n}_b = Conv ({n}_a, w, b) {n}_c = Relu ({n}_b)
       {n}_d = Conv ({n}_c, w) {n}_e = HardSigmoid<alpha=0.16666667> ({n}_d) {y} = Mul ({n}_e, {x})""",
    """{n}_t = Transpose<perm=[0,2,3,1]> ({x}) {n}_a = Mul ({n}_t, tail) {n}_b = Add ({n}_a, {f})
       {y} = Transpose<perm=[0,3,1,2]> ({n}_b)""",
    """{n}_t = Transpose<perm=[0,2,3,1]> ({x}) {n}_a = ReduceMean<axes=[1,2], keepdims=0> ({n}_t)
       {n}_b = Reshape ({n}_a, to_tail) {n}_c = Mul ({n}_t, {n}_b) {y} = Transpose<perm=[0,3,1,2]> ({n}_c)""",
    """{n}_a = GlobalAveragePool ({x}) {n}_b = Flatten ({n}_a) {n}_c = Reshape ({n}_b, to_map)
       {y} = Add ({x}, {n}_c)""",
]
STEPS = st.tuples(
    st.sampled_from(PIECES),
    st.sampled_from(["three", "two", "half", "c"]),
    st.sampled_from(["sixth", "near", "two"]),
    st.integers(0, 3),  # How far back its input is: what others read too.
)


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, min_size=1, max_size=6))
def test_rewritten_or_refused_but_never_changed_in_value(steps):
    maps, lines = ["x"], []
    for number, (piece, shift, factor, back) in enumerate(steps):
        source = maps[max(0, len(maps) - 1 - back)]
        lines.append(piece.format(x=source, y=f"m{number}", n=f"n{number}", s=shift, f=factor))
        maps.append(f"m{number}")
    # Every map that nobody reads would be dead: their sum is the output.
    total = " ".join(f"t{i} = Add ({'x' if not i else f't{i - 1}'}, m{i})" for i in range(len(steps)))
    text = f"{' '.join(lines)} {total} y = Identity (t{len(steps) - 1})"
    model = from_proto(ir.to_proto(parse_model(text, opset=17, **ARRAYS)), "random")

    optimized = optimize(model)  # Raises where a site or the whole is off.
    left = {node.op_type for node in optimized.model.graph}
    assert not left & {"HardSwish", "HardSigmoid", "ReduceMean"}
    x = np.random.default_rng(len(text)).normal(0, 4, (1, CHANNELS, 5, 5)).astype(np.float32)
    error = relative_error(Runner(model)({"x": x}), Runner(optimized.model)({"x": x}))
    assert error <= TOLERANCE
