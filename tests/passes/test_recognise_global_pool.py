import numpy as np
import pytest

from armlet.passes.recognise_global_pool import recognise_global_pool


@pytest.mark.parametrize(
    ("text", "out", "after"),
    [
        ("y = ReduceMean<axes=[2,3]> (x)", "1,4,1,1", {"GlobalAveragePool": 1}),
        ("y = ReduceMean<axes=[-1,-2]> (x)", "1,4,1,1", {"GlobalAveragePool": 1}),
        ("y = ReduceMean<axes=[3,2], keepdims=0> (x)", "1,4", {"GlobalAveragePool": 1, "Reshape": 1}),
        ("y = ReduceMean<axes=[1,2]> (x)", "1,1,1,5", {"ReduceMean": 1}),
        ("y = ReduceMean (x)", "1,1,1,1", {"ReduceMean": 1}),
    ],
)
def test_a_mean_over_the_map(text, out, after, parse, run, x, operators):
    model = parse(text, opset=17, out=out)
    expected = run(model, x)
    recognise_global_pool.run(model)
    assert operators(model) == after
    np.testing.assert_allclose(run(model, x), expected, rtol=1e-5)


def test_axes_as_an_input(parse, operators):
    model = parse("y = ReduceMean (x, axes)", opset=18, out="1,4,1,1", axes=np.array([2, 3]))
    recognise_global_pool.run(model)
    assert operators(model) == {"GlobalAveragePool": 1}
