import numpy as np
import pytest

from armlet.passes.linear_layers import bias_name, bias_of, channels_of, refusal_to_scale

WEIGHT = np.ones((2, 4), np.float32)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("y = Gemm <transB: int = 1> (x, weight)", "bias"),
        ("y = Gemm <transB: int = 1> (x, kernel)", "kernel_bias"),
        ("y = Gemm <transB: int = 1> (x, weight, offset)", "offset"),
    ],
)
def test_a_missing_bias_is_named_after_the_weight(text, name, parse):
    arrays = {"weight": WEIGHT, "kernel": WEIGHT, "offset": np.ones(2, np.float32)}
    assert bias_name(parse(text, shape="1,4", out="1,2", **arrays).graph[0]) == name


@pytest.mark.parametrize(("transposed", "channels"), [(0, 4), (1, 2)])
def test_the_channels_of_a_gemm_are_its_columns_or_rows(transposed, channels, parse):
    shape = "1,4" if transposed else "1,2"
    model = parse(f"y = Gemm <transB: int = {transposed}> (x, w)", shape=shape, out=f"1,{channels}", w=WEIGHT)
    assert channels_of(model.graph[0]) == channels


def test_beta_belongs_to_the_bias(parse):
    text = "y = Gemm <transB: int = 1, beta: float = 3.0> (x, w, b)"
    layer = parse(text, shape="1,4", out="1,2", w=WEIGHT, b=np.array([[1, 2]], np.float32)).graph[0]
    assert refusal_to_scale(layer) is None
    np.testing.assert_array_equal(bias_of(layer), [3, 6])
