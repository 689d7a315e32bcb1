import pytest

from armlet.compiler.lowering import lower
from armlet.errors import InvalidModelError

CONV = {"k": (4, 4, 1, 1)}


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("s = Conv(x, k) y = Sigmoid(s)", "1,4,6,5"),
        ("s = Conv(x, k) y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(s)", "1,4,6,5"),
        ("s = Conv(x, k) t = Conv(s, k) y = Concat<axis=1>(s, t)", "1,4,6,5"),
        ("s = Conv<group=2>(x, g) y = Conv(s, k)", "1,4,6,5"),
        ("s = Conv(x, k) y = Mul(s, channel)", "1,4,6,5"),
        ("s = Conv(x, k) t = Sigmoid(s) y = Conv(t, k)", "1,4,6,5"),
        ("s = Conv(x, k) y = Flatten(s)", "1,4,6,5"),
        ("s = Conv(x, k) t = Flatten(s) y = Softmax(t)", "1,4,3,2"),
        ("s = Conv(x, k) t = Softplus(s) u = Erf(t) y = Tanh(u)", "1,4,3,2"),
        ("s = Conv(x, k) p = GlobalAveragePool(s) y = Mul(s, p)", "1,4,6,5"),
        ("s = Conv(x, k) a, b = Split<axis=1, num_outputs=2>(s) y = Add(a, b)", "1,4,6,5"),
    ],
)
def test_operations_without_a_kernel_are_left_to_tvm(text, shape, layout, parse, error_on_host):
    weights = {"g": (4, 2, 3, 3), "channel": (1, 4, 1, 1)}
    error, lowered = error_on_host(parse(text, shape, **CONV, **weights), layout)
    assert error < 1e-5
    assert lowered.fallbacks
    assert lowered.kernels


def transpositions(lowered):
    return lowered.module.script().count("R.permute_dims")


def test_maps_are_transposed_at_the_ends_only(parse, fused):
    model = parse("s = Conv(x, k) t = Sigmoid(s) u = Conv(t, k) y = Add(u, s)", "1,4,6,5", **CONV)
    assert transpositions(lower(fused(model), "nchw")) == 2
    assert transpositions(lower(fused(model), "nhwc")) == 0


def test_a_map_of_one_pixel_is_never_transposed(parse, fused):
    model = parse("p = GlobalAveragePool(x) y = Flatten(p)", "1,4,6,5")
    assert transpositions(lower(fused(model), "nchw")) == 1
    assert transpositions(lower(fused(model), "nhwc")) == 0


def test_layers_of_one_shape_share_a_kernel(parse, fused):
    model = parse("s = Conv(x, k) t = Conv(s, k) y = Conv(t, other)", "1,4,6,5", other=(4, 4, 1, 1), **CONV)
    lowered = lower(fused(model), "nchw")
    assert list(lowered.layers.values()) == [["s", "t", "y"]]


def test_what_nobody_can_compile_is_named(parse, fused):
    model = parse("s = Conv(x, k) y = LpNormalization(s)", "1,4,6,5", **CONV)
    with pytest.raises(InvalidModelError, match=r"node 'y'.*LpNormalization") as caught:
        lower(fused(model), "nchw")
    assert "\n" not in str(caught.value)


def test_what_would_need_a_mathematical_library_is_named(parse, error_on_host):
    model = parse("s = Conv(x, k) t = Sigmoid(s) y = Sin(t)", "1,4,6,5", **CONV)
    with pytest.raises(InvalidModelError, match=r"node 'y'.*Sin.*sinf"):
        error_on_host(model)
