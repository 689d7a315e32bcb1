"""The names of workloads."""

import numpy as np

from armlet.compiler.tuning.workload import workload


def test_a_workload_is_shapes_types_and_attributes(parse, fused):
    constants = {"k": (8, 8, 1, 1), "b": (8,), "low": np.float32(0), "high": np.float32(6)}
    model = parse("s = Conv(x, k, b) t = Add(s, x) y = Clip(t, low, high)", "1,8,5,4", **constants)
    (node,) = fused(model).graph
    assert workload(node) == (
        "Conv(float32[1,8,5,4], [8,8,1,1], [8], float32[1,8,5,4]) -> float32[1,8,5,4] "
        "activation=clip dilations=1,1 high=6 low=0 pads=0,0,0,0 strides=1,1"
    )


def test_numbers_do_not_count(parse, fused):
    names = set()
    for scale in (1, 2):
        weights = scale * np.ones((8, 8, 1, 1), np.float32)
        (node,) = fused(parse("y = Conv(x, k)", "1,8,5,4", k=weights)).graph
        names.add(workload(node))
    assert len(names) == 1
