"""What is taken of resizings, pools and sigmoids, what is refused, and the numbers of both."""

import numpy as np
import pytest

TOLERANCE = 1e-5
NUMBERS = {
    "sizes": np.array([1, 6, 9, 14]),
    "scales": np.array([1, 1, 1.3, 2.5], np.float32),
    "empty": np.zeros(0, np.float32),
    "fewer": np.array([1, 3, 9, 14]),
    "roi": np.array([0, 0, 0.1, 0.1, 1, 1, 0.9, 0.9], np.float32),
    "two": np.array([9, 14]),
}
SHAPE = "1,6,7,5"

TAKEN = [
    ('y = Resize<mode="linear">(x, , , sizes)', "resize"),
    ('y = Resize<mode="linear">(x, , scales)', "resize"),
    ('y = Resize<mode="linear">(x, , empty, sizes)', "resize"),
    ('y = Resize<mode="linear", coordinate_transformation_mode="align_corners">(x, , , sizes)', "resize"),
    ('y = Resize<mode="linear", coordinate_transformation_mode="asymmetric">(x, , scales)', "resize"),
    ("y = AveragePool<kernel_shape=[3,2], strides=[2,2], pads=[1,0,1,1]>(x)", "average_pool"),
    ("y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(x)", "average_pool"),
    ("y = AveragePool<kernel_shape=[7,5], strides=[3,3]>(x)", "global_average_pool"),
    ("y = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)", "max_pool"),
    ("y = Sigmoid(x)", "sigmoid"),
    ("a = Sigmoid(x) y = Mul(x, a)", "scale"),
    ("a = Sigmoid(x) b = Sigmoid(a) y = Concat<axis=1>(a, b, x, a)", "concat"),
    ("a = Sigmoid(x) b = Flatten(a) y = Concat<axis=-1>(b, b)", "concat"),
]
PLACES = [
    ("y = ArgMax<axis=1>(x)", "argmax"),
    ("y = ArgMax<axis=-3, keepdims=0>(x)", "argmax"),
    ('z = Resize<mode="linear">(x, , , sizes) y = ArgMax<axis=1, keepdims=0>(z)', "resize_argmax"),
    ('z = Resize<mode="linear">(x, , scales) y = ArgMax<axis=1>(z)', "resize_argmax"),
]
LEFT = [
    "y = Resize(x, , , sizes)",
    'y = Resize<mode="cubic">(x, , , sizes)',
    'y = Resize<mode="linear", coordinate_transformation_mode="tf_crop_and_resize">(x, roi, , sizes)',
    'y = Resize<mode="linear", antialias=1>(x, , , sizes)',
    'y = Resize<mode="linear", axes=[2,3]>(x, , , two)',
    'y = Resize<mode="linear">(x, , , fewer)',
    "y = MaxPool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1>(x)",
    'y = MaxPool<kernel_shape=[2,2], auto_pad="SAME_UPPER">(x)',
    "y = MaxPool<kernel_shape=[2,2], dilations=[2,2]>(x)",
    "y, i = MaxPool<kernel_shape=[2,2]>(x)",
    "y = AveragePool<kernel_shape=[2,2], pads=[2,2,2,2]>(x)",
    "y = Concat<axis=2>(x, x)",
]


def of_use(text: str) -> dict[str, np.ndarray]:
    """The constants that a text names."""
    return {name: array for name, array in NUMBERS.items() if name in text}


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(("text", "family"), TAKEN)
def test_taken(text, family, layout, parse, error_on_host):
    error, program = error_on_host(parse(text, SHAPE, **of_use(text)), layout)
    assert error < TOLERANCE
    assert family in {kernel.family for kernel in program.kernels.values()}
    assert not program.fallbacks


ROWS = "a = Sigmoid(x) b = Flatten(a) c = MaxPool<kernel_shape=[2,2]>(a) d = Flatten(c)"


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"{ROWS} y = Concat<axis=1>(b, d)", 2),
        # Of what is concatenated, something is read, or concatenated again, or changed.
        (f"{ROWS} e = Concat<axis=1>(d, b) f = Sigmoid(d) y = Concat<axis=1>(f, e)", 4),
        (f"{ROWS} g = GlobalAveragePool(a) h = Mul(c, g) i = Flatten(h) y = Concat<axis=1>(d, b, i)", 3),
        (f"{ROWS} y = Concat<axis=1>(d, d)", 0),
    ],
)
def test_rows_are_written_where_they_belong(text, parts, layout, parse, error_on_host):
    error, program = error_on_host(parse(text, SHAPE), layout)
    assert error < TOLERANCE
    assert len(program.parts) == parts


def test_an_input_is_copied(parse, error_on_host):
    error, program = error_on_host(parse(f"f = Flatten(x) {ROWS} y = Concat<axis=1>(f, b)", SHAPE), "nchw")
    assert error < TOLERANCE
    assert not program.parts


def test_an_output_that_is_a_part_too(parse, error_on_host):
    model = parse(f"{ROWS} y = Concat<axis=1>(b, d)", SHAPE)
    model.graph.outputs.append(next(node.outputs[0] for node in model.graph if node.name == "d"))
    error, program = error_on_host(model, "nchw")
    assert error < TOLERANCE
    assert "copy" in {kernel.family for kernel in program.kernels.values()}


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize(("text", "family"), PLACES)
def test_the_largest_channel(text, family, layout, parse, error_on_host):
    error, program = error_on_host(parse(text, SHAPE, "int64", **of_use(text)), layout)
    assert error == 0
    assert [kernel.family for kernel in program.kernels.values()][-1] == family
    assert not program.fallbacks


def test_a_map_that_others_read_is_stored(parse, error_on_host):
    text = 'z = Resize<mode="linear">(x, , scales) y = ArgMax<axis=1>(z)'
    model = parse(text, SHAPE, "int64", **of_use(text))
    model.graph.outputs.append(model.graph[0].outputs[0])
    error, program = error_on_host(model, "nchw")
    assert error < TOLERANCE
    families = [kernel.family for kernel in program.kernels.values()]
    assert [family for family in families if family != "transpose"] == ["resize", "argmax"]


@pytest.mark.parametrize("attributes", ["axis=2", "axis=1, select_last_index=1", "axis=0"])
def test_other_largest_numbers_are_left_to_tvm(attributes, parse, fused, operators):
    assert operators(fused(parse(f"y = ArgMax<{attributes}>(x)", SHAPE, "int64"))) == ["ArgMax"]


@pytest.mark.parametrize("text", LEFT)
def test_left_to_tvm(text, parse, fused, operators):
    assert operators(fused(parse(text, SHAPE, **of_use(text)))) == [
        text.split(" = ")[1].split("<")[0].split("(")[0]
    ]


@pytest.mark.parametrize("text", ["z = Sigmoid(h)", "z = MaxPool<kernel_shape=[2,2]>(h)"])
def test_half_precision_is_left_to_tvm(text, parse, fused, operators):
    model = parse(f"h = Cast<to=10>(x) {text} y = Cast<to=1>(z)", SHAPE)
    assert not any(name.startswith("armlet.") for name in operators(fused(model)))


def test_lite_reduced_aspp(parse, error_on_host):
    """The segmentation head of MobileNetV3 (section 6.4), on odd sizes: all of it."""
    text = """
        low = Conv<strides=[2,2], pads=[1,1,1,1]>(x, k1)
        high = Conv<strides=[2,2], pads=[1,1,1,1]>(low, k2)
        a = Conv(high, k3) branch = Relu(a)
        p = AveragePool<kernel_shape=[5,5], strides=[2,3]>(high) c = Conv(p, k3) s = Sigmoid(c)
        gate = Resize<mode="linear">(s, , , high_size)
        gated = Mul(branch, gate)
        up = Resize<mode="linear">(gated, , , low_size)
        l = Conv(low, k4) u = Conv(up, k5) sum = Add(l, u)
        y = Resize<mode="linear">(sum, , , size)"""
    numbers = {
        "k1": (8, 3, 3, 3),
        "k2": (10, 8, 3, 3),
        "k3": (12, 10, 1, 1),
        "k4": (7, 8, 1, 1),
        "k5": (7, 12, 1, 1),
        "high_size": np.array([1, 12, 9, 10]),
        "low_size": np.array([1, 12, 17, 19]),
        "size": np.array([1, 7, 33, 37]),
    }
    error, program = error_on_host(parse(text, "1,3,33,37", **numbers), "nchw")
    assert error < TOLERANCE
    assert not program.fallbacks
