import random

import numpy as np
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from armlet import build
from armlet.errors import InvalidModelError, UsageError
from armlet.frontend import count, importer, load, save
from armlet.frontend.versions import NEWEST_IR_VERSION, NEWEST_OPSET

from .damage import damaged


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


@pytest.mark.parametrize("data_type", [99, -1])
def test_a_tensor_of_an_unknown_type(tmp_path, data_type):
    model = conv_model()
    model.graph.initializer[0].data_type = data_type
    with pytest.raises(InvalidModelError, match=f"tensor 'weight' has the unknown type {data_type}"):
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


def test_a_model_larger_than_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(importer, "MOST_BYTES", 400)
    with pytest.raises(InvalidModelError, match=r"m\.onnx is larger than 0 MiB with its data"):
        load(write(tmp_path / "m.onnx", conv_model()))


@pytest.mark.parametrize("length", [None, 1 << 40])
def test_external_data_larger_than_the_limit_is_not_read(tmp_path, length):
    with (tmp_path / "weights.bin").open("wb") as file:
        file.truncate(1 << 31)  # A hole: it takes no room.
    model = external(conv_model(), "weights.bin")
    told = model.graph.initializer[0].external_data
    del told[1:]
    if length:
        told.add(key="length", value=str(length))
    with pytest.raises(InvalidModelError, match=r"m\.onnx is larger than 1024 MiB with its data"):
        load(write(tmp_path / "m.onnx", model))


def test_more_nodes_than_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(importer, "MOST_NODES", 0)
    with pytest.raises(InvalidModelError, match="has more than 0 nodes"):
        load(write(tmp_path / "m.onnx", conv_model()))


def test_external_data_that_is_missing(tmp_path):
    with pytest.raises(InvalidModelError, match=r"m\.onnx"):
        load(write(tmp_path / "m.onnx", external(conv_model(), "absent.bin")))


@pytest.mark.parametrize("shape", [(1, 3, None, 8), (0, 3, 8, 8), ("N", 3, "H", 8)])
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
    with pytest.raises(InvalidModelError, match=r"node 'the_conv' is 'Convolve' of the domain 'ai\.onnx'"):
        load(write(tmp_path / "m.onnx", model))


def foreign(model, domain="my.domain"):
    """`model` with an operator of `domain` at its end, its shape given."""
    model.graph.node.append(helper.make_node("Twice", ["y"], ["z"], name="the_twice", domain=domain))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("z", TensorProto.FLOAT, (1, 4, 6, 6)))
    model.opset_import.append(helper.make_opsetid(domain, 1))
    return model


def test_an_operator_of_an_unknown_domain(tmp_path):
    with pytest.raises(InvalidModelError, match=r"node 'the_twice' is 'Twice' of the domain 'my\.domain'"):
        load(write(tmp_path / "m.onnx", foreign(conv_model())))


def test_an_unknown_operator_in_a_branch(tmp_path):
    model = conv_model()
    branch = helper.make_graph(
        [helper.make_node("Unheard", ["y"], ["b"])],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, (1, 4, 6, 6))],
    )
    model.graph.node.append(helper.make_node("If", ["yes"], ["z"], then_branch=branch, else_branch=branch))
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    with pytest.raises(InvalidModelError, match=r"node 'b' is 'Unheard' of the domain 'ai\.onnx'"):
        load(write(tmp_path / "m.onnx", model))


def test_an_operator_that_the_model_defines(tmp_path):
    model = foreign(conv_model())
    addition = helper.make_node("Add", ["a", "a"], ["b"])
    opsets = [helper.make_opsetid("", 21)]
    model.functions.append(helper.make_function("my.domain", "Twice", ["a"], ["b"], [addition], opsets))
    loaded = load(write(tmp_path / "m.onnx", model))
    assert [node.op_type for node in loaded.graph] == ["Conv", "Twice"]
    (function,) = loaded.functions.values()
    assert [node.name for node in function] == ["b"]


@pytest.mark.parametrize(
    ("ir_version", "opset", "complaint"),
    [
        (15, 21, "has IR version 15, expected 1 to 14"),
        (0, 21, "has IR version 0, expected 1 to 14"),
        (13, 99, "has opset 99, expected 1 to 28"),
    ],
)
def test_a_version_that_onnx_does_not_know(tmp_path, ir_version, opset, complaint):
    model = conv_model(opset=opset)
    model.ir_version = ir_version
    with pytest.raises(InvalidModelError, match=complaint) as caught:
        load(write(tmp_path / "m.onnx", model))
    assert "\n" not in str(caught.value)


def test_the_newest_versions_are_those_that_onnxruntime_loads(tmp_path):
    def loads(ir_version, opset):
        model = conv_model(opset=opset)
        model.ir_version = ir_version
        try:
            ort.InferenceSession(model.SerializeToString())
        except (ort_errors.Fail, ort_errors.InvalidArgument):
            return False
        return True

    assert loads(NEWEST_IR_VERSION, NEWEST_OPSET)
    assert not loads(NEWEST_IR_VERSION + 1, NEWEST_OPSET)
    assert not loads(NEWEST_IR_VERSION, NEWEST_OPSET + 1)


@pytest.mark.parametrize(("ir_version", "loaded_version"), [(3, 4), (10, 10)])
def test_initializers_listed_as_inputs_are_constants(tmp_path, ir_version, loaded_version):
    model = conv_model(opset=13)
    model.ir_version = ir_version
    # Its shape is inferred only if the content of `to` is known for certain.
    model.graph.node.append(helper.make_node("Reshape", ["y", "to"], ["z"], name="flat"))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("z", TensorProto.FLOAT, None))
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 144]), "to"))
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    loaded = load(write(tmp_path / "m.onnx", model))
    assert [value.name for value in loaded.graph.inputs] == ["image"]
    assert set(loaded.graph.initializers) == {"weight", "to"}
    assert list(loaded.graph.outputs[0].shape) == [1, 144]
    assert loaded.ir_version == loaded_version


def test_every_node_gets_a_name_of_its_own(tmp_path):
    model = conv_model()
    names = ["twin", "", "twin", "twin_1", "", "a"]
    for name, source, target in zip(names, "yabcde", "abcdef", strict=True):
        model.graph.node.append(helper.make_node("Relu", [source], [target], name=name))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("f", TensorProto.FLOAT, None))
    loaded = load(write(tmp_path / "m.onnx", model))
    assert [node.name for node in loaded.graph] == ["the_conv", "twin", "b", "twin_2", "twin_1", "e", "a"]


def test_shapes_that_contradict_each_other(tmp_path):
    model = conv_model()
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 9, 9)))
    with pytest.raises(InvalidModelError, match=r"m\.onnx is not valid ONNX: [^\n]+$"):
        load(write(tmp_path / "m.onnx", model))


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(UsageError):
        load(tmp_path)


@pytest.mark.parametrize("first", range(200, 300, 50))
def test_damaged_files_are_read_or_refused(first, tmp_path):
    save(build("mobilenet_v3_small", width=0.1, resolution=32, classes=2), tmp_path / "m.onnx")
    content, refused = (tmp_path / "m.onnx").read_bytes(), []
    for seed in range(first, first + 50):
        (tmp_path / "m.onnx").write_bytes(damaged(content, random.Random(seed)))
        try:
            load(tmp_path / "m.onnx")
        except InvalidModelError as error:
            refused.append(str(error))
    assert 25 < len(refused) < 48
    assert not [complaint for complaint in refused if "\n" in complaint]


def test_a_name_that_is_not_text(tmp_path):
    content = conv_model().SerializeToString()
    path = tmp_path / "m.onnx"
    for name in (b"the_conv", b"weight", b"image", b"graph", b"Conv"):
        path.write_bytes(content.replace(name, b"\xff" * len(name)))
        with pytest.raises(
            InvalidModelError, match=r"m\.onnx has a name that is not UTF-8: the file is damaged"
        ):
            load(path)
