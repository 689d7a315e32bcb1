import numpy as np
import pytest

from armlet.passes import optimize
from armlet.passes.merge_matmul_add import merge_matmul_add
from armlet.passes.rewriting import Changes

RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(4, 3)).astype(np.float32)


@pytest.mark.parametrize("shape", [(3,), (1, 3)])
@pytest.mark.parametrize("text", ["m = MatMul (x, w) y = Add (m, b)", "m = MatMul (x, w) y = Add (b, m)"])
def test_becomes_a_gemm_of_the_same_numbers(text, shape, parse, operators, run):
    model = parse(text, shape="2,4", out="2,3", w=WEIGHT, b=RNG.normal(size=shape).astype(np.float32))
    optimized = optimize(model).model
    assert operators(optimized) == {"Gemm": 1}
    x = RNG.normal(size=(2, 4)).astype(np.float32)
    np.testing.assert_allclose(run(optimized, x), run(model, x), rtol=1e-5)


def test_a_bias_that_differs_between_rows_is_refused(parse):
    model = parse(
        "m = MatMul (x, w) y = Add (m, b)", shape="2,4", out="2,3", w=WEIGHT, b=np.ones((2, 3), np.float32)
    )
    (refusal,) = merge_matmul_add.run(model).refused
    assert (refusal.node, refusal.reason) == ("y", "its bias has the shape [2, 3], not one number a channel")


def test_a_product_of_computed_matrices_is_no_site(parse):
    model = parse("m = MatMul (x, x) y = Add (m, b)", shape="3,3", b=np.ones(3, np.float32))
    assert merge_matmul_add.run(model) == Changes()
