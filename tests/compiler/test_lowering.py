import numpy as np
import pytest

from armlet.compiler.lowering import lower
from armlet.errors import InvalidModelError
from armlet.targets import find_core

CONV = {"k": (4, 4, 1, 1)}
HOST = find_core("host")


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("s = Conv(x, k) y = Tanh(s)", "1,4,6,5"),
        # TVM's importer makes helper functions for these.
        ("s = Conv(x, k) t = MaxPool<kernel_shape=[2,2]>(s) y = Clip(t, low, high)", "1,4,6,5"),
        ('s = Conv<auto_pad="SAME_UPPER">(x, g3) y = Conv(s, k)', "1,4,6,5"),
        (
            's = Conv(x, k) p = Pad<mode="reflect">(s, pads) q = Pad<mode="reflect">(p, pads) y = Relu(q)',
            "1,4,6,5",
        ),
        # A scalar with more axes than the map.
        ("s = Conv(x, k) y = Mul(s, scalar5)", "1,4,6,5"),
        ("s = Conv(x, k) y = MaxPool<kernel_shape=[2,2], dilations=[2,2]>(s)", "1,4,6,5"),
        ("s = Conv(x, k) t = Conv(s, k) y = Concat<axis=2>(s, t)", "1,4,6,5"),
        ("s = Conv<group=2>(x, g) y = Conv(s, k)", "1,4,6,5"),
        ("s = Conv(x, k) y = Mul(s, channel)", "1,4,6,5"),
        ("s = Conv(x, k) t = Tanh(s) y = Conv(t, k)", "1,4,6,5"),
        ("s = Conv(x, k) t = Flatten(s) y = Softmax(t)", "1,4,3,2"),
        ("s = Conv(x, k) t = Softplus(s) u = Erf(t) y = Tanh(u)", "1,4,3,2"),
        ("s = Conv(x, k) p = ReduceMean(s, axis) y = Mul(s, p)", "1,4,6,5"),
        ("s = Conv(x, k) a, b = Split<axis=1, num_outputs=2>(s) y = Add(a, b)", "1,4,6,5"),
    ],
)
def test_operations_without_a_kernel_are_left_to_tvm(text, shape, layout, parse, error_on_host):
    weights = {
        "g": (4, 2, 3, 3),
        "g3": (4, 4, 3, 3),
        "channel": (1, 4, 1, 1),
        "scalar5": np.full((1, 1, 1, 1, 1), 2, np.float32),
        "low": np.float32(-1),
        "high": np.float32(1),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "axis": np.array([1]),
    }
    error, lowered = error_on_host(parse(text, shape, **CONV, **weights), layout)
    assert error < 1e-5
    assert lowered.fallbacks
    assert lowered.kernels
    called = {layer for layers in lowered.layers.values() for layer in layers}
    assert {fallback.node.name for fallback in lowered.fallbacks} <= called


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_reshaping_moves_nothing_but_what_the_layout_wants(layout, parse, error_on_host):
    error, program = error_on_host(parse("s = Conv(x, k) y = Flatten(s)", "1,4,6,5", **CONV), layout)
    assert error < 1e-5
    assert transpositions(program) == (2 if layout == "nchw" else 1)
    assert len(program.calls) == 1 + transpositions(program)
    assert program.output_shapes == [[1, 120]]


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_rows_of_a_map_are_where_they_are(layout, parse, error_on_host):
    text = "s = Conv(x, k) t = Transpose<perm=[0,2,3,1]>(s) y = Flatten(t)"
    error, program = error_on_host(parse(text, "1,4,6,5", **CONV), layout)
    assert error < 1e-5
    assert not program.fallbacks
    assert transpositions(program) == (1 if layout == "nchw" else 0)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("last", ["Relu(t)", "Transpose<perm=[0,3,1,2]>(t)", "Identity(t)"])
def test_a_map_made_channels_last_is_a_map_again(last, layout, parse, error_on_host):
    text = f"s = Conv(x, k) t = Transpose<perm=[0,2,3,1]>(s) y = {last}"
    assert error_on_host(parse(text, "1,4,6,5", **CONV), layout)[0] < 1e-5


@pytest.mark.parametrize("text", ["y = Flatten(x)", "y = Identity(x)"])
def test_an_output_that_is_an_input_is_copied(text, parse, error_on_host):
    error, program = error_on_host(parse(text, "1,4,6,5"), "nchw")
    assert error == 0
    assert [kernel.family for kernel in program.kernels.values()] == ["copy"]


def transpositions(program):
    return sum(call.function.startswith("transpose") for call in program.calls)


def test_maps_are_transposed_at_the_ends_only(parse, fused):
    model = parse("s = Conv(x, k) t = Tanh(s) u = Conv(t, k) y = Add(u, s)", "1,4,6,5", **CONV)
    assert transpositions(lower(fused(model), "nchw", HOST)) == 2
    assert transpositions(lower(fused(model), "nhwc", HOST)) == 0


@pytest.mark.parametrize(
    ("text", "transposed"),
    [
        ("y = Conv<pads=[1,1,1,1]>(x, stem)", 0),
        ("s = Conv<pads=[1,1,1,1]>(x, stem) y = Add(s, x)", 1),  # the residual is NHWC
        ("y = Conv<pads=[1,1,1,1]>(x, full)", 1),
        ("y = Conv(x, k)", 1),
    ],
)
def test_a_stem_reads_the_picture_as_it_is(text, transposed, parse, fused):
    kernels = {"stem": (4, 4, 3, 3), "full": (4, 4, 9, 9)}
    model = parse(f"{text} z = Flatten(y)", "1,4,9,9", **kernels, **CONV)
    model.graph.outputs[0] = model.graph.node(-1).outputs[0]
    program = lower(fused(model), "nchw", HOST)
    assert transpositions(program) == transposed + 1
    assert transpositions(lower(fused(model), "nhwc", HOST)) == 1


def test_a_map_of_one_pixel_is_never_transposed(parse, fused):
    model = parse("p = GlobalAveragePool(x) y = Flatten(p)", "1,4,6,5")
    assert transpositions(lower(fused(model), "nchw", HOST)) == 1
    assert transpositions(lower(fused(model), "nhwc", HOST)) == 0


def test_layers_of_one_shape_share_a_kernel(parse, fused):
    model = parse("s = Conv(x, k) t = Conv(s, k) y = Conv(t, other)", "1,4,6,5", other=(4, 4, 1, 1), **CONV)
    lowered = lower(fused(model), "nchw", HOST)
    assert ["s", "t", "y"] in lowered.layers.values()


def test_what_nobody_can_compile_is_named(parse, fused):
    model = parse("s = Conv(x, k) y = LpNormalization(s)", "1,4,6,5", **CONV)
    with pytest.raises(InvalidModelError, match=r"node 'y'.*LpNormalization") as caught:
        lower(fused(model), "nchw", HOST)
    assert "\n" not in str(caught.value)


def test_what_would_need_a_mathematical_library_is_named(parse, error_on_host):
    model = parse("s = Conv(x, k) t = Sigmoid(s) y = Sin(t)", "1,4,6,5", **CONV)
    with pytest.raises(InvalidModelError, match=r"node 'y'.*Sin.*sinf"):
        error_on_host(model)


@pytest.mark.parametrize(
    "text",
    ["s = Conv(x, k) y = Add(s, map)", "y = Conv(x, k) z = Conv(map, k)", "s = Conv(map, k) y = Add(x, s)"],
)
def test_constants_may_stand_for_activations(text, parse, error_on_host):
    error, _ = error_on_host(parse(text, "1,4,6,5", map=(1, 4, 6, 5), **CONV))
    assert error < 1e-5


def test_half_precision_inside_is_left_to_tvm(parse, fused, operators):
    text = "h = Cast<to=10>(x) s = Conv(h, k) p = GlobalAveragePool(s) y = Cast<to=1>(p)"
    model = parse(text, "1,4,6,5", k=np.ones((4, 4, 1, 1), np.float16))
    assert operators(fused(model)) == ["Cast", "Conv", "GlobalAveragePool", "Cast"]


def test_h_swish_whose_constants_add_axes_is_left(parse, fused, operators):
    numbers = {"half": np.float32(0.5), "zero": np.float32(0), "one": np.float32(1)}
    sixth = np.full((1, 1, 1, 1, 1), 1 / 6, np.float32)
    text = "s = Conv(x, k) u = Mul(s, sixth) v = Add(u, half) w = Clip(v, zero, one) y = Mul(s, w)"
    model = fused(parse(text, "1,4,6,5", sixth=sixth, **numbers, **CONV))
    assert operators(model) == ["armlet.Conv", "Mul", "Add", "Clip", "Mul"]


def test_several_outputs(parse, error_on_host):
    model = parse("y = Conv(x, k) z = Sigmoid(y)", "1,4,6,5", **CONV)
    model.graph.outputs.append(model.graph.node(1).outputs[0])
    error, _ = error_on_host(model)
    assert error < 1e-5
