import json

import onnx_ir as ir
import pytest

from armlet import build, optimize
from armlet.errors import InvalidModelError, UsageError
from armlet.frontend import load, open_model, save
from armlet.frontend.shapes import shape_of


def test_maps_of_torchvision():
    model = build("ssdlite_mobilenet_v3_large", source="torchvision", postprocess=False)
    shapes = {node.name: shape_of(node.outputs[0])[1:] for node in model.graph}
    # The expansion in front of the last stride, the last map, four more.
    maps = ["block13/expand/act", "last/act", *(f"extra{number}/expand/act" for number in range(1, 5))]
    assert [shapes[name] for name in maps] == [
        *([672, 20, 20], [480, 10, 10], [512, 5, 5], [256, 3, 3], [256, 2, 2], [128, 1, 1])
    ]
    assert shapes["predict1/class/conv"] == [6 * 91, 20, 20]
    assert shapes["predict6/box/conv"] == [6 * 4, 1, 1]
    assert [(o.name, shape_of(o)) for o in model.graph.outputs] == [
        *(("class_logits", [1, 3234, 91]), ("box_regression", [1, 3234, 4]))
    ]


def test_what_is_left_to_do_is_in_the_metadata():
    left = json.loads(
        build("ssdlite_mobilenet_v3_small", postprocess=False).metadata_props["armlet.detection"]
    )
    assert left["maps"] == [[20, 20], [10, 10], [5, 5], [3, 3], [2, 2], [1, 1]]
    assert left["boxes"] == {"reduced_first": True, "clipped": False}
    assert left["suppression"]["scores"] == "sigmoid"


def test_a_row_is_a_box_of_a_cell():
    model = build("ssdlite_mobilenet_v2", postprocess=False, classes=7)
    nodes = {node.name: node for node in model.graph}
    # [boxes * classes] channels last, so that a cell's boxes follow each other, and a box's classes.
    assert nodes["predict1/class/nhwc"].attributes["perm"].as_ints() == (0, 2, 3, 1)
    assert shape_of(nodes["predict1/class/rows"].outputs[0]) == [1, 20 * 20 * 3, 7]


@pytest.mark.parametrize("source", ["paper", "torchvision"])
def test_detections_have_no_fixed_size(source):
    outputs = build("ssdlite_mobilenet_v3_small", source=source).graph.outputs
    assert [(o.name, [str(size) for size in o.shape], o.dtype) for o in outputs] == [
        ("boxes", ["detections", "4"], ir.DataType.FLOAT),
        ("scores", ["detections"], ir.DataType.FLOAT),
        ("labels", ["detections"], ir.DataType.INT64),
    ]


def test_what_has_no_fixed_size_is_refused(tmp_path):
    model = build("ssdlite_mobilenet_v3_small", resolution=96, width=0.35)
    complaint = "'detect/suppress' is NonMaxSuppression, which finds no fixed number of boxes"
    with pytest.raises(InvalidModelError, match=complaint):
        optimize(model)
    save(model, tmp_path / "m.onnx")
    with pytest.raises(InvalidModelError, match=complaint):
        load(tmp_path / "m.onnx")


def test_by_name_it_ends_before_the_suppression():
    outputs = open_model("ssdlite_mobilenet_v3_small").graph.outputs
    assert [output.name for output in outputs] == ["class_logits", "box_regression"]


def test_the_papers_extras_have_the_width_of_the_network():
    def extras(source, name="ssdlite_mobilenet_v2"):
        weights = build(name, source=source, width=0.5).graph.initializers
        return [weights[f"extra{n}/expand/conv/weight"].shape[0] for n in range(1, 5)]

    assert extras("paper") == [256, 128, 128, 64]
    assert extras("paper", "ssdlite_mnasnet_a1") == [256, 128, 128, 64]
    assert extras("torchvision") == [512, 256, 256, 128]
    with pytest.raises(UsageError, match="ssdlite_mnasnet_a1 has no option reduced_tail"):
        build("ssdlite_mnasnet_a1", reduced_tail=True)
