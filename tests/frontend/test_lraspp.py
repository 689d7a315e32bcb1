import onnx_ir as ir
import pytest

from armlet import build
from armlet.frontend.shapes import shape_of


def values(model):
    return {node.name: node.outputs[0] for node in model.graph}


def test_the_papers_form():
    nodes = values(build("lraspp_mobilenet_v3_large", resolution=(1025, 2049)))
    # Figure 10: windows of 49x49, strides 16 and 20, on the map that is 16 times smaller.
    assert shape_of(nodes["last/act"]) == [1, 480, 65, 129]
    assert shape_of(nodes["head/gate/pool"]) == [1, 480, 2, 5]
    # The depthwise output of the last block 8 times smaller, before its squeeze-excite.
    skip = nodes["classifier/skip/conv"].producer().inputs[0]
    assert (skip.name, shape_of(skip)) == ("block6/depthwise/act", [1, 120, 129, 257])
    assert shape_of(nodes["upsample"]) == [1, 19, 1025, 2049]


@pytest.mark.parametrize(("output_stride", "window", "strides"), [(16, 49, (16, 20)), (32, 25, (8, 10))])
def test_windows_cover_as_much_of_the_image(output_stride, window, strides):
    model = build("lraspp_mobilenet_v3_small", resolution=(1024, 2048), output_stride=output_stride)
    pool = values(model)["head/gate/pool"].producer()
    assert pool.attributes["kernel_shape"].as_ints() == (window, window)
    assert pool.attributes["strides"].as_ints() == strides


def test_a_window_is_no_larger_than_the_map():
    nodes = values(build("lraspp_mobilenet_v3_small", resolution=(65, 1025)))
    assert shape_of(nodes["head/gate/pool"]) == [1, 288, 1, 1]


def test_torchvisions_form():
    nodes = values(build("lraspp_mobilenet_v3_large", source="torchvision"))
    assert shape_of(nodes["head/gate/pool"]) == [1, 960, 1, 1]
    skip = nodes["classifier/skip/conv"].producer().inputs[0]
    assert (skip.name, shape_of(skip)) == ("block4/project/bn", [1, 40, 65, 65])
    epsilons = {
        name.split("/")[0]: round(value.producer().attributes["epsilon"].as_float(), 6)
        for name, value in nodes.items()
        if value.producer().op_type == "BatchNormalization"
    }
    assert epsilons == {
        **dict.fromkeys(["stem", "last", *(f"block{n}" for n in range(1, 16))], 1e-3),
        "head": 1e-5,
    }


def test_argmax_gives_the_class_of_each_pixel():
    (output,) = build("lraspp_mobilenet_v2", resolution=(64, 96), argmax=True).graph.outputs
    assert (output.name, shape_of(output), output.dtype) == ("classes", [1, 64, 96], ir.DataType.INT64)
