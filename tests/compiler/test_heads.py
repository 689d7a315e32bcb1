"""Networks with other heads than classifiers: armlet's kernels compute all of them."""

import pytest

from armlet import build, compile_model, optimize
from armlet.compiler.lowering import lower
from armlet.compiler.prepare import prepare
from armlet.gate.accuracy import check_accuracy
from armlet.gate.outcome import Outcome
from armlet.inference import infer
from armlet.targets import find_core, open_device

CORE = find_core("cortex-a76")
TINY = {"width": 0.2, "classes": 3, "resolution": (64, 96)}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mnasnet_small", {}),
        ("mobilenet_v3_small", {"input_type": "uint8"}),
        ("lraspp_mobilenet_v3_small", {"source": "torchvision", "argmax": True}),
        ("lraspp_mobilenet_v3_small", {"input_type": "uint8", "frame": (48, 80)}),
        ("raspp_mobilenet_v3_small", {"argmax": True}),
        ("ssdlite_mobilenet_v2", {"postprocess": False}),
        ("ssdlite_mobilenet_v3_small", {"postprocess": False, "source": "torchvision"}),
    ],
)
def test_nothing_is_left_to_tvm(name, options):
    optimized = optimize(build(name, **TINY, **options))
    program = lower(prepare(optimized, "fp32", CORE).model, "nchw", CORE)
    assert not program.fallbacks


def test_detection_writes_its_rows_where_they_belong():
    optimized = optimize(build("ssdlite_mobilenet_v2", **TINY, postprocess=False))
    program = lower(prepare(optimized, "fp32", CORE).model, "nchw", CORE)
    families = {program.kernels[call.function].family for call in program.calls}
    assert families.isdisjoint({"concat", "transpose", "copy"})
    assert len(program.parts) == 2 * 6
    assert {whole for whole, _ in program.parts.values()} == {*program.outputs}


def test_labels_may_differ_only_where_they_are_not_clear(tmp_path):
    options = TINY | {"resolution": (128, 256), "classes": 19, "argmax": True}
    model = build("lraspp_mobilenet_v3_small", **options)
    artifact = compile_model(model, tmp_path / "made", find_core("host"))
    image, labels = artifact.sample
    (margins,) = artifact.sample_margins
    assert artifact.report["verification"]["worst_error"] < 1e-4
    assert infer(artifact, open_device("host"), image).worst_error < 1e-5
    assert labels.shape == margins.shape == (1, 128, 256)
    for at, outcome in ((margins.argmin(), Outcome.PASSED), (margins.argmax(), Outcome.REGRESSION)):
        others = labels.copy()
        others.ravel()[at] = (others.ravel()[at] + 1) % 19
        assert check_accuracy(artifact, [others], "host").outcome == outcome
