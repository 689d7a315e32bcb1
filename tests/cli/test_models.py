"""models, build, optimize."""

import json

import onnx

from .process import armlet, refused
from .timm_checkpoint import write_checkpoint


def test_models():
    listed = json.loads(armlet("models", "--json").stdout)["models"]
    figures = {model["name"]: (model["parameters"], model["macs"]) for model in listed}
    assert figures == {
        "mobilenet_v3_large": (5_483_032, 216_589_760),
        "mobilenet_v3_small": (2_542_856, 56_510_400),
        "mobilenet_v2": (3_504_872, 300_774_272),
        "mnasnet_a1": (3_887_038, 311_579_072),
        "mnasnet_small": (2_030_264, 68_339_184),
        "lraspp_mobilenet_v3_large": (1_507_198, 2_342_426_752),
        "lraspp_mobilenet_v3_small": (468_830, 682_430_208),
        "lraspp_mobilenet_v2": (987_174, 3_079_884_800),
        "raspp_mobilenet_v3_large": (3_600_963, 4_448_976_768),
        "raspp_mobilenet_v3_small": (1_359_411, 1_672_249_344),
        "raspp_mobilenet_v2": (2_113_043, 5_206_786_048),
        "ssdlite_mobilenet_v3_large": (5_006_735, 613_143_104),
        "ssdlite_mobilenet_v3_small": (2_518_271, 210_417_856),
        "ssdlite_mobilenet_v2": (4_500_543, 804_397_504),
        "ssdlite_mnasnet_a1": (4_912_181, 837_819_232),
    }
    assert "mobilenet_v3_large" in armlet("models").stdout


def test_build_and_optimize(tmp_path):
    out = tmp_path / "m.onnx"
    built = json.loads(armlet("build", "mobilenet_v3_small", "-o", out, "--width", "0.75", "--json").stdout)
    assert (built["parameters"], built["macs"]) == (2_041_872, 43_399_344)
    assert sum(layer["macs"] for layer in built["layers"]) == 43_399_344

    report = json.loads(armlet("optimize", out, "-o", tmp_path / "o.onnx", "--json").stdout)
    passes = {entry["name"]: entry for entry in report["passes"]}
    assert passes["fold_batch_norm"]["rewritten"] == 34
    assert passes["fuse_squeeze_excite"]["rewritten"] == 9
    assert report["worst_error"] <= 1e-5
    operators = {node.op_type for node in onnx.load(tmp_path / "o.onnx").graph.node}
    assert not operators & {"BatchNormalization", "HardSigmoid", "HardSwish", "Div"}


def test_an_input_shape_for_a_model_that_leaves_it_open(tmp_path):
    proto = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]>'
        "m (float[N,3,H,W] image) => (float[N,3,H,W] y) { y = Relu (image) }"
    )
    onnx.save(proto, tmp_path / "m.onnx")
    arguments = ("optimize", tmp_path / "m.onnx", "-o", tmp_path / "o.onnx", "--input-shape")
    armlet(*arguments, "image=1,3,6,7")
    (image,) = onnx.load(tmp_path / "o.onnx").graph.input
    assert [dim.dim_value for dim in image.type.tensor_type.shape.dim] == [1, 3, 6, 7]
    for wrong in ("1,3,x,7", "other=1,3,6,7"):
        assert armlet(*arguments, wrong, "--force").returncode == 2
    twice = ("image=1,3,6,7", "--input-shape", "image=1,3,6,7", "--force")
    assert "input 'image' has several" in refused(2, *arguments, *twice)


def test_build_takes_height_and_width(tmp_path):
    out = tmp_path / "m.onnx"
    small = ("--width", "0.35", "--filters", "8", "--input", "uint8", "--frame", "48x80")
    assert (
        armlet("build", "lraspp_mobilenet_v3_small", "-o", out, "--resolution", "64x96", *small).returncode
        == 0
    )
    graph = onnx.load(out).graph
    shapes = [
        [size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.output)
    ]
    assert shapes == [[1, 48, 80, 3], [1, 19, 64, 96]]
    for wrong in ("64x", "x64", "large"):
        assert "nor HEIGHTxWIDTH" in refused(2, "build", "mobilenet_v2", "-o", out, "--resolution", wrong)


def test_build_with_weights(tmp_path):
    weights = tmp_path / "model.safetensors"
    write_checkpoint(weights, "mobilenet_v2", width=0.35, resolution=32, classes=10)

    command = ["build", "mobilenet_v2", "-o", tmp_path / "m.onnx", "--weights", weights, "--width", "0.35"]
    assert "say --source timm or --source timm-tf" in refused(2, *command)
    assert "it looks like mobilenet_v2 --width 0.35 --classes 10" in refused(6, *command, "--source", "timm")
    done = armlet(*command, "--source", "timm", "--classes", "10")
    assert "weights: model.safetensors of timm, sha256 " in done.stdout
    assert "cannot read the checkpoint" in refused(2, *command[:-3], tmp_path / "absent.pth")
    assert "cannot be read as a checkpoint" in refused(6, *command[:-3], tmp_path / "m.onnx")
