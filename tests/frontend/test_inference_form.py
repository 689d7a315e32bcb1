import numpy as np
import onnx
import pytest

from armlet.errors import InvalidModelError
from armlet.frontend.importer import from_proto
from armlet.passes.verify import Runner

STATISTICS = """float[3] scale = {1, 2, 3}, float[3] bias = {0, 0, 1}, float[3] mean = {1, 0, 2},
    float[3] var = {4, 1, 1}, bool on = {1}, bool off = {0}, float ratio = {0.5}"""
NORM = "BatchNormalization <epsilon = 0.0> (x, scale, bias, mean, var)"
TRAINING = NORM.replace(">", ", training_mode = 1>")
BOTH = "1 BatchNormalization, 1 Dropout"


def parse(text, opset, outputs="float[1,3,2,2] y"):
    return onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : {opset}]> m (float[1,3,2,2] x) => ({outputs}) '
        f"<{STATISTICS}> {{ {text} }}"
    )


def expected(x):
    scale, bias, mean, deviation = np.float32([[1, 2, 3], [0, 0, 1], [1, 0, 2], [2, 1, 1]])[..., None, None]
    return (x - mean) / deviation * scale + bias


@pytest.mark.parametrize(
    ("opset", "text", "turned"),
    [
        (9, f"y, m, v, n, w = {NORM}", "1 BatchNormalization"),
        (13, f"n, m, v, q, w = {NORM} y, mask = Dropout (n, ratio, on)", BOTH),
        (15, f"n, m, v = {TRAINING} y = Dropout (n, ratio, on)", BOTH),
        (17, f"b = Constant <value = bool {{1}}> () n = {NORM} y = Dropout (n, ratio, b)", "1 Dropout"),
        (17, f"n = {NORM} y = Dropout (n, ratio, off)", None),
    ],
)
def test_the_running_statistics_decide_and_nothing_drops(opset, text, turned):
    model = from_proto(parse(text, opset), "m")
    assert model.metadata_props.get("armlet.turned_to_inference") == turned
    x = np.random.default_rng(0).normal(0, 3, (1, 3, 2, 2)).astype(np.float32)
    np.testing.assert_allclose(Runner(model)({"x": x})[0], expected(x), rtol=1e-5, atol=1e-6)


BRANCHES = f"""y = If (on) <
    then_branch = one () => (float[3] m) {{ n, m, v = {TRAINING} }},
    else_branch = other () => (float[3] k) {{ k = Identity (mean) }}>"""


@pytest.mark.parametrize(
    ("text", "outputs"),
    [(f"y, m, v = {TRAINING}", "float[1,3,2,2] y, float[3] m"), (BRANCHES, "float[3] y")],
)
def test_statistics_that_are_used_are_refused(text, outputs):
    proto = parse(text, 15, outputs)
    with pytest.raises(InvalidModelError, match=r"m: node '.' is BatchNormalization in training mode"):
        from_proto(proto, "m")
