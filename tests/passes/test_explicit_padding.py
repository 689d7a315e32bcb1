import numpy as np
import pytest

from armlet.passes.explicit_padding import explicit_padding
from armlet.passes.verify import TOLERANCE, site_error

WEIGHT = np.random.default_rng(0).standard_normal((4, 4, 3, 3), dtype=np.float32)


@pytest.mark.parametrize(
    ("text", "out", "pads"),
    [
        ('y = Conv<auto_pad="SAME_UPPER", strides=[2,2]> (x, w)', "1,4,3,3", [1, 1, 1, 1]),
        ('y = Conv<auto_pad="SAME_UPPER", strides=[3,3]> (x, w)', "1,4,2,2", [0, 0, 1, 1]),
        ('y = Conv<auto_pad="SAME_LOWER", strides=[3,3]> (x, w)', "1,4,2,2", [1, 1, 0, 0]),
        ('y = Conv<auto_pad="VALID"> (x, w)', "1,4,3,3", [0, 0, 0, 0]),
        ("p = Pad (x, around) y = Conv<strides=[2,2]> (p, w)", "1,4,3,3", [0, 1, 2, 1]),
        ("p = Pad (x, around, zero) y = Conv<pads=[1,1,1,1]> (p, w)", "1,4,7,7", [1, 2, 3, 2]),
    ],
)
def test_padding_moves_into_the_convolution(text, out, pads, parse, run, x, operators):
    model = parse(text, opset=17, out=out, w=WEIGHT, around=np.array([0, 0, 0, 1, 0, 0, 2, 1]))
    expected = run(model, x)
    (site,) = explicit_padding.run(model).sites
    assert site_error(site) <= TOLERANCE
    assert operators(model) == {"Conv": 1}
    (node,) = model.graph
    assert list(node.attributes["pads"].as_ints()) == pads
    assert node.attributes.get_string("auto_pad", "NOTSET") == "NOTSET"
    np.testing.assert_allclose(run(model, x), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("p = Pad (x, around, one) y = Conv (p, w)", "must be equal to 0"),
        ('p = Pad<mode="reflect"> (x, around) y = Conv (p, w)', "must be 'constant'"),
    ],
)
def test_other_padding_is_refused(text, reason, parse):
    model = parse(text, opset=17, w=WEIGHT, around=np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    changes = explicit_padding.run(model)
    assert changes.rewritten == 0
    assert reason in changes.refused[0].reason
