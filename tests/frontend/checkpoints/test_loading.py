import hashlib

import numpy as np
import onnx_ir as ir
import pytest
from safetensors.numpy import save_file

from armlet import build
from armlet.errors import InvalidModelError, UsageError
from armlet.frontend.checkpoints.key_rule import Parameter
from armlet.frontend.checkpoints.sources import RULES

SMALL = "mobilenet_v3_small"
TINY = {"width": 0.35, "resolution": 32, "classes": 10}


def arrays_of(model):
    return {name: value.const_value.numpy() for name, value in model.graph.initializers.items()}


@pytest.fixture
def tensors():
    """V3-Small at width 0.35, seed 1, under torchvision's names."""
    arrays = arrays_of(build(SMALL, source="torchvision", seed=1, **TINY))
    names = RULES["torchvision"].names([Parameter.of(name) for name in arrays], ())
    return dict(zip(names, arrays.values(), strict=True))


@pytest.fixture
def load(tensors, tmp_path):
    """Build the network with `tensors` as its checkpoint."""

    def load(**options):
        save_file(tensors, tmp_path / "small.safetensors")
        return build(SMALL, weights=tmp_path / "small.safetensors", **{**TINY, **options})

    return load


def test_every_parameter_is_loaded(load, tmp_path):
    model = load()
    expected = build(SMALL, source="torchvision", seed=1, **TINY)
    for name, array in arrays_of(expected).items():
        assert np.array_equal(arrays_of(model)[name], array), name
    assert [node.name for node in model.graph] == [node.name for node in expected.graph]
    sha256 = hashlib.sha256((tmp_path / "small.safetensors").read_bytes()).hexdigest()
    assert model.metadata_props["armlet.weights"] == f"small.safetensors of torchvision, sha256 {sha256}"
    assert ir.to_proto(model).ByteSize() > 100_000


def test_what_no_inference_needs_may_be_there_or_not(tensors, load):
    tensors["features.0.1.num_batches_tracked"] = np.array(7)
    load()


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats_become_float32(tensors, load, dtype):
    name = "features.0.0.weight"
    tensors[name] = tensors[name].astype(dtype)
    loaded = arrays_of(load())["stem/conv/weight"]
    assert loaded.dtype == np.float32
    assert np.array_equal(loaded, tensors[name].astype(np.float32))


def test_missing_tensors_are_named(tensors, load):
    del tensors["features.4.block.2.fc1.bias"]
    with pytest.raises(InvalidModelError, match=r"1 missing \(features\.4\.block\.2\.fc1\.bias\)$"):
        load()


def test_extra_tensors_are_named(tensors, load):
    for number in range(5):
        tensors[f"aux.{number}"] = np.zeros(3, np.float32)
    with pytest.raises(InvalidModelError, match=r"5 not expected \(aux\.0, aux\.1, aux\.2, \.\.\.\)$"):
        load()


def test_misshapen_tensors_are_named(tensors, load):
    tensors["features.0.0.weight"] = np.zeros((8, 3, 5, 5), np.float32)
    shapes = r"features\.0\.0\.weight \[8, 3, 5, 5\], expected \[8, 3, 3, 3\]"
    with pytest.raises(InvalidModelError, match=rf"1 of another shape \({shapes}\)$"):
        load()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(tensors, load, value):
    tensors["features.2.block.0.1.running_var"][3] = value
    with pytest.raises(InvalidModelError, match=r"features\.2\.block\.0\.1\.running_var holds NaN or inf"):
        load()


def test_integers_are_refused(tensors, load):
    tensors["classifier.3.weight"] = tensors["classifier.3.weight"].astype(np.int8)
    with pytest.raises(InvalidModelError, match=r"classifier\.3\.weight is of type int8, expected floats"):
        load()


@pytest.mark.parametrize(
    "asked",
    [
        {"width": 1.0},
        {"classes": 1000},
        {"minimalistic": True},
        {"reduced_tail": True},
    ],
)
def test_what_it_looks_like_is_said(load, asked):
    words = "it looks like mobilenet_v3_small --width 0.35 --classes 10$"
    with pytest.raises(InvalidModelError, match=words):
        load(**asked)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("mobilenet_v3_large", {}, "mobilenet_v3_large"),
        (SMALL, {"minimalistic": True, "width": 0.75}, "mobilenet_v3_small --width 0.75 --minimalistic"),
        ("mobilenet_v2", {"classes": 7}, "mobilenet_v2 --classes 7"),
    ],
)
def test_another_network_is_recognised(tensors, load, name, options, words):
    arrays = arrays_of(build(name, source="torchvision", resolution=32, **options))
    parameters = [Parameter.of(key) for key in arrays if key.rsplit("/", 2)[1] != "act"]
    stem = ["features.1.conv.0.0.weight"] if name == "mobilenet_v2" else []
    names = RULES["torchvision"].names(parameters, stem)
    tensors.clear()
    tensors.update({key: arrays[str(parameter)] for key, parameter in zip(names, parameters, strict=True)})
    with pytest.raises(
        InvalidModelError, match=f"does not fit mobilenet_v3_small: .*; it looks like {words}$"
    ):
        load()


def test_the_source_can_be_said_but_not_wrongly(load):
    assert "of torchvision" in load(source="torchvision").metadata_props["armlet.weights"]
    for wrong in ("keras", "timm", "paper"):
        with pytest.raises(UsageError, match=f"no checkpoint of {wrong}: expected --source torchvision"):
            load(source=wrong)
