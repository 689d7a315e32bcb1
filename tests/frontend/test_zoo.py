import json

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest

from armlet import build
from armlet.errors import UsageError
from armlet.frontend import ARCHITECTURES

MOBILENETS = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_valid_onnx_with_the_shapes_that_onnx_infers(name):
    model = ir.to_proto(build(name))
    onnx.checker.check_model(model, full_check=True)
    outputs = {output for node in model.graph.node for output in node.output}
    values = [*model.graph.value_info, *model.graph.output]
    ours = {value.name: value.type for value in values if value.name in outputs}
    del model.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    theirs = {v.name: v.type for v in [*inferred.graph.value_info, *inferred.graph.output]}
    assert ours.keys() == outputs
    assert {name: plain(kind) for name, kind in ours.items()} == {
        name: plain(theirs[name]) for name in outputs
    }


def plain(kind):
    """The element type and the sizes; those that are not known, as of detections, have many names."""
    return kind.tensor_type.elem_type, [d.dim_value for d in kind.tensor_type.shape.dim]


@pytest.mark.parametrize(
    ("name", "batch_norms", "squeeze_excites", "hard_swishes", "epsilon"),
    [
        # Tables 1 and 2: h-swish in the stem, twice in each HS row, after the last conv and in the head.
        ("mobilenet_v3_large", 46, 8, 1 + 2 * 9 + 1 + 1, 1e-3),
        ("mobilenet_v3_small", 34, 9, 1 + 2 * 8 + 1 + 1, 1e-3),
        ("mobilenet_v2", 52, 0, 0, 1e-5),
        ("mnasnet_a1", 49, 0, 0, 1e-5),
        ("mnasnet_small", 46, 0, 0, 1e-5),
    ],
)
def test_operators_follow_the_tables(name, batch_norms, squeeze_excites, hard_swishes, epsilon):
    ops = [node.op_type for node in build(name).graph]
    assert ops.count("BatchNormalization") == batch_norms
    assert ops.count("HardSigmoid") == squeeze_excites
    assert ops.count("HardSwish") == hard_swishes
    for node in build(name).graph:
        if node.op_type == "BatchNormalization":
            assert node.attributes["epsilon"].as_float() == pytest.approx(epsilon)


def test_minimalistic_has_neither_large_kernels_nor_gates_nor_swish():
    model = build("mobilenet_v3_large", minimalistic=True)
    assert {node.op_type for node in model.graph} == {
        "Conv",
        "BatchNormalization",
        "Relu",
        "Add",
        "GlobalAveragePool",
        "Flatten",
        "Gemm",
    }
    kernels = {tuple(n.attributes["kernel_shape"].as_ints()) for n in model.graph if n.op_type == "Conv"}
    assert kernels == {(1, 1), (3, 3)}


def test_names_say_where_a_node_stands():
    names = [node.name for node in build("mobilenet_v3_large").graph]
    assert len(set(names)) == len(names)
    assert {"stem/act", "block3/expand/conv", "block4/se/gate", "block15/project/bn", "last/conv"} <= {*names}
    # Row 1 of the table does not expand.
    assert "block1/expand/conv" not in names


@pytest.mark.parametrize("name", MOBILENETS)
def test_activations_span_both_kinks(name):
    model = ir.to_proto(build(name))
    sites = [
        node.input[0] for node in model.graph.node if node.op_type in ("HardSwish", "HardSigmoid", "Clip")
    ]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(site, 1, None) for site in sites)
    session = ort.InferenceSession(model.SerializeToString())
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224), dtype=np.float32)
    _, *values = session.run(None, {"image": image})
    assert len(values) >= 19
    for site, value in zip(sites, values, strict=True):
        # A gate has as few values as channels: 8 are enough for one past a kink, not for both.
        low, high = (value < -3).mean(), (value > 3).mean()
        assert low + high > 0.05, site
        assert min(low, high) > 0.03 or value.size < 32, site
        assert value.std() < 10, site


@pytest.mark.parametrize("name", MOBILENETS)
@pytest.mark.parametrize(
    ("source", "resolution", "stem", "block", "epsilon"),
    [
        ("torchvision", 224, (1, 1, 1, 1), (2, 2, 2, 2), None),
        ("timm", 224, (1, 1, 1, 1), (2, 2, 2, 2), 1e-5),
        # TensorFlow pads even sizes at the end, odd ones (225, 113, 57, 29, 15) on both sides.
        ("timm-tf", 224, (0, 0, 1, 1), (1, 1, 2, 2), 1e-3),
        ("keras", 224, (0, 0, 1, 1), (1, 1, 2, 2), 1e-3),
        ("keras", 225, (1, 1, 1, 1), (2, 2, 2, 2), 1e-3),
    ],
)
def test_padding_and_epsilon_follow_the_source(name, source, resolution, stem, block, epsilon):
    nodes = {node.name: node for node in build(name, source=source, resolution=resolution).graph}
    assert nodes["stem/conv"].attributes["pads"].as_ints() == stem
    strided = {
        node.attributes["pads"].as_ints()
        for node in nodes.values()
        if node.op_type == "Conv" and node.attributes["strides"].as_ints() == (2, 2)
    }
    assert strided == ({stem, block} if name != "mobilenet_v2" else {stem})
    epsilons = {
        round(node.attributes["epsilon"].as_float(), 8)
        for node in nodes.values()
        if node.op_type == "BatchNormalization"
    }
    assert epsilons == {epsilon or (1e-5 if name == "mobilenet_v2" else 1e-3)}


def test_preprocessing_follows_the_source():
    def preprocessing(source):
        model = build("mobilenet_v2", resolution=192, width=0.1, source=source)
        return json.loads(model.metadata_props["armlet.preprocessing"])

    assert preprocessing("timm") == {
        "resize": 219,
        "crop": 192,
        "interpolation": "bicubic",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
    assert preprocessing("torchvision") == preprocessing("paper")
    assert preprocessing("torchvision")["interpolation"] == "bilinear"
    assert preprocessing("keras") == preprocessing("timm-tf")
    # x / 127.5 - 1, with x in 0..255
    assert preprocessing("keras")["mean"] == preprocessing("keras")["std"] == [0.5, 0.5, 0.5]


def test_weights_follow_the_seed_and_the_name_alone():
    def tensors(**options):
        initializers = build("mobilenet_v3_small", **options).graph.initializers
        return {name: value.const_value.numpy() for name, value in initializers.items()}

    first, again, other = tensors(), tensors(), tensors(seed=1)
    fewer_classes = tensors(classes=10)
    for name, tensor in first.items():
        assert np.array_equal(tensor, again[name])
        if tensor.size > 1:
            assert not np.array_equal(tensor, other[name]), name
        if not name.startswith("classifier"):
            assert np.array_equal(tensor, fewer_classes[name])


@pytest.mark.parametrize("source", ["paper", "torchvision"])
@pytest.mark.parametrize(("output_stride", "size"), [(32, 7), (16, 14), (8, 28)])
def test_output_stride_by_dilation(source, output_stride, size):
    model = build("mobilenet_v3_large", source=source, output_stride=output_stride)
    depthwise = [
        node for node in model.graph if node.op_type == "Conv" and node.attributes["group"].as_int() > 1
    ]
    assert list(depthwise[-1].outputs[0].shape) == [1, 960, size, size]
    dilations = [node.attributes["dilations"].as_ints()[0] for node in depthwise]
    # torchvision dilates the block that loses its stride too, TF-slim only those behind it.
    assert (
        dilations
        == {
            ("paper", 32): [1] * 15,
            ("torchvision", 32): [1] * 15,
            ("paper", 16): [1] * 13 + [2] * 2,
            ("torchvision", 16): [1] * 12 + [2] * 3,
            ("paper", 8): [1] * 7 + [2] * 6 + [4] * 2,
            ("torchvision", 8): [1] * 6 + [2] * 6 + [4] * 3,
        }[source, output_stride]
    )


def test_squeeze_excite_of_mnasnet_is_of_what_comes_in():
    shapes = {
        name: list(value.shape)
        for name, value in build("mnasnet_a1").graph.initializers.items()
        if name.endswith("se/reduce/conv/weight")
    }
    # 24 channels come into block 4, which expands them by 3.
    assert shapes["block4/se/reduce/conv/weight"] == [6, 72, 1, 1]
    assert len(shapes) == 3 + 2 + 3


def test_some_variances_are_as_small_as_epsilon():
    initializers = build("mobilenet_v3_large").graph.initializers
    variances = np.concatenate([v.const_value.numpy() for n, v in initializers.items() if n.endswith("/var")])
    assert (variances < 2e-3).mean() > 0.02


@pytest.mark.parametrize(
    ("name", "options", "complaint"),
    [
        ("resnet50", {}, "no model named 'resnet50'"),
        (
            "mobilenet_v2",
            {"minimalistic": True},
            "mobilenet_v2 has no option minimalistic: expected some of source, width, seed, reduced_tail",
        ),
        ("mobilenet_v2", {"source": "mxnet"}, "no source named 'mxnet': expected one of paper, torch"),
        ("mnasnet_a1", {"source": "keras"}, "keras has no mnasnet_a1: expected one of paper, timm"),
        ("mnasnet_a1", {"reduced_tail": True}, "no option reduced_tail"),
        ("mobilenet_v2", {"output_stride": 12}, "output_stride is 12: expected one of 8, 16, 32"),
        ("mobilenet_v2", {"resolution": (224, 20)}, "resolution is 224x20"),
        ("raspp_mobilenet_v2", {"source": "torchvision"}, "torchvision has no raspp_mobilenet_v2"),
        ("mobilenet_v2", {"filters": 128}, "no option filters"),
        ("lraspp_mobilenet_v2", {"filters": 0}, "filters is 0"),
        ("mobilenet_v2", {"width": 0}, "width is 0"),
        ("mobilenet_v2", {"resolution": 16}, "resolution is 16"),
        ("mobilenet_v2", {"classes": 0}, "classes is 0"),
        ("mobilenet_v2", {"classes": 100_000_000}, "classes is 100000000: expected 1 to 65536"),
        ("mobilenet_v2", {"seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_built_is_refused(name, options, complaint):
    with pytest.raises(UsageError, match=complaint):
        build(name, **options)
