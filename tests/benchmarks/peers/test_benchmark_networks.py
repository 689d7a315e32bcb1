"""The networks of ncnn's benchmark program: layers and multiply-accumulates of its graphs."""

from collections import Counter

import pytest

from armlet.benchmarks.peers.benchmark_networks import NETWORKS
from armlet.frontend import count


@pytest.mark.parametrize(
    ("name", "convolutions", "squeezes", "swishes", "macs"),
    [("v2", 53, 0, 0, 313_619_328), ("v3", 46 + 16, 8, 22, 245_564_768)],
)
def test_layers(name, convolutions, squeezes, swishes, macs):
    model = NETWORKS[name].build()
    types = Counter(node.op_type for node in model.graph)
    assert types["Conv"] == convolutions
    assert types["HardSigmoid"] == squeezes
    assert types["HardSwish"] == swishes
    assert count(model).macs == macs
