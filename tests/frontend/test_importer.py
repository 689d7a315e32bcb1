import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from armlet import build
from armlet.errors import InvalidModelError, UsageError
from armlet.frontend import count, load, save


def conv_model(image_shape=(1, 3, 8, 8), opset=21):
    weight = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "weight")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weight"], ["y"], name="the_conv")],
        "graph",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image_shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [weight],
    )
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset)])


def write(path, model):
    path.write_bytes(model.SerializeToString())
    return path


def test_round_trip_keeps_everything(tmp_path):
    model = build("mobilenet_v3_small", resolution=64)
    save(model, tmp_path / "m.onnx")
    loaded = load(tmp_path / "m.onnx")
    assert count(loaded) == count(model)
    assert loaded.metadata_props == model.metadata_props
    assert [node.name for node in loaded.graph] == [node.name for node in model.graph]


def test_shapes_are_inferred(tmp_path):
    loaded = load(write(tmp_path / "m.onnx", conv_model()))
    assert list(loaded.graph.outputs[0].shape) == [1, 4, 6, 6]


def test_missing_file(tmp_path):
    with pytest.raises(UsageError, match=r"no ONNX file at .*absent\.onnx"):
        load(tmp_path / "absent.onnx")


@pytest.mark.parametrize("content", [b"", b"hello, this is no protobuf", b"\x00" * 100])
def test_not_onnx(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(InvalidModelError, match=r"m\.onnx"):
        load(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_truncated(tmp_path, kept):
    whole = ir.to_proto(build("mobilenet_v3_small", resolution=64)).SerializeToString()
    path = tmp_path / "m.onnx"
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(InvalidModelError, match=r"m\.onnx"):
        load(path)


@pytest.mark.parametrize("held", [0, 10, 4 * 4 * 27 + 4])
def test_a_tensor_that_holds_other_than_its_shape_says(tmp_path, held):
    model = conv_model()
    model.graph.initializer[0].raw_data = b"\x00" * held
    with pytest.raises(InvalidModelError, match=rf"'weight' of shape \[4, 3, 3, 3\] .* {held} bytes"):
        load(write(tmp_path / "m.onnx", model))


def external(model, location):
    tensor = model.graph.initializer[0]
    size = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "length": str(size)}.items():
        tensor.external_data.add(key=key, value=value)
    return model


def test_external_data_beside_the_model(tmp_path):
    (tmp_path / "weights.bin").write_bytes(np.full((4, 3, 3, 3), 2, np.float32).tobytes())
    loaded = load(write(tmp_path / "m.onnx", external(conv_model(), "weights.bin")))
    assert (loaded.graph.initializers["weight"].const_value.numpy() == 2).all()


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "link.bin"])
def test_external_data_outside_the_folder(tmp_path, location):
    outside, folder = tmp_path / "weights.bin", tmp_path / "folder"
    folder.mkdir()
    outside.write_bytes(np.zeros((4, 3, 3, 3), np.float32).tobytes())
    (folder / "link.bin").symlink_to(outside)
    with pytest.raises(InvalidModelError, match=r"m\.onnx"):
        load(write(folder / "m.onnx", external(conv_model(), location)))


def test_external_data_that_is_missing(tmp_path):
    with pytest.raises(InvalidModelError, match=r"m\.onnx"):
        load(write(tmp_path / "m.onnx", external(conv_model(), "absent.bin")))


@pytest.mark.parametrize("shape", [("N", 3, 8, 8), (1, 3, None, 8), (0, 3, 8, 8)])
def test_dynamic_shape(tmp_path, shape):
    with pytest.raises(InvalidModelError, match=r"input 'image' has the shape .*: expected static sizes"):
        load(write(tmp_path / "m.onnx", conv_model(shape)))


def test_absent_shape(tmp_path):
    with pytest.raises(InvalidModelError, match="input 'image' has no known shape"):
        load(write(tmp_path / "m.onnx", conv_model(None)))


def test_a_shape_that_depends_on_data(tmp_path):
    model = conv_model()
    model.graph.node.append(helper.make_node("NonZero", ["y"], ["z"], name="counts"))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("z", TensorProto.INT64, None))
    with pytest.raises(InvalidModelError, match="'counts'"):
        load(write(tmp_path / "m.onnx", model))


def test_an_operator_that_does_not_exist(tmp_path):
    model = conv_model()
    model.graph.node[0].op_type = "Convolve"
    with pytest.raises(InvalidModelError, match=r"node 'the_conv' \(Convolve\)"):
        load(write(tmp_path / "m.onnx", model))


def test_shapes_that_contradict_each_other(tmp_path):
    model = conv_model()
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 9, 9)))
    with pytest.raises(InvalidModelError, match=r"m\.onnx is not valid ONNX: [^\n]+$"):
        load(write(tmp_path / "m.onnx", model))


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(UsageError):
        load(tmp_path)
