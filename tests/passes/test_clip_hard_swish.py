import numpy as np

from armlet.passes.clip_hard_swish import clip_hard_swish


def test_two_products_a_sum_and_a_clip(parse, operators, run, x):
    model = parse("y = HardSwish (x)")
    before = run(model, x)
    changes = clip_hard_swish.run(model)
    assert (changes.rewritten, operators(model)) == (1, {"Mul": 2, "Add": 1, "Clip": 1})
    np.testing.assert_allclose(run(model, x), before, rtol=1e-6, atol=1e-6)


def test_sites_share_their_constants(parse):
    model = parse("a = HardSwish (x) y = HardSwish (a)")
    clip_hard_swish.run(model)
    assert set(model.graph.initializers) == {"constant/0.166667", "constant/0.5", "constant/0", "constant/1"}
    names = [node.name for node in model.graph]
    assert names == [f"{old}/{new}" for old in "ay" for new in ("mul", "add", "clip", "mul_1")]
