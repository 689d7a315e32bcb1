import numpy as np
import pytest

from armlet.errors import InvalidModelError, UsageError
from armlet.frontend.checkpoints import Checkpoint, recognise


def checkpoint(path, network, *names):
    return Checkpoint(path, "", dict.fromkeys(names, np.zeros(1)), network)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("features.0.0.weight", "torchvision"),
        ("backbone.0.0.weight", "torchvision"),
        ("backbone.features.0.0.0.weight", "torchvision"),
        ("conv/kernel", "keras"),
        ("conv1/kernel", "keras"),
        ("conv2d/kernel", "keras"),
    ],
)
def test_names_of_tensors_tell(tmp_path, name, source):
    assert recognise(checkpoint(tmp_path, "whatever", name)) == source


@pytest.mark.parametrize(
    ("network", "source"),
    [
        ("tf_mobilenetv3_large_100-427764d5.pth", "timm-tf"),
        ("mobilenetv3_small_100.lamb_in1k", "timm"),
        ("mobilenetv2_100.safetensors", "timm"),
        ("semnasnet_100", "timm"),
        ("mnasnet_small", "timm"),
    ],
)
def test_the_network_tells_which_of_timms(tmp_path, network, source):
    assert recognise(checkpoint(tmp_path, network, "conv_stem.weight")) == source


def test_either_of_timms_has_to_be_said(tmp_path):
    unknown = checkpoint(tmp_path / "model.safetensors", "model.safetensors", "conv_stem.weight")
    with pytest.raises(UsageError, match="say --source timm or --source timm-tf"):
        recognise(unknown)
    assert recognise(unknown, "timm-tf") == "timm-tf"


def test_other_networks_are_refused(tmp_path):
    with pytest.raises(InvalidModelError, match=r"its first tensors are layer1\.weight, fc\.bias$"):
        recognise(checkpoint(tmp_path / "resnet.pth", "resnet", "layer1.weight", "fc.bias"))
